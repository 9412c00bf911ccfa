"""Where forces are rough, in words: the pair of atoms whose forces change their course there."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction

NARROWEST = 1e-4
"""Of the path; closer points differ by their rounding."""
POINTS, ROUNDS = 9, 2
"""Of which the middle three with the largest second difference remain; and how often they are looked for."""
NOTHING = 1e-12
"""eV/Å. A change of forces that is no more is rounding, whatever the arithmetic."""
FARTHEST = 15.0
"""Å: no pair is looked for beyond."""
ALONG = 0.9
"""Cosine beyond which a pair lies along the change of the force on one of the two."""
ALIKE = 0.01
"""Of pairs whose cosines differ by less the nearer one is told."""
CONCERNED = 0.3
"""Of the largest change: an atom whose force does not change by so much the other way is no partner."""


def rough_place(
    structure_at: Callable[[float], Atoms], start: float, end: float
) -> Generator[Request, list[Prediction], str]:
    """Return between which atoms, and about how far apart, forces change their course on a part of a path.

    Second differences of forces leave slopes out; where one pair crosses a cutoff, they point along it, the other way
    on the other atom. They are taken where they are largest on this part, or a place between two breaks would be told.

    Parameters
    ----------
    structure_at : callable
        Takes the place on the path.
    start, end : float
        The part.
    """
    lo, hi = start, max(end, start + NARROWEST)
    for _ in range(ROUNDS):
        t = np.linspace(lo, hi, POINTS)
        predictions = yield Request([structure_at(float(x)) for x in t], ENERGY_FORCES)
        changes = np.diff(np.array([p.forces for p in predictions]), 2, axis=0)
        k = int(np.linalg.norm(changes, axis=(1, 2)).argmax())
        change, middle = changes[k], float(t[k + 1])
        lo, hi = float(t[k]), float(t[k + 2])
        if hi - lo <= NARROWEST:
            break
    sizes = np.linalg.norm(change, axis=1)
    if sizes.max() <= NOTHING:
        return "no pair of atoms stands out"
    first = int(sizes.argmax())
    at = structure_at(middle)
    found = _partner(at, first, change)
    if found is None:
        return f"mostly on {_named(at, first)}"
    second, distance = found
    return f"mostly between {_named(at, first)} and {_named(at, second)}, which are {distance:.2f} Å apart there"


def _partner(structure: Atoms, atom: int, change: FloatArray) -> tuple[int, float] | None:
    """Return the other atom of the pair that lies along the change of the force on one, and its distance in Å."""
    size = float(np.linalg.norm(change[atom]))
    direction = change[atom] / size
    images = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in 2 * structure.pbc), indexing="ij"), -1).reshape(-1, 3)
    vectors = structure.positions - structure.positions[atom] + (images @ structure.cell.array)[:, None]
    distances = np.linalg.norm(vectors, axis=2)
    near = (distances > 0.0) & (distances < FARTHEST)
    cosines = np.abs(vectors @ direction) / np.where(near, distances, np.inf)
    # What a pair does to one of its atoms it does to the other the other way; an atom's own images pull either way.
    cosines = cosines * (-change @ direction >= CONCERNED * size) * (np.arange(len(change)) != atom)
    if cosines.max() < ALONG:
        return None
    nearest = np.where(cosines > cosines.max() - ALIKE, distances, np.inf)
    image, second = np.unravel_index(int(nearest.argmin()), nearest.shape)
    return int(second), float(distances[image, second])


def _named(structure: Atoms, atom: int) -> str:
    return f"{structure.symbols[atom]} ({atom})"
