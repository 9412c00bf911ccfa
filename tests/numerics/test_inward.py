"""Walls and holes on ways inwards whose energies are given."""

import numpy as np
import pytest

from gnnp_bench.numerics.inward import Rules, inward

RULES = Rules(limit=3.0, soft=0.4, close=0.6, deep=0.7, barrier=0.5)
NEAR = np.arange(1.5, 0.29, -0.05)


def morse(depth: float = 2.0, place: float = 1.0) -> np.ndarray:
    y = np.exp(-4.0 * (NEAR / place - 1.0))
    return depth * (y * y - 2.0 * y)


def hole(place: float, depth: float, width: float = 0.04) -> np.ndarray:
    return -depth * np.exp(-0.5 * ((NEAR - place) / width) ** 2)


def test_a_wall_is_a_wall() -> None:
    found = inward(morse(), NEAR, RULES, zero=0.0)
    assert (found.hole, found.behind, found.short) == (None, None, 0.0)
    assert found.wall is not None
    assert NEAR[found.wall] > 0.6


@pytest.mark.parametrize("place", [0.65, 0.55])
def test_a_hole_in_a_low_wall_is_one(place: float) -> None:
    found = inward(morse(0.3) + hole(place, 6.0), NEAR, RULES, zero=0.0)
    assert found.hole is not None
    assert NEAR[found.hole.bottom] == pytest.approx(place)
    assert found.hole.depth > 0.25


def test_a_hole_behind_a_high_wall_is_told_with_its_height() -> None:
    found = inward(morse() + hole(0.5, 60.0), NEAR, RULES, zero=0.0)
    assert found.hole is None
    assert found.behind is not None
    assert found.behind.height > 3.0


def test_a_bond_behind_a_low_barrier_is_none() -> None:
    bump = 0.3 * np.exp(-0.5 * ((NEAR - 1.35) / 0.05) ** 2)
    assert inward(morse(5.0) + bump, NEAR, RULES, zero=0.0).hole is None
    assert inward(morse(5.0, 0.8), NEAR, RULES, zero=0.0).hole is None


def test_atoms_that_walk_through_each_other_lack_a_wall() -> None:
    found = inward(np.minimum(morse(), 1.0), NEAR, RULES, zero=0.0)
    assert found.short == pytest.approx(2.0)
    assert found.wall is None


def test_a_way_that_ends_early_is_not_blamed() -> None:
    assert inward(morse(0.1)[:15], NEAR[:15], RULES, zero=0.0).short == 0.0


def test_without_a_zero_barriers_count_from_the_valley() -> None:
    """A path that begins in front of the barrier of a bond is none behind a barrier; one behind a valley is."""
    outside = 2.0 * np.exp(-0.5 * ((NEAR - 1.3) / 0.05) ** 2)
    assert inward(morse(5.0, 0.65) + outside, NEAR, RULES).hole is None
    valley = -1.0 * np.exp(-0.5 * ((NEAR - 1.1) / 0.08) ** 2)
    barrier = 2.0 * np.exp(-0.5 * ((NEAR - 0.85) / 0.05) ** 2)
    found = inward(valley + barrier + hole(0.65, 4.0), NEAR, RULES)
    assert found.hole is not None
    assert found.hole.height == pytest.approx(3.0, abs=0.15)


def test_atoms_apart_may_fall_by_as_much_as_a_bond() -> None:
    valley = -1.0 * np.exp(-0.5 * ((NEAR - 1.1) / 0.08) ** 2)
    barrier = 1.0 * np.exp(-0.5 * ((NEAR - 0.95) / 0.04) ** 2)
    energies = valley + barrier + hole(0.8, 4.0) + np.where(NEAR < 0.72, 50.0, 0.0)
    evenly = Rules(limit=3.0, soft=0.4, close=0.6, deep=0.7, barrier=0.5, bond=1.0)
    assert inward(energies, NEAR, RULES).hole is None
    assert inward(energies, NEAR, evenly).hole is not None
