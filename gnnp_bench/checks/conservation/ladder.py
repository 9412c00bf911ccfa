"""The derivative of the energy along a line of structures, with finer steps only where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np
from ase import Atoms

from gnnp_bench.certificate.result import Series
from gnnp_bench.check import Request
from gnnp_bench.checks.common import conclusive, converged, stands_out
from gnnp_bench.checks.conservation.jumps import jumps_between
from gnnp_bench.checks.conservation.places import rough_place
from gnnp_bench.checks.conservation.samples import Path, Powers, Work, settled_work
from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.numerics.differences import Derivative, romberg
from gnnp_bench.numerics.drawing import series
from gnnp_bench.numerics.panels import Samples
from gnnp_bench.potential import FloatArray, Prediction, Property

Differentiated: TypeAlias = tuple[Derivative, str | None, FloatArray]
"""What `energy_derivative` returns."""
FEWEST_LEVELS = 4
MOST_LEVELS = 7
LARGEST_C = 50.0
"""What rounding explains, as calibrated for forces (49) and stresses (50): what is missed beyond it is a violation."""
MOST_MORE = 256
"""Evaluations at most between two steps of a ladder, where it does not settle."""


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
    jump_matters: float,
) -> Generator[Request, list[Prediction], Differentiated]:
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
    jump_matters : float
        Jumps of the energy that together are no larger are left out of the derivative: `jumps`. eV.

    Returns
    -------
    derivative : Derivative
    rough : str or None
        What keeps its error from being small enough (`common.converged`, `common.conclusive`); None if it is.
    quotients : (2, n) array
        Steps, and the central difference quotient at each.

    Where a kink or a jump of the slopes is near, or at step zero itself, no ladder settles. There the difference of
    two energies is compared with the mean of all slopes in between, which panels integrate across the break; the
    derivative returned is then the predicted one and what it misses in the mean.
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
        quotients = np.array([steps[:wanted], differences / (2.0 * steps[:wanted])])
        explained = derivative.noise * noise + slope_noise
        missed = abs(derivative.value - here)
        # Short steps amplify rounding: what it leaves open, the longer steps that panels allow may decide. What is
        # violated stays so: over longer steps an error that changes its sign within them would average out.
        left_open = significance < missed <= LARGEST_C * explained + 10.0 * derivative.error
        if converged(derivative.error, explained, significance) and not left_open:
            return derivative, None, quotients
    clear = conclusive(derivative.error, significance)
    if clear and not left_open and not stands_out(missed, derivative.error, explained):
        return derivative, None, quotients
    enough = 2.0 * max(slope_noise, 1e-3 * significance)
    k = int(np.flatnonzero((np.sqrt(2.0) * noise <= enough * steps) | (steps == largest_step))[-1])

    def slopes_at(h: FloatArray) -> Powers:
        predictions = yield Request([moved(float(x)) for x in h], properties)
        found = np.array([slope(p, float(x)) for p, x in zip(predictions, h, strict=True)])
        return found, np.full(len(h), slope_noise**2)

    middle = Samples(np.zeros(1), np.array([here]), np.full(1, slope_noise**2))
    mean, roughest = yield from _in_the_mean(slopes_at, middle, float(steps[k]), differences[k], noise, significance)
    if stands_out(mean.value, mean.error, mean.noise * noise):
        jumps = yield from jumps_between(moved, slope, mean.step, properties, noise, slope_noise)
        if 0.0 < np.abs(jumps).sum() <= jump_matters:
            left = mean.value - float(jumps.sum()) / (2.0 * mean.step)
            mean = replace(mean, value=left, noise=mean.noise * float(np.sqrt(1.0 + len(jumps))))
    rounding = (mean.noise - derivative.noise) * noise if left_open else 0.0
    if mean.error + rounding < derivative.error:
        derivative = replace(mean, value=here + mean.value)
        clear = conclusive(derivative.error, significance)
    return derivative, None if clear else (yield from rough_place(moved, *roughest)), quotients


def _in_the_mean(
    slopes_at: Callable[[FloatArray], Powers],
    known: Samples,
    h: float,
    difference: float,
    noise: float,
    significance: float,
) -> Generator[Request, list[Prediction], tuple[Derivative, tuple[float, float]]]:
    """Return [E(h) − E(−h)]/2h less the mean of the slopes between −h and h, and where these are roughest."""
    rounding = float(np.sqrt(2.0) * noise)

    def figures(work: Work) -> tuple[float, float, float]:
        done, error, spread = work.total
        return difference - done, error, rounding + spread

    path = Path(slopes_at, [(-h, 0.0), (0.0, h)], rounding, significance * h, lambda work: stands_out(*figures(work)))
    work = yield from settled_work(path, known, panels=1, far_more=MOST_MORE)
    missed, error, _ = figures(work)
    return Derivative(missed / (2.0 * h), 1.0 / (np.sqrt(2.0) * h), error / (2.0 * h), h, np.ones(1)), work.roughest


def _passed_over(slopes: FloatArray, here: float, noise: float, weights: FloatArray) -> float:
    missed = abs(float(weights @ slopes) - here)
    return missed - ALLOWANCE * noise * (1.0 + float(np.linalg.norm(weights)))


def v_curve(
    quotients: FloatArray, slope: float, noise: float, scale: float, step: tuple[str, str], unit: str
) -> tuple[Series, ...]:
    """Return, to be drawn, what differences of energies miss of a predicted slope at each step.

    Parameters
    ----------
    quotients : (2, n) array
        From `energy_derivative`.
    slope : float
        What is predicted, eV per unit of step.
    noise : float, eV
        ν of the total energy: below some step it is all that differences see.
    scale : float
        By which slopes are divided, to be in `unit`.
    step : (str, str)
        What a step is, and its unit.
    unit : str
    """
    steps, found = quotients
    drawn = partial(
        series,
        "Slope of the energy less what is predicted: what is left as the step shrinks",
        x_name=step[0],
        x_unit=step[1],
        unit=unit,
        logarithmic=True,
    )
    rounding = noise / (np.sqrt(2.0) * steps)
    return (
        drawn("missed by", steps, np.abs(found - slope) / scale),
        drawn("rounding of the energy explains", steps, rounding / scale),
    )
