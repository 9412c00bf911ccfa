"""Forces and stresses that are no derivatives: the negative control."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import silu

from reference_model.angular import coupling
from reference_model.layer import Features, Vectors
from reference_model.products import Couple
from reference_model.readout import drawn
from reference_model.variants import Hyperparameters


class DirectHead(nn.Module):
    """Forces and virials from features of degrees 0, 1 and 2: equivariant, but derivatives of no energy.

    Each component is gated by 1 + silu(x_k) and summed over channels. Nothing makes forces sum to zero.
    """

    to_matrix: torch.Tensor

    def __init__(self, hyper: Hyperparameters, generator: torch.Generator) -> None:
        super().__init__()
        k = hyper.n_channels
        self.vectors = Vectors(hyper, k, generator)
        self.couple = Couple(1, 1, 2)
        self.force, self.pressure, self.shear = (drawn(generator, k, fan_in=k) for _ in range(3))
        # From degree 2 to a symmetric matrix without trace: (5, 3, 3).
        self.register_buffer("to_matrix", coupling(1, 1, 2), persistent=False)

    def rescale(self, factor: float) -> None:
        """Multiply what the heads say by a factor."""
        with torch.no_grad():
            for weights in (self.force, self.pressure, self.shear):
                weights.mul_(factor)

    def forward(self, features: Features) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (N, 3) forces and (N, 3, 3) virials in units of the network's energy scale."""
        active = silu(features.scalars)
        gate = 1.0 + active
        forces = (self.vectors(features.density) * (gate * self.force)).sum(-1).T
        quadrupoles = features.density[2] + self.couple(features.density)
        shear = torch.einsum("mn,mab->nab", (quadrupoles * (gate * self.shear)).sum(-1), self.to_matrix)
        identity = torch.eye(3, dtype=gate.dtype, device=gate.device)
        return forces, shear + (active @ self.pressure)[:, None, None] * identity
