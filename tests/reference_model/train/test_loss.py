"""Losses against sums by hand, and labels that are missing."""

from __future__ import annotations

import pytest
import torch

from reference_model.derivatives import predict
from reference_model.graph import collate
from reference_model.model import Network
from reference_model.train.data import prepare
from reference_model.train.loss import Scales, Weights, labels_of, loss
from reference_model.variants import hyperparameters
from tests.reference_model.train.frames import as_frames, crystals, molecules

SCALES = Scales(force=0.5, volume=12.0)


def prediction(structures):
    samples = prepare(as_frames(structures), 4.0, "x")
    species = tuple(dict.fromkeys(s for a in structures for s in a.get_chemical_symbols()))
    network = Network(hyperparameters(species, "invariant", cutoff=4.0, n_channels=4)).double()
    graph = collate([sample.neighbourhood for sample in samples], network.hyper.species, torch.float64)
    return network, graph, predict(network, graph, training=True), labels_of(samples)


def test_squares_by_hand():
    _, graph, out, labels = prediction(crystals(2))
    energy = ((out.energies - labels.energies) / 4 / 0.5).square().mean()
    forces = ((out.forces - labels.forces) / 0.5).square().mean()
    stress = ((out.stresses - labels.stresses) * 12.0 / 0.5).square().mean()
    found = loss(out, graph, labels, SCALES, Weights(2.0, 3.0, 5.0), "rmse")
    assert found.item() == pytest.approx((2 * energy + 3 * forces + 5 * stress).item())


def test_absolute_errors_by_hand():
    _, graph, out, labels = prediction(crystals(2))
    lengths = ((out.forces - labels.forces) / 0.5).norm(dim=1).mean()
    energy = ((out.energies - labels.energies) / 4 / 0.5).abs().mean()
    assert loss(out, graph, labels, SCALES, Weights(0.0, 1.0, 0.0), "mae").item() == pytest.approx(lengths.item(), 1e-4)
    # Beyond δ = 0.01, a Huber loss is the absolute error less δ/2.
    found = loss(out, graph, labels, SCALES, Weights(1.0, 0.0, 0.0), "mae").item()
    assert found == pytest.approx(energy.item() - 0.005, rel=1e-6)


@pytest.mark.parametrize("kind", ["mae", "rmse"])
def test_missing_stresses_count_for_nothing(kind):
    network, graph, out, labels = prediction(crystals(2))
    both = loss(out, graph, labels, SCALES, Weights(0.0, 0.0, 1.0), kind)
    labels.stresses[1] = out.stresses[1].detach()
    twice = loss(out, graph, labels, SCALES, Weights(0.0, 0.0, 1.0), kind)
    labels.stresses[1] = torch.nan
    one = loss(out, graph, labels, SCALES, Weights(0.0, 0.0, 1.0), kind)
    assert one.item() == pytest.approx(2.0 * twice.item())
    assert both.item() != pytest.approx(one.item())
    one.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_molecules_have_finite_gradients():
    network, graph, out, labels = prediction(molecules(2))
    loss(out, graph, labels, SCALES, Weights(1.0, 1.0, 1.0), "mae").backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert any(gradient.abs().max() > 0.0 for gradient in gradients)
