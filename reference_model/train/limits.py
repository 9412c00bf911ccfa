"""How far a trained network is trusted beyond the structures that it was trained on: see `reference_model.limits`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from reference_model.derivatives import predict
from reference_model.graph import collate
from reference_model.layer import Features, Layer
from reference_model.limits import UNLIMITED
from reference_model.model import Network
from reference_model.train.data import Sample
from reference_model.train.metrics import batches

MARGIN = 3.0
"""Limit over the largest value seen."""
LEAST = 1e-3
"""Limit where nothing was seen; one of zero would divide by zero."""


def limit_features(network: Network, samples: Sequence[Sample]) -> None:
    """Set the limits of a network, for each channel, from what its densities and scalars reach on structures.

    Parameters
    ----------
    network : Network
        Changed in place.
    samples : sequence of Sample
    """
    if not network.hyper.n_layers:
        return
    weight = next(network.parameters())
    layers = [layer for layer in network.layers if isinstance(layer, Layer)]
    largest = []
    for layer in layers:
        layer.density_limits.fill_(UNLIMITED)
        layer.scalar_limits.fill_(UNLIMITED)
        largest.append([torch.zeros_like(layer.density_limits), torch.zeros_like(layer.scalar_limits)])
    hooks = [layer.register_forward_hook(partial(_note, seen)) for layer, seen in zip(layers, largest, strict=True)]
    for batch in batches(samples):
        species = network.hyper.species
        predict(network, collate([s.neighbourhood for s in batch], species, weight.dtype, weight.device))
    for hook in hooks:
        hook.remove()
    for layer, (densities, scalars) in zip(layers, largest, strict=True):
        layer.density_limits.copy_(MARGIN * densities.clamp(min=LEAST))
        layer.scalar_limits.copy_(MARGIN * scalars.clamp(min=LEAST))


def _note(seen: list[torch.Tensor], layer: Layer, inputs: Any, features: Features) -> None:
    """Keep the largest root mean square over components of each degree, and the largest scalars."""
    densities = torch.stack([degree.detach().square().mean(0).sqrt().amax(0) for degree in features.density])
    seen[0] = torch.maximum(seen[0], densities)
    seen[1] = torch.maximum(seen[1], features.scalars.detach().abs().amax(0))
