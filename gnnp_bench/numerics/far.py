"""The limit of what falls off with a distance, from distances that double, with an honest error."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.potential import FloatArray

FEWEST = 2
"""Distances of which an extrapolation is made."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What is left at infinite distance.

    Attributes
    ----------
    values : (n,) array
    noise : float
        Standard deviation that noise of standard deviation 1 on each number gives each of them.
    error : float
        Estimated error of extrapolation of the worst of them; what noise alone explains of it is taken out.
    """

    values: FloatArray
    noise: float
    error: float


def limit_far_away(found: FloatArray, noise: float) -> Limit:
    """Extrapolate numbers found at d, 2d, 4d, … to infinite distance, and take the entry of least estimated error.

    What interacts over long distances falls off as a series of powers of 1/d: charges, dipoles, dispersion.
    Richardson's scheme takes out one power after the other, T(k, j) = T(k, j-1) + [T(k, j-1) - T(k-1, j-1)]/(2ʲ - 1)
    (Press et al., Numerical Recipes, 3rd ed., section 5.7). Never the entry that is closest to an expected answer.

    Parameters
    ----------
    found : (n_distances, n) array
        Two distances or more.
    noise : float
        Standard deviation of the noise on each number.

    Raises
    ------
    ValueError
        If there are fewer than two distances.
    """
    n_levels = len(found)
    if n_levels < FEWEST:
        raise ValueError("numbers at two distances or more are needed")
    # Row k of `table[j]` says how T(k, j) is made of what was found; noise propagates through it exactly.
    table = [np.eye(n_levels)]
    for j in range(1, n_levels):
        row = np.zeros((n_levels, n_levels))
        row[j:] = table[-1][j:] + (table[-1][j:] - table[-1][j - 1 : -1]) / (2.0**j - 1.0)
        table.append(row)
    best: Limit | None = None
    for j, k in itertools.combinations_with_replacement(range(1, n_levels), 2):
        row = table[j][k]
        values: FloatArray = row @ found
        error = 0.0
        # Coarser entries may agree among themselves by accident: the finest of the same order is asked as well.
        for other in (table[j - 1][k], table[j - 1][k - 1], table[j][-1]):
            change = float(np.abs(values - other @ found).max(initial=0.0))
            error = max(error, change - ALLOWANCE * noise * float(np.linalg.norm(row - other)))
        candidate = Limit(values, float(np.linalg.norm(row)), error)
        if best is None or _doubt(candidate, noise) < _doubt(best, noise):
            best = candidate
    assert best is not None
    return _confirmed(best, found, noise) if n_levels > FEWEST else best


def _confirmed(best: Limit, found: FloatArray, noise: float) -> Limit:
    """Return a limit that stands out with no less error than it has moved since the distance before.

    What is really left stays; two entries that agree by accident do not.
    """
    largest = float(np.abs(best.values).max(initial=0.0))
    if largest <= ALLOWANCE * (best.error + noise * best.noise):
        return best
    before = limit_far_away(found[:-1], noise)
    moved = float(np.abs(best.values - before.values).max(initial=0.0))
    moved -= ALLOWANCE * noise * (best.noise + before.noise)
    return replace(best, error=max(best.error, moved))


def _doubt(limit: Limit, noise: float) -> float:
    # Noise averages out over cases and is bounded by calibration; an error of extrapolation is neither.
    return 10.0 * limit.error + noise * limit.noise
