"""Jumps of the energy between two steps of a ladder, which are no error of forces or stress.

Where a shell of neighbours crosses a cutoff at which the energy jumps by 1e-5 eV, the difference of two energies on
either side, divided by a step of 1e-4, looks like a stress that is wrong by as much as matters. How large a jump may be
is for the checks of smoothness to say.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.potential import FloatArray, Prediction, Property

PARTS = 16
"""Of the interval that are looked at first."""
FINER, ROUNDS = 8, 3
"""Into how many parts that with the jump is divided, and how often: to h/4096 in all."""
MOST = 4
"""Jumps that are followed."""
KEPT = 0.5
"""A jump keeps its size when the interval shrinks; what a slope leaves unexplained falls with it."""


def jumps_between(
    moved: Callable[[float], Atoms],
    slope: Callable[[Prediction, float], float],
    h: float,
    properties: frozenset[Property],
    noise: float,
    slope_noise: float,
) -> Generator[Request, list[Prediction], FloatArray]:
    """Return by how much the energy jumps at each place between −h and h where it does, eV.

    Parameters
    ----------
    moved, slope, properties
        As in `ladder.energy_derivative`.
    h : float
    noise, slope_noise : float
        ν of the energy, eV, and of a slope, eV per unit of step.
    """

    def unexplained(t: FloatArray) -> Generator[Request, list[Prediction], FloatArray]:
        """Return what the trapezoidal rule over the slopes leaves of each difference of energies, eV."""
        predictions = yield Request([moved(float(x)) for x in t], properties)
        energies = np.array([p.energy for p in predictions])
        slopes = np.array([slope(p, float(x)) for p, x in zip(predictions, t, strict=True)])
        left: FloatArray = np.diff(energies) - np.diff(t) * (slopes[1:] + slopes[:-1]) / 2.0
        return left

    t = np.linspace(-h, h, PARTS + 1)
    first = yield from unexplained(t)
    least = ALLOWANCE * float(np.hypot(np.sqrt(2.0) * noise, slope_noise * 2.0 * h / PARTS))
    found = []
    for i in np.argsort(-np.abs(first))[:MOST]:
        if abs(first[i]) <= least:
            break
        start, end, jump = float(t[i]), float(t[i + 1]), float(first[i])
        for _ in range(ROUNDS):
            finer = np.linspace(start, end, FINER + 1)
            left = yield from unexplained(finer)
            k = int(np.abs(left).argmax())
            start, end, jump = float(finer[k]), float(finer[k + 1]), float(left[k])
        if abs(jump) >= KEPT * abs(first[i]):
            found.append(jump)
    return np.array(found)
