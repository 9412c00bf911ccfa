"""Structures far away from one another: a row of fragments above what they have left."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.carried import add_up, carry, neutralised
from gnnp_bench.structures.radii import IntArray

ROOM = 10.0
"""Å, of vacuum that make a direction of a periodic box one along which matter ends."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A host with fragments far away from it, and each of them alone in the same cell.

    Attributes
    ----------
    together : Atoms
    alone : tuple of Atoms
        The host first, then the fragments.
    rows : tuple of (n_i,) arrays of int
        Which atoms of `together` are those of each.
    """

    together: Atoms
    alone: tuple[Atoms, ...]
    rows: tuple[IntArray, ...]


def open_directions(atoms: Atoms) -> NDArray[np.bool_]:
    """Return along which cell vectors matter ends: not periodic, or with `ROOM` of vacuum in a periodic box."""
    found: NDArray[np.bool_] = ~atoms.pbc
    for axis in np.flatnonzero(atoms.pbc) if atoms.pbc.all() else ():
        found[axis] = _gap(atoms, int(axis))[0] >= ROOM
    return found


def kind_of(atoms: Atoms) -> str:
    """Return along how many directions matter goes on: of "bulk", "slab", "wire" or "molecule", in a box or without."""
    return ("molecule", "wire", "slab", "bulk")[int((~open_directions(atoms)).sum())]


def _gap(atoms: Atoms, axis: int) -> tuple[float, float]:
    """Return the widest empty layer across a periodic cell vector, Å, and the fraction of the vector where it ends."""
    cell = atoms.cell.array
    others = np.cross(cell[(axis + 1) % 3], cell[(axis + 2) % 3])
    height = abs(float(cell[axis] @ others)) / float(np.linalg.norm(others))
    fractions = np.sort((atoms.positions @ np.linalg.inv(cell))[:, axis] % 1.0)
    gaps = np.diff(fractions, append=fractions[0] + 1.0)
    widest = int(np.argmax(gaps))
    return float(gaps[widest] * height), float(fractions[(widest + 1) % len(fractions)])


def out_of(atoms: Atoms, direction: FloatArray) -> FloatArray:
    """Return the part of a direction that leads out of matter, as a unit vector.

    Raises
    ------
    ValueError
        If matter ends along no direction, or this one lies within it.
    """
    outwards = np.asarray(direction, dtype=float) @ _normals(atoms).T @ _normals(atoms)
    length = float(np.linalg.norm(outwards))
    if length < 1e-6:
        raise ValueError("the direction does not lead out of the structure")
    unit: FloatArray = outwards / length
    return unit


def _normals(atoms: Atoms) -> FloatArray:
    """Return an orthonormal basis of the directions in which matter ends, rows."""
    endless = atoms.cell.array[~open_directions(atoms)]
    if not len(endless):
        return np.eye(3)
    _, _, basis = np.linalg.svd(endless)
    normals: FloatArray = basis[len(endless) :]
    return normals


def set_apart(
    host: Atoms, fragments: Sequence[Atoms], places: Sequence[int], direction: FloatArray, distance: float
) -> Apart:
    """Return a host with fragments in a row above and below it, each `distance` from the next.

    Parameters
    ----------
    host : Atoms
        Matter ends along `direction`. Vacuum of periodic boxes is widened to `distance` between images.
    fragments : sequence of Atoms
        Their first atoms are put into the row; of the others, the places relative to it are kept.
    places : sequence of int
        Before which atom of the host each is listed; the number of its atoms for the end of the list.
    direction : (3,) array
        A unit vector out of the host, as from `out_of`.
    distance : float, Å
    """
    host = unwrapped(host)
    centre = host.positions.mean(axis=0)
    heights = (host.positions - centre) @ direction
    ends = {1: float(heights.max()), -1: float(heights.min())}
    moved: list[Atoms] = []
    for number, fragment in enumerate(fragments):
        side = 1 - 2 * (number % 2)
        ends[side] += side * distance
        away: Atoms = fragment.copy()
        away.positions += centre + ends[side] * direction - fragment.positions[0]
        moved.append(away)
    # Blocks of the list: the host between the fragments.
    order = sorted(range(len(moved)), key=lambda index: places[index])
    cuts = [0, *(places[index] for index in order), len(host)]
    numbered = [(0, np.arange(a, b)) for a, b in itertools.pairwise(cuts)]
    blocks = [numbered[0]]
    for index, part in zip(order, numbered[1:], strict=True):
        blocks += [(index + 1, np.arange(len(moved[index]))), part]
    carried = [name for name in host.arrays if name not in ("numbers", "positions")]
    for away in moved:
        for name in carried:
            if name not in away.arrays:  # charges and moments, of which a fragment has none
                away.set_array(name, np.zeros(len(away), host.arrays[name].dtype), shape=())
    parts = [host, *moved]
    listed = [(owner, int(atom)) for owner, atoms in blocks for atom in atoms]
    together = Atoms(
        numbers=[parts[owner].numbers[atom] for owner, atom in listed],
        positions=[parts[owner].positions[atom] for owner, atom in listed],
        cell=host.cell,
        pbc=host.pbc,
    )
    for name in carried:
        together.set_array(name, np.array([parts[owner].arrays[name][atom] for owner, atom in listed]))
    cell = _boxed(host, together, distance)
    owners = np.array([owner for owner, _ in listed])
    rows = tuple(np.flatnonzero(owners == owner) for owner in range(len(parts)))
    together.set_cell(cell)
    alone = tuple(_in_cell(part, cell, host) for part in parts)
    together = carry(host, together)
    add_up(alone, together)
    return Apart(together, alone, rows)


def _in_cell(part: Atoms, cell: FloatArray, host: Atoms) -> Atoms:
    """Return a part alone in a cell; a fragment carries what the host carries, but neither its charge nor its spin."""
    alone: Atoms = part.copy()
    alone.info = {}
    alone.set_cell(cell)
    alone.pbc = host.pbc
    laden = carry(host, alone)
    return laden if part is host else neutralised(laden) or laden


def unwrapped(host: Atoms) -> Atoms:
    """Return a host whose atoms stand together, where they were wrapped into a periodic box with vacuum."""
    whole: Atoms = host.copy()
    if host.pbc.all():
        cell = host.cell.array
        fractions = host.positions @ np.linalg.inv(cell)
        for axis in np.flatnonzero(open_directions(host)):
            start = _gap(host, int(axis))[1]
            fractions[:, axis] = (fractions[:, axis] - start + 1e-9) % 1.0
        whole.positions = fractions @ cell
    return whole


def _boxed(host: Atoms, together: Atoms, distance: float) -> FloatArray:
    """Return the cell of the host; where it is a box with vacuum, one that holds all with `distance` between images."""
    cell: FloatArray = host.cell.array.copy()
    opened = open_directions(host)
    if not host.pbc.all() or not opened.any():
        return cell
    for axis, normal in zip(np.flatnonzero(opened), _normals(host), strict=True):
        heights = together.positions @ normal
        cell[axis] = normal * (float(np.ptp(heights)) + distance)
    if np.linalg.det(cell) < 0.0 < np.linalg.det(host.cell.array):
        cell[np.flatnonzero(opened)[0]] *= -1.0
    return cell
