"""From the density of neighbours to many-body terms: products of up to three equivariant features.

Only what is independent is formed. Of products of a feature with itself, the upper triangle; of the couplings
(l₁l₂)l₃ of three features to an invariant, those with l₁ ≤ l₂ ≤ l₃, for any other order of the same three degrees is
the same number. Couplings of odd parity (l₁ + l₂ + l₃ odd) are left out, so that a mirror image has the same energy.
At l_max 2, five cubic invariants remain of eight, and three of them are products of simpler invariants.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from reference_model.angular import coupling, degree_slice


@cache
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


def invariants(density: torch.Tensor) -> torch.Tensor:
    """Return all independent invariants of first, second and third order of each channel.

    A₀; |A_l|²; A₀|A_l|²; and (A_l₁ ⊗ A_l₂)_l₃ · A_l₃ for each of `triples`. Norms are divided by 2l + 1.

    Parameters
    ----------
    density : (S, ...) tensor
        A_lm, S = (l_max + 1)² components.

    Returns
    -------
    (n_invariants, ...) tensor
    """
    l_max = round(len(density) ** 0.5) - 1
    first = density[:1]
    norms = torch.stack([_norm(density[degree_slice(degree)]) for degree in range(l_max + 1)])
    cubic = [(couple(density, l1, l2, l3) * density[degree_slice(l3)]).sum(0) for l1, l2, l3 in triples(l_max)]
    return torch.cat([first, norms, first * norms, *(one[None] for one in cubic)])


def couple(density: torch.Tensor, l1: int, l2: int, l3: int) -> torch.Tensor:
    """Return the features of degree l₃ that degrees l₁ ≤ l₂ of the same features couple to.

    B_m₃ = Σ C^l₃m₃_l₁m₁l₂m₂ A_l₁m₁ A_l₂m₂ / √((2l₁ + 1)(2l₂ + 1))

    Parameters
    ----------
    density : (S, ...) tensor
    l1, l2, l3 : int

    Returns
    -------
    (2 l₃ + 1, ...) tensor
    """
    table = _table(l1, l2, l3).to(density)
    first, second = density[degree_slice(l1)].flatten(1), density[degree_slice(l2)].flatten(1)
    if l1 == 0:
        return (first * second).reshape(-1, *density.shape[1:])
    products = symmetric_square(first) if l1 == l2 else (first[:, None] * second).flatten(0, 1)
    return (table @ products).reshape(-1, *density.shape[1:])


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


def _norm(features: torch.Tensor) -> torch.Tensor:
    squares: torch.Tensor = (features * features).sum(0)
    return squares / len(features)


@cache
def _table(l1: int, l2: int, l3: int) -> torch.Tensor:
    """Return the (2 l₃ + 1, products) matrix of `couple`: couplings of components, symmetric ones folded together."""
    table: torch.Tensor = coupling(l1, l2, l3) / ((2 * l1 + 1) * (2 * l2 + 1)) ** 0.5
    if l1 != l2 or l1 == 0:
        return table.flatten(1)
    n = 2 * l1 + 1
    rows = torch.cat([torch.arange(n - d) for d in range(n)])
    columns = torch.cat([torch.arange(d, n) for d in range(n)])
    folded: torch.Tensor = (table + table.transpose(1, 2))[:, rows, columns]
    return folded * torch.where(rows == columns, 0.5, 1.0)
