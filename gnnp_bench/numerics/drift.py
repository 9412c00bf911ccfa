"""The slope of an energy along a trajectory, and how sure it is, from blocks of the trajectory itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnp_bench.potential import FloatArray

BLOCKS = 5


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope and its standard deviation, in the unit of the values per unit of time."""

    value: float
    deviation: float


def slope(values: FloatArray, spacing: float, blocks: int = BLOCKS) -> Slope:
    """Return the slope of values at equal intervals by least squares.

    The slopes of blocks are independent, whether values scatter about a line or walk at random. The standard
    deviation of their mean is that of the slope where values walk, and an upper limit where they scatter: there
    longer lines tell more than several short ones.

    Parameters
    ----------
    values : (n_points,) array
        Three points or more for each block.
    spacing : float
        Time between points.
    blocks : int

    Raises
    ------
    ValueError
        If there are too few points.
    """
    if len(values) < 3 * blocks:
        raise ValueError(f"{blocks} blocks need {3 * blocks} points or more, got {len(values)}")
    parts = [_least_squares(part) for part in np.array_split(values, blocks)]
    return Slope(_least_squares(values) / spacing, float(np.std(parts, ddof=1)) / blocks**0.5 / spacing)


def _least_squares(values: FloatArray) -> float:
    """Return the slope per point."""
    centred = np.arange(len(values)) - 0.5 * (len(values) - 1)
    return float(centred @ (values - values[0]) / (centred @ centred))


def rounding(energy: float, force: float, speed: float, n_points: int, spacing: float) -> float:
    """Return the standard deviation of a slope that rounding alone makes.

    Each step does the work of a rounding error of the forces, so that the energy walks: the slope of n steps of
    deviation w has the variance 6w²/5n. Errors of the energy itself belong to a place: where a trajectory of few
    atoms passes slowly they stay the same over many steps, and tilt a line of length T by √12 e/T.

    Parameters
    ----------
    energy : float, eV
        Rounding error of an energy.
    force : float, eV/Å
        That of a component of the forces.
    speed : float
        √Σv², Å per time.
    n_points : int
    spacing : float
    """
    walk = 1.2 * (force * speed) ** 2 / n_points
    tilt = 12.0 * (energy / (n_points * spacing)) ** 2
    return float(np.sqrt(walk + tilt))
