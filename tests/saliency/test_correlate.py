"""Ranks over species: what goes together is seen, what only seems to is not."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from gnnp_bench.saliency.correlate import FEWEST, PERMUTATIONS, Correlation, corrected, correlate


def p_of(*arguments):
    found = correlate(*arguments).p
    assert found is not None
    return found


def test_rho_is_spearmans_and_p_that_of_scipy():
    rng = np.random.default_rng(3)
    x = rng.normal(size=40)
    y = x + 2.0 * rng.normal(size=40)
    found, expected = correlate(x, y, 0), spearmanr(x, y)
    assert found.rho == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p == pytest.approx(expected.pvalue, abs=0.03)
    assert found.species == 40


def test_what_goes_together_exactly_has_the_smallest_p_there_is():
    found = correlate(np.arange(20.0), -(np.arange(20.0) ** 3), 0)
    assert found.rho == pytest.approx(-1.0)
    assert found.p == 1 / (PERMUTATIONS + 1)


def test_chance_is_called_significant_as_often_as_it_should_be():
    rng = np.random.default_rng(4)
    ps = [p_of(rng.normal(size=12), rng.normal(size=12), seed) for seed in range(60)]
    assert sum(p < 0.1 for p in ps) <= 14  # 6 expected; more than 14 has a chance of 5e-4
    assert min(ps) > 0.0


def test_a_control_takes_away_what_both_owe_to_it():
    rng = np.random.default_rng(5)
    seen = rng.uniform(size=60)
    x, y = seen + 0.05 * rng.normal(size=60), seen + 0.05 * rng.normal(size=60)
    assert p_of(x, y, 0) < 0.001
    assert abs(correlate(x, y, 0, [seen]).rho) < 0.35
    assert p_of(x, y, 0, [seen]) > 0.01
    assert correlate(x, y, 0, [np.ones(60)]).rho == pytest.approx(correlate(x, y, 0).rho)


def test_missing_values_and_few_species_are_not_tested():
    x = np.arange(12.0)
    y = np.where(np.arange(12) < 3, np.nan, x)
    found = correlate(x, y, 0)
    assert (found.species, found.p) == (9, None)
    assert found.rho == pytest.approx(1.0)
    assert FEWEST == 10
    assert correlate(x[:2], x[:2], 0).p is None
    constant = correlate(np.full(12, 3.0), x, 0)
    assert np.isnan(constant.rho)
    assert constant.p is None


def test_looking_at_several_properties_costs():
    found = corrected(
        {"a": Correlation(20, 0.5, 0.01), "b": Correlation(20, 0.4, 0.04), "c": Correlation(5, 0.9, None)}
    )
    assert found["a"].corrected == pytest.approx(0.02)
    assert found["b"].corrected == pytest.approx(0.04)
    assert found["c"].corrected is None
