"""The law of scaling t = a + b·N^p, fitted to times that are known to a constant relative error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.special import stdtrit

from gnnp_bench.perf.results import Fit, Interval
from gnnp_bench.potential import FloatArray

FEWEST = 4
"""Sizes; fewer leave no degree of freedom to three parameters."""
SMALLEST = 1e-6
"""Relative error below which no clock is trusted: it keeps an interval from having no width."""
STEPS = (0.5, 0.5, 0.05)
"""How far the search for a limit goes at first, in ln a, ln b and p; it doubles."""
OPEN = 20.0
"""ln of the factor by which a must be smaller than its estimate to be called open towards 0."""


def fit(n_atoms: Sequence[int], seconds: Sequence[float]) -> Fit | None:
    """Fit t = a + b·N^p with a, b > 0 by least squares of ln t, with confidence intervals at 95 %.

    The intervals are those of the profile likelihood: all values of a parameter for which the others can be chosen such
    that the sum of squares S stays below S_min·(1 + t²/(n − 3)), t the quantile of Student's distribution (Bates and
    Watts, Nonlinear Regression Analysis and Its Applications, 1988, section 6.1). Unlike those of the linearised
    problem they hold where the overhead a is nearly nothing; a side that the points leave open is None.

    Parameters
    ----------
    n_atoms : sequence of int
    seconds : sequence of float
        Positive.

    Returns
    -------
    Fit or None
        None for fewer than four different sizes.
    """
    if len(set(n_atoms)) < FEWEST:
        return None
    problem = _Problem(np.log(np.asarray(n_atoms, float)), np.log(np.asarray(seconds, float)))
    low, mean, high = float(problem.y.min()), float(problem.y.mean()), float(problem.y.max())
    starts = [
        np.array([start_a, mean - p * problem.x.mean(), p]) for p in (0.7, 1.0, 1.5) for start_a in (low, low - 3)
    ]
    theta, best = min((problem.minimised(start) for start in starts), key=lambda found: found[1])
    freedom = len(problem.y) - 3
    level = max(best, freedom * SMALLEST**2) * (1.0 + float(stdtrit(freedom, 0.975)) ** 2 / freedom)
    box = ((low - OPEN, high), (-math.inf, math.inf), (0.0, 6.0))
    sides = [
        tuple(problem.limit(theta, index, sign, level, box[index][sign > 0]) for sign in (-1, 1)) for index in range(3)
    ]
    a, b = (
        Interval(
            value=math.exp(theta[index]),
            low=None if sides[index][0] is None else math.exp(sides[index][0] or 0.0),
            high=None if sides[index][1] is None else math.exp(sides[index][1] or 0.0),
        )
        for index in (0, 1)
    )
    p = Interval(value=float(theta[2]), low=sides[2][0], high=sides[2][1])
    return Fit(a=a, b=b, p=p, points=len(problem.y), rms=math.sqrt(best / len(problem.y)))


@dataclass(frozen=True, slots=True)
class _Problem:
    """The points in logarithms; the parameters θ are ln a, ln b and p."""

    x: FloatArray
    y: FloatArray

    def residuals(self, theta: FloatArray) -> FloatArray:
        missed: FloatArray = self.y - np.logaddexp(theta[0], theta[1] + theta[2] * self.x)
        return missed

    def minimised(self, start: FloatArray, fixed: int | None = None) -> tuple[FloatArray, float]:
        """Return the parameters of the least sum of squares, and that sum; one may be held fixed at its start."""
        free = [index for index in range(3) if index != fixed]

        def residuals(part: FloatArray) -> FloatArray:
            theta = start.copy()
            theta[free] = part
            return self.residuals(theta)

        # An overhead far below the shortest time changes nothing any more: it must not run away to −∞.
        lower = np.array([self.y.min() - 2 * OPEN, -np.inf, 0.0])[free]
        upper = np.array([self.y.max(), np.inf, 6.0])[free]
        first = np.clip(start[free], lower + 1e-9, upper - 1e-9)
        found = least_squares(  # type: ignore[operator]  # scipy has no type hints
            residuals, first, bounds=(lower, upper), x_scale=np.array([1.0, 1.0, 0.1])[free]
        )
        theta = start.copy()
        theta[free] = found.x
        return theta, float(2.0 * found.cost)

    def limit(self, theta: FloatArray, index: int, sign: int, level: float, end: float) -> float | None:
        """Return where the profile of one parameter reaches a level on one side, None if it does not before the end."""
        at = theta

        def above(value: float) -> float:
            nonlocal at
            start = at.copy()
            start[index] = value
            at, sum_of_squares = self.minimised(start, index)
            return sum_of_squares - level

        inside, step = float(theta[index]), STEPS[index]
        while True:
            outside = theta[index] + sign * step
            if not sign * outside < sign * end:
                return None
            if above(float(outside)) > 0.0:
                break
            inside, step = float(outside), 2.0 * step
            if step > 100.0:
                return None
        if above(inside) > 0.0:  # at the estimate itself: the profile is flat up to rounding
            return inside
        return float(brentq(above, inside, float(outside), xtol=1e-3))
