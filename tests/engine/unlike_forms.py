"""Sound potentials of forms unlike those of `tests.analytic`: networks, three- and four-body sums, rougher cutoffs.

Each is a formula in torch for the energies of atoms, whose derivatives come from autograd. None of them had a part in
setting the factors of the bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from gnnp_bench.potential import Capabilities, Prediction, Property
from tests.analytic.evaluation import CLAIMS, SPECIES, assemble, refuse_undeclared_species
from tests.analytic.graph import REACH, DType, Graph, graphs
from tests.analytic.radial import contact_distances, strengths


@dataclass(frozen=True, slots=True)
class Environments:
    """The surroundings of all atoms of a graph, in torch.

    Attributes
    ----------
    centres, neighbours : (n_edges,) tensors
        Atom indices, ascending in `centres`.
    vectors : (n_edges, 3) tensor, Å
        From centre to neighbour; a leaf of autograd.
    distances : (n_edges,) tensor, Å
    contacts : (n_edges,) tensor, Å
        Sums r₀ of the covalent radii.
    strengths : (n_atoms,) tensor
        What tells species apart: a number s_i between 0.7 and 1.3.
    cutoff : float, Å
    """

    centres: Tensor
    neighbours: Tensor
    vectors: Tensor
    distances: Tensor
    contacts: Tensor
    strengths: Tensor
    cutoff: float

    @property
    def n_atoms(self) -> int:
        return len(self.strengths)

    @property
    def directions(self) -> Tensor:
        """Unit vectors u from centre to neighbour, (n_edges, 3)."""
        return self.vectors / self.distances[:, None]

    def at_centres(self, values: Tensor) -> Tensor:
        """Return the value of each edge's centre; (n_atoms, ...) to (n_edges, ...)."""
        return values.index_select(0, self.centres)

    def at_neighbours(self, values: Tensor) -> Tensor:
        """Return the value of each edge's neighbour; (n_atoms, ...) to (n_edges, ...)."""
        return values.index_select(0, self.neighbours)

    def summed(self, values: Tensor) -> Tensor:
        """Return sums over the edges of each centre; (n_edges, ...) to (n_atoms, ...)."""
        return summed(self.centres, values, self.n_atoms)


Form: TypeAlias = Callable[[Environments], Tensor]
"""Energies of the atoms, (n_atoms,), eV."""


def environments(graph: Graph, cutoff: float) -> Environments:
    """Return the surroundings of a graph's atoms, ready to be derived by edge vectors."""
    vectors = torch.from_numpy(graph.vectors).requires_grad_()
    return Environments(
        centres=torch.from_numpy(graph.centres),
        neighbours=torch.from_numpy(graph.neighbours),
        vectors=vectors,
        distances=(vectors * vectors).sum(1).sqrt(),
        contacts=torch.from_numpy(contact_distances(graph)),
        strengths=torch.from_numpy(strengths(graph)),
        cutoff=cutoff,
    )


