"""Models of OpenKIM asked with kimpy alone, as the KIM API has it: energies of atoms, and what a refresh does."""

from __future__ import annotations

import kimpy
import numpy as np
from ase import Atoms
from ase.build import bulk

from benchmarks.openkim_plain import contact

UNITS = (
    kimpy.length_unit.A,
    kimpy.energy_unit.eV,
    kimpy.charge_unit.e,
    kimpy.temperature_unit.K,
    kimpy.time_unit.ps,
)
MARK = 99.0
"""eV, what the array of energies of atoms holds before a model is asked."""


def made(name: str) -> kimpy.model:
    """Return a model, just made."""
    accepted, model = kimpy.model.create(kimpy.numbering.zeroBased, *UNITS, name)
    if not accepted:
        raise ValueError(f"{name} has units of its own")
    return model


def ask(model: kimpy.model, atoms: Atoms, of_atoms: bool = False) -> tuple[float, np.ndarray, np.ndarray]:
    """Return energy, forces and energies of atoms of a molecule, each atom a neighbour of all others.

    The array for energies of atoms holds `MARK` before.
    """
    argument, n = kimpy.compute_argument_name, len(atoms)
    asked = model.compute_arguments_create()
    codes = [model.get_species_support_and_code(getattr(kimpy.species_name, one))[1] for one in atoms.symbols]
    energy, forces, energies = np.zeros(1), np.zeros((n, 3)), np.full(n, MARK)
    given = {
        "numberOfParticles": np.array([n], np.intc),
        "particleSpeciesCodes": np.array(codes, np.intc),
        "particleContributing": np.ones(n, np.intc),
        "coordinates": np.ascontiguousarray(atoms.positions),
        "partialEnergy": energy,
        "partialForces": forces,
    }
    if of_atoms:
        given["partialParticleEnergy"] = energies
    for key, array in given.items():
        asked.set_argument_pointer(getattr(argument, key), array)
    within = [
        [np.array([j for j in range(n) if j != i and atoms.get_distance(i, j) < cutoff], np.intc) for i in range(n)]
        for cutoff in model.get_neighbor_list_cutoffs_and_hints()[0]
    ]
    asked.set_callback(kimpy.compute_callback_name.GetNeighborList, lambda d, c, which, i: (within[which][i], 0), {})
    model.compute(asked)
    return float(energy[0]), forces, energies


def their_sum(name: str, symbol: str, length: float) -> tuple[float, str]:
    """Return by how much energies of two atoms miss their energy, eV/atom, if the array for them holds zeros before."""
    pair = Atoms([symbol] * 2, [[0, 0, 0], [length, 0, 0]])
    energy, _, energies = ask(made(name), pair, of_atoms=True)
    written = int((energies != MARK).sum())
    missed = abs(energy - float(np.where(energies == MARK, 0.0, energies).sum())) / 2
    words = f"kimpy: of two {symbol} atoms, {length} Å apart, energies of {written} are written; E = {energy:.4f} eV"
    return missed, words


def cluster(species: str) -> Atoms:
    """Return sixteen atoms of all species, in no order."""
    rng, symbols = np.random.default_rng(0), species.split(",")
    atoms: Atoms = bulk("Al", "fcc", a=1.12 * max(contact(one, one) for one in symbols), cubic=True).repeat((2, 2, 1))
    atoms.symbols = [*symbols, *rng.choice(symbols, len(atoms) - len(symbols))]
    atoms.positions += 0.1 * rng.normal(size=atoms.positions.shape)
    return Atoms(atoms.symbols, atoms.positions)


def through_refresh(name: str, species: str, change: str) -> tuple[float, str]:
    """Return how much the energy of a cluster, eV/atom, changes when it is changed as a law says, after a refresh.

    ASE's calculator refreshes a model whenever a structure was changed. What the change alone does is told.
    """
    atoms = cluster(species)
    changed = atoms.copy()
    if change == "turned":
        changed.rotate(37.0, (1, 2, 3))
    elif change == "mirrored":
        changed.positions *= -1.0
    elif change == "moved":
        changed.positions += [0.3, 0.2, 0.1]
    elif change == "reordered":
        changed = changed[np.random.default_rng(1).permutation(len(atoms))]
    model = made(name)
    first = ask(model, atoms)[0]
    alone = abs(ask(model, changed)[0] - first) / len(atoms)
    model.clear_then_refresh()
    after = abs(ask(model, changed)[0] - first) / len(atoms)
    return after, f"kimpy: energy of {len(atoms)} atoms, {change}, after one refresh; without it {alone:.1g} eV/atom"
