"""The network: from a batch of neighbour lists to an energy for every atom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from reference_model.aggregation import EdgeBasis
from reference_model.angular import Harmonics
from reference_model.crowding import LEAST, MARGIN, ROUND, UNLIMITED, fading, squared_crowding
from reference_model.direct import DirectHead
from reference_model.graph import Graph
from reference_model.layer import Layer, Messages
from reference_model.radial import AdaptiveCutoff, bessel, envelope, smoothness_prior
from reference_model.readout import Readout, drawn
from reference_model.repulsion import Repulsion
from reference_model.variants import Hyperparameters


class Atomic(NamedTuple):
    """What the network says about each of N atoms.

    Attributes
    ----------
    energies : (N,) tensor of float64, eV
        Network, repulsion and reference energy together; a structure's energy is their sum.
    features : (N, n_layers K) tensor
        Latent features: invariant under rotations, mirror images and permutations of other atoms.
    forces : (N, 3) tensor, eV/Å, or None
    virials : (N, 3, 3) tensor, eV, or None
        Symmetric; their sum over the volume is a stress. Both only where the variant predicts them directly.
    """

    energies: torch.Tensor
    features: torch.Tensor
    forces: torch.Tensor | None = None
    virials: torch.Tensor | None = None


class Round(NamedTuple):
    """What N atoms know after one layer.

    Attributes
    ----------
    scalars : (N, K) tensor
    energies : (N,) tensor of float64, eV
        What this layer adds.
    messages : (N, q) tensor, or None after the last layer
    forces, virials : as in `Atomic`
    """

    scalars: torch.Tensor
    energies: torch.Tensor
    messages: torch.Tensor | None = None
    forces: torch.Tensor | None = None
    virials: torch.Tensor | None = None


class Network(nn.Module):
    """A message-passing atomic cluster expansion.

    E_i = E_ref(z_i) + ½ Σ_j V_ZBL(r_ij) + s Σ_t readout_t(x_i^t): see docs/reference_model.md.

    Parameters
    ----------
    hyper : Hyperparameters
    seed : int
        Draws the weights. They are drawn in float64, so that they are the same in either precision.
    mean_neighbours : float
        n̄, the mean number of neighbours within the cutoff; sums over neighbours are divided by its root.
    energy_scale : float, eV
        s, by which the readouts are multiplied: of the order of the RMS force times 1 Å.
    reference_energies : mapping of str to float, eV
        Energy of an atom of each species without neighbours; 0 where left out.
    """

    mean_neighbours: torch.Tensor
    energy_scale: torch.Tensor
    reference_energies: torch.Tensor
    radial_weights: torch.Tensor
    crowding_limits: torch.Tensor

    def __init__(
        self,
        hyper: Hyperparameters,
        *,
        seed: int = 0,
        mean_neighbours: float = 40.0,
        energy_scale: float = 1.0,
        reference_energies: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.hyper = hyper
        n_species = len(hyper.species)
        references = [float((reference_energies or {}).get(symbol, 0.0)) for symbol in hyper.species]
        for name, value in (("mean_neighbours", mean_neighbours), ("energy_scale", energy_scale)):
            self.register_buffer(name, torch.tensor(float(value), dtype=torch.float64))
        self.register_buffer("reference_energies", torch.tensor(references, dtype=torch.float64))
        self.register_buffer("radial_weights", smoothness_prior(hyper.n_radial), persistent=False)
        self.repulsion = Repulsion(hyper.species)
        if hyper.adaptive_from is not None:
            self.adaptive = AdaptiveCutoff(hyper.adaptive_from, hyper.cutoff)
        if hyper.n_layers == 0:
            self.pair = drawn(generator, n_species, n_species, hyper.n_radial, fan_in=hyper.n_radial)
            return
        limits = torch.full((n_species, hyper.l_max + 1), UNLIMITED, dtype=torch.float64)
        self.register_buffer("crowding_limits", limits)
        self.harmonics = Harmonics(hyper.l_max)
        n_first = min(n_species, hyper.n_messages)
        self.embedding = nn.Parameter(torch.ones(1, 1, dtype=torch.float64), requires_grad=n_species > 1)
        if n_species > 1:
            self.embedding = drawn(generator, n_species, n_first, fan_in=1)
        if hyper.ordered:
            self.order_gain = nn.Parameter(torch.tensor(0.2, dtype=torch.float64))
        self.layers = nn.ModuleList(
            Layer(hyper, n_first, 0, generator)
            if t == 0
            else Layer(hyper, hyper.n_messages, hyper.n_vectors, generator)
            for t in range(hyper.n_layers)
        )
        self.messages = nn.ModuleList(Messages(hyper, generator) for _ in range(hyper.n_layers - 1))
        self.readouts = nn.ModuleList(
            Readout(n_species, hyper.n_channels, hyper.n_hidden, generator) for _ in range(hyper.n_layers)
        )
        if hyper.direct:
            self.direct = DirectHead(hyper, generator)

    def _apply(self, fn: Any, recurse: bool = True) -> Network:
        """Move to another precision or device; statistics that energies are summed with stay in float64."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name in ("mean_neighbours", "energy_scale", "reference_energies"):
            setattr(self, name, getattr(self, name).to(torch.float64))
        return self

    def forward(self, graph: Graph) -> Atomic:
        """Return what the network says about each atom of a batch; `graph.vectors` in the dtype of the parameters."""
        energies = self.pair_energies(graph.vectors, graph.species, self.partners(graph), graph.n_close)
        if not self.hyper.n_layers:
            return Atomic(energies, graph.vectors.new_zeros(energies.shape[0], 0))
        basis, sources = self.basis(graph.vectors, graph.species), self.sent(None, graph)
        rounds: list[Round] = []
        for t in range(self.hyper.n_layers):
            if rounds:
                sources = self.sent(rounds[-1].messages, graph)
            rounds.append(self.round(t, basis, sources, graph.species, rounds[-1].scalars if rounds else None))
            energies = energies + rounds[-1].energies
        latent = torch.cat([one.scalars for one in rounds], dim=1)
        return Atomic(energies, latent, rounds[-1].forces, rounds[-1].virials)

    def round(
        self, t: int, basis: EdgeBasis, sources: torch.Tensor, species: torch.Tensor, before: torch.Tensor | None
    ) -> Round:
        """Return what N atoms know after layer t.

        Parameters
        ----------
        t : int
        basis : EdgeBasis
        sources : (N, M, q) tensor
            What every neighbour has sent.
        species : (N,) tensor of int64
        before : (N, K) tensor or None
            Scalars after the layer before.
        """
        features = self.layers[t](basis, sources, species, before)
        energies = self.energy_scale * self.readouts[t](features.scalars, species).double()
        if t + 1 < self.hyper.n_layers:
            return Round(features.scalars, energies, self.messages[t](features))
        if not self.hyper.direct:
            return Round(features.scalars, energies)
        forces, virials = (self.energy_scale * found.double() for found in self.direct(features))
        return Round(features.scalars, energies, None, forces, virials)

    def sent(self, messages: torch.Tensor | None, graph: Graph) -> torch.Tensor:
        """Return (N, M, q): what every neighbour has sent, of the (N, q) messages of all atoms or, first, of none."""
        if messages is None:
            sources = self.embedding[graph.species][graph.neighbours]
        else:
            sources = gather(messages, graph.neighbours, graph.reverse)
        if self.hyper.ordered:
            sources = sources * (1.0 + self.order_gain * _order(graph.neighbours).to(sources))
        return sources

    def basis(self, vectors: torch.Tensor, species: torch.Tensor) -> EdgeBasis:
        """Return what the edges of N atoms contribute.

        Parameters
        ----------
        vectors : (3, N, M) tensor, Å
        species : (N,) tensor of int64
        """
        hyper = self.hyper
        r = _lengths(vectors)
        window = within = envelope(r / hyper.cutoff)
        if hyper.adaptive_from is not None:
            within = envelope(r / self.adaptive(r)[:, None])
        angular = self.harmonics(vectors / r).transpose(0, 1).contiguous()
        faded = fading(squared_crowding(r, window, angular), self.crowding_limits[species])
        scale = torch.rsqrt(self.mean_neighbours) * faded
        weights = self.radial_weights * (within * scale.to(vectors)[:, None])
        radial = bessel(r, hyper.cutoff, hyper.n_radial) * weights
        return EdgeBasis(angular, radial.transpose(0, 1).contiguous())

    def set_crowding_limits(self, graphs: Iterable[Graph]) -> None:
        """Set the crowding beyond which the network fades, by species and degree, from the structures it is for."""
        if not self.hyper.n_layers:
            return
        largest = torch.full_like(self.crowding_limits, LEAST**2)
        for graph in graphs:
            r = _lengths(graph.vectors)
            angular = self.harmonics(graph.vectors.to(largest) / r.to(largest)).transpose(0, 1)
            found = squared_crowding(r.to(largest), envelope(r / self.hyper.cutoff).to(largest), angular)
            largest.scatter_reduce_(0, graph.species[:, None].expand_as(found), found, "amax")
        limits = MARGIN * largest.sqrt()
        self.crowding_limits.copy_(torch.maximum(limits, ROUND * limits[:, :1]))

    def partners(self, graph: Graph) -> torch.Tensor:
        """Return the species in the slots that `pair_energies` looks at: (N, n_close), or all where pairs are all."""
        n_slots = graph.n_close if self.hyper.n_layers else graph.neighbours.shape[1]
        return graph.species[graph.neighbours[:, :n_slots]]

    def pair_energies(
        self, vectors: torch.Tensor, species: torch.Tensor, partners: torch.Tensor, n_close: int
    ) -> torch.Tensor:
        """Return what depends on atoms alone and on pairs: references, repulsion, all of a network without layers.

        Parameters
        ----------
        vectors : (3, N, M) tensor, Å
        species : (N,) tensor of int64
        partners : (N, n_slots) tensor of int64
            Species in the first slots.
        n_close : int
            Slots in which nuclei may repel each other.

        Returns
        -------
        (N,) tensor of float64, eV
        """
        hyper, n_slots = self.hyper, partners.shape[1]
        energies: torch.Tensor = self.reference_energies[species]
        if n_slots == 0:
            return energies
        r = _lengths(vectors[..., :n_slots])
        pairs = species[:, None] * len(hyper.species) + partners
        energies = energies + self.repulsion(r[:, :n_close], pairs[:, :n_close]).double()
        if hyper.n_layers == 0:
            scale = (self.energy_scale * torch.rsqrt(self.mean_neighbours)).to(r)
            radial = (
                bessel(r, hyper.cutoff, hyper.n_radial) * self.radial_weights * (envelope(r / hyper.cutoff) * scale)
            )
            energies = energies + torch.einsum("bnm,nmb->n", radial, self.pair.flatten(0, 1)[pairs]).double()
        return energies


