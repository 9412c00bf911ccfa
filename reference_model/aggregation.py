"""The sum over neighbours, where most of the time goes.

    T_lmnq = Σ_j Y_jlm R_jn h_jq

Taken as one matrix product for each atom, before any mixing of channels: (Y ⊗ R)ᵀ h, of M × S·n_radial with M × q
numbers, or Yᵀ (R ⊗ h), where neighbours send so little that this makes fewer of them. Y ⊗ R or R ⊗ h are made for a
few atoms at a time, stay in the processor's cache, are used and forgotten; they are made again for the derivative,
which costs less than to fetch them from memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

BLOCK = 64
"""Atoms at a time: 64 atoms with 42 neighbours and 72 basis functions are 0.8 MB in float32."""


class EdgeBasis(NamedTuple):
    """What the edges of N atoms with M neighbours each contribute.

    Attributes
    ----------
    angular : (N, S, M) tensor
        Spherical harmonics.
    radial : (N, n_radial, M) tensor
        Radial functions; zero in empty slots.
    """

    angular: torch.Tensor
    radial: torch.Tensor


def aggregate(basis: EdgeBasis, sources: torch.Tensor) -> torch.Tensor:
    """Return the moments of what neighbours send: (N, S, n_radial, q) of (N, M, q).

    Parameters
    ----------
    basis : EdgeBasis
    sources : (N, M, q) tensor
    """
    n_atoms: Any = sources.shape[0]
    if isinstance(n_atoms, torch.SymInt):  # traced for any number of atoms: the compiler arranges blocks itself
        return _moments(*basis, sources)
    # Of the two, Yᵀ (R ⊗ h) takes a fifth of the time at l_max 2 where one number is sent, as much where it is five.
    by = _AggregateFew if 3 * sources.shape[2] <= basis.angular.shape[1] else _Aggregate
    moments: torch.Tensor = by.apply(*basis, sources)  # type: ignore[no-untyped-call]
    return moments


def _moments(angular: torch.Tensor, radial: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    shape = (angular.shape[0], angular.shape[1], radial.shape[1], sources.shape[2])
    return torch.bmm(_outer(angular, radial).flatten(1, 2), sources).reshape(shape)


def _outer(angular: torch.Tensor, radial: torch.Tensor) -> torch.Tensor:
    """Return (N, S, n_radial, M): Y ⊗ R of each edge."""
    return angular[:, :, None] * radial[:, None]


class _Aggregate(torch.autograd.Function):
    """(Y ⊗ R)ᵀ h, a block of atoms at a time."""

    @staticmethod
    def forward(angular: torch.Tensor, radial: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        return torch.cat([_moments(angular[rows], radial[rows], sources[rows]) for rows in _blocks(len(angular))])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        # Plain operations throughout, so that training can differentiate the derivative once more.
        angular, radial, sources = ctx.saved_tensors
        of_angular, of_radial, of_sources = [], [], []
        for rows in _blocks(len(angular)):
            slopes, sent = gradient[rows].flatten(1, 2), sources[rows]
            of_basis = torch.bmm(slopes, sent.transpose(1, 2))
            of_basis = of_basis.reshape(len(sent), angular.shape[1], radial.shape[1], -1)
            of_angular.append((of_basis * radial[rows][:, None]).sum(2))
            of_radial.append((of_basis * angular[rows][:, :, None]).sum(1))
            if ctx.needs_input_grad[2]:
                basis = _outer(angular[rows], radial[rows]).flatten(1, 2)
                of_sources.append(torch.bmm(basis.transpose(1, 2), slopes))
        return torch.cat(of_angular), torch.cat(of_radial), torch.cat(of_sources) if of_sources else None


class _AggregateFew(torch.autograd.Function):
    """Yᵀ (R ⊗ h), a block of atoms at a time."""

    @staticmethod
    def forward(angular: torch.Tensor, radial: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        found = [
            torch.bmm(angular[rows], _seen(radial[rows], sources[rows]).transpose(1, 2))
            for rows in _blocks(len(angular))
        ]
        return torch.cat(found).reshape(*angular.shape[:2], radial.shape[1], sources.shape[2])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        angular, radial, sources = ctx.saved_tensors
        of_angular, of_radial, of_sources = [], [], []
        for rows in _blocks(len(angular)):
            slopes, sent = gradient[rows].flatten(2), sources[rows].transpose(1, 2)
            of_angular.append(torch.bmm(slopes, _seen(radial[rows], sources[rows])))
            of_seen = torch.bmm(slopes.transpose(1, 2), angular[rows])
            of_seen = of_seen.reshape(len(sent), radial.shape[1], sent.shape[1], -1)
            of_radial.append((of_seen * sent[:, None]).sum(2))
            if ctx.needs_input_grad[2]:
                of_sources.append((of_seen * radial[rows][:, :, None]).sum(1).transpose(1, 2))
        return torch.cat(of_angular), torch.cat(of_radial), torch.cat(of_sources) if of_sources else None


def _seen(radial: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """Return (N, n_radial q, M): R ⊗ h of each edge."""
    return (radial[:, :, None] * sources.transpose(1, 2)[:, None]).flatten(1, 2)


def _blocks(n_atoms: int) -> Iterator[slice]:
    for start in range(0, n_atoms, BLOCK):
        yield slice(start, start + BLOCK)
