"""Romberg's scheme finds derivatives, and knows how well."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnp_bench.numerics.differences import romberg
from gnnp_bench.potential import FloatArray

STEPS: FloatArray = 0.064 * 0.5 ** np.arange(6.0)


@given(x=st.floats(-2.0, 2.0), k=st.floats(0.1, 6.0))
def test_smooth_functions_to_rounding(x: float, k: float) -> None:
    f = np.sin(k * (x + STEPS)) - np.sin(k * (x - STEPS))
    found = romberg(f, STEPS, 1e-16)
    assert abs(found.value - k * np.cos(k * x)) <= 1e-12 * k + 10 * found.error
    assert found.error <= 1e-9 * k


@pytest.mark.parametrize("x", [0.0025, 0.003, 0.005, 0.01, 0.03])
def test_a_kink_is_seen_as_an_error(x: float) -> None:
    """The estimate is made without the answer, and must still cover it."""
    f = np.abs(x + STEPS) - np.abs(x - STEPS)
    found = romberg(f, STEPS, 1e-16)
    assert 10.0 * found.error + 1e-12 >= abs(found.value - 1.0)


def test_noise_is_propagated_and_not_mistaken_for_truncation() -> None:
    rng = np.random.default_rng(1)
    values, predicted, errors = [], [], []
    for _ in range(400):
        noise = 1e-6 * rng.normal(size=(2, len(STEPS)))
        found = romberg(np.sin(0.3 + STEPS) - np.sin(0.3 - STEPS) + noise[0] - noise[1], STEPS, 1e-6)
        values.append(found.value - np.cos(0.3))
        predicted.append(found.noise * 1e-6)
        errors.append(found.error)
    assert np.std(values) < 2.0 * np.median(predicted)
    assert np.quantile(errors, 0.9) < np.median(predicted)


def test_steps_must_be_halved() -> None:
    with pytest.raises(ValueError, match="half"):
        romberg(np.zeros(3), np.array([0.3, 0.2, 0.1]), 0.0)
