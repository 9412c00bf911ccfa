"""From invariant features to energies, and to forces and stresses where they are not derivatives."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import silu

from reference_model.angular import coupling


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


class DirectHead(nn.Module):
    """Forces and virials that are no derivatives of any energy; equivariant all the same.

    F_i = Σ_k w_k silu(x_ik) B_ik¹, and likewise the virial from degrees 0 and 2. Nothing makes forces sum to zero.
    """

    to_matrix: torch.Tensor

    def __init__(self, n_channels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.force = drawn(generator, n_channels, fan_in=n_channels)
        self.pressure = drawn(generator, n_channels, fan_in=n_channels)
        self.shear = drawn(generator, n_channels, fan_in=n_channels)
        # Degree 2 as a traceless symmetric matrix: (5, 3, 3).
        self.register_buffer("to_matrix", coupling(1, 1, 2), persistent=False)

    def forward(
        self, features: torch.Tensor, vectors: torch.Tensor, quadrupoles: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return forces and virials in units of the network's energy scale.

        Parameters
        ----------
        features : (N, K) tensor
        vectors : (3, N, K) tensor
        quadrupoles : (5, N, K) tensor

        Returns
        -------
        forces : (N, 3) tensor
        virials : (N, 3, 3) tensor
        """
        gate = silu(features)
        forces = (vectors * (gate * self.force)).sum(-1).T
        shear = torch.einsum("mn,mab->nab", (quadrupoles * (gate * self.shear)).sum(-1), self.to_matrix)
        identity = torch.eye(3, dtype=features.dtype, device=features.device)
        return forces, shear + (gate @ self.pressure)[:, None, None] * identity
