"""Whether spreads tell errors: on numbers of which it is known."""

import numpy as np
import pytest

from reference_model.committee.reliability import errors_of, factor, mean_of, reliability, spreads_of
from reference_model.train.metrics import Comparison


def comparison(energies, forces):
    n, atoms = energies.shape[1], forces.shape[1]
    return Comparison(
        energies,
        forces,
        np.full((2, n, 3, 3), np.nan),
        np.array(["x"] * n),
        np.array(["Cu"] * atoms),
        np.repeat(np.arange(n), atoms // n),
    )


def test_mean_and_spread_of_members():
    rng = np.random.default_rng(0)
    labels, forces = rng.normal(size=4), rng.normal(size=(8, 3))
    predicted = rng.normal(size=(3, 4)), rng.normal(size=(3, 8, 3))
    found = [comparison(np.array([labels, e]), np.array([forces, f])) for e, f in zip(*predicted, strict=True)]
    mean = mean_of(found)
    assert mean.energies[0] == pytest.approx(labels)
    assert mean.forces[1] == pytest.approx(predicted[1].mean(0))
    energies, of_forces = spreads_of(found)
    assert energies == pytest.approx(predicted[0].std(0, ddof=1))
    by_component = predicted[1].var(0, ddof=1)
    assert of_forces == pytest.approx(np.sqrt(by_component.sum(1) / 3))
    assert errors_of(mean)[1] == pytest.approx(np.sqrt(((predicted[1].mean(0) - forces) ** 2).sum(1) / 3))


def test_spreads_that_tell_the_error_are_calibrated():
    rng = np.random.default_rng(1)
    size = np.exp(0.5 * rng.normal(size=4000))
    error = np.abs(3.0 * size * rng.normal(size=4000))
    scale = factor(size, error)
    assert scale == pytest.approx(3.0, rel=0.1)
    found = reliability(size, error, scale)
    assert found["within_1"] == pytest.approx(0.68, abs=0.04)
    assert found["within_2"] == pytest.approx(0.95, abs=0.03)
    assert found["rank_correlation"] > 0.3
    assert len(found["bins"]) == 10
    for one in found["bins"]:
        assert one["spread"] / one["error"] == pytest.approx(1.0, abs=0.25)


def test_spreads_that_tell_nothing_lie_flat():
    rng = np.random.default_rng(2)
    spread, error = np.exp(rng.normal(size=4000)), np.abs(rng.normal(size=4000))
    found = reliability(spread, error, factor(spread, error))
    assert abs(found["rank_correlation"]) < 0.06
    errors = [one["error"] for one in found["bins"]]
    spreads = [one["spread"] for one in found["bins"]]
    assert max(errors) / min(errors) < 1.2 < 10.0 < max(spreads) / min(spreads)


def test_what_symmetry_makes_zero_is_not_counted_but_sure_and_wrong_is():
    spread, error = np.full(20, 0.1), np.linspace(0.1, 0.2, 20)
    spread[:5], error[:5] = 1e-12, 1e-13
    assert reliability(spread, error, 1.0)["values"] == 15
    error[:5] = 0.3
    found = reliability(spread, error, 1.0)
    assert found["values"] == 20
    assert found["rank_correlation"] < 0.0


def test_members_that_agree_exactly_say_nothing():
    found = reliability(np.zeros(6), np.ones(6), factor(np.zeros(6), np.ones(6)))
    assert (found["factor"], found["rank_correlation"], found["bins"]) == (None, None, [])
