"""Slopes and their deviations, against many random series."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from gnnp_bench.numerics.drift import rounding, slope
from gnnp_bench.potential import FloatArray

N_POINTS, SPACING = 100, 0.1


def _spread_and_mean_deviation(series: Iterable[FloatArray]) -> tuple[float, float]:
    found = [slope(values, SPACING) for values in series]
    return float(np.std([s.value for s in found])), float(np.sqrt(np.mean([s.deviation**2 for s in found])))


def test_a_line_has_its_slope_and_no_doubt() -> None:
    found = slope(1e6 + 0.3 * SPACING * np.arange(N_POINTS, dtype=float), SPACING)
    assert found.value == pytest.approx(0.3, rel=1e-6)
    assert found.deviation < 1e-7


def test_of_walks_the_deviation_is_that_of_the_slope() -> None:
    rng = np.random.default_rng(0)
    walks = np.cumsum(rng.normal(size=(1500, N_POINTS)), axis=1)
    spread, told = _spread_and_mean_deviation(list(walks))
    assert told == pytest.approx(spread, rel=0.1)
    # A step of the energy is force × speed × time.
    assert rounding(0.0, 1.0, 1.0 / SPACING, N_POINTS, SPACING) == pytest.approx(spread, rel=0.08)


def test_of_scatter_it_is_an_upper_limit() -> None:
    rng = np.random.default_rng(1)
    spread, told = _spread_and_mean_deviation(rng.normal(size=(1500, N_POINTS)))
    assert spread < told < 7.0 * spread


def test_errors_of_the_energy_that_stay_the_same_for_long_tilt_a_line() -> None:
    rng = np.random.default_rng(2)
    slow: list[FloatArray] = [
        np.interp(np.arange(N_POINTS), [0, N_POINTS - 1], rng.uniform(-(3**0.5), 3**0.5, 2)) for _ in range(1500)
    ]
    spread, _ = _spread_and_mean_deviation(slow)
    assert spread < rounding(1.0, 0.0, 1.0, N_POINTS, SPACING) < 3.0 * spread


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="15 points or more, got 14"):
        slope(np.zeros(14), 1.0)
