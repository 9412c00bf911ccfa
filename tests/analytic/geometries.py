"""Structures that cover what a neighbour list can get wrong, with low symmetry so that no term cancels."""

from __future__ import annotations

import numpy as np
from ase import Atoms


def _rattled(structure: Atoms, seed: int, amplitude: float = 0.15) -> Atoms:
    rng = np.random.default_rng(seed)
    structure.positions += rng.uniform(-amplitude, amplitude, structure.positions.shape)
    return structure


def alloy(seed: int = 0) -> Atoms:
    """Return eight atoms of three species on a rattled face-centred lattice in a skewed cell, some outside the cell."""
    fractional = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    fractional = np.concatenate([fractional, fractional + np.array([1, 0, 0])]) / [2, 1, 1]
    cell = np.array([[7.7, 0.2, -0.1], [0.9, 3.9, 0.3], [-0.4, 0.8, 4.0]])
    structure = Atoms("CuAuCu2AlCuAuCu", cell=cell, scaled_positions=fractional, pbc=True)
    structure.positions += [5.0, -11.0, 2.0]
    structure.positions[3] += cell[0] - 2 * cell[2]
    return _rattled(structure, seed)


def left_handed(seed: int = 1) -> Atoms:
    """Return two atoms in a left-handed, skewed cell much smaller than any cutoff."""
    cell = np.array([[0.1, 2.6, 0.3], [2.5, 0.2, 0.9], [0.4, -0.7, 2.9]])
    structure = Atoms("CuAl", cell=cell, scaled_positions=[[0.1, 0.2, 0.1], [0.55, 0.7, 0.65]], pbc=True)
    return _rattled(structure, seed)


def single(seed: int = 2) -> Atoms:
    """Return one atom in a strained primitive cell."""
    rng = np.random.default_rng(seed)
    cell = np.array([[0.0, 1.8, 1.8], [1.8, 0.0, 1.8], [1.8, 1.8, 0.0]]) @ (
        np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3))
    )
    return Atoms("Cu", cell=cell, positions=[[0.3, 9.0, -4.0]], pbc=True)


def covalent(seed: int = 3) -> Atoms:
    """Return eight silicon and carbon atoms on a rattled diamond lattice."""
    sites = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = np.concatenate([sites, sites + 0.25])
    structure = Atoms("Si6C2", cell=[5.1, 5.0, 5.2], scaled_positions=sites, pbc=True)
    return _rattled(structure, seed)


def slab(seed: int = 4) -> Atoms:
    """Return a layer of two species, periodic along two oblique directions, with vacuum along the third."""
    cell = np.array([[2.6, 0.1, 0.0], [1.2, 2.4, 0.2], [0.3, 0.4, 14.0]])
    structure = Atoms(
        "CuAlCu", cell=cell, positions=[[0, 0, 5], [1.3, 1.2, 6.9], [0.1, 0.2, 8.8]], pbc=[True, True, False]
    )
    return _rattled(structure, seed)


def wire(seed: int = 5) -> Atoms:
    """Return a zigzag chain, periodic along the second direction, whose other cell vectors are zero."""
    cell = np.array([[0, 0, 0], [0.4, 3.9, 0.2], [0, 0, 0]])
    structure = Atoms(
        "CuOCu", cell=cell, positions=[[0, 0, 0], [1.2, 1.3, 0.4], [0.2, 2.6, 1.1]], pbc=[False, True, False]
    )
    return _rattled(structure, seed)


def molecule(seed: int = 6) -> Atoms:
    """Return an isolated, chiral molecule of six atoms without a cell."""
    positions = [[0, 0, 0], [1.45, 0, 0], [-0.5, 1.2, 0.3], [-0.4, -0.7, 1.1], [-0.5, -0.4, -0.9], [1.9, 0.9, 0.8]]
    return _rattled(Atoms("CCOHNH", positions=positions), seed, 0.1)


def cluster(seed: int = 7) -> Atoms:
    """Return an isolated cluster of seven metal atoms in a box that is not periodic."""
    sites = [
        [0, 0, 0],
        [2.5, 0, 0],
        [1.2, 2.2, 0],
        [1.3, 0.8, 2.1],
        [-1.2, 2.0, 0.4],
        [3.6, 2.1, 0.3],
        [1.2, 0.7, -2.0],
    ]
    return _rattled(Atoms("Cu4Al2Au", positions=np.array(sites) + 6.0, cell=[12, 13, 14]), seed)


PERIODIC = (alloy, left_handed, single, covalent)
NOT_PERIODIC = (slab, wire, molecule, cluster)
EVERY = PERIODIC + NOT_PERIODIC
