"""The periodic surroundings of a structure as plain points: what programs are given that know no periodic images.

The images are enumerated in a Minkowski-reduced cell of the periodic directions alone. So it does not matter how
skewed, small or left-handed the cell is that the structure came with, nor how far outside of it the atoms are;
directions that are not periodic have no images, whatever their cell vectors are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from ase import Atoms
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray
from scipy.spatial import KDTree

from gnnp_bench.potential import FloatArray, Unsupported

IntArray: TypeAlias = NDArray[np.intc]

MAX_IMAGES = 20_000_000
"""Images that are looked at for one structure: about a gigabyte. A cell of 0.01 Å and a cutoff of 6 Å have more."""


@dataclass(frozen=True, slots=True)
class Padded:
    """A structure and the images of its atoms around it.

    Attributes
    ----------
    positions : (n_all, 3) array, Å
        First the atoms in their order, each moved by a lattice vector into the reduced cell; then the images.
    image_of : (n_all,) array
        The atom that each is, or is an image of.
    n_atoms : int
    """

    positions: FloatArray
    image_of: IntArray
    n_atoms: int

    def gathered(self, values: FloatArray) -> FloatArray:
        """Return values of all, (n_all, ...), each added to the atom that it is of, (n_atoms, ...)."""
        total = np.array(values[: self.n_atoms])
        np.add.at(total, self.image_of[self.n_atoms :], values[self.n_atoms :])
        return total


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Neighbours of points, those of point i being `index[start[i]:start[i + 1]]`, in ascending order.

    Attributes
    ----------
    index : (n_pairs,) array
    start : (n_points + 1,) array
    """

    index: IntArray
    start: IntArray

    def of(self, point: int) -> IntArray:
        """Return the neighbours of one point; none where none were looked for."""
        return self.index[self.start[point] : self.start[point + 1]]


def padded(structure: Atoms, distance: float) -> Padded:
    """Return the atoms, and all their images within a distance of any of them.

    Parameters
    ----------
    structure : Atoms
    distance : float
        Å

    Raises
    ------
    ValueError
        Positions or periodic cell vectors are not finite.
    Unsupported
        The periodic cell vectors span no volume (area, length), or are so short that there are too many images.
    """
    atoms = np.asarray(structure.positions, np.float64)
    index = np.arange(len(atoms), dtype=np.intc)
    periodic = np.flatnonzero(structure.pbc)
    if not np.isfinite(atoms).all() or not np.isfinite(structure.cell.array[periodic]).all():
        raise ValueError("positions and cell must be finite numbers")
    if not len(periodic):
        return Padded(atoms.copy(), index, len(atoms))
    vectors = reduced(structure)
    inverse = np.linalg.pinv(vectors)
    scaled = atoms @ inverse
    moved = np.floor(scaled)
    atoms, scaled = atoms - moved @ vectors, scaled - moved
    # The k-th coordinate changes by at most |k-th column of the inverse| for each Å.
    margin = distance * np.linalg.norm(inverse, axis=0) + 1e-9
    low, high = scaled.min(axis=0) - margin, scaled.max(axis=0) + margin
    first, last = np.ceil(low - scaled.max(axis=0)), np.floor(high - scaled.min(axis=0))
    if np.prod(last - first + 1) * len(atoms) > MAX_IMAGES:
        raise Unsupported("the cell is so small that there are too many images within the potential's reach")
    ranges = [np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]
    steps = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, len(periodic))
    steps = steps[steps.any(axis=1)]
    found, which = [atoms], [index]
    tree = KDTree(atoms)
    for some in np.array_split(steps, max(1, len(steps) * len(atoms) // 500_000)):
        there = (scaled[None] + some[:, None]).reshape(-1, len(periodic))
        inside = np.flatnonzero(((there >= low) & (there <= high)).all(axis=1))
        points = atoms[inside % len(atoms)] + some[inside // len(atoms)] @ vectors
        near = np.isfinite(tree.query(points, distance_upper_bound=distance * (1 + 1e-12) + 1e-12)[0])
        found.append(points[near])
        which.append((inside[near] % len(atoms)).astype(np.intc))
    return Padded(np.concatenate(found), np.concatenate(which), len(atoms))


def neighbours(points: FloatArray, n_centres: int, cutoffs: FloatArray) -> list[Neighbours]:
    """Return for each cutoff, Å, the points within it of each of the first `n_centres` points, themselves excluded."""
    tree = KDTree(points)
    centres = tree if n_centres == len(points) else KDTree(points[:n_centres])
    pairs = centres.sparse_distance_matrix(tree, float(np.max(cutoffs)), output_type="ndarray")
    pairs = pairs[pairs["i"] != pairs["j"]]
    pairs = pairs[np.lexsort((pairs["j"], pairs["i"]))]
    found = []
    for cutoff in cutoffs:
        some = pairs[pairs["v"] <= cutoff]
        start = np.zeros(len(points) + 1, np.intc)
        np.cumsum(np.bincount(some["i"], minlength=len(points)), out=start[1:])
        found.append(Neighbours(np.ascontiguousarray(some["j"], np.intc), start))
    return found


def reduced(structure: Atoms) -> FloatArray:
    """Return the shortest vectors, (k, 3), Å, of the lattice of the k periodic directions.

    Raises
    ------
    Unsupported
        They span no volume (area, length).
    """
    vectors = structure.cell.array[structure.pbc]
    lengths = np.linalg.norm(vectors, axis=1)
    size = np.sqrt(abs(np.linalg.det(vectors @ vectors.T)))
    if not (lengths > 0).all() or size <= 1e-12 * np.prod(lengths):
        raise Unsupported("the periodic cell vectors lie in one plane or on one line, or are zero")
    if len(vectors) == 1:
        return np.array(vectors)
    # Directions that are not periodic are completed by others, so that theirs, which may be zero, play no part.
    cell = np.vstack([vectors, np.linalg.svd(vectors)[2][len(vectors) :]])
    pbc = [k < len(vectors) for k in range(3)]
    return np.array(minkowski_reduce(cell, pbc)[0][: len(vectors)])
