"""Integrals of functions with kinks and jumps: panels that end where the function breaks.

Between two breaks a function is smooth, and Gauss's rule settles with a few points. A break itself is enclosed in a gap
that bisection makes narrow: a point belongs to the side whose continuation it agrees with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.potential import FloatArray

NODES = 8
"""Of Gauss's rule on a panel."""
SIDE = 4
"""Points that continue a side across a gap: a cubic."""
APART = 0.25
"""Of the interval that is judged, at least: what continues a side over it amplifies noise where it nearly coincides."""
NOMINAL = 0.3
"""Intervals of a panel that are as rough as this fraction of the roughest may hold breaks of their own."""
MOST_BREAKS = 4
"""Of a panel that are looked for at a time."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A function at points in ascending order.

    Attributes
    ----------
    t, values, variances : (n,) arrays
        The last is what noise gives each value.
    """

    t: FloatArray
    values: FloatArray
    variances: FloatArray

    def joined(self, t: FloatArray, values: FloatArray, variances: FloatArray) -> Samples:
        """Return these samples and others; of two at one point the first stays."""
        together = np.concatenate([self.t, t])
        order, first = np.unique(together, return_index=True)
        return Samples(
            order,
            np.concatenate([self.values, values])[first],
            np.concatenate([self.variances, variances])[first],
        )

    def within(self, start: float, end: float) -> Samples:
        """Return the samples of a closed interval."""
        chosen = slice(np.searchsorted(self.t, start), np.searchsorted(self.t, end, side="right"))
        return Samples(self.t[chosen], self.values[chosen], self.variances[chosen])


@dataclass(frozen=True, slots=True)
class Piece:
    """The integral over a panel or a gap.

    Attributes
    ----------
    start, end : float
    integral : float
    variance : float
        What the noise of the samples gives it.
    error : float
        Estimated; what noise explains of it is taken out.
    gap : bool
        A break lies in it.
    jump : float
        By how much the function jumps there, where it does.
    """

    start: float
    end: float
    integral: float
    variance: float
    error: float
    gap: bool = False
    jump: float = 0.0

    @property
    def step(self) -> float:
        """By how much the two sides of a gap differ within it: for a kink as little as the gap is narrow."""
        return 2.0 * self.error / (self.end - self.start)


def nodes(start: float, end: float) -> FloatArray:
    """Return the nodes of a panel."""
    points: FloatArray = start + (end - start) * 0.5 * (1.0 + _rule()[0])
    return points


