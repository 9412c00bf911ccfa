"""What the checks share to make their cases simpler."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Json
from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.simpler import kept_atoms, simpler_structures


def in_turn(*candidates: Iterator[Case]) -> Iterator[Case]:
    """Yield the boldest of each, then the next of each: what one cannot make simpler, another may."""
    for cases in itertools.zip_longest(*candidates):
        yield from (case for case in cases if case is not None)


def rows_on(structure: Atoms, simpler: Atoms, rows: Json) -> FloatArray | None:
    """Return a parameter with one row per atom for a simpler structure, or None where nothing of it is left.

    Rows stay with their atoms where the simpler structure consists of some of them; otherwise it gets the first ones.
    """
    kept = kept_atoms(structure, simpler)
    carried: FloatArray = np.asarray(rows, dtype=float)[slice(0, len(simpler)) if kept is None else kept]
    return carried if carried.any() else None


def fewer_and_as_many(structure: Atoms) -> tuple[list[Atoms], list[Atoms]]:
    """Return the simpler structures with fewer atoms, and those with as many."""
    simpler = list(simpler_structures(structure))
    n_atoms = len(structure)
    return [s for s in simpler if len(s) < n_atoms], [s for s in simpler if len(s) == n_atoms]
