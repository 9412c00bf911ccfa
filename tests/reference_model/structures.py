"""Structures on which a potential can go wrong."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, molecule

SPECIES = ("H", "O", "Na", "Cl")


def salt(shake: float = 0.1, seed: int = 0) -> Atoms:
    """Eight atoms of rock salt, shaken."""
    atoms: Atoms = bulk("NaCl", "rocksalt", a=5.4, cubic=True)
    atoms.rattle(shake, seed=seed)
    return atoms


def small_cell() -> Atoms:
    """Two atoms in a skewed cell much smaller than the cutoff."""
    atoms: Atoms = bulk("NaCl", "rocksalt", a=5.4)
    atoms.rattle(0.1, seed=1)
    cell = atoms.cell.array.copy()
    cell[1] += 2.0 * cell[0]
    atoms.set_cell(cell)
    return atoms


def left_handed() -> Atoms:
    atoms = salt(seed=2)
    atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    return atoms


def slab() -> Atoms:
    atoms: Atoms = fcc111("Na", (2, 2, 2), a=5.0, vacuum=None, orthogonal=False)
    atoms.rattle(0.1, seed=3)
    atoms.pbc = (True, True, False)
    return atoms


def water() -> Atoms:
    atoms: Atoms = molecule("H2O")
    atoms.rattle(0.05, seed=4)
    return atoms


def near_contact() -> Atoms:
    return Atoms("NaClO", [[0.0, 0.0, 0.0], [1.1, 0.2, 0.1], [0.1, 1.3, 0.2]])


def lone_atom() -> Atoms:
    return Atoms("Cl", [[0.3, 0.2, 0.1]])


def every_kind() -> dict[str, Atoms]:
    made = (salt(), small_cell(), left_handed(), slab(), water(), near_contact(), lone_atom())
    names = ("salt", "small cell", "left-handed", "slab", "water", "near contact", "lone atom")
    return dict(zip(names, made, strict=True))


def rotation(seed: int = 0) -> np.ndarray:
    """An orthogonal matrix of determinant 1."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))
