"""From the density of neighbours to many-body terms: products of up to three equivariant features.

Only what is independent is formed. Of products of a feature with itself, the upper triangle; of the couplings
(l₁l₂)l₃ of three features to an invariant, those with l₁ ≤ l₂ ≤ l₃, for any other order of the same three degrees is
the same number. Couplings of odd parity (l₁ + l₂ + l₃ odd) are left out, so that a mirror image has the same energy.
At l_max 2, five cubic invariants remain of eight, and three of them are products of simpler invariants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from reference_model.angular import coupling


def triples(l_max: int) -> tuple[tuple[int, int, int], ...]:
    """Return the degrees 1 ≤ l₁ ≤ l₂ ≤ l₃ whose features couple to an invariant with even parity.

    Examples
    --------
    >>> triples(3)
    ((1, 1, 2), (1, 2, 3), (2, 2, 2), (2, 3, 3))
    """
    degrees = range(1, l_max + 1)
    return tuple(
        (l1, l2, l3)
        for l1 in degrees
        for l2 in degrees
        for l3 in degrees
        if l1 <= l2 <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
    )


def n_invariants(l_max: int) -> int:
    """Return how many `invariants` there are per channel."""
    return 1 + 2 * (l_max + 1) + len(triples(l_max))


class Invariants(nn.Module):
    """All independent invariants of first, second and third order of each channel.

    A₀; |A_l|²; A₀|A_l|²; and (A_l₁ ⊗ A_l₂)_l₃ · A_l₃ for each of `triples`. Norms are divided by 2l + 1.
    """

    def __init__(self, l_max: int) -> None:
        super().__init__()
        self.targets = [degree for _, _, degree in triples(l_max)]
        self.couplings = nn.ModuleList(Couple(*triple) for triple in triples(l_max))

    def forward(self, density: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return (n_invariants, ...) of a density A, one (2l + 1, ...) tensor for each degree."""
        first = density[0]
        norms = torch.stack([(features * features).mean(0) for features in density])
        cubic = [
            (couple(density) * density[degree]).sum(0, keepdim=True)
            for couple, degree in zip(self.couplings, self.targets, strict=True)
        ]
        return torch.cat([first, norms, first * norms, *cubic])


class Couple(nn.Module):
    """Two features, of degrees l₁ ≤ l₂ of the same density, coupled to degree l₃.

    B_m₃ = Σ C^l₃m₃_l₁m₁l₂m₂ A_l₁m₁ A_l₂m₂ / √((2l₁ + 1)(2l₂ + 1))
    """

    table: torch.Tensor

    def __init__(self, l1: int, l2: int, l3: int) -> None:
        super().__init__()
        self.l1, self.l2 = l1, l2
        table = coupling(l1, l2, l3) / ((2 * l1 + 1) * (2 * l2 + 1)) ** 0.5
        if l1 == l2:
            rows, columns = _triangle(2 * l1 + 1)
            both = (table + table.transpose(1, 2))[:, rows, columns]
            self.register_buffer("table", both * torch.where(rows == columns, 0.5, 1.0), persistent=False)
        else:
            self.register_buffer("table", table.flatten(1), persistent=False)

    def forward(self, density: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return (2 l₃ + 1, ...) features of a density, one (2l + 1, ...) tensor for each degree."""
        shape = density[0].shape[1:]
        first, second = density[self.l1].flatten(1), density[self.l2].flatten(1)
        products = symmetric_square(first) if self.l1 == self.l2 else (first[:, None] * second).flatten(0, 1)
        return (self.table @ products).reshape(-1, *shape)


def symmetric_square(features: torch.Tensor) -> torch.Tensor:
    """Return the products of all pairs of components, each pair once, one diagonal of A ⊗ A after the other.

    Parameters
    ----------
    features : (n, ...) tensor

    Returns
    -------
    (n (n + 1) / 2, ...) tensor
    """
    square: torch.Tensor = _SymmetricSquare.apply(features)  # type: ignore[no-untyped-call]
    return square


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


def _triangle(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows and columns of the upper triangle of an n × n matrix, one diagonal after the other."""
    rows = torch.cat([torch.arange(n - d) for d in range(n)])
    columns = torch.cat([torch.arange(d, n) for d in range(n)])
    return rows, columns
