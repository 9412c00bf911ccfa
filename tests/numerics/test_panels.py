"""Panels that end at breaks: integrals of kinks and jumps, with errors that are not below what they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gnnp_bench.checks.conservation.samples import NOTHING_KNOWN, Path, Powers, Work, settled_work
from gnnp_bench.numerics.panels import Samples, gap, middle_of, narrower, nodes, panel, rough_intervals
from gnnp_bench.potential import FloatArray

Function = Callable[[FloatArray], FloatArray]
PLACE = 0.3217
"""Of the break, on [0, 1]."""
SMOOTH = np.sin(3.0) / 3.0
"""∫ cos 3t dt from 0 to 1."""
KINK = (PLACE**2 + (1.0 - PLACE) ** 2) / 2.0
"""∫ |t − p| dt."""
BREAKS: dict[str, tuple[Function, float]] = {
    "none": (lambda t: np.cos(3.0 * t), SMOOTH),
    "kink": (lambda t: np.cos(3.0 * t) + np.abs(t - PLACE), SMOOTH + KINK),
    "jump": (lambda t: np.cos(3.0 * t) + (t > PLACE), SMOOTH + 1.0 - PLACE),
    # The tails of tanh beyond [0, 1] are below e^-600.
    "cone rounded off": (lambda t: np.cos(3.0 * t) + np.tanh((t - PLACE) / 1e-3), SMOOTH + 1.0 - 2.0 * PLACE),
    "two kinks": (
        lambda t: np.abs(t - PLACE) + np.abs(t - PLACE - 0.01),
        KINK + ((PLACE + 0.01) ** 2 + (0.99 - PLACE) ** 2) / 2.0,
    ),
}


def sampled(function: Function, t: FloatArray, sigma: float = 0.0, seed: int = 0) -> Samples:
    noise = sigma * np.random.default_rng(seed).normal(size=len(t))
    return Samples(t, function(t) + noise, np.full(len(t), sigma**2))


def settle(function: Function, known: Samples = NOTHING_KNOWN, expected: float | None = None) -> tuple[Work, int]:
    """Return the integral over [0, 1] where 1e-4 matters, and how often the function was evaluated for it."""
    count = 0

    def powers_at(t: FloatArray) -> Powers:
        nonlocal count
        count += len(t)
        yield from ()
        return function(t), np.zeros(len(t))

    def doubtful(work: Work) -> bool:
        return expected is not None and abs(work.total[0] - expected) > 10.0 * work.total[1] + 1e-13

    asking = settled_work(Path(powers_at, [(0.0, 1.0)], 0.0, 1e-4, doubtful), known)
    with pytest.raises(StopIteration) as end:
        next(asking)
    return end.value.value, count


@pytest.mark.parametrize("name", BREAKS)
def test_an_integral_settles_whatever_breaks(name: str) -> None:
    function, truth = BREAKS[name]
    work, count = settle(function, sampled(function, np.linspace(0.0, 1.0, 65)), truth)
    work_error = abs(work.total[0] - truth)
    assert work.total[1] <= 1e-7
    assert work_error <= 10.0 * work.total[1] + 1e-13
    assert count <= (72 if name == "none" else 500)


@pytest.mark.parametrize("name", ["kink", "jump"])
def test_bisection_encloses_a_break(name: str) -> None:
    function, _ = BREAKS[name]
    samples = sampled(function, np.linspace(0.0, 1.0, 33))
    lo, hi = rough_intervals(samples, 0.0, 1.0)[0]
    assert lo <= PLACE <= hi
    for _ in range(20):
        middle = np.array([middle_of(lo, hi)])
        samples = samples.joined(middle, function(middle), np.zeros(1))
        lo, hi = narrower(samples, lo, hi, 0.0, 1.0)
        assert lo <= PLACE <= hi
    found = gap(samples, lo, hi, 0.0, 1.0)
    # What is left of a jump is the jump, what is left of a kink is its width.
    assert found.step == pytest.approx(1.0 if name == "jump" else 0.0, abs=1e-5)


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("name", ["kink", "jump"])
def test_the_error_of_a_panel_covers_what_a_break_does_to_it(name: str, seed: int) -> None:
    function, _ = BREAKS[name]
    rng = np.random.default_rng(seed)
    start = PLACE - 0.1 * rng.uniform()
    end = start + 0.1
    found = panel(sampled(function, np.concatenate([[start], nodes(start, end), [end]])), start, end)
    truth, _ = (np.sin(3.0 * end) - np.sin(3.0 * start)) / 3.0, None
    truth += ((PLACE - start) ** 2 + (end - PLACE) ** 2) / 2.0 if name == "kink" else end - PLACE
    assert abs(found.integral - truth) <= 10.0 * found.error


def test_noise_is_no_break() -> None:
    function, _ = BREAKS["none"]
    for seed in range(20):
        t = np.sort(np.concatenate([nodes(0.0, 1.0), np.linspace(0.0, 1.0, 17)]))
        samples = sampled(function, t, 1e-5, seed)
        found = panel(samples, 0.0, 1.0)
        assert found.error == 0.0
        assert np.sqrt(found.variance) == pytest.approx(1e-5 / np.sqrt(8.0), rel=0.2)
        assert abs(found.integral - SMOOTH) < 5.0 * np.sqrt(found.variance)
        assert rough_intervals(samples, 0.0, 1.0) == []


@pytest.mark.parametrize("sigma", [1e-7, 1e-6])
def test_samples_that_nearly_coincide_hide_no_kink(sigma: float) -> None:
    """What continues a side through two of them amplifies their noise by the inverse of their distance."""
    function, _ = BREAKS["kink"]
    t = np.linspace(0.0, 1.0, 33)
    samples = sampled(function, np.sort(np.concatenate([t, t + 1e-5])), sigma)
    lo, hi = rough_intervals(samples, 0.0, 1.0)[0]
    assert lo <= PLACE <= hi
    for _ in range(5):
        middle = np.array([middle_of(lo, hi)])
        samples = samples.joined(middle, function(middle), np.full(1, sigma**2))
        lo, hi = narrower(samples, lo, hi, 0.0, 1.0)
        assert lo <= PLACE <= hi


def test_kinks_settle_although_noise_is_larger_than_told() -> None:
    """Where ν was measured, no atom felt another; on the path they do. Kinks come before what is rounding's."""
    places = np.random.default_rng(0).uniform(size=12)
    rounding = np.random.default_rng(1)

    def rough(t: FloatArray) -> FloatArray:
        found: FloatArray = np.abs(t[:, None] - places).sum(axis=1) + 3e-6 * rounding.normal(size=len(t))
        return found

    work, count = settle(rough, sampled(rough, np.linspace(0.0, 1.0, 65)))
    truth = float(((places**2 + (1.0 - places) ** 2) / 2.0).sum())
    assert abs(work.total[0] - truth) <= 10.0 * work.total[1]
    assert work.total[1] <= 1e-5  # can be judged, where 1e-4 matters
    assert count <= 2000


def test_a_jump_there_and_back_again_is_found_or_an_error() -> None:
    """A pair that only just crosses a cutoff where forces jump: what is missed is less than ten times the error."""
    for width in (1e-2, 1e-3, 1e-4, 1e-5):

        def grazing(t: FloatArray, width: float = width) -> FloatArray:
            found: FloatArray = 0.01 * ((t > PLACE) + ((t > 0.7001) & (t < 0.7001 + width))).astype(float)
            return found

        truth = 0.01 * (1.0 - PLACE + width)
        work, _ = settle(grazing, expected=truth)
        assert abs(work.total[0] - truth) <= 10.0 * work.total[1]


def test_what_is_missed_is_not_excused() -> None:
    """The work of a kinked force that does not close by 1e-6: ten times the error stays below."""
    function, truth = BREAKS["kink"]
    work, _ = settle(function, expected=truth + 1e-6)
    assert abs(work.total[0] - truth - 1e-6) > 5e-7
    assert 10.0 * work.total[1] < 5e-7
