"""The derivative of the energy along a line of structures, with finer steps only where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.checks.common import conclusive, converged
from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.numerics.differences import Derivative, romberg
from gnnp_bench.potential import FloatArray, Prediction, Property

FEWEST_LEVELS = 4
MOST_LEVELS = 7


def energy_derivative(
    moved: Callable[[float], Atoms],
    slope: Callable[[Prediction, float], float],
    here: float,
    largest_step: float,
    properties: frozenset[Property],
    *,
    noise: float,
    slope_noise: float,
    significance: float,
) -> Generator[Request, list[Prediction], tuple[Derivative, bool]]:
    """Differentiate the energy by central differences over a ladder of steps.

    Energies cannot tell a feature that is narrower than the steps their rounding allows. What the potential itself
    predicts for the slope at the steps can: extrapolated to step zero it has to come out as what is predicted there,
    or the steps have passed over something. The difference is an error of the measurement, not of the potential;
    slopes that are wrong everywhere agree with each other and are not excused.

    Parameters
    ----------
    moved : callable
        Returns the structure at a step along the line.
    slope : callable
        Returns dE/dh that forces or stress predict, from the prediction at a step and the step.
    here : float
        The same at step zero, eV per unit of step.
    largest_step : float
        Of the ladder; each next one is half of it.
    properties : frozenset of Property
        To ask for.
    noise, slope_noise : float
        ν of the total energy, eV, and of a slope, eV per unit of step.
    significance : float
        Error of the derivative that begins to matter, eV per unit of step.

    Returns
    -------
    derivative : Derivative
    settled : bool
        Its error is small enough (`common.converged`, `common.conclusive`).
    """
    steps: FloatArray = largest_step * 0.5 ** np.arange(float(MOST_LEVELS))
    differences: list[float] = []
    slopes: list[float] = []
    for known, wanted in ((0, FEWEST_LEVELS), (FEWEST_LEVELS, MOST_LEVELS)):
        ladder = [moved(sign * h) for h in steps[known:wanted] for sign in (1.0, -1.0)]
        predictions = yield Request(ladder, properties)
        for h, up, down in zip(steps[known:wanted], predictions[::2], predictions[1::2], strict=True):
            differences.append(up.energy - down.energy)
            slopes.append((slope(up, h) + slope(down, -h)) / 2.0)
        passed_over = partial(_passed_over, np.array(slopes), here, slope_noise)
        derivative = romberg(np.array(differences), steps[:wanted], noise, passed_over)
        explained = derivative.noise * noise + slope_noise
        settled = converged(derivative.error, explained, significance)
        if settled:
            break
    return derivative, settled or conclusive(derivative.error, significance)


def _passed_over(slopes: FloatArray, here: float, noise: float, weights: FloatArray) -> float:
    missed = abs(float(weights @ slopes) - here)
    return missed - ALLOWANCE * noise * (1.0 + float(np.linalg.norm(weights)))
