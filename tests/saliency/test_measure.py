"""Saliency is an energy that does not depend on how a network writes down what it knows."""

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.features import Layer, Shown
from gnnp_bench.saliency.measure import by_species, covariance, saliencies, skipping, telling

SYMBOLS = [["Cu", "Au", "Cu"], ["Au", "Cu", "Au"], ["Cu", "Cu", "Au"]]


def test_the_basis_of_the_features_does_not_matter():
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(3, 4)) for _ in SYMBOLS]
    gradients = rng.normal(size=(3, 4))
    basis = rng.normal(size=(4, 4))
    here = saliencies(gradients, covariance(features, SYMBOLS))
    there = saliencies(gradients @ np.linalg.inv(basis), covariance([h @ basis.T for h in features], SYMBOLS))
    assert here == pytest.approx(there, rel=1e-10)


def test_it_is_the_spread_of_an_energy_that_is_linear_in_the_features():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(4000, 3)) * (1.0, 2.0, 0.5)
    slope = np.array([0.3, -0.1, 1.0])
    pooled = covariance([features], [["Si"] * 4000])
    assert saliencies(slope[None], pooled)[0] == pytest.approx((features @ slope).std(ddof=1), rel=1e-12)


def test_how_far_species_lie_apart_is_not_counted():
    rng = np.random.default_rng(2)
    features = [rng.normal(size=(3, 2)) for _ in SYMBOLS]
    moved = [h + 100.0 * np.array([[s == "Au"] for s in one]) for h, one in zip(features, SYMBOLS, strict=True)]
    assert covariance(moved, SYMBOLS) == pytest.approx(covariance(features, SYMBOLS), rel=1e-9)


def test_means_are_taken_over_structures_by_species():
    def shown(energies, slopes):
        n = len(energies)
        layer = Layer(np.array([[float(k)] for k in range(n)]), np.array(slopes, float)[:, None])
        return Shown(np.array(energies, float), {"one": layer})

    structures = [Atoms("CuCu"), Atoms("Cu"), Atoms("CuAu")]
    every = [shown([1, 3], [1, 3]), shown([5], [5]), shown([7, 9], [-7, 9])]
    found = by_species(structures, every)
    spread = np.sqrt(covariance([one.layers["one"].features for one in every], [["Cu", "Cu"], ["Cu"], ["Cu", "Au"]]))
    assert list(found) == ["Cu", "Au"]
    assert (found["Cu"].atoms, found["Cu"].structures, found["Au"].atoms) == (4, 3, 1)
    assert found["Cu"].energy == pytest.approx(np.mean([2, 5, 7]))
    assert found["Cu"].saliencies["one"] == pytest.approx(np.mean([2, 5, 7]) * spread[0, 0])
    assert found["Cu"].errors["one"] == pytest.approx(np.std([2, 5, 7], ddof=1) / np.sqrt(3) * spread[0, 0])
    assert np.isnan(found["Au"].errors["one"])


def test_structures_with_other_species_are_left_out_and_counted():
    kept, left_out = skipping([Atoms("CuAu"), Atoms("CuPt"), Atoms("Au")], ("Cu", "Au"))
    assert [one.get_chemical_formula() for one in kept] == ["AuCu", "Au"]
    assert left_out == 1


def test_a_layer_whose_gradient_is_the_same_everywhere_is_not_told_of():
    def shown(slopes):
        layers = {"first": Layer(np.zeros((2, 1)), slopes), "last": Layer(np.zeros((2, 1)), np.ones((2, 1)))}
        return [Shown(np.zeros(2), layers)]

    assert telling(shown(np.array([[1.0], [2.0]]))) == "first"
    assert telling(shown(np.ones((2, 1)))) == "last"
