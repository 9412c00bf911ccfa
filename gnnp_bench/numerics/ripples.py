"""Short waves on a line: what no polynomial of low order explains, and goes up and down everywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gnnp_bench.potential import FloatArray

LOW, HIGH = 5, 9
"""Orders of the polynomials."""
REMAINS = 0.7
"""Of the rest that the lower order leaves, what the higher has to leave as well. Of a kink it leaves at most 0.6."""
EVERYWHERE = 0.35
"""Of the rest in the quarter of the line where it is largest, what three quarters have to hold. Of a jump the second
smallest holds at most 0.25 (tests/numerics/test_ripples.py)."""
QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Waves:
    """What a polynomial of order `HIGH` leaves of values along a line.

    Attributes
    ----------
    amplitude : float
        √2 times its root mean square, in the unit of the values: of a sine the height of its crests.
    wavelength : float
        Twice the mean distance between two zeros, in the unit of the length.
    everywhere : bool
        It goes up and down all along the line, and is neither a kink nor a jump nor a smooth rest.
    """

    amplitude: float
    wavelength: float
    everywhere: bool


def waves(values: FloatArray, length: float) -> Waves:
    """Return the waves on values at equally spaced points, ends included.

    Parameters
    ----------
    values : (n_points,) array
        At least 4·(`HIGH` + 1) of them, so that waves of several points remain.
    length : float
        Of the line.
    """
    n_points = len(values)
    if n_points < 4 * (HIGH + 1):
        raise ValueError(f"waves need at least {4 * (HIGH + 1)} points, got {n_points}")
    from_middle = values - values[n_points // 2]
    low, high = (_unexplained(n_points, order) @ from_middle for order in (LOW, HIGH))
    size = _deviation(high, HIGH)
    parts = sorted(float(np.sqrt(np.mean(part**2))) for part in np.array_split(high, QUARTERS))
    everywhere = size > 0.0 and size >= REMAINS * _deviation(low, LOW) and parts[1] >= EVERYWHERE * parts[-1]
    zeros = np.flatnonzero(np.diff(np.signbit(high)))
    spacing = length / (n_points - 1)
    apart = (zeros[-1] - zeros[0]) / (len(zeros) - 1) * spacing if len(zeros) > 1 else length
    return Waves(math.sqrt(2.0) * size, 2.0 * float(apart), bool(everywhere))


def _deviation(rest: FloatArray, order: int) -> float:
    """Return the root mean square of what is left, per degree of freedom."""
    return float(np.sqrt(rest @ rest / (len(rest) - order - 1)))


@lru_cache(maxsize=8)
def _unexplained(n_points: int, order: int) -> FloatArray:
    """Return the projector onto what no polynomial of this order explains."""
    basis, _ = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, n_points), order))
    projector: FloatArray = np.eye(n_points) - basis @ basis.T
    return projector
