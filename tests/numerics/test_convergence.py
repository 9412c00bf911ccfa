"""The error that is left is estimated from the changes, and not below what it is."""

import numpy as np
import pytest

from gnnp_bench.numerics.convergence import ALLOWANCE, remaining_error


@pytest.mark.parametrize("power", [1, 2, 3, 4, 6])
def test_algebraic_convergence_is_covered(power: int) -> None:
    """A trapezoid rule on an integrand of finite smoothness: error n^-p."""
    errors = 2.0 ** (-power * np.arange(1, 6))
    for known in range(3, 6):
        changes = np.diff(errors[:known]).tolist()
        assert remaining_error(changes, 0.0) >= 0.99 * errors[known - 1]


def test_spectral_convergence_is_believed_but_not_a_sudden_agreement() -> None:
    assert remaining_error([1.0, 0.05], 0.0) == pytest.approx(0.05 / 9)
    assert remaining_error([1.0, 1e-9], 0.0) == pytest.approx(1e-4)
    assert remaining_error([1.0, 1e-3, 1e-9], 0.0) == pytest.approx(1e-7)


def test_changes_that_do_not_shrink_are_no_convergence() -> None:
    assert remaining_error([1.0, 0.9], 0.0) == pytest.approx(0.9)
    assert remaining_error([0.0, 0.9], 0.0) == pytest.approx(0.9)
    assert remaining_error([1.0], 0.0) == 1.0


def test_noise_is_not_an_error_of_quadrature() -> None:
    assert remaining_error([1e-3, ALLOWANCE * 1e-4], 1e-4) == 0.0
    assert remaining_error([1e-3, 2.0 * ALLOWANCE * 1e-4], 1e-4) > 0.0
