"""What forces do as a displacement goes to zero from either side: do they jump, and how stiff are both sides.

Forces along x(δ) = x₀ + δ u are split into what is odd and what is even in δ,

    (F(δ) − F(−δ))/2 = o₀ + o₁ δ + o₃ δ³ + …,    (F(δ) + F(−δ))/2 − F(0) = e₀ + e₁ |δ| + e₂ δ² + …

A potential whose forces are continuous has o₀ = e₀ = 0, one whose stiffness is continuous has e₁ = 0 as well. Each
coefficient comes from the values at three steps in geometric progression (a window), as the polynomial through them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gnnp_bench.potential import FloatArray

WINDOW = 3
"""Steps of one window; the windows of a ladder of steps overlap."""
SHRINKS = 1.0 / 9.0
"""The error of a window, over the change to the next coarser one: q/(1 − q) with q = 1/10. What is left out is of
fifth order in δ for odd forces that are smooth, of third for even ones: q is 1/51 and 1/10 at a step ratio of 2.2."""
CAUTION = 10.0
"""On an error, beside the noise: as much as the bound takes of it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A coefficient as δ → 0.

    Attributes
    ----------
    values : (...) array
        In the unit of the forces, of one over Å of that for a slope.
    error : float
        Estimated, for the largest of the values.
    noise : float
        Factor on the standard deviation of the forces.
    """

    values: FloatArray
    error: float
    noise: float


@dataclass(frozen=True, slots=True)
class Sides:
    """Forces on both sides of a point.

    Attributes
    ----------
    steps : (n_steps,) array, Å
        In geometric progression.
    centre : (n_atoms, 3) array, eV/Å
        F(0).
    plus, minus : (n_steps, n_atoms, 3) arrays, eV/Å
        F(δ) and F(−δ).
    """

    steps: FloatArray
    centre: FloatArray
    plus: FloatArray
    minus: FloatArray

    @property
    def odd(self) -> FloatArray:
        """(F(δ) − F(−δ))/2, (n_steps, n_atoms, 3), eV/Å."""
        difference: FloatArray = (self.plus - self.minus) / 2.0
        return difference

    @property
    def even(self) -> FloatArray:
        """(F(δ) + F(−δ))/2 − F(0), (n_steps, n_atoms, 3), eV/Å."""
        rest: FloatArray = (self.plus + self.minus) / 2.0 - self.centre
        return rest


def joined(finer: Sides, coarser: Sides) -> Sides:
    """Return both as one: the steps of the first are smaller than those of the second, and go on to them."""
    return Sides(
        np.concatenate([finer.steps, coarser.steps]),
        coarser.centre,
        np.concatenate([finer.plus, coarser.plus]),
        np.concatenate([finer.minus, coarser.minus]),
    )


def jump(sides: Sides, noise: float) -> Limit:
    """Return by how much each force jumps at δ = 0: the most that two of F(0⁺), F(0) and F(0⁻) differ by, eV/Å.

    A force that changes within the smallest step, as at the tip of a cone that is rounded off, jumps as well: of all
    windows that count which is known best, with `noise` the standard deviation of the forces.
    """

    def both(first: int) -> FloatArray:
        window = slice(first, first + WINDOW)
        odd = _weights(sides.steps[window], (0, 1, 3), 0) @ _flat(sides.odd[window])
        even = _weights(sides.steps[window], (0, 1, 2), 0) @ _flat(sides.even[window])
        largest: FloatArray = np.maximum(2.0 * np.abs(odd), np.abs(odd) + np.abs(even))
        return largest.reshape(sides.centre.shape)

    odd, even = (_weights(sides.steps[:WINDOW], powers, 0) for powers in ((0, 1, 3), (0, 1, 2)))
    spread = np.sqrt(0.5) * (float(np.linalg.norm(odd)) + float(np.linalg.norm(even))) + 1.0
    return _best(both, lambda first: max(float(np.sqrt(2.0) * np.linalg.norm(odd)), spread), len(sides.steps), noise)


def kink(sides: Sides, noise: float) -> Limit:
    """Return 2 e₁, by how much the derivative of each force by δ differs between both sides, eV/Å²."""
    return _best(*_of_kink(sides), len(sides.steps), noise)


def _of_kink(sides: Sides) -> tuple[Callable[[int], FloatArray], Callable[[int], float]]:
    """Return the functions that tell 2 e₁ of the window that begins with a step, and the factor on its noise."""

    def slope(first: int) -> FloatArray:
        window = slice(first, first + WINDOW)
        weights = _weights(sides.steps[window], (1, 2, 4), 1)
        values: FloatArray = 2.0 * (weights @ _flat(sides.even[window])).reshape(sides.centre.shape)
        return values

    def spread(first: int) -> float:
        weights = _weights(sides.steps[first : first + WINDOW], (1, 2, 4), 1)
        return 2.0 * (float(np.sqrt(0.5) * np.linalg.norm(weights)) + abs(float(weights.sum())))

    return slope, spread


def lasting_kink(sides: Sides, noise: float, enough: float) -> Limit:
    """Return what is left of `kink` where it is least: a stiffness that differs at δ = 0 does so at every step.

    One that is continuous but bends sharply, at δ = 0 or at some step, differs in some windows only, or less and less.

    Parameters
    ----------
    sides : Sides
    noise : float
        Standard deviation of the forces, eV/Å.
    enough : float, eV/Å²
        Windows in which rounding hides this much tell nothing.
    """
    limits = [limit for limit in _limits(*_of_kink(sides), len(sides.steps)) if CAUTION * limit.noise * noise <= enough]
    if not limits:
        return kink(sides, noise)
    sizes = [float(np.abs(limit.values).max(initial=0.0)) for limit in limits]
    least = limits[int(np.argmin(sizes))]
    return replace(least, values=least.values * _left_over(sizes))


def _left_over(sizes: Sequence[float]) -> float:
    """Return the part of the first size that stays where sizes go on shrinking with the step as a power of it.

    Aitken's extrapolation, which is exact for v + a qᵏ (Press et al., Numerical Recipes, 3rd ed., section 5.3).
    """
    if len(sizes) < WINDOW:
        return 1.0
    fine, middle, coarse = sizes[:: (len(sizes) - 1) // 2][:3]
    if not fine < middle < coarse or coarse - middle <= middle - fine:
        return 1.0
    limit = fine - (middle - fine) ** 2 / (coarse - 2.0 * middle + fine)
    return max(0.0, limit) / fine


def response(sides: Sides, direction: FloatArray) -> float:
    """Return ‖K u‖/‖u‖ from the smallest steps, eV/Å²: no more than the largest stiffness that there is."""
    size = float(np.linalg.norm(direction))
    return float(np.linalg.norm(sides.odd[0])) / (float(sides.steps[0]) * size)


def stiffnesses(sides: Sides, direction: FloatArray) -> FloatArray:
    """Return k(δ) = −(F(δ) − F(−δ))·u/(2δ u·u) at each step, eV/Å²."""
    along = np.einsum("sij,ij->s", sides.odd, direction)
    values: FloatArray = -along / (sides.steps * float(np.sum(direction**2)))
    return values


def _best(value: Callable[[int], FloatArray], spread: Callable[[int], float], n_steps: int, noise: float) -> Limit:
    """Return the window with the least error and noise, both as the bound takes them."""
    return min(_limits(value, spread, n_steps), key=lambda limit: CAUTION * (limit.error + limit.noise * noise))


def _limits(value: Callable[[int], FloatArray], spread: Callable[[int], float], n_steps: int) -> list[Limit]:
    """Return what each window but the coarsest says."""
    found = [value(first) for first in range(n_steps - WINDOW + 1)]
    return [
        Limit(one, SHRINKS * float(np.abs(np.abs(one) - np.abs(coarser)).max(initial=0.0)), spread(first))
        for first, (one, coarser) in enumerate(itertools.pairwise(found))
    ]


def _weights(steps: FloatArray, powers: tuple[int, ...], wanted: int) -> FloatArray:
    """Return the weights of values at the steps that give the coefficient of δ^wanted in Σ c_p δ^p through them."""
    scale = float(steps[0])
    matrix = (steps / scale)[:, None] ** np.array(powers)
    row: FloatArray = np.linalg.inv(matrix)[powers.index(wanted)] / scale**wanted
    return row


def _flat(values: FloatArray) -> FloatArray:
    flat: FloatArray = values.reshape(len(values), -1)
    return flat
