"""Frontier, hypervolume and trade-offs on errors that are made, with and without noise."""

import itertools

import numpy as np
import pytest

from reference_model.pareto.frontier import hypervolume, non_dominated, preferred, trade_off


def test_the_frontier_by_its_definition():
    rng = np.random.default_rng(0)
    errors = np.round(rng.random((40, 3)), 1)  # ties, and equal points
    expected = [not any((other <= one).all() and (other < one).any() for other in errors) for one in errors]
    assert non_dominated(errors).tolist() == expected
    assert 3 < sum(expected) < 40


def test_the_hypervolume_by_counting():
    rng = np.random.default_rng(1)
    errors = rng.random((6, 3)) * 1.2  # some are beyond the reference point
    reference = np.array([1.0, 0.8, 1.1])
    grid = (np.array(list(itertools.product(range(60), repeat=3))) + 0.5) / 60 * reference
    dominated = (errors[:, None, :] <= grid[None]).all(2).any(0).mean()
    assert hypervolume(errors, reference) == pytest.approx(dominated, abs=0.01)
    assert hypervolume(np.array([[2.0, 2.0]]), np.ones(2)) == 0.0
    assert hypervolume(np.array([[0.5, 0.5]]), np.ones(2)) == pytest.approx(0.25)


def made(rng, slope: float, noise: float, n_weightings: int = 8, n_seeds: int = 3):
    """Errors along a line in logarithms: what one gains, the other loses, times `slope`."""
    place = np.linspace(-1.0, 1.0, n_weightings)
    means = np.stack([slope * place, -slope * place], axis=1)[:, None, :]
    of_seeds = 0.1 * rng.standard_normal((1, n_seeds, 2))  # what all weightings of a seed have in common
    return np.exp(means + of_seeds + noise * rng.standard_normal((n_weightings, n_seeds, 2)))


def test_a_trade_off_is_seen_and_measured():
    rng = np.random.default_rng(2)
    found = [trade_off(made(rng, 0.2, 0.03)) for _ in range(200)]
    assert all(one is not None and one.seen for one in found)
    gaps = np.array([one.gaps for one in found if one is not None])
    assert gaps.mean() == pytest.approx(0.4, abs=0.02)


def test_noise_alone_is_no_trade_off():
    """The best of eight noisy numbers looks better than it is; where it was chosen, it is not compared."""
    rng = np.random.default_rng(3)
    found = [trade_off(made(rng, 0.0, 0.05)) for _ in range(400)]
    assert sum(one is not None and one.seen for one in found) <= 4
    gaps = np.array([one.gaps for one in found if one is not None])
    assert np.abs(gaps.mean(0)).max() < 0.01
    excluded = np.array([one.at_most for one in found if one is not None])
    assert np.median(excluded) < 0.15


def test_weightings_that_are_worse_in_everything_are_no_trade_off():
    rng = np.random.default_rng(4)
    errors = np.exp(np.linspace(0.0, 1.0, 6)[:, None, None] + 0.02 * rng.standard_normal((6, 3, 2)))
    found = trade_off(errors)
    assert found is not None
    assert not found.seen
    assert found.gaps == (0.0, 0.0)


def test_one_seed_says_nothing_of_noise():
    assert trade_off(np.ones((5, 1, 2))) is None
    assert trade_off(np.ones((1, 5, 2))) is None


def test_preferences_do_not_depend_on_units():
    errors = np.array([[1.0, 50.0, 0.1], [2.0, 30.0, 0.2], [1.5, 40.0, 0.05]])
    names = ["energy", "forces", "stress"]
    for wanted, best in (
        ({"energy": 1.0}, 0),
        ({"forces": 1.0}, 1),
        ({"stress": 1.0}, 2),
        ({"forces": 9, "energy": 1}, 1),
    ):
        for units in (np.ones(3), np.array([1e3, 1e-3, 7.0])):
            assert preferred(errors * units, names, wanted).argmin() == best
