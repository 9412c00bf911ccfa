"""Derivatives from central differences over a ladder of steps, with an honest error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.potential import FloatArray


@dataclass(frozen=True, slots=True)
class Derivative:
    """A derivative by finite differences.

    Attributes
    ----------
    value : float
    noise : float
        Standard deviation that noise of standard deviation 1 on each function value gives it, per unit of step.
    error : float
        Estimated truncation error; what noise alone explains of it is taken out.
    step : float
        The smallest step that entered.
    weights : (n_levels,) array
        With which the central difference quotients of the levels entered; they sum to 1. The same weights take any
        other function that is even in the step to step zero.
    """

    value: float
    noise: float
    error: float
    step: float
    weights: FloatArray


def romberg(
    differences: FloatArray,
    steps: FloatArray,
    noise: float,
    passed_over: Callable[[FloatArray], float] = lambda weights: 0.0,
) -> Derivative:
    """Extrapolate central differences to zero step and take the entry whose *estimated* error is least.

    Romberg's scheme: D(h) = [f(h) - f(-h)]/2h has an expansion in h², so that
    T(k, j) = T(k, j-1) + [T(k, j-1) - T(k-1, j-1)]/(4ʲ - 1) for steps halved from level to level
    (Press et al., Numerical Recipes, 3rd ed., section 5.7). Never the entry that is closest to an expected answer.

    Parameters
    ----------
    differences : (n_levels,) array
        f(h) - f(-h) at each step.
    steps : (n_levels,) array
        h, each half of the one before.
    noise : float
        Standard deviation of the noise on one function value.
    passed_over : callable
        Takes the weights of an entry and returns an error that is known from elsewhere.
    """
    if len(steps) < 2 or not np.allclose(steps[1:] * 2.0, steps[:-1], rtol=1e-12):
        raise ValueError("steps must be two or more, each half of the one before")
    n_levels = len(steps)
    # Row k of `weights[j]` says how T(k, j) is made of the differences; noise propagates through it exactly.
    weights = np.diag(1.0 / (2.0 * steps))
    table = [weights]
    for j in range(1, n_levels):
        previous = table[-1]
        row = np.zeros_like(previous)
        row[j:] = previous[j:] + (previous[j:] - previous[j - 1 : -1]) / (4.0**j - 1.0)
        table.append(row)

    def deviation(row: FloatArray) -> float:
        return float(np.sqrt(2.0) * np.linalg.norm(row))  # two function values in each difference

    # Coarse steps may agree among themselves and yet have stepped over a kink that only the finest ones see.
    finest = table[min(2, n_levels - 1)][-1]
    best: Derivative | None = None
    for j in range(1, n_levels):
        for k in range(j, n_levels):
            row = table[j][k]
            value = float(row @ differences)
            error = 0.0
            for other in (table[j - 1][k], table[j - 1][k - 1], finest):
                change = abs(value - float(other @ differences))
                error = max(error, change - ALLOWANCE * noise * deviation(row - other))
            entering = row * 2.0 * steps
            candidate = Derivative(value, deviation(row), max(error, passed_over(entering)), float(steps[k]), entering)
            if best is None or _doubt(candidate, noise) < _doubt(best, noise):
                best = candidate
    assert best is not None
    return best


def _doubt(derivative: Derivative, noise: float) -> float:
    # Noise averages out over cases and is bounded by calibration; a truncation error is neither.
    return 10.0 * derivative.error + noise * derivative.noise
