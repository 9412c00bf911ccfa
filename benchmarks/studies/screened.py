"""A teacher whose interaction is screened the more, the denser its surroundings are, and structures of all densities.

What an adaptive cutoff is for can be seen only where the truth is known. Here it is a formula:

    E = Σ_i Σ_j ½ [A exp(−a (r_ij/r₀ − 1)) − B exp(−κ_i (r_ij − r₀))] w(r_ij)
    κ_i = κ_s + (κ_d − κ_s) x_i²/(1 + x_i²),    x_i = ρ_i/ρ_½,    ρ_i = Σ_j exp(−(r_ij/λ)²) w(r_ij)

Atoms repel each other when they touch. Further apart they attract each other, as screened charges do [1]_. The
screening κ_i of an atom grows with the density ρ_i around it, from κ_s in a gas to about κ_d in a crystal. w is the
`envelope` with four-fold contact, which ends at 6 Å with three continuous derivatives. The density is a sum of
Gaussians: not the one by which the network's cutoff adapts. Forces and stress are derivatives by autograd, in float64.

References
----------
.. [1] N. W. Ashcroft, N. D. Mermin, Solid State Physics (1976), chapter 17: an interaction e^(−κr) whose κ grows with
   the density of what screens. The formula itself is ours, and no material's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk, fcc100, fcc111

from gnnp_bench.accuracy.frames import Frame
from gnnp_bench.potential import Capabilities, FloatArray, Prediction, Property
from reference_model.graph import Neighbourhood, find_neighbours
from reference_model.radial import envelope

SYMBOL = "Al"
"""What atoms are called; nothing of aluminium but its size is in the formula."""
REACH = 6.0
CONTACT = 2.8
"""r₀, Å."""
ATTRACTION, REPULSION, STEEPNESS = 0.5, 0.3, 14.0
"""B and A, eV; a."""
WIDTH, HALF = 3.0, 2.5
"""λ, Å, and ρ_½."""
SPARSE, DENSE = 0.4, 3.0
"""κ_s and κ_d, 1/Å."""
FLAT = 12
"""How flat w begins, so that what lies at 5 Å still counts by more than a half."""
FALLEN = 20.0
LATTICE = 4.05
"""Å; cubic lattice constant of the crystals, near that of lowest energy."""
KINDS = ("bulk", "vacancy", "surface", "cluster", "gas")
APART = 2.5
"""Å; atoms of clusters and gases are no nearer."""


@dataclass(frozen=True, slots=True)
class Screened:
    """The teacher, as a `Potential`.

    Attributes
    ----------
    sparse, dense : float, 1/Å
        κ_s and κ_d. Where they are equal, nothing adapts: a control.
    """

    sparse: float = SPARSE
    dense: float = DENSE

    @property
    def name(self) -> str:
        """What certificates call it."""
        return f"screened-{self.sparse:g}-{self.dense:g}"

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, and claims."""
        return Capabilities(
            species=(SYMBOL,),
            cutoff=REACH,
            receptive_field=2 * REACH,
            dtype="float64",
            device="cpu",
            claims=frozenset({"conservative", "smooth", "strictly-local", "equivariant", "size-extensive"}),
            smoothness=3,
        )

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures; see `Potential`."""
        return [self._one(structure) for structure in structures]

    def _one(self, structure: Atoms) -> Prediction:
        pairs = find_neighbours(structure, REACH)
        vectors = torch.from_numpy(pairs.vectors).requires_grad_()
        energies = self._energies(vectors, pairs)
        (gradient,) = torch.autograd.grad(energies.sum(), vectors)
        forces = np.zeros((len(structure), 3))
        np.add.at(forces, pairs.first, gradient.numpy())
        np.subtract.at(forces, pairs.second, gradient.numpy())
        virial = pairs.vectors.T @ gradient.numpy()
        stress = 0.5 * (virial + virial.T) / pairs.volume if structure.pbc.all() else None
        energies = energies.detach()
        return Prediction(float(energies.sum()), forces, stress, energies.numpy())

    def _energies(self, vectors: torch.Tensor, pairs: Neighbourhood) -> torch.Tensor:
        """Return (N,) energies of atoms, eV, of (n_pairs, 3) vectors."""
        n = len(pairs.numbers)
        centres = torch.from_numpy(np.concatenate([pairs.first, pairs.second]))
        r = (vectors * vectors).sum(1).sqrt().repeat(2)
        window = envelope(r / REACH, FLAT, 4)
        kappa = self._screening(_sum(torch.exp(-((r / WIDTH) ** 2)) * window, centres, n))
        repulsion = REPULSION * torch.exp(-STEEPNESS * (r / CONTACT - 1.0))
        attraction = ATTRACTION * torch.exp(-kappa[centres] * (r - CONTACT))
        return _sum(0.5 * (repulsion - attraction) * window, centres, n)

    def _screening(self, density: torch.Tensor) -> torch.Tensor:
        share = (density / HALF) ** 2
        return self.sparse + (self.dense - self.sparse) * share / (1.0 + share)

    def range_of(self, structure: Atoms) -> FloatArray:
        """Return (n_atoms,) distances, Å, at which the attraction has fallen to a twentieth of that at contact.

        r₀ + ln 20/κ_i, or 6 Å where that is nearer: how far the atom should see.
        """
        pairs = find_neighbours(structure, REACH)
        r = torch.from_numpy(np.tile(np.linalg.norm(pairs.vectors, axis=1), 2))
        centres = torch.from_numpy(np.concatenate([pairs.first, pairs.second]))
        gauss = torch.exp(-((r / WIDTH) ** 2)) * envelope(r / REACH, FLAT, 4)
        kappa = self._screening(_sum(gauss, centres, len(structure)))
        found: FloatArray = (CONTACT + log(FALLEN) / kappa).clamp(max=REACH).numpy()
        return found


def _sum(values: torch.Tensor, centres: torch.Tensor, n: int) -> torch.Tensor:
    return torch.zeros(n, dtype=values.dtype).index_add(0, centres, values)


def structures(each: int, seed: int) -> Iterator[tuple[str, Atoms]]:
    """Yield as many structures of every kind, one kind after the other in turn, each with its kind."""
    rng = np.random.default_rng(seed)
    for _ in range(each):
        for kind in KINDS:
            yield kind, MAKERS[kind](rng)


def _strained(structure: Atoms, rng: np.random.Generator) -> Atoms:
    """Shake, and strain what is periodic by up to 5 %, its volume from −6 to +20 %."""
    strain = np.eye(3) * rng.uniform(0.98, 1.06) + rng.uniform(-0.03, 0.03, (3, 3))
    structure.set_cell(structure.cell.array @ (0.5 * (strain + strain.T)), scale_atoms=True)
    structure.positions += rng.uniform(0.03, 0.15) * rng.standard_normal(structure.positions.shape)
    return structure


def _bulk(rng: np.random.Generator) -> Atoms:
    return _strained(bulk(SYMBOL, "fcc", a=LATTICE, cubic=True).repeat((2, 2, 1)), rng)


def _vacancy(rng: np.random.Generator) -> Atoms:
    crystal = bulk(SYMBOL, "fcc", a=LATTICE, cubic=True).repeat((2, 2, 1))
    del crystal[rng.choice(len(crystal), rng.integers(1, 4), replace=False)]
    return _strained(crystal, rng)


def _surface(rng: np.random.Generator) -> Atoms:
    close_packed = bool(rng.integers(2))
    size = (2, 2, int(rng.integers(2, 5)))
    if close_packed:
        return _strained(fcc111(SYMBOL, size, a=LATTICE, vacuum=4.5, periodic=True), rng)
    return _strained(fcc100(SYMBOL, size, a=LATTICE, vacuum=4.5, periodic=True), rng)


def _cluster(rng: np.random.Generator) -> Atoms:
    """Grow a cluster atom by atom, each in touch with one that is there."""
    positions = [np.zeros(3)]
    size = int(rng.integers(2, 12))
    while len(positions) < size:
        step = rng.standard_normal(3)
        spot = positions[rng.integers(len(positions))] + step / np.linalg.norm(step) * rng.uniform(APART, 4.5)
        if min(float(np.linalg.norm(spot - one)) for one in positions) > APART:
            positions.append(spot)
    return Atoms(f"{SYMBOL}{size}", positions)


def _gas(rng: np.random.Generator) -> Atoms:
    """Put atoms anywhere in a box, at 1/30 to 1/3 of the density of the crystal."""
    size = 8
    thinner = np.exp(rng.uniform(np.log(3.0), np.log(30.0)))
    box = (size * LATTICE**3 / 4.0 * thinner) ** (1 / 3)
    gas = Atoms(cell=[box] * 3, pbc=True)
    while len(gas) < size:
        gas.append(SYMBOL)
        gas.positions[-1] = rng.uniform(0.0, box, 3)
        if len(gas) > 1 and gas.get_distances(-1, range(len(gas) - 1), mic=True).min() < APART:
            del gas[-1]
    return gas


MAKERS = {"bulk": _bulk, "vacancy": _vacancy, "surface": _surface, "cluster": _cluster, "gas": _gas}


def labelled(teacher: Screened, each: int, seed: int) -> list[Frame]:
    """Return structures of all kinds with what the teacher says of them, and an atom alone, whose energy is zero."""
    frames = []
    for kind, structure in [*structures(each, seed), ("atom", Atoms(SYMBOL, [[0.0, 0.0, 0.0]]))]:
        (one,) = teacher.evaluate([structure], frozenset())
        frames.append(Frame(structure, one.energy, np.asarray(one.forces), one.stress, kind))
    return frames
