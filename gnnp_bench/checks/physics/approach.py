"""Ways on which atoms approach each other: two of them, one more beside a pair, all of a structure at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from gnnp_bench.structures.apart import open_directions, unwrapped
from gnnp_bench.structures.geometry import pairs, shortest_vectors
from gnnp_bench.structures.radii import CONTACT
from gnnp_bench.structures.transform import strain, with_cell

RADII = np.minimum(covalent_radii[: len(CONTACT)], 0.5 * CONTACT.diagonal())
"""Å. The covalent radius, or half the distance in the metal where that is less: V₂ has a bond of 1.77 Å, 0.58 of twice
the covalent radius of vanadium and 0.68 of the distance in its crystal."""
ROOM = 1.0
"""Å, of a periodic box beyond the distance at which atoms feel nothing of each other."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Two atoms beside each other.

    Attributes
    ----------
    first, second : str
    distance : float, Å
    ratio : float
        The distance over the sum of radii.
    """

    first: str
    second: str
    distance: float
    ratio: float


def radii_sum(first: str, second: str) -> float:
    """Return the sum of the radii of two species, Å."""
    return float(RADII[atomic_numbers[first]] + RADII[atomic_numbers[second]])


def nearness(structure: Atoms) -> tuple[float, float]:
    """Return how close the closest two atoms are, and how close every atom has a neighbour at least.

    Distances are in units of the sum of the radii of the two atoms; images count. Infinite for an atom alone.
    """
    numbers = structure.numbers
    vectors, translation = shortest_vectors(structure.positions, structure.cell.array, structure.pbc)
    nearest = translation / (2.0 * RADII[numbers])
    i, j = pairs(len(numbers))
    ratios = np.linalg.norm(vectors, axis=1) / (RADII[numbers[i]] + RADII[numbers[j]])
    np.minimum.at(nearest, i, ratios)
    np.minimum.at(nearest, j, ratios)
    return float(nearest.min()), float(nearest.max())


def closest_contact(structure: Atoms) -> Contact:
    """Return the two atoms that are closest by the sum of their radii; images count.

    Examples
    --------
    >>> closest_contact(Atoms("OH2", positions=[[0, 0, 0], [0.97, 0, 0], [0, 0.9, 0]]))
    Contact(first='O', second='H', distance=0.9, ratio=0.9278...)
    """
    symbols = structure.get_chemical_symbols()
    vectors, translation = shortest_vectors(structure.positions, structure.cell.array, structure.pbc)
    i, j = (np.concatenate([ends, np.arange(len(symbols))]) for ends in pairs(len(symbols)))
    distances = np.concatenate([np.linalg.norm(vectors, axis=1), np.full(len(symbols), translation)])
    ratios = distances / (RADII[structure.numbers[i]] + RADII[structure.numbers[j]])
    least = int(np.argmin(ratios))
    return Contact(symbols[i[least]], symbols[j[least]], float(distances[least]), float(ratios[least]))


def meeting(first: str, second: str, beside: Sequence[Any] | None, far: float, *, free: bool) -> Atoms:
    """Return two atoms that touch, the second above the first, and a third one beside the first.

    Parameters
    ----------
    first, second : str
    beside : (str, float, float) or None
        The third atom: its species, its distance over the sum of radii, and the angle that it makes with the second, °.
    far : float, Å
        Where atoms feel nothing of each other any more.
    free : bool
        No cell; otherwise a periodic box in which the second atom can be moved so far up.
    """
    symbols, positions = [first, second], [[0.0, 0.0, 0.0], [0.0, 0.0, radii_sum(first, second)]]
    if beside is not None:
        third, distance, angle = beside
        length, turn = distance * radii_sum(first, third), np.radians(angle)
        symbols.append(third)
        positions.append([length * np.sin(turn), 0.0, length * np.cos(turn)])
    atoms = Atoms(symbols, positions=positions)
    if not free:
        atoms.set_cell(np.ptp(atoms.positions, axis=0) + far + ROOM + [0.0, 0.0, far])
        atoms.pbc = True
    return atoms


def apart(atoms: Atoms, distance: float) -> Atoms:
    """Return the structure of `meeting` with its first two atoms at another distance, Å."""
    moved: Atoms = atoms.copy()
    moved.positions[1] = moved.positions[0] + [0.0, 0.0, distance]
    return moved


def pressed(structure: Atoms, factor: float, axis: Sequence[float] | None) -> Atoms:
    """Return a structure whose lengths are multiplied by a factor: all of them, or those along an axis.

    The box around a molecule stays as it is.
    """
    change = (factor - 1.0) * (np.eye(3) if axis is None else np.outer(axis, axis))
    if not open_directions(structure).all():
        return strain(structure, change)
    whole = unwrapped(structure)
    return with_cell(whole, whole.positions + whole.positions @ change, whole.cell.array)
