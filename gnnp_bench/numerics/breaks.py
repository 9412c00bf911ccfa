"""How large a jump may hide between two neighbouring points of a line, from what the points around say.

A divided difference of order k is zero for polynomials of lower degree and falls as hᵏ for smooth functions; a jump J
between two of its points contributes J times a known sum of its weights, however short the step. Divided by this sum
it says how large a jump *between these two points* would explain it. Differences of several orders and windows all
bound the same jump; the smooth part, which is different in each, is what is left out by the tightest.

Divided differences, also confluent ones (of values and slopes): de Boor, A Practical Guide to Splines, chapter I.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray

STEP_WINDOWS, SLOPE_WINDOWS = (2, 3, 5, 8, 12), (2, 3, 4, 5)
"""Points in a window: of values alone, and of values with slopes."""
KINK_WINDOWS = (3, 5, 7, 9, 11)
"""Odd numbers: a kink is even, and differences of odd order, of an even number of points around it, do not see it."""
MOST, APART = 12, 0.6
"""Points to either side of an interval, and their least distance in units of its width."""
BLIND = 4.0
"""By how much the tightest bound may be too tight by accident, where the next one does not say the same."""
CERTAIN = 8.0
"""Standard deviations of noise that count as possible: among thousands of differences some are large."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a jump in each interval may be.

    Attributes
    ----------
    jumps : (n_intervals,) array
    noise : (n_intervals,) array
        Standard deviation that the noise of the values gives it.
    """

    jumps: FloatArray
    noise: FloatArray


def step_bounds(
    t: FloatArray, around: Surroundings, values: FloatArray, noise: FloatArray, *, agreed: bool = False
) -> Bounds:
    """Bound the jumps of functions of which values are known.

    Parameters
    ----------
    t : (n,) array, ascending
    around : Surroundings
        Of each interval, from `surroundings(t)`.
    values : (n, m) or (n, m, d) array
        Of m functions, or of m vectors of which the length of a jump counts; the largest of them.
    noise : (n,) array
        Standard deviation of each value.
    agreed : bool
        Two orders have to agree that nothing stands out of the noise.
    """
    return _tightest(
        STEP_WINDOWS, lambda size, shift: _steps(t, around, values, noise, size, shift, ramp=False), agreed=agreed
    )


def kink_bounds(t: FloatArray, around: Surroundings, values: FloatArray, noise: FloatArray) -> Bounds:
    """Bound the jumps of the first derivatives of functions of which values are known: see `step_bounds`."""
    return _tightest(KINK_WINDOWS, lambda size, shift: _steps(t, around, values, noise, size, shift, ramp=True))


def slope_bounds(
    t: FloatArray,
    around: Surroundings,
    values: FloatArray,
    slopes: FloatArray,
    noise: FloatArray,
    slope_noise: FloatArray,
    *,
    agreed: bool = False,
) -> Bounds:
    """Bound the jumps of a function of which values and derivatives are known.

    The derivative may jump as well; over a short interval that matters less and less.

    Parameters
    ----------
    t : (n,) array, ascending
    around : Surroundings
        Of each interval, from `surroundings(t)`.
    values, slopes : (n,) arrays
    noise, slope_noise : (n,) arrays
        Their standard deviations.
    agreed : bool
        As in `step_bounds`.
    """
    return _tightest(
        SLOPE_WINDOWS,
        lambda size, shift: _doubled(t, around, values, slopes, noise, slope_noise, size, shift),
        agreed=agreed,
    )


def at_edge(t: FloatArray, values: FloatArray, noise: float, edge: float) -> tuple[FloatArray, FloatArray, float]:
    """Return value and slope at the edge of a few points of the polynomial through them, and the noise of the slope.

    Parameters
    ----------
    t : (n,) array
    values : (n, ...) array
    noise : float
        Standard deviation of each value.
    edge : float
    """
    away = t - edge
    width = float(np.abs(away).max())
    weights = np.linalg.inv(np.vander(away / width, increasing=True))
    value: FloatArray = np.tensordot(weights[0], values, axes=1)
    slope: FloatArray = np.tensordot(weights[1] / width, values, axes=1)
    return value, slope, noise * float(np.linalg.norm(weights[1])) / width


def least(one: Bounds, other: Bounds) -> Bounds:
    """Return the tighter of two bounds of each jump."""
    first = one.jumps + CERTAIN * one.noise <= other.jumps + CERTAIN * other.noise
    return Bounds(np.where(first, one.jumps, other.jumps), np.where(first, one.noise, other.noise))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Which points lie around each interval, none nearer to the next than about the width of the interval.

    Points much closer together than that say little but noise.

    Attributes
    ----------
    which : (n_intervals,) array
        The intervals, each by its first point.
    points : (n_intervals, 2 * MOST) array
        `MOST` to either side, ends of the interval included, ascending; those that are missing repeat the last.
    left, right : (n_intervals,) arrays
        How many there are to either side.
    """

    which: NDArray[np.intp]
    points: NDArray[np.intp]
    left: NDArray[np.intp]
    right: NDArray[np.intp]


