"""The limit of what falls off with a distance, from distances that double, with an honest error."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.potential import FloatArray

FEWEST = 2
"""Distances of which an extrapolation is made."""
SETTLES_OVER = 4
"""Distances over which a power has to have settled."""
CLEAR = 30.0
"""Times noise, above which a number tells a power."""
STEADY = 0.05
"""By how much a power that has settled may still change from one doubling to the next."""
STILL = 4.0
"""Times the last change of a power, by which it may still change: next to a power, what takes over doubles at least."""


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


def limit_far_away(found: FloatArray, noise: float, weights: FloatArray | None = None) -> Limit:
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
    weights : (n_distances,) array, optional
        By which the noise at each distance is multiplied; 1 if not given.

    Raises
    ------
    ValueError
        If there are fewer than two distances.
    """
    n_levels = len(found)
    if n_levels < FEWEST:
        raise ValueError("numbers at two distances or more are needed")
    weights = np.ones(n_levels) if weights is None else weights
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
            error = max(error, change - ALLOWANCE * noise * float(np.linalg.norm((row - other) * weights)))
        candidate = Limit(values, float(np.linalg.norm(row * weights)), error)
        if best is None or _doubt(candidate, noise) < _doubt(best, noise):
            best = candidate
    assert best is not None
    return _confirmed(best, found, noise, weights) if n_levels > FEWEST else best


def _confirmed(best: Limit, found: FloatArray, noise: float, weights: FloatArray) -> Limit:
    """Return a limit that stands out with no less error than it has moved since the distance before.

    What is really left stays; two entries that agree by accident do not.
    """
    largest = float(np.abs(best.values).max(initial=0.0))
    if largest <= ALLOWANCE * (best.error + noise * best.noise):
        return best
    before = limit_far_away(found[:-1], noise, weights[:-1])
    moved = float(np.abs(best.values - before.values).max(initial=0.0))
    moved -= ALLOWANCE * noise * (best.noise + before.noise)
    return replace(best, error=max(best.error, moved))


def _doubt(limit: Limit, noise: float) -> float:
    # Noise averages out over cases and is bounded by calibration; an error of extrapolation is neither.
    return 10.0 * limit.error + noise * limit.noise


@dataclass(frozen=True, slots=True)
class Power:
    """That numbers fall off as R⁻ᵖ.

    Attributes
    ----------
    value : float
        p between the last two distances; negative where numbers grow.
    doubt : float
        By how much p may still change: `STILL` times its last change, or what noise makes of it.
    drift : float
        Its last change.
    clear : int
        Distances, from the first on, at which noise leaves p alone.
    """

    value: float
    doubt: float
    drift: float
    clear: int


def settled_power(distances: FloatArray, found: FloatArray, blur: FloatArray) -> Power | None:
    """Return p where numbers fall off as R⁻ᵖ and p has settled over the last three doublings, else None.

    p = ln(f₁/f₂)/ln(R₂/R₁) between one distance and the next. Where one power takes over from another, as R⁻¹ does
    from R⁻⁴, p passes all between them; how much more slowly is what tells a power from a passage.

    Parameters
    ----------
    distances : (n,) array
        Each about twice the one before.
    found : (n,) array
    blur : (n,) array
        By how much noise may change each number.
    """
    unclear = np.flatnonzero(np.abs(found) <= CLEAR * blur)
    clear = int(unclear[0]) if len(unclear) else len(found)
    if clear < SETTLES_OVER:
        return None
    last = slice(clear - SETTLES_OVER, clear)
    if len(set(np.sign(found[last]))) > 1:
        return None
    powers = -np.diff(np.log(np.abs(found[last]))) / np.diff(np.log(distances[last]))
    before, drift = map(float, np.diff(powers)[-2:])
    if abs(drift) > STEADY or abs(before) > 4.0 * STEADY or abs(drift) > abs(before) + 0.2 * STEADY:
        return None
    noise = 3.0 * float((blur / np.abs(found))[clear - 1])
    return Power(float(powers[-1]), max(STILL * abs(drift), noise), drift, clear)
