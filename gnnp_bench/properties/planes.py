"""Lattice planes of a crystal: Miller indices of its conventional cell, and crystals cut along a plane.

A crystal cut along a plane has two vectors in the plane and a third that leads to the next equivalent plane: no
smaller cell repeats there.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import gcd

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray
from gnnp_bench.properties.cells import TOLERANCE, spglib_cell
from gnnp_bench.structures.radii import IntArray
from gnnp_bench.structures.transform import supercell

Miller = tuple[int, int, int]
SAME_PLANE = 0.05
"""Å, within which atoms lie in one plane."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A family of lattice planes.

    Attributes
    ----------
    indices : tuple of three int
        Of the conventional cell.
    matrix : (3, 3) array of int
        Two vectors in the plane and one to the next plane, in units of the vectors of the primitive cell.
    spacing : float
        From a plane to the next, Å.
    """

    indices: Miller
    matrix: IntArray

    spacing: float

    @property
    def name(self) -> str:
        """The indices as they are written: "110", "1-10"."""
        return "".join(map(str, self.indices))


def facets(unit: Atoms, largest: int = 1) -> list[Facet]:
    """Return the distinct families of planes of a primitive cell with Miller indices up to `largest`.

    Those that lie furthest apart come first, which hold the most atoms. Of planes that symmetry turns into each other,
    the one with the fewest minus signs is told.
    """
    import spglib

    dataset = spglib.get_symmetry_dataset(spglib_cell(unit), symprec=TOLERANCE)
    to_conventional = np.eye(3) if dataset is None else np.asarray(dataset.transformation_matrix)
    rotations = [np.eye(3, dtype=int)] if dataset is None else dataset.rotations
    seen: set[Miller] = set()
    found = []
    numbers = range(-largest, largest + 1)
    for indices in sorted(((h, k, m) for h in numbers for k in numbers for m in numbers), key=_plainness):
        if gcd(*indices) != 1:
            continue
        # Planes are row vectors of the reciprocal lattice: those of the conventional cell times what leads to it.
        exact = np.array(indices) @ to_conventional
        scale = min(abs(x) for x in exact if abs(x) > 1e-6)
        plane = _whole(exact / scale)
        images = {_tuple(sign * (plane @ rotation)) for rotation in rotations for sign in (1, -1)}
        if not seen & images:
            matrix = _along(plane, unit.cell.array)
            a, b, _ = matrix @ unit.cell.array
            found.append(Facet(indices, matrix, float(unit.cell.volume / np.linalg.norm(np.cross(a, b)))))
        seen |= images
    return sorted(found, key=lambda facet: -round(facet.spacing, 3))


def _plainness(indices: Miller) -> tuple[int, int, tuple[int, ...]]:
    first = next((i for i in indices if i), 1)
    return sum(map(abs, indices)), sum(i < 0 for i in indices) + (first < 0), tuple(-i for i in indices)


def _whole(plane: FloatArray) -> IntArray:
    """Return the smallest whole numbers in the ratio of three numbers of which one is 1."""
    for factor in range(1, 13):
        if np.abs(plane * factor - np.rint(plane * factor)).max() < 1e-3:
            whole = np.rint(plane * factor).astype(np.int64)
            return np.asarray(whole // np.gcd.reduce(whole))
    raise ValueError(f"no plane of the lattice: {plane}")


def _tuple(plane: IntArray) -> Miller:
    h, k, m = (int(x) for x in plane)
    return h, k, m


def _along(plane: IntArray, cell: FloatArray) -> IntArray:
    """Return two short lattice vectors in a plane and one to the next: (3, 3) whole numbers, right-handed."""
    points = np.array([p for p in itertools.product(range(-4, 5), repeat=3) if any(p)])
    lengths = np.linalg.norm(points @ cell, axis=1)
    points = points[np.argsort(lengths, kind="stable")]
    heights = points @ plane
    inside = points[heights == 0]
    first = inside[0]
    across = next(p for p in inside[1:] if np.cross(first, p).any())
    upwards = points[heights == 1][0]
    matrix = np.array([first, across, upwards])
    if np.linalg.det(matrix @ cell) * np.linalg.det(cell) < 0:
        matrix[1] *= -1
    return matrix


def cut(unit: Atoms, facet: Facet, layers: int, termination: float, vacuum: float) -> Atoms:
    """Return a slab: `layers` lattice planes high, its lowest atoms those above a height.

    Parameters
    ----------
    unit : Atoms
        The primitive cell.
    facet : Facet
    layers : int
    termination : float
        Between 0 and 1: where between two lattice planes the crystal is cut.
    vacuum : float
        Å, between the highest atoms and the next image of the lowest. 0 for the crystal without a cut.
    """
    slab, _ = supercell(unit, facet.matrix * np.array([[1], [1], [layers]]))
    scaled = slab.get_scaled_positions(wrap=False)
    scaled[:, 2] = (scaled[:, 2] - termination / layers) % 1.0
    slab.set_scaled_positions(scaled)
    if not vacuum:
        return slab
    cell = slab.cell.array
    normal = np.cross(cell[0], cell[1])
    normal /= np.linalg.norm(normal)
    heights = slab.positions @ normal
    slab.set_cell(np.array([cell[0], cell[1], normal * (np.ptp(heights) + vacuum)]))
    slab.center(axis=2)
    return slab


def terminations(unit: Atoms, facet: Facet) -> list[float]:
    """Return the distinct places between two lattice planes at which a crystal can be cut: `cut`'s `termination`."""
    layer, _ = supercell(unit, facet.matrix)
    heights = np.sort(layer.get_scaled_positions(wrap=False)[:, 2] % 1.0)
    gaps = np.diff(heights, append=heights[0] + 1.0)
    return [
        float((h + gap / 2) % 1.0) for h, gap in zip(heights, gaps, strict=True) if gap * facet.spacing > SAME_PLANE
    ]
