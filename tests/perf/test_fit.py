"""The fitted law of scaling: known parameters come back, and lie in their intervals as often as is said."""

from __future__ import annotations

import numpy as np
import pytest

from gnnp_bench.perf.fit import fit

SIZES = (2, 8, 32, 128, 512, 2048, 8192)


def times(a: float, b: float, p: float, noise: float, seed: int) -> list[float]:
    n = np.array(SIZES, float)
    return list((a + b * n**p) * np.exp(np.random.default_rng(seed).normal(scale=noise, size=len(n))))


@pytest.mark.parametrize(("a", "b", "p"), [(5e-3, 1e-4, 1.0), (1e-3, 2e-5, 1.3), (0.5, 1e-3, 0.9)])
def test_exact_times_give_back_their_law(a, b, p):
    found = fit(SIZES, times(a, b, p, 0.0, 0))
    assert found is not None
    assert (found.a.value, found.b.value, found.p.value) == pytest.approx((a, b, p), rel=1e-4)
    assert found.rms < 1e-6
    assert found.points == len(SIZES)


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    a, b, p = 5e-3, 1e-4, 1.1
    fits = [fit(SIZES, times(a, b, p, 0.03, seed)) for seed in range(12)]
    for name, truth in (("a", a), ("b", b), ("p", p)):
        held = 0
        for one in fits:
            assert one is not None
            interval = getattr(one, name)
            assert interval.low is None or interval.low <= interval.value
            assert interval.high is None or interval.high >= interval.value
            held += (interval.low is None or interval.low <= truth) and (
                interval.high is None or truth <= interval.high
            )
        assert held >= 9  # 12 × 0.95 = 11.4, less three standard deviations


def test_an_overhead_that_cannot_be_told_from_nothing_is_open_towards_nothing():
    found = fit(SIZES, times(0.0, 1e-4, 1.0, 0.02, 1))
    assert found is not None
    assert found.a.low is None
    assert found.a.high is not None
    assert found.a.high < 1e-3
    assert found.p.low is not None
    assert found.p.high is not None
    assert found.p.low < 1.0 < found.p.high < 1.2


def test_three_sizes_are_too_few():
    assert fit((2, 8, 32), (1.0, 2.0, 3.0)) is None
    assert fit((2, 8, 32, 32), (1.0, 2.0, 3.0, 3.0)) is None
