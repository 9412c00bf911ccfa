"""MEAM of aluminium and uranium with ASE's calculator: structures that one law compares, asked one after the other.

ASE refreshes a model of the KIM API whenever a structure was changed. Here the same structures are asked of one
calculator, as a simulation does, and each of a calculator of its own, which leaves nothing behind: what the first
misses and the second does not is what refreshing does (docs/findings/openkim.md). No law of this project is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms

from benchmarks.openkim_direct import cluster
from benchmarks.openkim_measures import calculator, energy_of, forces_of, mixture

POINTS, LENGTH, STRAIN = 21, 0.1, 0.01
"""Of a line, Å and none: how far an atom is moved, or a cell stretched."""
NEAR, TINY = 1e-4, 1e-9
"""Å: to either side of a place, and a step that changes nothing but is seen as a change."""
FAR = 40.0
"""Å, beyond all neighbours."""

Ask = Callable[[Atoms], Any]
"""Returns a calculator for a structure: always the same one, or one just made."""


def missed(name: str, species: str, law: str) -> tuple[float, str]:
    """Return what two or more structures, asked of one calculator one after the other, miss of a law."""
    measure, words, unit = LAWS[law]
    one = calculator(name)
    together = measure(lambda atoms: one, species)
    apart = measure(lambda atoms: calculator(name), species)
    return together, f"ASE: {words}, of one calculator; of calculators just made {apart:.1g} {unit}".rstrip()


def _energies(ask: Ask, structures: Sequence[Atoms]) -> np.ndarray:
    return np.array([energy_of(ask(atoms), atoms) for atoms in structures])


def _per_atom(change: Callable[[Atoms], Atoms], ask: Ask, species: str) -> float:
    """Return by how much energies per atom of a crystal and of another description of it differ, eV."""
    atoms = mixture(species, 0)
    one, other = _energies(ask, [atoms, (changed := change(atoms))])
    return float(abs(other / len(changed) - one / len(atoms)))


def _shifted(atoms: Atoms) -> Atoms:
    found: Atoms = atoms.copy()
    found.positions += found.cell.array[0] + TINY
    return found


def _sheared(atoms: Atoms) -> Atoms:
    found: Atoms = atoms.copy()
    found.set_cell(np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]]) @ found.cell.array)
    return found


def _thicker_vacuum(ask: Ask, species: str) -> float:
    """Return by how much the energy per atom of a slab changes with its vacuum, eV."""
    slabs = []
    for vacuum in (20.0, 25.0):
        slab = mixture(species, 0)
        height = float(slab.cell.array[2, 2])
        slab.set_cell([*slab.cell.array[:2], [0.0, 0.0, height + vacuum]])
        slab.positions[:, 2] += 0.25 * height
        slabs.append(slab)
    one, other = _energies(ask, slabs)
    return float(abs(other - one)) / len(slabs[0])


def _detached(ask: Ask, species: str) -> float:
    """Return by how much the energy of a cluster and an atom far from it misses the sum of both, eV."""
    atoms = cluster(species)
    single = Atoms(atoms.symbols[:1], [[0.0, 0.0, 0.0]])
    both = atoms + Atoms(single.symbols, [atoms.positions.max(axis=0) + FAR])
    whole, part, other = _energies(ask, [both, atoms, single])
    return float(abs(whole - part - other))


def _line(ask: Ask, species: str) -> tuple[np.ndarray, np.ndarray]:
    """Return energies, eV, and forces along x on an atom that moves along it, eV/Å."""
    energies, pulls = [], []
    for t in np.linspace(0.0, LENGTH, POINTS):
        moved = mixture(species, 0)
        moved.positions[5, 0] += t
        calc = ask(moved)
        energies.append(energy_of(calc, moved))
        pulls.append(forces_of(calc, moved)[5, 0])
    return np.array(energies), np.array(pulls)


def _work(ask: Ask, species: str) -> float:
    """Return what the work of forces misses of the difference of energies, by the length of the path, eV/Å."""
    energies, pulls = _line(ask, species)
    simpson = np.ones(POINTS)
    simpson[1:-1:2], simpson[2:-1:2] = 4.0, 2.0
    work = float(simpson @ pulls) * LENGTH / (POINTS - 1) / 3.0
    return float(abs(energies[-1] - energies[0] + work)) / LENGTH


def _step(ask: Ask, species: str) -> float:
    """Return the largest step of the energy that forces on either side do not explain, eV."""
    energies, pulls = _line(ask, species)
    explained = -0.5 * (pulls[1:] + pulls[:-1]) * LENGTH / (POINTS - 1)
    return float(np.abs(np.diff(energies) - explained).max())


def _stretched(ask: Ask, species: str) -> float:
    """Return the largest second difference of the energy as a crystal is stretched, eV/atom."""
    structures = []
    for strain in np.linspace(0.0, STRAIN, POINTS):
        atoms = mixture(species, 0)
        atoms.set_cell(atoms.cell.array * [1.0 + strain, 1.0, 1.0], scale_atoms=True)
        structures.append(atoms)
    return float(np.abs(np.diff(_energies(ask, structures), 2)).max()) / len(structures[0])


def _force_change(ask: Ask, species: str) -> float:
    """Return by how much the force on an atom changes as it moves by 2e-4 Å, eV/Å."""
    found = []
    for t in (-NEAR, NEAR):
        moved = mixture(species, 0)
        moved.positions[5, 0] += t
        found.append(forces_of(ask(moved), moved)[5, 0])
    return float(abs(found[1] - found[0]))


def _scatter(ask: Ask, species: str) -> float:
    """Return the largest third difference of energies along a line of 2e-7 Å, relative to them."""
    structures = []
    for k in range(POINTS):
        atoms = mixture(species, 0)
        atoms.positions[5, 0] += k * 1e-8
        structures.append(atoms)
    energies = _energies(ask, structures)
    return float(np.abs(np.diff(energies, 3)).max() / np.abs(energies).max())


LAWS: dict[str, tuple[Callable[[Ask, str], float], str, str]] = {
    "periodicity/lattice-wrap": (partial(_per_atom, _shifted), "energy of a crystal moved by a cell", "eV/atom"),
    "periodicity/cell-choice": (partial(_per_atom, _sheared), "energy of a crystal in a skewed cell", "eV/atom"),
    "periodicity/supercell": (
        partial(_per_atom, lambda atoms: atoms.repeat((2, 1, 1))),
        "energy of a crystal in a double cell",
        "eV/atom",
    ),
    "robustness/size": (
        partial(_per_atom, lambda atoms: atoms.repeat(3)),
        "energy of 864 atoms and of the 32 that they repeat",
        "eV/atom",
    ),
    "periodicity/partial": (_thicker_vacuum, "energy of a slab in a box 5 Å higher", "eV/atom"),
    "locality/detached-atom": (_detached, "energy of a cluster and an atom 40 Å away, beside the sum", "eV"),
    "conservation/path-work": (_work, "ΔE and work of a path of 0.1 Å", "eV/Å"),
    "smoothness/continuity": (_step, "step of the energy beside that of forces, on a path of 0.1 Å", "eV"),
    "smoothness/continuity-cell": (_stretched, "second difference of the energy, stretched by 1 %", "eV/atom"),
    "smoothness/one-stiffness": (_force_change, "change of a force within 0.0002 Å", "eV/Å"),
    "robustness/precision": (_scatter, "third difference of energies within 2e-7 Å, relative", ""),
}
"""What is measured for each law, in words, and its unit."""