@lru_cache(maxsize=1)
def _rule() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return nodes and weights on [-1, 1], and the matrix that turns values at the nodes into Legendre coefficients.

    c_k = (2k + 1)/2 Σᵢ wᵢ P_k(xᵢ) f(xᵢ): exact for polynomials below degree `NODES` (Press et al., Numerical Recipes,
    3rd ed., section 4.6).
    """
    points, weights = np.polynomial.legendre.leggauss(NODES)
    polynomials = np.polynomial.legendre.legvander(points, NODES - 1)
    to_coefficients = (np.arange(NODES) + 0.5)[:, None] * polynomials.T * weights
    return points, weights, to_coefficients


def panel(samples: Samples, start: float, end: float) -> Piece:
    """Return the integral over a panel whose `nodes` and borders are among the samples.

    The interpolating polynomial tells the error twice: by its last two coefficients, and by how far it misses the
    other samples, which have no part in it. The borders are two of them: a break beyond the outermost node, which
    leaves no other trace, is not missed. The error is half the width times the larger.
    """
    _, weights, to_coefficients = _rule()
    inside = samples.within(start, end)
    at = np.searchsorted(inside.t, nodes(start, end))
    values, variances = inside.values[at], inside.variances[at]
    coefficients = to_coefficients @ values
    noise = ALLOWANCE * float(np.sqrt(inside.variances.max()))
    tails = np.abs(coefficients[-2:]) - noise * np.linalg.norm(to_coefficients[-2:], axis=1)
    others = np.setdiff1d(np.arange(len(inside.t)), at)
    scaled = 2.0 * (inside.t[others] - start) / (end - start) - 1.0
    row = np.polynomial.legendre.legvander(scaled, NODES - 1) @ to_coefficients
    spread = np.sqrt(1.0 + (row**2).sum(axis=1))
    missed = float((np.abs(row @ values - inside.values[others]) - noise * spread).max())
    half = 0.5 * (end - start)
    return Piece(
        start,
        end,
        half * float(weights @ values),
        half**2 * float(weights**2 @ variances),
        half * max(0.0, missed, float(tails.max())),
    )


def gap(samples: Samples, lo: float, hi: float, start: float, end: float) -> Piece:
    """Return the integral over the interval between two neighbouring samples, across which both sides are continued.

    The function follows one side up to the break and the other from there on. The mean of both is then wrong by half
    their difference at most, wherever the break is.

    Parameters
    ----------
    samples : Samples
    lo, hi : float
        The interval.
    start, end : float
        How far each side is smooth: no sample beyond is used.
    """
    inside = samples.within(start, end)
    left, right = (_side(inside, lo, hi, side) for side in (-1, 1))
    at = np.array([lo, 0.5 * (lo + hi), hi])
    (one, spread), (other, other_spread) = (_continued(side, at) for side in (left, right))
    noise = float(np.sqrt(inside.variances.max())) * np.sqrt(spread**2 + other_spread**2)
    simpson = np.array([1.0, 4.0, 1.0]) / 6.0 * (hi - lo)
    error = 0.5 * (hi - lo) * float(np.maximum(np.abs(one - other) - ALLOWANCE * noise, 0.0).max())
    return Piece(lo, hi, float(simpson @ (one + other)) / 2.0, float((simpson * noise).sum()) ** 2, error, gap=True)


def narrower(samples: Samples, lo: float, hi: float, start: float, end: float) -> tuple[float, float]:
    """Return the half of a gap that holds the break; its middle is among the samples."""
    middle = middle_of(lo, hi)
    inside = samples.within(start, end)
    found = float(inside.values[np.searchsorted(inside.t, middle)])
    at = np.array([middle])
    left, right = (abs(float(_continued(_side(inside, lo, hi, s), at)[0][0]) - found) for s in (-1, 1))
    return (middle, hi) if left < right else (lo, middle)


def middle_of(lo: float, hi: float) -> float:
    """Return the middle of an interval."""
    return 0.5 * (lo + hi)


def rough_intervals(samples: Samples, start: float, end: float) -> list[tuple[float, float]]:
    """Return the intervals between neighbouring samples of a panel that may hold a break, the roughest first.

    An interval is as rough as the less of two amounts: that by which its right end misses the continuation of what is
    left of it, and its left end that of what is right of it. Beside a break one of the two is small.
    """
    inside = samples.within(start, end)
    t, values = inside.t, inside.values
    if len(t) < 2:
        return []
    mirrored = Samples(-t[::-1], values[::-1], inside.variances[::-1])
    rough = np.minimum(_misses(inside), _misses(mirrored)[::-1]) * np.diff(t)
    worst = [int(i) for i in np.argsort(-rough)[:MOST_BREAKS] if rough[i] > 0.0 and rough[i] >= NOMINAL * rough.max()]
    return [(float(t[i]), float(t[i + 1])) for i in worst]


def _misses(samples: Samples) -> FloatArray:
    """Return by how much each sample but the first misses the polynomial through those before it, noise aside."""
    missed = np.zeros(len(samples.t) - 1)
    chosen = _chosen(samples.t, np.arange(len(missed), dtype=np.intp), np.diff(samples.t))
    counts = (chosen >= 0).sum(axis=1)
    for count in range(1, SIDE + 1):
        of = np.flatnonzero(counts == count)
        rows = chosen[of, :count]
        missed[of] = _miss(samples.t[rows], samples.values[rows], samples, of + 1)
    return missed


def _chosen(t: FloatArray, last: NDArray[np.intp], widths: FloatArray) -> NDArray[np.intp]:
    """Return `SIDE` points up to the last of each interval, the nearest first and `APART`; −1 where there are fewer."""
    chosen = np.full((len(last), SIDE), -1, dtype=np.intp)
    chosen[:, 0] = last
    for k in range(1, SIDE):
        before = np.searchsorted(t, t[chosen[:, k - 1]] - APART * widths, side="right") - 1
        chosen[:, k] = np.where(chosen[:, k - 1] < 0, -1, np.minimum(before, chosen[:, k - 1] - 1))
    return chosen


def _miss(t: FloatArray, values: FloatArray, samples: Samples, at: NDArray[np.intp]) -> FloatArray:
    weights = _lagrange(t, samples.t[at])
    spread = np.sqrt(1.0 + (weights**2).sum(axis=1))
    noise = ALLOWANCE * np.sqrt(samples.variances.max()) * spread
    missed: FloatArray = np.maximum(np.abs((weights * values).sum(axis=1) - samples.values[at]) - noise, 0.0)
    return missed


def _lagrange(t: FloatArray, at: FloatArray) -> FloatArray:
    """Return the weights of the polynomial through the points of each row, (n, k), at one point per row, (n,)."""
    ours, others = t[:, :, None], t[:, None, :]
    same = np.eye(t.shape[1], dtype=bool)
    factors = (at[:, None, None] - others) / np.where(same, 1.0, ours - others)
    weights: FloatArray = np.where(same, 1.0, factors).prod(axis=2)
    return weights


def _side(inside: Samples, lo: float, hi: float, side: int) -> Samples:
    """Return the samples that continue the left (-1) or the right (+1) side of a gap."""
    t, edge = (inside.t, lo) if side < 0 else (-inside.t[::-1], -hi)
    last = np.searchsorted(t, [edge], side="right") - 1
    found = _chosen(t, last, np.array([hi - lo]))[0]
    chosen = np.sort(found[found >= 0] if side < 0 else len(t) - 1 - found[found >= 0])
    return Samples(inside.t[chosen], inside.values[chosen], inside.variances[chosen])


def _continued(side: Samples, at: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the values that the polynomial through the samples has elsewhere, and how noise is amplified there."""
    weights = _lagrange(np.broadcast_to(side.t, (len(at), len(side.t))), at)
    return weights @ side.values, np.linalg.norm(weights, axis=1)
