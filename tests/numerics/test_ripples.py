"""Waves are told from kinks, jumps and what is merely steep."""

from collections.abc import Callable

import numpy as np
import pytest

from gnnp_bench.numerics.ripples import waves

T = np.linspace(-1.0, 1.0, 40)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("periods", [5.0, 8.0, 13.0])
def test_waves_have_their_size_and_length_on_any_smooth_background(periods: float) -> None:
    for phase in np.linspace(0.0, 6.0, 7):
        found = waves(np.exp(T) + 1e-3 * np.cos(np.pi * periods * T + phase), 0.3)
        assert found.everywhere
        assert found.amplitude == pytest.approx(1e-3, rel=0.2)
        assert found.wavelength == pytest.approx(0.3 / periods, rel=0.2)


@pytest.mark.parametrize(
    "function",
    [
        lambda place: np.abs(T - place),
        lambda place: np.sign(T - place),
        lambda place: np.maximum(T - place, 0.0) ** 2,
        lambda place: np.exp(3.0 * (T - place)),
        lambda place: 1.0 / (T - place + 3.0) ** 12,
    ],
    ids=["kink", "jump", "jump of the curvature", "steep", "very steep"],
)
def test_what_is_at_one_place_is_no_wave(function: Callable[[float], np.ndarray]) -> None:
    for place in RNG.uniform(-0.95, 0.95, 200):
        assert not waves(function(float(place)), 0.3).everywhere


def test_noise_is_a_wave_of_its_size() -> None:
    found = [waves(RNG.normal(size=40), 1.0) for _ in range(300)]
    assert np.sqrt(np.mean([w.amplitude**2 for w in found])) == pytest.approx(np.sqrt(2.0), rel=0.05)


def test_nothing_is_no_wave_and_few_points_are_refused() -> None:
    assert not waves(np.full(40, 7.0), 0.3).everywhere
    with pytest.raises(ValueError, match="at least 40"):
        waves(np.zeros(39), 0.3)
