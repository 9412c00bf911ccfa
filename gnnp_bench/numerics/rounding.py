"""Floating-point spacing: what one rounding of an output amounts to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gnnp_bench.potential import FloatArray

DIGITS = 4.0
"""Units in the last place by which a sum of numbers may be off without telling anything."""


def representable_in_float32(values: FloatArray) -> bool:
    """Return whether every value survives a round trip through float32 (zeros do, trivially)."""
    with np.errstate(over="ignore", under="ignore"):
        return bool(np.array_equal(values.astype(np.float32).astype(np.float64), values))


def distinct(values: FloatArray) -> int:
    """Return how many different values there are, zero and signs apart."""
    magnitudes = np.unique(np.abs(values))
    return int(np.count_nonzero(magnitudes))


def ulp(magnitude: float, *, single: bool) -> float:
    """Return the distance from `magnitude` to the next larger number in float32 or float64."""
    return float(np.spacing(np.float32(magnitude) if single else np.float64(magnitude)))


def last_digits(values: Sequence[float]) -> float:
    """Return the sum of one unit in the last place of each value: of float32 where all are numbers of float32."""
    magnitudes = np.abs(np.array(values))
    single = representable_in_float32(magnitudes)
    return sum(ulp(float(magnitude), single=single) for magnitude in magnitudes)


def beyond_digits(difference: float, values: Sequence[float]) -> float:
    """Return a difference of values less what their last digits hold, or 0.

    A sum of −50,000 eV in float32 is told in steps of 4 meV. That parts miss it by some of these says nothing, and is
    not to be weighed against a significance of 0.1 meV; where digits are finer, nothing changes.
    """
    return math.copysign(max(0.0, abs(difference) - DIGITS * last_digits(values)), difference)
