"""From the density of neighbours to many-body terms: symmetric products of equivariant features.

Products of a feature with itself are symmetric, so only the upper triangle is formed (45 of 81 at l_max 2); couplings
of odd parity (l₁ + l₂ + l₃ odd) are left out, so that a mirror image has the same energy.
"""

from __future__ import annotations

from typing import Any

import torch

from reference_model.angular import coupling, degree_slice


def triangle(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows and columns of the upper triangle of an n × n matrix, one diagonal after the other."""
    rows = torch.cat([torch.arange(n - d) for d in range(n)])
    columns = torch.cat([torch.arange(d, n) for d in range(n)])
    return rows, columns


def paths(l_max: int) -> dict[int, list[tuple[int, int]]]:
    """Return the pairs l₁ ≤ l₂ that couple to each degree with even parity.

    Examples
    --------
    >>> paths(1)
    {0: [(0, 0), (1, 1)], 1: [(0, 1)]}
    """
    degrees = range(l_max + 1)
    return {
        l3: [
            (l1, l2)
            for l1 in degrees
            for l2 in degrees
            if l1 <= l2 and abs(l1 - l2) <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
        ]
        for l3 in degrees
    }


def symmetric_coupling(l_max: int) -> torch.Tensor:
    """Return the matrix from the upper triangle of A ⊗ A to all coupled components, by degree, path and m.

    Returns
    -------
    (Σ_l n_paths(l) (2l + 1), S (S + 1) / 2) tensor of float64, S = (l_max + 1)²
    """
    n = (l_max + 1) ** 2
    rows, columns = triangle(n)
    blocks = []
    for l3, pairs in paths(l_max).items():
        for l1, l2 in pairs:
            full = torch.zeros(2 * l3 + 1, n, n, dtype=torch.float64)
            full[:, degree_slice(l1), degree_slice(l2)] = coupling(l1, l2, l3)
            both = full + full.transpose(1, 2)
            blocks.append(both[:, rows, columns] * torch.where(rows == columns, 0.5, 1.0))
    return torch.cat(blocks)


class _SymmetricSquare(torch.autograd.Function):
    """The upper triangle of A ⊗ A and its derivative, a diagonal at a time: nothing is gathered or scattered."""

    @staticmethod
    def forward(features: torch.Tensor) -> torch.Tensor:
        n = len(features)
        return torch.cat([features[: n - d] * features[d:] for d in range(n)])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (features,) = ctx.saved_tensors
        n, start = len(features), 0
        total = torch.zeros_like(features)
        for d in range(n):
            part = gradient[start : start + n - d]
            total[: n - d].addcmul_(part, features[d:])
            total[d:].addcmul_(part, features[: n - d])
            start += n - d
        return total


def symmetric_square(features: torch.Tensor) -> torch.Tensor:
    """Return the products of all pairs of components, each pair once, in the order of `triangle`.

    Parameters
    ----------
    features : (S, ...) tensor

    Returns
    -------
    (S (S + 1) / 2, ...) tensor
    """
    square: torch.Tensor = _SymmetricSquare.apply(features)  # type: ignore[no-untyped-call]
    return square
