"""Shortest distances in a structure, right also for cells smaller than a bond and skewed ones.

The minimum-image convention fails there. Here the cell is Minkowski-reduced first: then the nearest image of a
difference wrapped into [-1/2, 1/2] is among the 27 cells around it (Nguyen and Stehlé, doi:10.1145/1597036.1597050).
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.radii import CONTACT, IntArray

_STEPS = {k: np.array(list(itertools.product((-1, 0, 1), repeat=k)), dtype=float) for k in (1, 2, 3)}
# One of each pair of opposite steps, without zero.
_HALF = {k: steps[len(steps) // 2 + 1 :] for k, steps in _STEPS.items()}


@lru_cache(maxsize=128)
def pairs(n: int) -> tuple[IntArray, IntArray]:
    """Return the indices of the first and second atom of every pair among n atoms, each (n (n - 1) / 2,), read-only."""
    first, second = np.triu_indices(n, 1)
    first.flags.writeable = second.flags.writeable = False
    return first, second


def periodic_vectors(cell: FloatArray, pbc: NDArray[np.bool_]) -> FloatArray:
    """Return the cell vectors along which a structure repeats: (n_periodic, 3) array, Å.

    Raises
    ------
    ValueError
        If they are linearly dependent, or one of them is zero.
    """
    vectors: FloatArray = np.asarray(cell, dtype=float)[np.asarray(pbc, dtype=bool)]
    if len(vectors):
        gram = vectors @ vectors.T
        if not np.linalg.det(gram) > 1e-14 * np.prod(gram.diagonal()):
            raise ValueError(
                "the cell vectors of the periodic directions are zero or linearly dependent; "
                "give a full cell or set pbc to False there"
            )
    return vectors


def reduce_vectors(vectors: FloatArray) -> FloatArray:
    """Return a Minkowski-reduced basis of the lattice that one to three vectors span, Å."""
    basis = np.array(vectors, dtype=float)
    k = len(basis)
    while k > 1:
        half = _HALF[k]
        gram = basis @ basis.T
        combined = np.sum((half @ gram) * half, axis=1)
        # Replacing a vector by a combination that contains it once keeps the lattice; do it where it gains most.
        gain = np.abs(half) * (gram.diagonal() - combined[:, None])
        step, row = divmod(int(np.argmax(gain)), k)
        if gain[step, row] <= 1e-10 * gram[row, row]:
            break
        basis[row] = half[step] @ basis
        _subtract_projections(basis)
    return basis


def _subtract_projections(basis: FloatArray) -> None:
    """Take whole multiples of each vector out of every longer one, so that long skews cost few rounds."""
    for i, j in itertools.permutations(range(len(basis)), 2):
        multiple = np.rint(basis[i] @ basis[j] / (basis[j] @ basis[j]))
        if multiple and basis[i] @ basis[i] > basis[j] @ basis[j]:
            basis[i] -= multiple * basis[j]


def shortest_vectors(positions: FloatArray, cell: FloatArray, pbc: NDArray[np.bool_]) -> tuple[FloatArray, float]:
    """Return the vectors from each atom to the nearest image of each later one, and the shortest lattice vector.

    Parameters
    ----------
    positions : (n, 3) array, Å
    cell : (3, 3) array, Å, rows
    pbc : (3,) array of bool

    Returns
    -------
    vectors : (n (n - 1) / 2, 3) array, Å, in the order of `pairs(n)`
    translation : float, Å; infinite for an isolated structure
    """
    i, j = pairs(len(positions))
    difference = positions[j] - positions[i]
    vectors = periodic_vectors(cell, pbc)
    k = len(vectors)
    if k == 0:
        return difference, np.inf
    vectors = reduce_vectors(vectors)
    translation = float(np.sqrt(np.min(np.sum(vectors**2, axis=1))))
    inverse = np.linalg.inv(vectors) if k == 3 else np.linalg.pinv(vectors)
    difference = difference - np.rint(difference @ inverse) @ vectors
    images = _STEPS[k] @ vectors
    excess = 2 * difference @ images.T + np.sum(images**2, axis=1)
    return difference + images[np.argmin(excess, axis=1)], translation


def minimum_distance(atoms: Atoms) -> float:
    """Return the shortest distance between two atoms of a structure, images of one atom included, Å.

    Infinite for a single isolated atom.

    Raises
    ------
    ValueError
        If a periodic direction has no cell vector.
    """
    vectors, translation = shortest_vectors(atoms.positions, atoms.cell.array, atoms.pbc)
    if len(vectors):
        translation = min(translation, float(np.sqrt(np.min(np.sum(vectors**2, axis=1)))))
    return translation if len(atoms) else np.inf


def contact_ratio(atoms: Atoms) -> float:
    """Return the smallest distance / contact distance over all pairs of atoms, images included.

    About 1 in a crystal, below 0.75 only where atoms are pushed together. Infinite for a single isolated atom.
    """
    numbers = atoms.numbers
    vectors, translation = shortest_vectors(atoms.positions, atoms.cell.array, atoms.pbc)
    if not len(numbers):
        return np.inf
    ratio = translation / float(np.max(CONTACT[numbers, numbers]))
    if len(vectors):
        i, j = pairs(len(numbers))
        ratio = min(ratio, float(np.sqrt(np.min(np.sum(vectors**2, axis=1) / CONTACT[numbers[i], numbers[j]] ** 2))))
    return ratio