@dataclass(frozen=True, slots=True)
class AutogradPotential:
    """A formula for energies as a potential.

    Attributes
    ----------
    name : str
    capabilities : Capabilities
        With cutoff and precision declared.
    form : Form
    """

    name: str
    capabilities: Capabilities
    form: Form

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return predictions in order, with exactly the properties asked for; refuse what `AnalyticPotential` does."""
        cutoff, dtype = self.capabilities.cutoff, self.capabilities.dtype
        assert cutoff is not None
        assert dtype is not None
        for structure in structures:
            refuse_undeclared_species(structure, self.capabilities.species)
        predictions: list[Prediction] = []
        for graph in graphs(structures, cutoff / math.sqrt(REACH), dtype):
            around = environments(graph, cutoff)
            energies = self.form(around)
            (gradients,) = torch.autograd.grad(energies.sum(), around.vectors)
            predictions += assemble(graph, energies.detach().numpy(), gradients.numpy(), properties)
        return predictions


def _potential(
    name: str, form: Form, cutoff: float, smoothness: int, *, dtype: DType = "float64", layers: int = 1
) -> AutogradPotential:
    capabilities = Capabilities(
        species=SPECIES,
        cutoff=cutoff,
        receptive_field=layers * cutoff,
        dtype=dtype,
        claims=CLAIMS,
        smoothness=smoothness,
    )
    return AutogradPotential(name, capabilities, form)


def summed(index: Tensor, values: Tensor, size: int) -> Tensor:
    """Return sums of values over equal indices, (size, ...)."""
    return values.new_zeros((size, *values.shape[1:])).index_add(0, index, values)


def cosine_cutoff(distances: Tensor, cutoff: float) -> Tensor:
    """Return f = ½ (1 + cos πr/r_c), 0 beyond r_c: its second derivative jumps there."""
    return 0.5 * (1.0 + torch.cos(distances.clamp(max=cutoff) * (math.pi / cutoff)))


def quintic_switch(distances: Tensor, cutoff: float, onset: float = 0.6) -> Tensor:
    """Return f = 1 − 10t³ + 15t⁴ − 6t⁵, t from 0 at `onset`·r_c to 1 at r_c: f‴ jumps at either end."""
    t = ((distances / cutoff - onset) / (1.0 - onset)).clamp(0.0, 1.0)
    return 1.0 - t**3 * (10.0 - t * (15.0 - 6.0 * t))


def core(around: Environments, switch: Tensor) -> Tensor:
    """Return the repulsion ½ Σ_j 20 e^{−9(r/r₀−0.7)} f of each atom, (n_atoms,), eV, that keeps atoms apart."""
    return around.summed(10.0 * torch.exp(-9.0 * (around.distances / around.contacts - 0.7)) * switch)


def pairs_of_edges(centres: Tensor, n_atoms: int) -> tuple[Tensor, Tensor]:
    """Return the edges e < f of all pairs that leave the same atom, (n_pairs,) each; `centres` must ascend."""
    edges = torch.arange(len(centres))
    ends = torch.bincount(centres, minlength=n_atoms).cumsum(0)[centres]
    later = ends - 1 - edges
    first = torch.repeat_interleave(edges, later)
    nth = torch.arange(len(first)) - torch.repeat_interleave(later.cumsum(0) - later, later)
    return first, first + 1 + nth


def random_matrices(shapes: Sequence[tuple[int, int]], seed: int) -> list[Tensor]:
    """Return matrices of normal deviates with variance 1/rows, float64."""
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=shape) / math.sqrt(shape[0])) for shape in shapes]


RADIAL_FUNCTIONS = ((0.5, 1.0), (1.0, 2.0), (2.0, 2.5), (4.0, 3.0), (1.0, 4.0))
"""η, Å⁻², and r_s, Å."""
ANGULAR_FUNCTIONS = ((1, 1.0, 0.1), (1, -1.0, 0.1), (4, 1.0, 0.2), (4, -1.0, 0.2))
"""ζ, λ and η, Å⁻²."""


def behler_parrinello(cutoff: float = 4.5, angular_cutoff: float = 4.0) -> AutogradPotential:
    """Return a network of random weights on symmetry functions, with a repulsive core. One continuous derivative.

    E_i = w₃ tanh(W₂ tanh(W₁ G_i)) (Behler and Parrinello, doi:10.1103/PhysRevLett.98.146401), where G_i are s_i,
    Σ_j s_j e^{−η(r_ij−r_s)²} f_c(r_ij) and Σ_{j<k} s_j s_k 2^{1−ζ} (1 + λ cos θ_jik)^ζ e^{−η(r_ij²+r_ik²)} f_c f_c
    (Behler, doi:10.1063/1.3553717; weighted by species as of Gastegger et al., doi:10.1063/1.5019667).
    """
    n_functions = 1 + len(RADIAL_FUNCTIONS) + len(ANGULAR_FUNCTIONS)
    first, second, last = random_matrices([(n_functions, 16), (16, 16), (16, 1)], seed=0)

    def form(around: Environments) -> Tensor:
        r = around.distances
        weight = around.at_neighbours(around.strengths)
        switch = cosine_cutoff(r, cutoff)
        functions = [around.strengths]
        for eta, shift in RADIAL_FUNCTIONS:
            functions.append(0.3 * around.summed(weight * torch.exp(-eta * (r - shift) ** 2) * switch))
        near = torch.nonzero(r < angular_cutoff).ravel()
        centres, r, u, weight = (x.index_select(0, near) for x in (around.centres, r, around.directions, weight))
        weight = weight * cosine_cutoff(r, angular_cutoff)
        j, k = pairs_of_edges(centres, around.n_atoms)
        cosine = (u.index_select(0, j) * u.index_select(0, k)).sum(1)
        for zeta, sign, eta in ANGULAR_FUNCTIONS:
            leg = weight * torch.exp(-eta * r * r)
            legs = leg.index_select(0, j) * leg.index_select(0, k)
            angles = 2.0 ** (1 - zeta) * (1.0 + sign * cosine) ** zeta
            functions.append(0.6 * summed(centres[j], angles * legs, around.n_atoms))
        hidden = torch.tanh(torch.tanh(torch.stack(functions, 1) @ first) @ second)
        return (hidden @ last)[:, 0] + core(around, switch)

    return _potential("behler_parrinello", form, cutoff, smoothness=1)


def triple_dipole(cutoff: float = 4.5) -> AutogradPotential:
    """Return damped triple dipoles on top of Buckingham pairs, float32. Two continuous derivatives.

    E = Σ_{i<j<k} 30 (1 + 3 cos θ_i cos θ_j cos θ_k) Π f(r)/(r³ + 2) over the three sides of each triangle (Axilrod and
    Teller, doi:10.1063/1.1723844), and ½ Σ_ij √(s_i s_j) (3000 e^{−9x} − 1.5/(x⁶ + 0.3)) f(r), x = r/r₀ (Buckingham,
    doi:10.1098/rspa.1938.0173); lengths in Å, energies in eV.
    """

    def damped(r: Tensor) -> Tensor:
        return quintic_switch(r, cutoff) / (r**3 + 2.0)

    def form(around: Environments) -> Tensor:
        r, u = around.distances, around.directions
        j, k = pairs_of_edges(around.centres, around.n_atoms)
        third = around.vectors.index_select(0, k) - around.vectors.index_select(0, j)
        closed = torch.nonzero((third * third).sum(1) < cutoff**2).ravel()
        j, k, third = j[closed], k[closed], third.index_select(0, closed)
        opposite = (third * third).sum(1).sqrt()
        across = third / opposite[:, None]
        u_j, u_k = u.index_select(0, j), u.index_select(0, k)
        cosines = -(u_j * u_k).sum(1) * (u_j * across).sum(1) * (u_k * across).sum(1)
        side = damped(r)
        sides = side.index_select(0, j) * side.index_select(0, k) * damped(opposite)
        triangles = summed(around.centres[j], 10.0 * (1.0 + 3.0 * cosines) * sides, around.n_atoms)
        x = r / around.contacts
        depth = torch.sqrt(around.at_centres(around.strengths) * around.at_neighbours(around.strengths))
        pairs = 0.5 * depth * (3000.0 * torch.exp(-9.0 * x) - 1.5 / (x**6 + 0.3)) * quintic_switch(r, cutoff)
        return triangles + around.summed(pairs)

    return _potential("triple_dipole", form, cutoff, smoothness=2, dtype="float32")


def moment_tensor(cutoff: float = 5.0) -> AutogradPotential:
    """Return contractions of moments of the neighbour density, up to four bodies. Two continuous derivatives.

    E_i = 0.005 tr Q³ + 0.025 P·Q·P − 0.3 √(Q:Q + ½) + core, P and Q being Σ_j g_j u and Σ_j g_j u⊗u with
    g_j = s_j e^{−3(r/r₀−1)} f(r): after Shapeev, doi:10.1137/15M1054183.
    """

    def form(around: Environments) -> Tensor:
        switch = quintic_switch(around.distances, cutoff)
        decay = torch.exp(-3.0 * (around.distances / around.contacts - 1.0))
        u = around.directions
        weighted = (around.at_neighbours(around.strengths) * decay * switch)[:, None] * u
        dipole = around.summed(weighted)
        quadrupole = around.summed(weighted[:, :, None] * u[:, None, :])
        cube = torch.einsum("iab,ibc,ica->i", quadrupole, quadrupole, quadrupole)
        mixed = torch.einsum("ia,iab,ib->i", dipole, quadrupole, dipole)
        root = torch.sqrt((quadrupole * quadrupole).sum((1, 2)) + 0.5)
        return 0.005 * cube + 0.025 * mixed - 0.3 * root + core(around, switch)

    return _potential("moment_tensor", form, cutoff, smoothness=2)


N_CHANNELS = 16
N_BESSEL = 8


def message_passing(cutoff: float = 4.5) -> AutogradPotential:
    """Return two layers of messages with random weights and a repulsive core. Two continuous derivatives.

    E_i = Σ_layers c·silu(C h_i), h_i ← h_i + tanh(A Σ_j m_ij + B √(|Σ_j m_ij u_ij|² + 0.1)) and m_ij = (R b(r_ij)) h_j:
    scalars and vectors as of Schütt et al., arXiv:2102.03150, on the radial functions b_n = sin(nπr/r_c)/r · f(r) of
    Gasteiger et al., arXiv:2003.03123.
    """
    shapes = [(N_BESSEL, N_CHANNELS), *[(N_CHANNELS, N_CHANNELS)] * 3, (N_CHANNELS, 1)]
    (species,) = random_matrices([(1, N_CHANNELS)], seed=3)
    layers = [random_matrices(shapes, seed) for seed in (4, 5)]
    frequencies = torch.arange(1, N_BESSEL + 1, dtype=torch.float64) * (math.pi / cutoff)

    def form(around: Environments) -> Tensor:
        r, u = around.distances[:, None], around.directions
        switch = quintic_switch(around.distances, cutoff, onset=0.3)
        bessel = torch.sin(frequencies * r) / r * switch[:, None]
        features = torch.tanh(around.strengths[:, None] * species)
        energies = core(around, switch)
        for radial, scalar, vector, hidden, last in layers:
            messages = (bessel @ radial) * around.at_neighbours(features)
            scalars = around.summed(messages)
            vectors = around.summed(messages[:, :, None] * u[:, None, :])
            lengths = torch.sqrt((vectors * vectors).sum(2) + 0.1)
            features = features + torch.tanh(scalars @ scalar + lengths @ vector)
            energies = energies + (torch.nn.functional.silu(features @ hidden) @ last)[:, 0]
        return energies

    return _potential("message_passing", form, cutoff, smoothness=2, layers=2)


def shifted_force(cutoff: float = 6.0, dtype: DType = "float64") -> AutogradPotential:
    """Return Lennard-Jones pairs, cut off so that energy and force end at zero. One continuous derivative.

    E = ½ Σ_ij [φ(r) − φ(r_c) − (r − r_c) φ′(r_c)], φ = ε ((σ/r)¹² − 2 (σ/r)⁶), ε = 0.2 eV, σ = 1.1 r₀: Toxvaerd and
    Dyre, doi:10.1063/1.3558787.
    """
    depth = 0.2

    def form(around: Environments) -> Tensor:
        r, sigma = around.distances, 1.1 * around.contacts
        here, edge = (sigma / r) ** 6, (sigma / cutoff) ** 6
        slope = 12.0 / cutoff * (edge - edge * edge)
        shifted = here * here - 2.0 * here - (edge * edge - 2.0 * edge) - (r - cutoff) * slope
        return around.summed(0.5 * depth * shifted)

    return _potential("shifted_force", form, cutoff, smoothness=1, dtype=dtype)
