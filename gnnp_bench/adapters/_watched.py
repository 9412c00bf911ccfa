"""Outputs of modules of torch while a network runs, and the derivative of its energy by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from gnnp_bench.adapters._tensors import to_numpy
from gnnp_bench.features import Layer, Shown


@contextmanager
def watched(
    modules: Mapping[str, nn.Module], tensor_of: Callable[[Any, Any], torch.Tensor]
) -> Iterator[dict[str, torch.Tensor]]:
    """Collect one tensor of each module as it runs, under the module's name, able to be differentiated by.

    Parameters
    ----------
    modules : mapping of str to module
    tensor_of : callable
        From the inputs and the output of a module to the tensor. What the network computes afterwards must read that
        very tensor, not a copy.
    """
    found: dict[str, torch.Tensor] = {}

    def keeping(name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, inputs: Any, output: Any) -> None:
            tensor = tensor_of(inputs, output)
            if not tensor.requires_grad:
                tensor.requires_grad_()
            found[name] = tensor

        return keep

    hooks = [module.register_forward_hook(keeping(name)) for name, module in modules.items()]
    try:
        with torch.enable_grad():
            yield found
    finally:
        for hook in hooks:
            hook.remove()


def split(
    energies: torch.Tensor,
    features: Mapping[str, torch.Tensor],
    gradients: Sequence[torch.Tensor],
    sizes: Sequence[int],
) -> Iterator[Shown]:
    """Yield what a network shows of each structure of a batch.

    Parameters
    ----------
    energies : (n,) tensor, eV
    features : mapping of str to (n, K) tensor
    gradients : sequence of (n, K) tensors, eV
        In the same order.
    sizes : sequence of int
        Numbers of atoms; their sum is n.
    """
    ends = np.cumsum(sizes)[:-1]
    layers = [
        [Layer(*pair) for pair in zip(np.split(to_numpy(h), ends), np.split(to_numpy(g), ends), strict=True)]
        for h, g in zip(features.values(), gradients, strict=True)
    ]
    for k, own in enumerate(np.split(to_numpy(energies), ends)):
        yield Shown(own, {name: layer[k] for name, layer in zip(features, layers, strict=True)})
