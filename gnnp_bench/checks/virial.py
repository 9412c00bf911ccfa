"""V·σ of slabs and wires: what there is of a stress where the cell is partly vacuum."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.check import MissingPrediction, Request
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction, Unsupported

VOLUME_PER_ATOM = 20.0
"""Å³, as in silicon."""


def has_volume(structure: Atoms) -> bool:
    """Return whether the cell encloses a volume, by which a stress can be told."""
    return abs(float(structure.cell.volume)) > 0.0


def span(structure: Atoms) -> FloatArray:
    """Return orthonormal vectors (columns) that span the periodic directions."""
    basis: FloatArray = np.linalg.qr(structure.cell.array[structure.pbc].T)[0]
    return basis


def volume_of_matter(structure: Atoms) -> float:
    """Return the volume that V·σ is judged by, Å³: vacuum must not make what is missed seem small."""
    volume = abs(float(structure.cell.volume))
    return volume if structure.pbc.all() else min(volume, VOLUME_PER_ATOM * len(structure))


def virial_noise(force_noise: float, n_atoms: int) -> float:
    """Return ν of V·σ, eV, where that of σ is not measured, without full periodicity.

    A virial is a sum of forces times distances of a few Å.
    """
    return 10.0 * force_noise * float(np.sqrt(n_atoms))


def with_partial_stress(structures: Sequence[Atoms]) -> Generator[Request, list[Prediction], list[Prediction] | None]:
    """Return predictions with the stress of slabs and wires, or None where the potential has no stress of them.

    It need not have one: capabilities do not tell. It may refuse, or leave it out; but numbers that are not finite, or
    an array of another shape, are what a user would go on with.
    """
    try:
        return (yield Request(structures, ALL_PROPERTIES, partial_stress=True))
    except np.linalg.LinAlgError:  # a ValueError, but that of a cell which nobody looked at
        raise
    except (Unsupported, NotImplementedError, ValueError, MissingPrediction):
        return None
