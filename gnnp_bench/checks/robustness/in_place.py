"""What programs do to a structure with a calculator attached: optimisers, cell filters, dynamics, Monte Carlo."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray

NUDGE = 0.05
"""Å, and strain"""
LITTLE = 1e-3
"""Å, by which one atom moves, and strain: what a cache that compares roughly takes for nothing."""
FAR = 0.4
"""Å, further than the skin of most lists of neighbours."""
ELECTRONS = 2
"""By which charge and spin change: a molecule without unpaired electrons can still have none."""

Change = Callable[[Atoms, np.random.Generator], bool]
"""Changes a structure in place and returns True, or leaves it alone where it cannot be changed so."""


def whole_copy(atoms: Atoms) -> Atoms:
    """Return a copy that shares nothing with the structure: `Atoms.copy` shares what `info` holds."""
    copied: Atoms = atoms.copy()
    copied.info = copy.deepcopy(atoms.info)
    return copied


def _positions_in_place(atoms: Atoms, rng: np.random.Generator) -> bool:
    atoms.positions += rng.normal(scale=NUDGE, size=(len(atoms), 3))
    return True


def _set_positions(atoms: Atoms, rng: np.random.Generator) -> bool:
    atoms.set_positions(atoms.get_positions() + rng.normal(scale=NUDGE, size=(len(atoms), 3)))
    return True


def _one_atom_a_little(atoms: Atoms, rng: np.random.Generator) -> bool:
    atoms.positions[int(rng.integers(len(atoms))), int(rng.integers(3))] += LITTLE
    return True


def _far(atoms: Atoms, rng: np.random.Generator) -> bool:
    directions = rng.normal(size=(len(atoms), 3))
    atoms.positions += FAR * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return True


def _constrained(atoms: Atoms, rng: np.random.Generator) -> bool:
    from ase.constraints import FixAtoms  # which imports half of scipy

    atoms.set_constraint(FixAtoms([0]))
    return _set_positions(atoms, rng)


def _strain(rng: np.random.Generator, pbc: NDArray[np.bool_], size: float = NUDGE) -> FloatArray:
    """Return a symmetric strain, of periodic directions only."""
    strain = rng.uniform(-size, size, size=(3, 3))
    strain[~pbc] = 0.0  # cell vectors that lead out of a slab mean nothing
    return strain


def _cell(scale_atoms: bool) -> Change:
    def change(atoms: Atoms, rng: np.random.Generator) -> bool:
        if not atoms.pbc.any():
            return False
        # Of the vectors themselves: they are mixed and scaled as a cell filter does it.
        strain = _strain(rng, atoms.pbc)
        strain[:, ~atoms.pbc] = 0.0
        atoms.set_cell(atoms.cell.array + strain @ atoms.cell.array, scale_atoms=scale_atoms)
        return True

    return change


def _cell_in_place(atoms: Atoms, rng: np.random.Generator) -> bool:
    if not atoms.pbc.any():
        return False
    atoms.cell[np.flatnonzero(atoms.pbc)[0]] *= 1.0 + NUDGE
    return True


def _cell_a_little(atoms: Atoms, rng: np.random.Generator) -> bool:
    if not atoms.pbc.any():
        return False
    atoms.cell[np.flatnonzero(atoms.pbc)[-1]] *= 1.0 + LITTLE
    return True


def _cell_filter(atoms: Atoms, rng: np.random.Generator) -> bool:
    if not atoms.pbc.all():
        return False
    from ase.filters import FrechetCellFilter

    filtered = FrechetCellFilter(atoms)
    start = filtered.get_positions()
    step = rng.normal(scale=NUDGE, size=start.shape)
    step[-3:] = filtered.exp_cell_factor * NUDGE * rng.uniform(-1.0, 1.0, size=(3, 3))
    filtered.set_positions(start + step)
    return True


def _one_direction_open(atoms: Atoms, rng: np.random.Generator) -> bool:
    if not atoms.pbc.any():
        return False
    atoms.pbc[int(rng.choice(np.flatnonzero(atoms.pbc)))] = False
    return True


def _isolated(atoms: Atoms, rng: np.random.Generator) -> bool:
    changes = bool(atoms.pbc.any())
    atoms.pbc = False
    return changes


def _one_species(atoms: Atoms, rng: np.random.Generator) -> bool:
    k = int(rng.integers(len(atoms)))
    others = np.unique(atoms.numbers[atoms.numbers != atoms.numbers[k]])
    if not len(others):
        return False
    atoms.numbers[k] = int(rng.choice(others))
    return True


def _species_exchanged(atoms: Atoms, rng: np.random.Generator) -> bool:
    k = int(rng.integers(len(atoms)))
    others = np.flatnonzero(atoms.numbers != atoms.numbers[k])
    if not len(others):
        return False
    other = int(rng.choice(others))
    atoms.numbers[[k, other]] = atoms.numbers[[other, k]]
    return True


def _charge(atoms: Atoms, rng: np.random.Generator) -> bool:
    atoms.info["charge"] = atoms.info.get("charge", 0) + ELECTRONS
    return True


def _spin(atoms: Atoms, rng: np.random.Generator) -> bool:
    atoms.info["spin"] = atoms.info.get("spin", 1) + ELECTRONS
    return True


def _initial_charges(atoms: Atoms, rng: np.random.Generator) -> bool:
    charges = atoms.get_initial_charges()
    charges[int(rng.integers(len(atoms)))] += ELECTRONS
    atoms.set_initial_charges(charges)
    return True


def _initial_moments(atoms: Atoms, rng: np.random.Generator) -> bool:
    moments = atoms.get_initial_magnetic_moments()
    moments[int(rng.integers(len(atoms)))] += ELECTRONS
    atoms.set_initial_magnetic_moments(moments)
    return True


def _atom_deleted(atoms: Atoms, rng: np.random.Generator) -> bool:
    if len(atoms) < 2:
        return False
    del atoms[int(rng.integers(len(atoms)))]
    return True


def _atom_at_the_end(atoms: Atoms, rng: np.random.Generator) -> bool:
    """Take one out and put it back as the last: as many atoms as before, in another order."""
    if len(atoms) < 2:
        return False
    k = int(rng.integers(len(atoms) - 1))
    taken = atoms[[k]]
    del atoms[k]
    atoms.extend(taken)
    return True


def _nothing(atoms: Atoms, rng: np.random.Generator) -> bool:
    return True


CHANGES: Mapping[str, Change] = {
    "positions += ...": _positions_in_place,
    "cell alone": _cell(scale_atoms=False),
    "info['charge']": _charge,
    "set_positions": _set_positions,
    "one species": _one_species,
    "cell with its atoms": _cell(scale_atoms=True),
    "another structure between": _nothing,
    "one atom a little": _one_atom_a_little,
    "one direction open": _one_direction_open,
    "cell[...] *= ...": _cell_in_place,
    "atom deleted": _atom_deleted,
    "initial charges": _initial_charges,
    "cell filter": _cell_filter,
    "nothing": _nothing,
    "atom put at the end": _atom_at_the_end,
    "cell a little": _cell_a_little,
    "initial magnetic moments": _initial_moments,
    "species exchanged": _species_exchanged,
    "a copy in its place": _nothing,
    "constraint": _constrained,
    "all far": _far,
    "info['spin']": _spin,
    "isolated": _isolated,
    "step by step": _set_positions,
}
"""By name, in the order in which they take turns. What is not done to the structure itself, the check does."""


def changed(atoms: Atoms, name: str, seed: int) -> bool:
    """Change a structure in place, the same way each time. Return whether it could be changed so.

    Raises
    ------
    ValueError
        If there is no change of this name.
    """
    if name not in CHANGES:
        raise ValueError(f"a change must be one of {', '.join(CHANGES)}, got {name!r}")
    return CHANGES[name](atoms, np.random.default_rng(seed))
