"""One round of message passing: what neighbours send becomes many-body features of the atom in their middle."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import silu

from reference_model.angular import coupling, degree_slice
from reference_model.products import paths, symmetric_coupling, symmetric_square
from reference_model.readout import drawn
from reference_model.variants import Hyperparameters


class Features(NamedTuple):
    """What a layer knows of each atom.

    Attributes
    ----------
    scalars : (N, K) tensor
        Invariant, latent features.
    density : (S, N, K) tensor
        A: what is seen of the neighbours, first order, S = (l_max + 1)² components.
    squares : tuple of (2l + 1, N, K) tensors
        B_l: second order, one per degree.
    """

    scalars: torch.Tensor
    density: torch.Tensor
    squares: tuple[torch.Tensor, ...]


class Layer(nn.Module):
    """Aggregation over neighbours, mixing of channels, symmetric products.

    With Φ_jn,lm = b_n(r_j) f(r_j) Y_lm(r̂_j) / √n̄ the basis of the edges and h_jq what neighbours send,

        A_klm = Σ_nq W_l,nqk Σ_j Φ_jn,lm h_jq                          two-body
        B_klm = Σ_p w_zpk Σ C^lm_l₁m₁l₂m₂ A_kl₁m₁ A_kl₂m₂              three-body, p runs over pairs l₁ ≤ l₂
        x_k   = Σ W (A_k00, Σ C⁰⁰ A A, Σ_m A_klm B_klm) (+ x_k before)  the last are four-body

    The sum over neighbours comes before any mixing of channels: it is one batched matrix product, Φᵀh, and no edge
    ever carries K channels.

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

    pair_coupling: torch.Tensor
    degree: torch.Tensor

    def __init__(self, hyper: Hyperparameters, n_sources: int, n_vectors: int, generator: torch.Generator) -> None:
        super().__init__()
        k, n_species = hyper.n_channels, len(hyper.species)
        self.l_max, self.n_sources, self.n_vectors = hyper.l_max, n_sources, n_vectors
        self.n_paths = {degree: len(pairs) for degree, pairs in paths(hyper.l_max).items()}
        n_moments = hyper.n_radial * n_sources
        self.mixing = drawn(generator, hyper.l_max + 1, n_moments, k, fan_in=n_moments)
        n_all = sum(self.n_paths.values())
        self.path_weights = nn.Parameter(
            drawn(generator, n_all, 1, k, fan_in=1).data.repeat(1, n_species, 1)
            + 0.5 * drawn(generator, n_all, n_species, k, fan_in=1).data
        )
        n_invariants = 1 + self.n_paths[0] + hyper.l_max + 1
        self.species_gain = nn.Parameter(
            1.0 + 0.5 * drawn(generator, n_invariants, n_species, k, fan_in=1).data * (n_species > 1)
        )
        self.to_scalars = drawn(generator, n_invariants * k, k, fan_in=n_invariants * k)
        degrees = torch.tensor([degree for degree in range(hyper.l_max + 1) for _ in range(2 * degree + 1)])
        self.register_buffer("degree", degrees, persistent=False)
        self.register_buffer("pair_coupling", symmetric_coupling(hyper.l_max), persistent=False)
        if n_vectors:
            self.vector_coupling = VectorCoupling(hyper, n_vectors, generator)

    def forward(
        self, basis: torch.Tensor, sources: torch.Tensor, species: torch.Tensor, before: torch.Tensor | None
    ) -> Features:
        """Return the features of N atoms.

        Parameters
        ----------
        basis : (S n_radial, N, M) tensor
            Φ of every neighbour.
        sources : (N, M, n_sources + 3 n_vectors) tensor
            What every neighbour sends.
        species : (N,) tensor of int64
        before : (N, K) tensor or None
            Scalars of the layer before.
        """
        n_atoms, n_components = len(species), len(self.degree)
        moments = torch.bmm(basis.transpose(0, 1), sources).reshape(n_atoms, n_components, -1, sources.shape[-1])
        scalar_moments = moments[..., : self.n_sources].flatten(2).transpose(0, 1)
        density = torch.bmm(scalar_moments, self.mixing[self.degree])
        if self.n_vectors:
            density = density + self.vector_coupling(moments[..., self.n_sources :])
        components = self.pair_coupling @ symmetric_square(density.flatten(1))
        invariants, squares = [density[0]], []
        row = path = 0
        for degree, n_paths in self.n_paths.items():
            size = 2 * degree + 1
            coupled = components[row : row + n_paths * size].reshape(n_paths, size, *density.shape[1:])
            if degree == 0:
                invariants.extend(coupled[:, 0])
            weights = _of_species(self.path_weights[path : path + n_paths], species)
            squares.append((coupled * weights[:, None]).sum(0))
            invariants.append((squares[-1] * density[degree_slice(degree)]).sum(0))
            row, path = row + n_paths * size, path + n_paths
        gained = torch.stack(invariants) * _of_species(self.species_gain, species)
        scalars = gained.transpose(0, 1).flatten(1) @ self.to_scalars
        return Features(scalars if before is None else scalars + before, density, tuple(squares))


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
        n_atoms = len(moments)
        apart = moments.reshape(*moments.shape[:3], 3, self.n_vectors).permute(1, 3, 0, 2, 4)
        coupled = self.coupling @ apart.reshape(3 * self.n_components, -1)
        densities, row = [], 0
        for (degree, partners), weights in zip(self.pairs.items(), self.mixing, strict=True):
            size = 2 * degree + 1
            block = coupled[row : row + len(partners) * size].reshape(len(partners), size, n_atoms, -1)
            densities.append(block.permute(1, 2, 0, 3).flatten(2) @ weights)
            row += len(partners) * size
        return torch.cat(densities)


class Messages(nn.Module):
    """What an atom sends to its neighbours: scalars, and vectors where the variant has them."""

    def __init__(self, hyper: Hyperparameters, generator: torch.Generator) -> None:
        super().__init__()
        k = hyper.n_channels
        self.scalars = drawn(generator, k, hyper.n_messages, fan_in=k)
        if hyper.n_vectors:
            self.vectors = drawn(generator, 2, k, hyper.n_vectors, fan_in=2 * k)
        self.n_vectors = hyper.n_vectors

    def forward(self, features: Features) -> torch.Tensor:
        """Return (N, n_messages + 3 n_vectors) messages; vectors by component, then by channel."""
        scalars = silu(features.scalars) @ self.scalars
        if not self.n_vectors:
            return scalars
        vectors = features.density[degree_slice(1)] @ self.vectors[0] + features.squares[1] @ self.vectors[1]
        return torch.cat([scalars, vectors.transpose(0, 1).flatten(1)], dim=1)


def _of_species(weights: torch.Tensor, species: torch.Tensor) -> torch.Tensor:
    """Return (n, N, K) weights of each atom from (n, n_species, K); (n, 1, K) where there is one species."""
    return weights if weights.shape[1] == 1 else weights[:, species]
