"""The derivative of the energy along a line of structures, with finer steps only where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.checks.common import CONVERGED
from gnnp_bench.numerics.differences import Derivative, romberg
from gnnp_bench.potential import ENERGY, FloatArray, Prediction

FEWEST_LEVELS = 4
MOST_LEVELS = 7


def energy_derivative(
    moved: Callable[[float], Atoms], largest_step: float, noise: float, *, tolerance: float, other_noise: float
) -> Generator[Request, list[Prediction], tuple[Derivative, bool]]:
    """Differentiate the energy by central differences over a ladder of steps.

    Parameters
    ----------
    moved : callable
        Returns the structure at a step along the line.
    largest_step : float
        Of the ladder; each next one is half of it.
    noise : float, eV
        ν of the total energy.
    tolerance : float
        Error of the derivative that is small enough whatever the noise, eV per unit of step.
    other_noise : float
        ν of what the derivative is compared with, eV per unit of step.

    Returns
    -------
    derivative : Derivative
    converged : bool
        Its error is a tenth of the noise, or of the tolerance.
    """
    steps: FloatArray = largest_step * 0.5 ** np.arange(float(MOST_LEVELS))
    differences: list[float] = []
    for known, wanted in ((0, FEWEST_LEVELS), (FEWEST_LEVELS, MOST_LEVELS)):
        ladder = [moved(sign * h) for h in steps[known:wanted] for sign in (1.0, -1.0)]
        predictions = yield Request(ladder, ENERGY)
        differences += [up.energy - down.energy for up, down in zip(predictions[::2], predictions[1::2], strict=True)]
        derivative = romberg(np.array(differences), steps[:wanted], noise)
        explained = derivative.noise * noise + other_noise
        converged = derivative.error <= CONVERGED * max(explained, tolerance)
        if converged:
            break
    return derivative, converged
