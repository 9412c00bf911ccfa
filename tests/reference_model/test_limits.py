"""Far outside of what was learnt a network says little, and inside it says what it would have said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase.build import bulk

from reference_model.derivatives import predict
from reference_model.graph import collate, find_neighbours
from reference_model.layer import Layer
from reference_model.limits import UNLIMITED, shrinkage
from reference_model.model import Network
from reference_model.train.data import prepare, read_frames
from reference_model.train.limits import limit_features
from reference_model.variants import hyperparameters
from tests.reference_model.train.frames import crystals, save


def test_values_far_below_the_limit_stay_and_those_far_above_are_kept_within() -> None:
    x = torch.logspace(-6, 2.9, 400, dtype=torch.float64)
    kept = x * shrinkage(x.square())
    below = x <= 1.0 / 3.0
    torch.testing.assert_close(kept[below], x[below], rtol=2e-5, atol=0.0)
    assert float(kept.max()) <= 1.0 + 1e-12
    assert bool((kept.diff() >= -1e-12).all())


def test_derivatives_are_finite_everywhere() -> None:
    x = torch.tensor([0.0, 1e-20, 1.0, 1e3, 1e10], requires_grad=True)
    (slope,) = torch.autograd.grad((x * shrinkage(x.square())).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    assert bool(torch.isfinite(slope).all())
    assert bool(torch.isfinite(bend).all())


def energies(network: Network, scales: list[float]) -> np.ndarray:
    structures = [bulk("Cu", cubic=True, a=3.6 * scale) for scale in scales]
    neighbourhoods = [find_neighbours(structure, network.hyper.cutoff) for structure in structures]
    found = predict(network, collate(neighbourhoods, ("Cu",), torch.float64))
    return found.energies.numpy() / 4.0


@pytest.mark.parametrize("variant", ["lmax2", "equivariant", "invariant", "adaptive"])
def test_limits_leave_the_structures_seen_alone_and_hold_elsewhere(variant, tmp_path) -> None:
    frames, _ = read_frames(save(tmp_path / "cu.extxyz", crystals(6)))
    samples = prepare(frames, 5.0, "structures")
    network = Network(hyperparameters(["Cu"], variant), seed=1, mean_neighbours=42.0, energy_scale=5.0).double()
    graph = collate([sample.neighbourhood for sample in samples], ("Cu",), torch.float64)
    before, wild = predict(network, graph), energies(network, [0.55])
    limit_features(network, samples)
    after, tame = predict(network, graph), energies(network, [0.55])
    torch.testing.assert_close(after.energies, before.energies, rtol=0.0, atol=1e-3)
    torch.testing.assert_close(after.forces, before.forces, rtol=0.0, atol=1e-2)
    assert abs(tame[0] - wild[0]) > 1.0
    layer = network.layers[0]
    assert isinstance(layer, Layer)
    assert float(layer.density_limits.max()) < UNLIMITED
    # What a layer passes on is within its limits, however dense the crystal.
    dense = collate([find_neighbours(bulk("Cu", a=2.0), 5.0)], ("Cu",), torch.float64)
    scalars = predict(network, dense).features[:, : network.hyper.n_channels]
    assert bool((scalars.abs() <= layer.scalar_limits).all())


def test_a_network_without_layers_has_no_limits(tmp_path) -> None:
    frames, _ = read_frames(save(tmp_path / "cu.extxyz", crystals(2)))
    network = Network(hyperparameters(["Cu"], "twobody"), seed=1).double()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    limit_features(network, prepare(frames, 5.0, "structures"))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
