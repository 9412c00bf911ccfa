"""Forces and virials, from the gradient of the energy with respect to the vectors between atoms."""

from __future__ import annotations

import torch


def forces_and_virials(
    vectors: torch.Tensor, gradient: torch.Tensor, reverse: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return forces on atoms and their symmetric virials.

    Parameters
    ----------
    vectors, gradient : (3, N, M) tensors, Å and eV/Å
    reverse : (N, M) tensor of int64

    Returns
    -------
    forces : (N, 3) tensor of float64, eV/Å
    virials : (N, 3, 3) tensor of float64, eV
    """
    # An empty slot has no gradient, and it is its own reverse.
    slopes = gradient.double()
    forces = (slopes - slopes.flatten(1)[:, reverse.flatten()].reshape(slopes.shape)).sum(-1).T
    virials = torch.einsum("anm,bnm->nab", vectors.double(), slopes)
    return forces, 0.5 * (virials + virials.transpose(1, 2))
