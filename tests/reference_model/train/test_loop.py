"""Training steps: they learn, they repeat themselves, they go on where they stopped."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch

from gnnp_bench.accuracy.labels import DataError
from reference_model.derivatives import predict
from reference_model.graph import collate, find_neighbours
from reference_model.model import Network
from reference_model.train.data import Sample, prepare
from reference_model.train.loop import Trainer, like_atoms_swapped, reordered
from reference_model.train.loss import Scales
from reference_model.train.recipe import Recipe
from reference_model.variants import hyperparameters
from tests.reference_model.train.frames import as_frames, crystals, molecules


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return prepare(as_frames(crystals(10)), 4.0, "x")


def trainer(samples: list[Sample], variant: str = "invariant", **recipe: Any) -> Trainer:
    hyper = hyperparameters(["Cu"], variant, cutoff=4.0, n_channels=8)
    network = Network(hyper, mean_neighbours=20.0, reference_energies={"Cu": 0.1}).float()
    settings: dict[str, Any] = {"variant": variant, "batch": 4} | recipe
    return Trainer(network, samples, Recipe(**settings), Scales(1.0, 12.0))


def run(one: Trainer, until: int, epochs: int) -> list[float]:
    losses: list[float] = []
    while one.epoch < until:
        losses += one.run_epoch(epochs)
    return losses


def tensors(one: Trainer) -> dict[str, torch.Tensor]:
    return {**one.network.state_dict(), **{f"average {k}": v for k, v in one.averaged.state_dict().items()}}


def test_the_loss_falls(samples):
    losses = run(trainer(samples), 15, 15)
    assert len(losses) == 45
    assert np.mean(losses[-6:]) < 0.2 * np.mean(losses[:3])


@pytest.mark.parametrize("loss", ["mae", "rmse"])
def test_a_run_that_goes_on_equals_one_that_was_not_interrupted(samples, loss):
    whole, first = trainer(samples, loss=loss), trainer(samples, loss=loss)
    run(whole, 4, 4)
    run(first, 2, 4)
    content = io.BytesIO()
    torch.save(first.state(), content)
    content.seek(0)
    second = trainer(samples, loss=loss)
    second.restore(torch.load(content, weights_only=True))
    run(second, 4, 4)
    assert second.epoch == whole.epoch == 4
    expected, found = tensors(whole), tensors(second)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_the_seed_decides_the_order(samples):
    one, same, other = trainer(samples), trainer(samples), trainer(samples, seed=1)
    assert run(one, 1, 2) == run(same, 1, 2)
    assert run(other, 1, 2) != run(trainer(samples), 1, 2)


def test_a_state_of_another_network_is_refused(samples):
    with pytest.raises(DataError, match="the checkpoint is of another network"):
        trainer(samples, "lmax1").restore(trainer(samples).state())


def test_steps_without_a_finite_gradient_are_left_out_until_there_are_too_many(samples):
    one = trainer(samples)
    before = {name: tensor.clone() for name, tensor in one.network.named_parameters()}
    one.scales = Scales(float("nan"), 12.0)
    run(one, 1, 10)
    assert one.bad_steps == 3
    assert all(torch.equal(before[name], tensor) for name, tensor in one.network.named_parameters())
    one.bad_steps = 0
    long = trainer(samples, batch=1)
    long.scales = Scales(float("nan"), 12.0)
    long.samples = samples * 2
    with pytest.raises(DataError, match="the training diverged"):
        run(long, 1, 10)


def test_reordered_neighbours_are_those_of_reordered_atoms():
    atoms = molecules(2)[1]
    order = np.array([2, 0, 1])
    hyper = hyperparameters(["C", "O"], "lmax1", cutoff=4.0, n_channels=4)
    network = Network(hyper).double()
    one = find_neighbours(atoms, 4.0)
    moved, expected = reordered(one, order), find_neighbours(atoms[order], 4.0)
    found = [predict(network, collate([hood], hyper.species, torch.float64)) for hood in (moved, expected, one)]
    torch.testing.assert_close(found[0].forces, found[1].forces)
    torch.testing.assert_close(found[0].forces, found[2].forces[order])


def test_only_like_atoms_are_swapped():
    numbers = np.array([8, 1, 1, 8, 1, 6])
    orders = [like_atoms_swapped(numbers, np.random.default_rng(seed)) for seed in range(5)]
    for order in orders:
        assert sorted(order) == list(range(6))
        assert (numbers[order] == numbers).all()
    assert len({tuple(order) for order in orders}) > 1


def test_the_penalty_teaches_what_order_does_not_change(samples):
    one = trainer(samples, "ordered", permutation_penalty=100.0, learning_rate=0.03)
    before = abs(one.network.order_gain.item())
    run(one, 10, 10)
    assert abs(one.network.order_gain.item()) < 0.5 * before
