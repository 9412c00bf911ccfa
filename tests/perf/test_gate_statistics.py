"""The gate's statistics on synthetic machines: false alarms are rare, real changes are seen."""

from __future__ import annotations

import numpy as np
import pytest

from gnnp_bench.perf.gate_statistics import Comparison, compare, holm


def processes(rng: np.random.Generator, quartets: int, change: float, noise: float) -> tuple[list[float], list[float]]:
    """Return times A A …, B B … of a machine that drifts slowly, is disturbed now and then, and never too fast."""
    order = np.tile([0, 1, 1, 0], quartets)
    drift = np.cumsum(rng.normal(scale=noise / 4, size=len(order)))
    disturbed = rng.exponential(noise, size=len(order)) + 0.3 * (rng.random(len(order)) < 0.05)
    times = 0.01 * np.exp(drift + disturbed + change * order)
    return list(times[order == 0]), list(times[order == 1])


def flagged(change: float, noise: float, trials: int, quartets: int = 8) -> int:
    rng = np.random.default_rng(5)
    count = 0
    for _ in range(trials):
        first = compare(*processes(rng, quartets, np.log1p(change), noise))
        count += first.flagged and compare(*processes(rng, quartets, np.log1p(change), noise)).flagged
    return count


@pytest.mark.parametrize("noise", [0.005, 0.02, 0.1])
def test_the_same_code_is_rarely_called_slower(noise):
    assert flagged(0.0, noise, 60) == 0


def test_a_tenth_is_always_seen_and_a_twentieth_mostly():
    assert flagged(0.10, 0.02, 40) == 40
    assert flagged(0.05, 0.01, 40) >= 36


def test_less_than_the_smallest_change_is_no_change():
    base = [1.0, 1.001, 0.999, 1.0, 1.002, 0.998]
    assert not compare(base, [1.02 * value for value in base]).flagged
    assert compare(base, [1.05 * value for value in base]).flagged
    assert compare(base, [0.90 * value for value in base]).improved
    assert not compare(base, [0.98 * value for value in base]).improved


def test_the_ratio_and_its_interval():
    rng = np.random.default_rng(1)
    found = compare(*processes(rng, 15, np.log(1.2), 0.02))
    assert found.low <= found.ratio <= found.high
    assert found.low < 1.2 < found.high
    assert found.ratio == pytest.approx(1.2, abs=0.04)
    assert found.p < 0.001
    assert found.pairs == 30


def test_a_machine_that_disagrees_with_itself_is_blind():
    found = compare([1.0, 1.5, 1.0, 1.6, 1.4, 1.0], [1.0, 1.4, 1.5, 1.0, 1.0, 1.6])
    assert found.blind
    assert found.threshold > 1.1
    assert not found.flagged
    quiet = compare([1.0, 1.001, 1.0, 1.0], [1.0, 1.0, 1.001, 1.0])
    assert not quiet.blind
    assert quiet.threshold == pytest.approx(1.03)


def test_what_has_no_noise_at_all_is_compared_exactly():
    found = compare([100.0] * 4, [110.0] * 4)
    assert (found.ratio, found.low, found.high) == pytest.approx((1.1, 1.1, 1.1))
    assert found.flagged
    assert not compare([100.0] * 4, [100.0] * 4).flagged


@pytest.mark.parametrize(
    ("base", "head"),
    [([1.0] * 4, [1.0] * 6), ([1.0] * 3, [1.0] * 3), ([1.0] * 2, [1.0] * 2), ([1.0] * 4, [1.0, 0.0, 1.0, 1.0])],
)
def test_what_cannot_be_compared_is_refused(base, head):
    with pytest.raises(ValueError, match=r"quartets|positive"):
        compare(base, head)


def test_holm():
    def one(p: float) -> Comparison:
        return Comparison(ratio=2.0, low=1.0, high=3.0, p=p, p_adjusted=p, threshold=1.03, pairs=4)

    found = holm({"a": one(0.04), "b": one(0.01), "c": one(0.03)})
    assert list(found) == ["a", "b", "c"]
    assert [found[name].p_adjusted for name in "abc"] == pytest.approx([0.06, 0.03, 0.06])
    assert [found[name].flagged for name in "abc"] == [False, True, False]
    assert holm({}) == {}
