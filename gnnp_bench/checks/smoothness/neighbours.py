"""Pairs of a structure and how they change along a line, and neighbours of an atom that change places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of a structure within reach, each from either end.

    Attributes
    ----------
    centres, neighbours : (n_pairs,) arrays of int
    units : (n_pairs, 3) array
        From centre to neighbour.
    distances : (n_pairs,) array, Å
    rates : (n_pairs,) array
        Their change per Å of the line.
    """

    centres: NDArray[np.intp]
    neighbours: NDArray[np.intp]
    units: FloatArray
    distances: FloatArray
    rates: FloatArray


def pairs_of(before: Atoms, after: Atoms, step: float, reach: float) -> Pairs:
    """Return the pairs between two structures that are `step` apart on a line; the second tells how they change."""
    from ase.neighborlist import neighbor_list  # imports scipy, which few certificates need

    centres, neighbours, vectors, shifts = neighbor_list("ijDS", before, reach)
    moved = after.positions[neighbours] + shifts @ after.cell.array - after.positions[centres]
    distances = np.linalg.norm(vectors, axis=1)
    rates = (np.linalg.norm(moved, axis=1) - distances) / step
    return Pairs(centres, neighbours, vectors / distances[:, None], distances, rates)


def overtaking(pairs: Pairs, same: float) -> dict[tuple[int, float], tuple[int, ...]]:
    """Return ranks at which neighbours of an atom are equally far and one overtakes others, by atom and gap.

    They are several where more than two are equally far, as images of an atom are: it overtakes all of them.
    """
    found: dict[tuple[int, float], tuple[int, ...]] = {}
    for centre in np.unique(pairs.centres):
        own = np.flatnonzero(pairs.centres == centre)
        own = own[np.argsort(pairs.distances[own], kind="stable")]
        ends = np.flatnonzero(np.append(np.diff(pairs.distances[own]) >= same, True))
        begin = 0
        for end in ends:
            rates = pairs.rates[own[begin : end + 1]]
            if np.ptp(rates) > 1e-3:
                gap = float(np.diff(pairs.distances[own[begin : end + 1]]).max())
                found[int(centre), gap] = tuple(range(begin + 1, int(end) + 1))
            begin = int(end) + 1
    return found
