"""One round of message passing: what neighbours send becomes many-body features of the atom in their middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import silu

from reference_model.aggregation import EdgeBasis, aggregate
from reference_model.angular import coupling, degree_slice
from reference_model.products import Couple, Invariants, n_invariants
from reference_model.readout import drawn
from reference_model.variants import Hyperparameters


class Features(NamedTuple):
    """What a layer knows of each atom.

    Attributes
    ----------
    scalars : (N, K) tensor
        Invariant, latent features.
    density : tuple of (2l + 1, N, K) tensors
        What is seen of the neighbours, one tensor for each degree l.
    """

    scalars: torch.Tensor
    density: tuple[torch.Tensor, ...]


class Layer(nn.Module):
    """Aggregation over neighbours, mixing of channels, invariants.

    With R_jn = b_n(r_j) f(r_j) s / √n̄, Y_jlm = Y_lm(r̂_j), and h_jq what neighbours send,

        A_klm = Σ_nq W_l,nqk Σ_j Y_jlm R_jn h_jq           two-body
        y_k'  = Σ_ik W_ik,k' g_zik I_ik(A) (+ x_k' of the layer before)
        x_k   = y_k / √(1 + ⟨y²⟩)                          the mean over channels

    I_i are the `invariants` of first, second and third order, and g_z a gain for each element in the centre. The sum
    over neighbours comes before any mixing of channels: no edge ever carries K channels; see `aggregate`.

    Parameters
    ----------
    hyper : Hyperparameters
    n_sources : int
        Scalars q that a neighbour sends.
    n_vectors : int
        Vectors that it sends besides.
    generator : torch.Generator
        Draws the weights.
    """

    degree: torch.Tensor

    def __init__(self, hyper: Hyperparameters, n_sources: int, n_vectors: int, generator: torch.Generator) -> None:
        super().__init__()
        k, n_species, n_kinds = hyper.n_channels, len(hyper.species), n_invariants(hyper.l_max)
        self.n_sources, self.n_vectors = n_sources, n_vectors
        n_moments = hyper.n_radial * n_sources
        self.mixing = drawn(generator, hyper.l_max + 1, n_moments, k, fan_in=n_moments)
        self.to_scalars = drawn(generator, n_kinds * k, k, fan_in=n_kinds * k)
        if n_species > 1:
            gain = drawn(generator, n_species, n_kinds * k, fan_in=4)
            self.gain = nn.Parameter(1.0 + gain.data)
        self.invariants = Invariants(hyper.l_max)
        degrees = torch.tensor([degree for degree in range(hyper.l_max + 1) for _ in range(2 * degree + 1)])
        self.register_buffer("degree", degrees, persistent=False)
        if n_vectors:
            self.vector_coupling = VectorCoupling(hyper, n_vectors, generator)

    def forward(
        self, basis: EdgeBasis, sources: torch.Tensor, species: torch.Tensor, before: torch.Tensor | None
    ) -> Features:
        """Return the features of N atoms.

        Parameters
        ----------
        basis : EdgeBasis
            Of every neighbour.
        sources : (N, M, n_sources + 3 n_vectors) tensor
            What every neighbour sends.
        species : (N,) tensor of int64
        before : (N, K) tensor or None
            Scalars of the layer before.
        """
        moments = aggregate(basis, sources)
        of_scalars, of_vectors = torch.split(moments, [self.n_sources, 3 * self.n_vectors], dim=-1)
        mixed = torch.bmm(of_scalars.flatten(2).transpose(0, 1), self.mixing[self.degree])
        if self.n_vectors:
            mixed = mixed + self.vector_coupling(of_vectors)
        # Split once: the derivative of a split is one concatenation, that of slices a sum of tensors of zeros.
        density = torch.split(mixed, [2 * degree + 1 for degree in range(len(self.mixing))])
        found = self.invariants(density).transpose(0, 1).flatten(1)
        if hasattr(self, "gain"):
            found = found * self.gain[species]
        scalars = found @ self.to_scalars
        if before is not None:
            scalars = scalars + before
        return Features(bounded(scalars), density)


def bounded(scalars: torch.Tensor) -> torch.Tensor:
    """Return y / √(1 + ⟨y²⟩), as long as √K at most: products of the next layer, cubic in it, stay of one size.

    Parameters
    ----------
    scalars : (N, K) tensor
    """
    return scalars * torch.rsqrt(1.0 + scalars.square().mean(1, keepdim=True))


class VectorCoupling(nn.Module):
    """Vectors that neighbours send, coupled to the direction in which they are seen, on the atom that receives them."""

    coupling: torch.Tensor

    def __init__(self, hyper: Hyperparameters, n_vectors: int, generator: torch.Generator) -> None:
        super().__init__()
        degrees = range(hyper.l_max + 1)
        self.n_vectors, self.n_components = n_vectors, (hyper.l_max + 1) ** 2
        # Y_l is coupled with a vector to degree l ± 1: l itself would have the wrong parity.
        self.pairs = {l3: [l1 for l1 in degrees if abs(l1 - l3) == 1] for l3 in degrees}
        blocks = []
        for l3, partners in self.pairs.items():
            for l1 in partners:
                block = torch.zeros(2 * l3 + 1, self.n_components, 3, dtype=torch.float64)
                block[:, degree_slice(l1)] = coupling(l1, 1, l3)
                blocks.append(block.flatten(1))
        self.register_buffer("coupling", torch.cat(blocks), persistent=False)
        n_moments = hyper.n_radial * n_vectors
        self.mixing = nn.ParameterList(
            drawn(generator, len(partners) * n_moments, hyper.n_channels, fan_in=len(partners) * n_moments)
            for partners in self.pairs.values()
        )

    def forward(self, moments: torch.Tensor) -> torch.Tensor:
        """Return (S, N, K) contributions to the density of (N, S, n_radial, 3 n_vectors) moments."""
        n_atoms = moments.shape[0]
        apart = moments.reshape(*moments.shape[:3], 3, self.n_vectors).permute(1, 3, 0, 2, 4)
        coupled = self.coupling @ apart.reshape(3 * self.n_components, -1)
        densities, row = [], 0
        for (degree, partners), weights in zip(self.pairs.items(), self.mixing, strict=True):
            size = 2 * degree + 1
            block = coupled[row : row + len(partners) * size].reshape(len(partners), size, n_atoms, -1)
            densities.append(block.permute(1, 2, 0, 3).flatten(2) @ weights)
            row += len(partners) * size
        return torch.cat(densities)


class Vectors(nn.Module):
    """Features of degree 1 of second order at most, mixed to some other number of channels."""

    def __init__(self, hyper: Hyperparameters, n_out: int, generator: torch.Generator) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Couple(degree, degree + 1, 1) for degree in range(hyper.l_max))
        self.mixing = drawn(generator, 1 + hyper.l_max, hyper.n_channels, n_out, fan_in=2 * hyper.n_channels)

    def forward(self, density: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return (3, N, n_out) vectors of a density."""
        vectors = density[1] @ self.mixing[0]
        for couple, weights in zip(self.couplings, self.mixing[1:], strict=True):
            vectors = vectors + couple(density) @ weights
        return vectors


class Messages(nn.Module):
    """What an atom sends to its neighbours: scalars, and vectors where the variant has them."""

    def __init__(self, hyper: Hyperparameters, generator: torch.Generator) -> None:
        super().__init__()
        self.scalars = drawn(generator, hyper.n_channels, hyper.n_messages, fan_in=hyper.n_channels)
        if hyper.n_vectors:
            self.vectors = Vectors(hyper, hyper.n_vectors, generator)

    def forward(self, features: Features) -> torch.Tensor:
        """Return (N, n_messages + 3 n_vectors) messages; vectors by component, then by channel."""
        scalars = silu(features.scalars) @ self.scalars
        if not hasattr(self, "vectors"):
            return scalars
        return torch.cat([scalars, self.vectors(features.density).transpose(0, 1).flatten(1)], dim=1)
