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
    assert remaining_error([1.0, 1e-9], 0.0) == pytest.approx(2e-3)
    assert remaining_error([1.0, 1e-3, 1e-9], 0.0) == pytest.approx(2e-6)


def test_agreement_by_accident_is_excused_by_ten_times_the_estimate() -> None:
    """4, 8 and 16 nodes on a path of a potential with a cutoff of finite smoothness, then its limit; eV/Å."""
    estimates, limit = [-0.33934509954556463, -0.33933112776205765, -0.33933106345084946], -0.33933117831691434
    assert 10.0 * remaining_error(np.diff(estimates).tolist(), 0.0) > abs(estimates[-1] - limit)


def test_changes_that_do_not_shrink_are_no_convergence() -> None:
    assert remaining_error([1.0, 0.9], 0.0) == pytest.approx(0.9)
    assert remaining_error([0.0, 0.9], 0.0) == pytest.approx(0.9)
    assert remaining_error([1.0], 0.0) == 1.0


def test_noise_is_not_an_error_of_quadrature() -> None:
    assert remaining_error([1e-3, ALLOWANCE * 1e-4], 1e-4) == 0.0
    assert remaining_error([1e-3, 2.0 * ALLOWANCE * 1e-4], 1e-4) > 0.0


def test_a_single_agreement_within_the_noise_is_not_believed_against_witnesses() -> None:
    assert remaining_error([0.0], 1e-6, witness=1e-3) == pytest.approx(2e-6)
    assert remaining_error([1e-3, 0.0], 1e-6, witness=1e-2) == pytest.approx(2e-5)
