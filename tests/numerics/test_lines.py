"""The scatter along a line is the noise, and nothing of a smooth function."""

import numpy as np
import pytest

from gnnp_bench.numerics.lines import scatter


def test_a_parabola_has_no_scatter() -> None:
    t = np.linspace(-1.0, 1.0, 6)
    values = 7.0 - 3.0 * t + 2.0 * t**2
    assert scatter(values) == pytest.approx(0.0, abs=1e-14)


def test_white_noise_is_found_at_its_size_on_any_smooth_background() -> None:
    rng = np.random.default_rng(0)
    t = np.linspace(-1e-4, 1e-4, 6)
    background = np.exp(5.0 * t) + np.sin(3.0 * t)
    values = background[:, None] + 1e-9 * rng.normal(size=(6, 4000))
    found = np.sqrt(np.mean(scatter(values) ** 2))
    assert found == pytest.approx(1e-9, rel=0.05)


def test_a_large_constant_adds_nothing() -> None:
    values = np.linspace(-1.0, 1.0, 6) ** 2
    assert scatter(values + 2.0**40) == pytest.approx(0.0, abs=2e-4)  # the spacing of 2⁴⁰
    assert scatter(np.full(6, 2.0**40)) == 0.0


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 3 points"):
        scatter(np.zeros(3))
