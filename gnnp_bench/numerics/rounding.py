"""Floating-point spacing: what one rounding of an output amounts to."""

from __future__ import annotations

import numpy as np

from gnnp_bench.potential import FloatArray


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
