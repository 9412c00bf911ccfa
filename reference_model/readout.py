"""From invariant features to energies."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import silu


def drawn(generator: torch.Generator, *shape: int, fan_in: int) -> nn.Parameter:
    """Return normally distributed weights of variance 1 / fan_in: what they sum over does not grow or shrink."""
    return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64) / fan_in**0.5)


class Readout(nn.Module):
    """Energy of an atom from its features: one hidden layer whose offset depends on the element.

    ε = w · [silu(W x + b_z) − silu(b_z)]: an atom without neighbours, x = 0, has exactly no energy beyond its
    reference.
    """

    def __init__(self, n_species: int, n_channels: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.inner = drawn(generator, n_channels, n_hidden, fan_in=n_channels)
        self.offset = nn.Parameter(torch.zeros(n_species, n_hidden, dtype=torch.float64))
        self.outer = drawn(generator, n_hidden, fan_in=n_hidden)

    def forward(self, features: torch.Tensor, species: torch.Tensor) -> torch.Tensor:
        """Return (N,) energies of (N, K) features, in units of the network's energy scale."""
        offset = self.offset[species]
        hidden: torch.Tensor = (silu(features @ self.inner + offset) - silu(offset)) @ self.outer
        return hidden
