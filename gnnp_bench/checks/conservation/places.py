"""Where forces are rough, in words: the pair of atoms whose forces change their course there."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction

NARROWEST = 1e-4
"""Of the path; closer points differ by their rounding."""
FARTHEST = 15.0
"""Å: no pair is looked for beyond."""
ALONG = 0.9
"""Cosine beyond which a pair lies along the change of the force on one of the two."""
ALIKE = 0.01
"""Of pairs whose cosines differ by less the nearer one is told."""
CONCERNED = 0.3
"""Of the largest change: an atom whose force changes less is no partner."""


def rough_place(
    structure_at: Callable[[float], Atoms], start: float, end: float
) -> Generator[Request, list[Prediction], str]:
    """Return between which atoms, and about how far apart, forces change their course on a part of a path.

    Second differences of forces leave slopes out; where one pair crosses a cutoff, they point along it.

    Parameters
    ----------
    structure_at : callable
        Takes the place on the path.
    start, end : float
        The part.
    """
    middle, width = 0.5 * (start + end), max(end - start, NARROWEST)
    points = [structure_at(middle + x * width) for x in (-1.5, -0.5, 0.5, 1.5)]
    predictions = yield Request(points, ENERGY_FORCES)
    forces = np.array([p.forces for p in predictions])
    change = forces[0] - forces[1] - forces[2] + forces[3]
    sizes = np.linalg.norm(change, axis=1)
    if not sizes.any():
        return ""
    first = int(sizes.argmax())
    at = structure_at(middle)
    found = _partner(at, first, change[first] / sizes[first], sizes)
    if found is None:
        return f"mostly on {_named(at, first)}"
    second, distance = found
    return f"mostly between {_named(at, first)} and {_named(at, second)}, which are {distance:.2f} Å apart there"


def _partner(structure: Atoms, atom: int, direction: FloatArray, sizes: FloatArray) -> tuple[int, float] | None:
    """Return the other atom of the pair that lies along a direction, and its distance in Å; the one most concerned."""
    images = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in 2 * structure.pbc), indexing="ij"), -1).reshape(-1, 3)
    vectors = structure.positions - structure.positions[atom] + (images @ structure.cell.array)[:, None]
    distances = np.linalg.norm(vectors, axis=2)
    near = (distances > 0.0) & (distances < FARTHEST)
    cosines = np.abs(vectors @ direction) / np.where(near, distances, np.inf)
    # Whose force does not change has no part in it; nor have the atom's own images, which pull either way.
    cosines = cosines * (sizes >= CONCERNED * sizes.max()) * (np.arange(len(sizes)) != atom)
    if cosines.max() < ALONG:
        return None
    nearest = np.where(cosines > cosines.max() - ALIKE, distances, np.inf)
    image, second = np.unravel_index(int(nearest.argmin()), nearest.shape)
    return int(second), float(distances[image, second])


def _named(structure: Atoms, atom: int) -> str:
    return f"{structure.symbols[atom]} ({atom})"
