"""Other descriptions of a structure that must not matter, and what may tell structures apart if they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from ase import Atoms

from gnnp_bench.doctor.deployments import Both
from gnnp_bench.potential import periodicity_of

Way: TypeAlias = Literal["as drawn", "atoms outside the cell", "left-handed cell", "atoms in another order"]
DESCRIBED = 6
"""Structures that are given in other descriptions as well."""


def described(structure: Atoms, rng: np.random.Generator) -> Iterator[tuple[Way, Atoms]]:
    """Yield a structure in other descriptions."""
    periodic = np.flatnonzero(structure.pbc)
    if len(periodic):
        moved = structure.copy()
        steps = np.zeros((len(structure), 3))
        steps[:, periodic] = rng.integers(-2, 3, (len(structure), len(periodic)))
        steps[0, periodic[0]] = 2
        moved.positions = moved.positions + steps @ structure.cell.array
        yield "atoms outside the cell", moved
    if len(periodic) == 3:
        other = structure.copy()
        other.set_cell(structure.cell.array[[1, 0, 2]])
        yield "left-handed cell", other
    if len(structure) > 1:
        yield "atoms in another order", structure[rng.permutation(len(structure))]


def spread(indices: Sequence[int]) -> set[int]:
    """Return some of the indices, spread evenly."""
    count = min(len(indices), DESCRIBED)
    return {indices[(2 * i + 1) * len(indices) // (2 * count)] for i in range(count)} if count else set()


def features(cutoff: float | None) -> Mapping[str, Callable[[Way, Both], bool]]:
    """Return what the structures that differ may have in common, by its name; the cutoff is in Å."""
    return {
        "atoms outside the cell": lambda way, both: _outside(both.structure),
        "left-handed cells": lambda way, both: bool(np.linalg.det(both.structure.cell.array) < 0),
        "atoms in another order": lambda way, both: way == "atoms in another order",
        "more than one species": lambda way, both: len(set(both.structure.numbers)) > 1,
        "slabs and wires": lambda way, both: periodicity_of(both.structure) == "partial",
        "molecules and clusters": lambda way, both: periodicity_of(both.structure) == "isolated",
        "periodic structures": lambda way, both: periodicity_of(both.structure) == "periodic",
        "cells narrower than the cutoff": lambda way, both: _narrow(both.structure, cutoff),
        "structures without forces": lambda way, both: not np.any(both.first.forces),
    }


def _outside(structure: Atoms) -> bool:
    if not structure.pbc.any():
        return False
    scaled = structure.cell.scaled_positions(structure.positions)[:, structure.pbc]
    return bool((np.abs(scaled - 0.5) > 0.5 + 1e-6).any())


def _narrow(structure: Atoms, cutoff: float | None) -> bool:
    if cutoff is None or not structure.pbc.all():
        return False
    heights = 1.0 / np.linalg.norm(np.linalg.inv(structure.cell.array), axis=0)
    return bool(heights.min() < cutoff)