class _Gather(torch.autograd.Function):
    """features[neighbours]; its derivative finds each edge in the neighbour's own row, so it adds in a fixed order."""

    @staticmethod
    def forward(features: torch.Tensor, neighbours: torch.Tensor, reverse: torch.Tensor) -> torch.Tensor:
        return features.index_select(0, neighbours.flatten()).reshape(*neighbours.shape, -1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        ctx.save_for_backward(inputs[2])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (reverse,) = ctx.saved_tensors
        found = gradient.flatten(0, 1).index_select(0, reverse.flatten()).reshape(gradient.shape)
        return found.sum(1), None, None


def gather(features: torch.Tensor, neighbours: torch.Tensor, reverse: torch.Tensor) -> torch.Tensor:
    """Return (N, M, q): the features of every neighbour.

    Parameters
    ----------
    features : (N, q) tensor
    neighbours, reverse : (N, M) tensors of int64
        As in `Graph`. What is computed from an empty slot must not depend on the features in it.
    """
    found: torch.Tensor = _Gather.apply(features, neighbours, reverse)  # type: ignore[no-untyped-call]
    return found


def _lengths(vectors: torch.Tensor) -> torch.Tensor:
    return (vectors * vectors).sum(0).sqrt()


def _order(neighbours: torch.Tensor) -> torch.Tensor:
    """Return (N, M, 1): +1 where the neighbour's index is the higher, −1 where the lower, 0 for images."""
    rows = torch.arange(neighbours.shape[0], device=neighbours.device)
    return torch.sign(neighbours - rows[:, None])[..., None]
