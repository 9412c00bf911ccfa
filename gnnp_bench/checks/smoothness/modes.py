"""Displacements from ideal structures: sublattices, single atoms along axes and bonds, zone boundaries, random ones.

A displacement is a (n_atoms, 3) array whose largest row has length 1, so that a step δ along it moves no atom further.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.geometry import get_distances

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.transform import supercell

FEW = 6
"""Atoms of a cell that is doubled, so that both copies can move against each other."""


def normalised(rows: FloatArray) -> FloatArray:
    """Return the displacement whose largest row has length 1."""
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1).max()
    return unit


def doubled(rng: np.random.Generator, structure: Atoms) -> Atoms:
    """Return a small crystal or wire twice as long along a random periodic direction; anything else as it is."""
    periodic = np.flatnonzero(structure.pbc & (structure.cell.lengths() < 8.0))
    if len(periodic) == 0 or len(structure) > FEW:
        return structure
    repeat = [1, 1, 1]
    repeat[int(periodic[int(rng.integers(len(periodic)))])] = 2
    larger, _ = supercell(structure, np.diag(repeat))
    return larger


def _atom(rng: np.random.Generator, structure: Atoms) -> FloatArray:
    """Move one atom along an axis."""
    rows = np.zeros((len(structure), 3))
    rows[int(rng.integers(len(structure))), int(rng.integers(3))] = 1.0
    return rows


def _across(rng: np.random.Generator, structure: Atoms) -> FloatArray:
    """Move one atom across its shortest bond: it bends what is straight and leaves the plane of what is flat."""
    return _bond(rng, structure, across=True)


def _along(rng: np.random.Generator, structure: Atoms) -> FloatArray:
    """Move one atom along its shortest bond."""
    return _bond(rng, structure, across=False)


def _bond(rng: np.random.Generator, structure: Atoms, *, across: bool) -> FloatArray:
    rows = np.zeros((len(structure), 3))
    atom = int(rng.integers(len(structure)))
    others = np.delete(np.arange(len(structure)), atom)
    if len(others) == 0:
        return _atom(rng, structure)
    vectors, distances = get_distances(
        structure.positions[[atom]], structure.positions[others], structure.cell, structure.pbc
    )
    bond = vectors[0, int(np.argmin(distances[0]))]
    if across:
        # Out of the plane of three atoms where there is one: the normal of two bonds.
        second = vectors[0, int(np.argsort(distances[0])[1])] if len(others) > 1 else rng.normal(size=3)
        normal = np.cross(bond, second)
        if np.linalg.norm(normal) < 1e-6:
            normal = np.cross(bond, rng.normal(size=3))
        bond = normal
    rows[atom] = bond
    return rows


def _sublattice(rng: np.random.Generator, structure: Atoms) -> FloatArray:
    """Move all atoms of a species along an axis, every second atom where there is but one species."""
    numbers = sorted(set(structure.numbers.tolist()))
    if len(numbers) > 1:
        moving = structure.numbers == numbers[int(rng.integers(len(numbers)))]
    else:
        moving = np.arange(len(structure)) % 2 == 0
    rows = np.zeros((len(structure), 3))
    rows[moving, int(rng.integers(3))] = 1.0
    return rows


def _zone_boundary(rng: np.random.Generator, structure: Atoms) -> FloatArray:
    """Move the first half of the atoms against the second: of a doubled cell, neighbouring cells against each other."""
    rows = np.zeros((len(structure), 3))
    axis = int(rng.integers(3))
    rows[:, axis] = np.where(np.arange(len(structure)) < len(structure) / 2, 1.0, -1.0)
    return rows


def _random(rng: np.random.Generator, structure: Atoms) -> FloatArray:
    rows: FloatArray = rng.normal(size=(len(structure), 3))
    return rows


RANDOM = "random"
_MODES: dict[str, Callable[[np.random.Generator, Atoms], FloatArray]] = {
    "across a bond": _across,
    "sublattice": _sublattice,
    "atom along an axis": _atom,
    "zone boundary": _zone_boundary,
    "along a bond": _along,
    RANDOM: _random,
}
SPECIAL = ("across a bond", "across a bond", "sublattice", "atom along an axis", "zone boundary", "along a bond")
"""As often as they are named: what bends straight groups and leaves flat ones twice."""


def mode(rng: np.random.Generator, structure: Atoms, name: str) -> FloatArray:
    """Return a displacement by its name, the largest row of length 1."""
    return normalised(_MODES[name](rng, structure))
