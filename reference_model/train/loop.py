"""The training loop: epochs of gradient steps on a network, and the average of its weights."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gnnp_bench.accuracy.labels import DataError
from reference_model.derivatives import predict
from reference_model.graph import Graph, Neighbourhood, collate
from reference_model.model import Network
from reference_model.train.data import Sample
from reference_model.train.loss import Scales, Weights, labels_of, loss
from reference_model.train.recipe import Recipe, averaging_decay, batch_size, learning_rate, weights

MAX_BAD_STEPS = 10
"""Gradient steps in a row that may be left out because the gradient is not finite."""


class Diverged(DataError):
    """A training whose gradient is not finite many times in a row."""


@dataclass(slots=True)
class Trainer:
    """A network in training. Everything that its future depends on is in `state`, the recipe and the data.

    Attributes
    ----------
    network : Network
    averaged : AveragedModel
        Exponential moving average of its weights.
    optimizer : AdamW
    samples : sequence of Sample
        The training set.
    recipe : Recipe
    scales : Scales
    epoch : int
        Epochs done.
    bad_steps, bad_in_a_row : int
        Gradient steps left out so far, and without a good one since.
    """

    network: Network
    samples: Sequence[Sample]
    recipe: Recipe
    scales: Scales
    epoch: int = 0
    bad_steps: int = 0
    bad_in_a_row: int = 0
    optimizer: AdamW = field(init=False)
    averaged: AveragedModel = field(init=False)

    def __post_init__(self) -> None:
        named = [(name, one) for name, one in self.network.named_parameters() if one.requires_grad]
        of_products = [one for name, one in named if name.endswith("to_scalars")]
        others = [one for name, one in named if not name.endswith("to_scalars")]
        groups = [{"params": others, "weight_decay": 0.0}]
        if of_products:
            groups.append({"params": of_products, "weight_decay": self.recipe.weight_decay})
        self.optimizer = AdamW(groups, lr=self.recipe.learning_rate, amsgrad=True)
        self.averaged = AveragedModel(self.network)

    @property
    def average(self) -> Network:
        """The network with averaged weights: what is validated and kept."""
        return cast(Network, self.averaged.module)

    @property
    def steps_per_epoch(self) -> int:
        """Gradient steps in an epoch."""
        return -(-len(self.samples) // self._batch)

    @property
    def _batch(self) -> int:
        atoms = sum(len(sample.frame.structure) for sample in self.samples) / len(self.samples)
        return batch_size(self.recipe, atoms, len(self.samples))

    def state(self) -> dict[str, Any]:
        """Return tensors and numbers from which `restore` goes on, bit for bit."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "bad_steps": self.bad_steps,
            "bad_in_a_row": self.bad_in_a_row,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a state.

        Raises
        ------
        DataError
            It is one of another network.
        """
        try:
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.epoch, self.bad_steps = int(state["epoch"]), int(state["bad_steps"])
            self.bad_in_a_row = int(state["bad_in_a_row"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError("the checkpoint is of another network: remove it to start anew") from error

    def run_epoch(self, epochs: int) -> Iterator[float]:
        """Train for one epoch of `epochs` in all; yield the loss of every gradient step.

        The order of structures is drawn from the seed and the number of the epoch alone.

        Raises
        ------
        Diverged
            The gradient is not finite many times in a row.
        """
        per_epoch = self.steps_per_epoch
        decay = averaging_decay(self.epoch * per_epoch, per_epoch, epochs)
        self.averaged.multi_avg_fn = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        generator = np.random.default_rng(np.random.SeedSequence([self.recipe.seed, 2, self.epoch]))
        order = generator.permutation(len(self.samples))
        for k in range(per_epoch):
            step = self.epoch * per_epoch + k
            batch = [self.samples[i] for i in order[k * self._batch : (k + 1) * self._batch]]
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.recipe, step, per_epoch, epochs)
            value = self._loss(batch, weights(self.recipe, step, per_epoch, epochs), generator)
            self.optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(_trainable(self.network), self.recipe.clip)
            if torch.isfinite(norm):
                self.optimizer.step()
                self.averaged.update_parameters(self.network)
                self.bad_in_a_row = 0
            else:
                self.bad_in_a_row, self.bad_steps = self.bad_in_a_row + 1, self.bad_steps + 1
            if self.bad_in_a_row > MAX_BAD_STEPS:
                raise Diverged("the training diverged: the loss is not finite; try a lower --learning-rate")
            yield value.item()
        self.epoch += 1

    def _loss(self, batch: Sequence[Sample], weighting: Weights, generator: np.random.Generator) -> torch.Tensor:
        weight = next(self.network.parameters())
        hoods = [sample.neighbourhood for sample in batch]
        species = self.network.hyper.species
        graph = collate(hoods, species, weight.dtype, weight.device)
        out = predict(self.network, graph, training=True)
        value = loss(out, graph, labels_of(batch, weight.device), self.scales, weighting, self.recipe.loss)
        if not self.recipe.permutation_penalty:
            return value
        order = [like_atoms_swapped(hood.numbers, generator) for hood in hoods]
        other_graph = collate(
            [reordered(h, o) for h, o in zip(hoods, order, strict=True)], species, weight.dtype, weight.device
        )
        other = predict(self.network, other_graph, training=True)
        sizes = torch.tensor(graph.sizes, dtype=torch.float64, device=weight.device)
        rows = torch.from_numpy(np.concatenate([o + s for o, s in zip(order, _starts(graph), strict=True)]))
        energies = (other.energies - out.energies) / sizes / self.scales.force
        forces = (other.forces - out.forces[rows.to(weight.device)]) / self.scales.force
        change = (energies**2).mean() + (forces**2).mean()
        return value + self.recipe.permutation_penalty * change


def like_atoms_swapped(numbers: np.ndarray[Any, Any], generator: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return a random order of the atoms that leaves each place with the species it had."""
    order = np.arange(len(numbers))
    for number in np.unique(numbers):
        places = np.flatnonzero(numbers == number)
        order[places] = generator.permutation(places)
    return order


def reordered(one: Neighbourhood, order: np.ndarray[Any, Any]) -> Neighbourhood:
    """Return the neighbourhood of a structure whose atom k was atom order[k] before."""
    place = np.argsort(order)
    return Neighbourhood(one.numbers[order], place[one.first], place[one.second], one.vectors, one.volume)


def _starts(graph: Graph) -> list[int]:
    return list(itertools.accumulate(graph.sizes[:-1], initial=0))


def _trainable(network: Network) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]
