"""What starts to matter, and what is made of integrals that have not settled when the points run out."""

from __future__ import annotations

import numpy as np
import pytest

from gnnp_bench.check import Noise
from gnnp_bench.checks.common import (
    conclusive,
    difference,
    force_significance,
    out_of_points,
    pressed,
    stands_out,
    worth_more_points,
)
from gnnp_bench.potential import FloatArray, Prediction

NOISE = 1e-12
CAUTIOUS = 0.05
"""Far more than a tenth of the significance, which is 1."""


def test_where_nothing_stands_out_the_foretold_error_is_believed() -> None:
    assert not stands_out(0.4, 0.05, NOISE)
    assert out_of_points(0.4, 0.05, NOISE, 1.0, 5.0) == (0.05, True)
    assert out_of_points(-0.4, 0.05, NOISE, 1.0, 5.0) == (0.05, True)


@pytest.mark.parametrize(("cautious", "judged"), [(0.05, True), (5.0, False)])
def test_what_stands_out_is_judged_with_what_a_jump_can_do(cautious: float, judged: bool) -> None:
    for residual in (0.7, -0.7, 30.0):
        assert stands_out(residual, 1e-3, NOISE)
        assert out_of_points(residual, 1e-3, NOISE, 1.0, cautious) == (cautious, judged)


def test_an_error_too_large_for_any_conclusion_leads_to_none() -> None:
    assert out_of_points(0.0, 0.2, NOISE, 1.0, 0.3) == (0.3, False)


def test_what_even_a_claimed_law_may_be_missed_by_needs_no_caution() -> None:
    assert stands_out(5e-3, 1e-5, NOISE)
    assert out_of_points(5e-3, 1e-5, NOISE, 1.0, 5.0) == (1e-5, True)
    assert out_of_points(5e-3, 1e-3, NOISE, 1.0, 5.0) == (1e-3, True)  # explained: it does not stand out
    assert out_of_points(0.02, 1e-5, NOISE, 1.0, 5.0) == (5.0, False)


def test_twice_the_points_are_taken_where_the_error_shrinks_fast_enough_and_something_is_undecided() -> None:
    assert not conclusive(0.5, 1.0)
    assert worth_more_points(0.0, [1.0, 0.1], 0.5, NOISE, 1.0)
    assert not worth_more_points(0.0, [1.0, 0.9], 0.5, NOISE, 1.0)
    assert not worth_more_points(0.0, [1.0], 0.5, NOISE, 1.0)
    assert worth_more_points(0.0, np.array([0.0, 0.0]), 0.5, NOISE, 1.0)
    assert not worth_more_points(1e-3, [1.0, 0.1], 1e-3, NOISE, 1.0)
    assert worth_more_points(0.5, [1.0, 0.1], 1e-3, NOISE, 1.0)


def predicted(forces: float, stress: float | None = None) -> Prediction:
    found: FloatArray = np.zeros((3, 3))
    found[1, 2] = -forces
    return Prediction(0.0, found, None if stress is None else -stress * np.eye(3))


@pytest.mark.parametrize(
    ("forces", "stress", "factor"),
    [(0.0, None, 1.0), (20.0, 1.0, 1.0), (40.0, None, 2.0), (40.0, 3.0, 3.0), (100.0, 3.0, 5.0), (0.0, 7.0, 7.0)],
)
def test_what_matters_grows_with_extreme_forces_and_stresses(
    forces: float, stress: float | None, factor: float
) -> None:
    base = predicted(forces, stress)
    assert pressed(base) == pytest.approx(factor)
    found = difference(base, base, Noise(0.0, 0.0, 0.0), 3)
    ladder = {"energy": 1e-4, "forces": 1e-3, "stress": 1e-4}
    for component in found:
        assert component.significance == pytest.approx(factor * ladder[component.quantity])


def test_derivative_laws_are_judged_more_strictly_where_forces_are_small_but_no_trifle() -> None:
    for rms, expected in ((0.1, 1e-3), (0.6, 6e-4), (2.0, 1e-3), (10.0, 1.5e-3)):
        base = predicted(3.0 * rms)
        assert force_significance(base) == pytest.approx(expected)


def test_potentials_without_forces_are_judged_by_the_plain_ladder() -> None:
    assert pressed(Prediction(-1e6)) == 1.0