def surroundings(t: FloatArray, which: NDArray[np.intp]) -> Surroundings:
    """Return the points around some of the intervals between ascending ones."""
    n, n_intervals = len(t), len(which)
    gap = APART * (t[which + 1] - t[which])
    points = np.empty((n_intervals, 2 * MOST), np.intp)
    points[:, MOST - 1], points[:, MOST] = which, which + 1
    left, right = np.ones(n_intervals, np.intp), np.ones(n_intervals, np.intp)
    for k in range(1, MOST):
        before, after = points[:, MOST - k], points[:, MOST - 1 + k]
        further = np.searchsorted(t, t[before] - gap, side="right") - 1
        beyond = np.searchsorted(t, t[after] + gap, side="left")
        left += (further >= 0) & (left == k)
        right += (beyond < n) & (right == k)
        points[:, MOST - 1 - k] = np.maximum(further, 0)
        points[:, MOST + k] = np.minimum(beyond, n - 1)
    return Surroundings(which, points, left, right)


def _windows(
    around: Surroundings, size: int, shift: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the points (n_intervals, size) of windows, which lie beyond the interval, and where there are enough.

    `shift` moves them to the right of the middle, as far as there are points.
    """
    n_left = np.clip(size // 2 - shift, size - around.right, around.left)
    n_left = np.clip(n_left, 1, size - 1)
    enough = (n_left <= around.left) & (size - n_left <= around.right)
    columns = MOST - n_left[:, None] + np.arange(size)
    columns = np.clip(columns, 0, 2 * MOST - 1)
    return np.take_along_axis(around.points, columns, axis=1), columns >= MOST, enough


def _weights(t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return 1/Π_{k≠j}(t_j − t_k) and Σ_{k≠j} 1/(t_j − t_k) of each point of windows of width 1."""
    apart = t[:, :, None] - t[:, None, :]
    size = t.shape[1]
    apart[:, range(size), range(size)] = 1.0
    inverse = 1.0 / apart
    weights: FloatArray = inverse.prod(axis=2)
    sums: FloatArray = inverse.sum(axis=2) - 1.0
    return weights, sums


def _scaled(t: FloatArray, points: NDArray[np.intp], enough: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return the places of windows scaled to width 1, and their widths; evenly spaced ones where there is no window."""
    window = t[points]
    width = window[:, -1:] - window[:, :1]
    scaled = (window - window[:, :1]) / np.where(enough[:, None], width, 1.0)
    return np.where(enough[:, None], scaled, np.linspace(0.0, 1.0, points.shape[1])), width[:, 0]


Found: TypeAlias = tuple[FloatArray, FloatArray]
"""Jumps and their noise, infinite where there is no window."""


def _per_share(found: FloatArray, variance: FloatArray, share: FloatArray, enough: NDArray[np.bool_]) -> Found:
    usable = enough & (np.abs(share) > 1e-100)
    share = np.where(usable, np.abs(share), 1.0)
    return np.where(usable, found / share, np.inf), np.where(usable, np.sqrt(variance) / share, np.inf)


def _steps(
    t: FloatArray, around: Surroundings, values: FloatArray, noise: FloatArray, size: int, shift: int, *, ramp: bool
) -> Found:
    points, beyond, enough = _windows(around, size, shift)
    scaled, _ = _scaled(t, points, enough)
    weights, _ = _weights(scaled)
    lever = beyond.astype(float)
    if ramp:
        middle = 0.5 * (t[around.which + 1] + t[around.which])
        lever *= t[points] - middle[:, None]
    share = (weights * lever).sum(axis=1)
    vectors = values.reshape(len(t), values.shape[1], -1)
    found = np.einsum("ij,ijmd->imd", weights, vectors[points])
    sizes = np.sqrt(np.square(found).sum(axis=2).max(axis=1))
    return _per_share(sizes, np.square(weights * noise[points]).sum(axis=1), share, enough)


def _doubled(
    t: FloatArray,
    around: Surroundings,
    values: FloatArray,
    slopes: FloatArray,
    noise: FloatArray,
    slope_noise: FloatArray,
    size: int,
    shift: int,
) -> Found:
    points, beyond, enough = _windows(around, size, shift)
    scaled, width = _scaled(t, points, enough)
    weights, sums = _weights(scaled)
    of_slopes = weights * weights
    of_values = -2.0 * of_slopes * sums
    of_slopes = of_slopes * width[:, None]
    share = (of_values * beyond).sum(axis=1)
    # Values relative to one in the window, for a constant of thousands of eV is no part of a difference.
    relative = values[points] - values[points[:, :1]]
    found = np.abs((of_values * relative + of_slopes * slopes[points]).sum(axis=1))
    variance = np.square(of_values * noise[points]) + np.square(of_slopes * slope_noise[points])
    return _per_share(found, variance.sum(axis=1), share, enough)


def _tightest(sizes: Sequence[int], bound: Callable[[int, int], Found], *, agreed: bool = False) -> Bounds:
    """Return the least over orders of the largest over windows; zero where there are too few points for any.

    Where two have to agree, the next one counts if it stands out of its own noise. Where noise is large, the smooth
    part, which shrinks as an interval is halved again and again, cancels a jump up to the noise on the way in one of
    five places; where noise is small, hardly anywhere.
    """
    orders = []
    for size in sizes:
        # One window may be blind by accident, where the smooth part cancels the jump: two never are.
        both = [bound(size, shift) for shift in ((0, 1) if size > 2 else (0,))]
        scores = [found + CERTAIN * noise for found, noise in both]
        first = scores[0] >= scores[-1]
        orders.append([np.where(first, one, other) for one, other in zip(both[0], both[-1], strict=True)])
    jumps, noises = (np.array(part) for part in zip(*orders, strict=True))
    ranked = np.argsort(jumps + CERTAIN * noises, axis=0, kind="stable")[:2]
    tightest, next_one = (np.take_along_axis(jumps, ranked[[k]], axis=0)[0] for k in (0, -1))
    noise = np.take_along_axis(noises, ranked[[0]], axis=0)[0]
    # That two orders are blind by accident is far less likely than that one is: of what stands out of the noise, the
    # tightest counts a few times, as far as the next one agrees.
    known = np.isfinite(tightest)
    tightest, noise = np.where(known, tightest, 0.0), np.where(known, noise, 0.0)
    beyond = (BLIND - 1.0) * np.maximum(0.0, tightest - 0.5 * CERTAIN * noise)
    found = np.minimum(tightest + beyond, np.maximum(tightest, next_one))
    next_noise = np.take_along_axis(noises, ranked[[-1]], axis=0)[0]
    denied = agreed & np.isfinite(next_one) & (next_one > CERTAIN * next_noise) & (next_one > found)
    return Bounds(np.where(denied, next_one, found), np.where(denied, next_noise, noise))


POWERS = np.linspace(0.1, 1.0, 91)
"""Of a distance, that a continuous function may change with; slopes are the last of them."""


def step_left(sizes: FloatArray, left: FloatArray, right: FloatArray) -> float:
    """Return the part of a step that stays as the interval around it shrinks, between 0 and the first of its sizes.

    A jump J has one size on all scales. A function that is continuous but has no slope, A|x|ᵖ, changes by less and
    less: J + A(lᵖ + rᵖ), l and r the distances to either side, goes through three sizes.

    Parameters
    ----------
    sizes, left, right : (3,) arrays
        The change across an interval and how far that reaches from its middle, on three scales, the finest first.
    """
    first, second = sizes[1] - sizes[0], sizes[2] - sizes[1]
    if first <= 0.0 or second <= first:
        return float(sizes[0])
    grown = left[:, None] ** POWERS + right[:, None] ** POWERS
    ratios = (grown[2] - grown[1]) / (grown[1] - grown[0])
    best = int(np.argmin(np.abs(np.log(ratios * first / second))))
    factor = (sizes[2] - sizes[0]) / (grown[2, best] - grown[0, best])
    return float(np.clip(sizes[0] - factor * grown[0, best], 0.0, sizes[0]))
