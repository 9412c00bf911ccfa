"""Which structures of a pool to label next: those that the committee guesses at, and that are unlike each other.

Greedily, the structure with the largest product of its spread and its distance to the nearest one chosen. Distance
alone (farthest points) would take what is odd and well known; spread alone takes one odd structure many times over, for
a pool from a trajectory holds it many times.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray
from reference_model.potential import ReferencePotential

SAME = 1e-6
"""Distance, relative to the largest in the pool, within which two structures are one."""


def descriptors(potential: ReferencePotential, structures: Sequence[Atoms]) -> FloatArray:
    """Return (n, D) what tells structures apart: mean and scatter of the features of a network, species by species.

    Features are divided by their standard deviation over all atoms of the pool. They are invariant under rotations and
    the order of atoms, and supercells have those of their cell. A network without layers has no features: D is 0.
    """
    features = [potential.features(structure) for structure in structures]
    every = np.concatenate(features)
    if not every.shape[1]:
        return np.zeros((len(structures), 0))
    scale = every.std(0)
    scale[scale <= 1e-9 * max(1.0, float(np.abs(every).max()))] = np.inf  # tells nothing
    species = sorted({int(number) for structure in structures for number in structure.numbers})
    rows = []
    for structure, of_atoms in zip(structures, features, strict=True):
        row: list[float] = []
        for number in species:
            mine = of_atoms[structure.numbers == number] / scale
            share = len(mine) / len(structure)
            middle, scatter = (mine.mean(0), mine.std(0)) if len(mine) else (np.zeros(len(scale)),) * 2
            # The share by itself: two compositions may have the same features.
            row += [*(share * middle), *(share * scatter), share * np.sqrt(len(scale))]
        rows.append(row)
    return np.array(rows)


def choose(spreads: FloatArray, places: FloatArray, n: int) -> list[int]:
    """Return the indices of n structures, in the order in which they were chosen; fewer where the rest is the same.

    Parameters
    ----------
    spreads : (n_structures,) array
    places : (n_structures, D) array
        From `descriptors`. Where D is 0, spread alone decides.
    n : int
    """
    chosen = [int(np.argmax(spreads))]
    span = float(np.linalg.norm(places - places.mean(0), axis=1).max()) or 1.0
    unplaced = not places.shape[1]
    distances = np.full(len(spreads), np.inf)
    while len(chosen) < min(n, len(spreads)):
        distances = np.minimum(distances, np.linalg.norm(places - places[chosen[-1]], axis=1))
        scores = spreads.copy() if unplaced else spreads * np.where(distances > SAME * span, distances, 0.0)
        scores[chosen] = -1.0
        best = int(np.argmax(scores))
        if scores[best] <= 0.0:
            break
        chosen.append(best)
    return chosen
