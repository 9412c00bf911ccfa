"""Jumps and kinks of forces, from a ladder of steps on both sides."""

from collections.abc import Callable

import numpy as np
import pytest

from gnnp_bench.numerics.stiffness import Sides, joined, jump, kink, lasting_kink, response, stiffnesses

STEPS = 1e-3 * 50.0 ** (np.arange(6) / 5.0)
UNIT = np.array([[1.0, 0.0, 0.0]])


def sides(force: Callable[[np.ndarray], np.ndarray], steps: np.ndarray = STEPS) -> Sides:
    """Return the forces on one atom that moves along x."""

    def at(displacements: np.ndarray) -> np.ndarray:
        return force(displacements)[:, None, None] * UNIT

    return Sides(steps, at(np.zeros(1))[0], at(steps), at(-steps))


def morse(x: np.ndarray) -> np.ndarray:
    """Return a force of 10 eV/Å², as steep as bonds of hydrogen are."""
    return np.asarray(-2.0 * (np.exp(-4.0 * x) - np.exp(-8.0 * x)) - 0.3)


def test_a_smooth_force_neither_jumps_nor_bends() -> None:
    measured = sides(morse)
    found, bent = jump(measured, 1e-13), kink(measured, 1e-13)
    assert abs(found.values).max() <= 10.0 * found.error + 1e-12
    assert found.error < 1e-7
    assert abs(bent.values).max() <= 10.0 * bent.error + 1e-8
    assert bent.error < 1e-4
    assert stiffnesses(measured, UNIT)[0] == pytest.approx(8.0, rel=1e-3)
    assert response(measured, UNIT) == pytest.approx(8.0, rel=1e-3)


@pytest.mark.parametrize("size", [1e-5, 1e-3, 0.014, 1.0])
def test_the_tip_of_a_cone_has_its_size(size: float) -> None:
    found = jump(sides(lambda x: morse(x) - 0.5 * size * np.sign(x)), 1e-13)
    assert abs(found.values).max() == pytest.approx(size, rel=0.05, abs=10.0 * found.error)
    assert found.error < 1e-7


@pytest.mark.parametrize("width", [1e-5, 3e-4, 1e-3, 1.5e-3])
def test_a_tip_that_is_rounded_off_is_a_tip(width: float) -> None:
    found = jump(sides(lambda x: morse(x) - 0.007 * x / np.sqrt(x**2 + width**2)), 1e-13)
    assert abs(found.values).max() > max(0.004, 10.0 * found.error)


def test_a_value_of_its_own_at_the_point_itself_is_a_jump() -> None:
    found = jump(sides(lambda x: morse(x) + 0.01 * (x == 0.0)), 1e-13)
    assert abs(found.values).max() == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("difference", [0.05, 5.0])
def test_a_legal_kink_is_no_jump_and_has_its_size(difference: float) -> None:
    measured = sides(lambda x: morse(x) - difference * np.maximum(x, 0.0))
    found, bent = jump(measured, 1e-13), kink(measured, 1e-13)
    assert abs(found.values).max() <= 10.0 * found.error + 1e-12
    assert found.error < 1e-6
    assert abs(bent.values).max() == pytest.approx(difference, rel=0.01, abs=1e-3)


def test_noise_is_covered() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        measured = sides(lambda x: morse(x) + 1e-4 * rng.normal(size=x.shape))
        for limit in (jump(measured, 1e-4), kink(measured, 1e-4)):
            assert abs(limit.values).max() <= 4.0 * limit.noise * 1e-4 + 10.0 * limit.error


def test_what_is_rough_at_these_steps_is_settled_by_smaller_ones() -> None:
    def waves(x: np.ndarray) -> np.ndarray:
        return np.asarray(0.1 * np.sin(2.0 * np.pi * x / 0.01))

    coarse = sides(waves)
    fine = joined(sides(waves, 1e-3 * 50.0 ** (np.arange(-3, 0) / 5.0)), coarse)
    assert 10.0 * jump(coarse, 1e-13).error > 1e-3
    settled = jump(fine, 1e-13)
    assert abs(settled.values).max() + 10.0 * settled.error < 1e-3


FINER = 1e-3 * 50.0 ** (np.arange(-3, 0) / 5.0)


def both(force: Callable[[np.ndarray], np.ndarray]) -> Sides:
    """Return the forces at the usual steps and at smaller ones."""
    return joined(sides(force, FINER), sides(force))


@pytest.mark.parametrize("place", [0.0, 1e-5, 3e-4, 2e-3, 5e-3, 0.02])
@pytest.mark.parametrize("bend", [50.0, 500.0])
def test_a_stiffness_that_bends_does_not_differ(place: float, bend: float) -> None:
    """It rises by `bend` per Å from some distance on."""
    least = lasting_kink(both(lambda x: morse(x) - 0.5 * bend * np.maximum(x - place, 0.0) ** 2), 1e-13, 0.1)
    assert abs(least.values).max() <= max(0.01, 10.0 * least.error)


@pytest.mark.parametrize("power", [1.3, 1.6])
def test_a_stiffness_with_a_cusp_does_not_differ(power: float) -> None:
    measured = both(lambda x: morse(x) - 5.0 * np.abs(x) ** power)
    assert abs(kink(measured, 1e-13).values).max() > 0.005
    assert abs(lasting_kink(measured, 1e-13, 0.1).values).max() < 0.005


@pytest.mark.parametrize("difference", [0.05, 5.0])
@pytest.mark.parametrize("off", [0.0, 1e-5])
def test_a_kink_lasts(difference: float, off: float) -> None:
    least = lasting_kink(both(lambda x: morse(x) - difference * np.maximum(x - off, 0.0)), 1e-13, 0.02)
    assert 0.6 * difference < abs(least.values).max() < 1.05 * difference


def test_where_rounding_hides_a_kink_at_every_step_nothing_is_taken_off() -> None:
    measured = both(lambda x: morse(x) - 5.0 * np.maximum(x, 0.0))
    assert (lasting_kink(measured, 1.0, 1e-3).values == kink(measured, 1.0).values).all()
