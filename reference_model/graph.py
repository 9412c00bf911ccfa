"""Structures become padded neighbour lists.

Every atom gets one row of M slots, M the largest number of neighbours in the batch, rounded up. Slots without a
neighbour hold a vector longer than any cutoff, so that every function of distance and all of its derivatives vanish
there exactly: the network needs no masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray
from vesin import NeighborList

from gnnp_bench.potential import FloatArray, Unsupported
from reference_model.repulsion import reach

PADDING = 1e3
"""Å; the length of the vector in an empty slot."""
ROUNDED = 4
"""Rows are a multiple of it long: matrix products of 48 slots take a seventh less time than those of 47."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """One structure with its pairs nearer than a cutoff, each pair once.

    Attributes
    ----------
    numbers : (n_atoms,) array
        Atomic numbers.
    first, second : (n_pairs,) arrays
        Atom indices. An atom and its own image make a pair as well.
    vectors : (n_pairs, 3) array, Å
        From the first to the second.
    volume : float, Å³
        Of the cell; NaN where fewer than three directions are periodic and the cell spans none.
    """

    numbers: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    vectors: FloatArray
    volume: float


@dataclass(frozen=True, slots=True)
class Graph:
    """A batch of structures as the network sees it. N atoms in all, M slots for neighbours per atom.

    Attributes
    ----------
    vectors : (3, N, M) tensor, Å
        From an atom to its neighbours.
    neighbours : (N, M) tensor of int64
        Index of the neighbour; in an empty slot that of the atom itself.
    reverse : (N, M) tensor of int64
        Where the same pair is found in the neighbour's row, as an index into the flattened (N · M) slots; an empty
        slot points to itself.
    species : (N,) tensor of int64
        Index into the species of the network.
    owner : (N,) tensor of int64
        Index of the structure.
    volumes : (n_structures,) tensor of float64, Å³
        NaN where a structure has none.
    sizes : tuple of int
        Number of atoms of each structure.
    n_close : int
        Neighbours that feel the repulsion of nuclei stand in the first so many slots of a row.
    """

    vectors: torch.Tensor
    neighbours: torch.Tensor
    reverse: torch.Tensor
    species: torch.Tensor
    owner: torch.Tensor
    volumes: torch.Tensor
    sizes: tuple[int, ...]
    n_close: int


def find_neighbours(structure: Atoms, cutoff: float) -> Neighbourhood:
    """Return the pairs of a structure, images included.

    Cells may be smaller than the cutoff, skewed, left-handed or partially periodic; atoms may lie outside the cell.
    Vectors are computed in float64 from the positions as given.

    Parameters
    ----------
    structure : Atoms
    cutoff : float, Å

    Raises
    ------
    ValueError
        The structure is empty, a number in it is not finite, or two atoms coincide.
    Unsupported
        Periodic cell vectors are zero or linearly dependent.
    """
    positions = np.ascontiguousarray(structure.positions, np.float64)
    cell = np.ascontiguousarray(structure.cell.array, np.float64)
    if len(positions) == 0:
        raise ValueError("the structure has no atoms")
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        raise ValueError("the structure holds positions or cell vectors that are not finite")
    box = _completed(cell, structure.pbc)
    finder = NeighborList(cutoff=cutoff, full_list=False, n_threads=1)
    pairs, shifts = finder.compute(positions, box, structure.pbc, "PS")
    first, second = pairs.astype(np.int64).T
    vectors = positions[second] - positions[first] + shifts @ box
    if len(vectors) and not (vectors * vectors).sum(axis=1).min() > 0.0:
        raise ValueError("two atoms of the structure coincide")
    volume = abs(float(np.linalg.det(cell)))
    return Neighbourhood(structure.numbers.astype(np.int64), first, second, vectors, volume or np.nan)


def collate(
    neighbourhoods: Sequence[Neighbourhood],
    species: Sequence[str],
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Graph:
    """Put structures together into one batch.

    Parameters
    ----------
    neighbourhoods : sequence of Neighbourhood
    species : sequence of str
        Those of the network, in its order.
    dtype : torch.dtype
        Of `Graph.vectors`.
    device : torch.device or str

    Raises
    ------
    Unsupported
        An element is not among the species.
    """
    sizes = [len(one.numbers) for one in neighbourhoods]
    starts = np.cumsum([0, *sizes])
    n_atoms = int(starts[-1])
    first = np.concatenate([one.first + start for one, start in zip(neighbourhoods, starts, strict=False)])
    second = np.concatenate([one.second + start for one, start in zip(neighbourhoods, starts, strict=False)])
    half = np.concatenate([one.vectors for one in neighbourhoods])
    # Each pair is an edge from either end; edge e and edge e ± n_pairs are the two directions of one pair.
    centres, others = np.concatenate([first, second]), np.concatenate([second, first])
    counts = np.bincount(centres, minlength=n_atoms)
    width = max(1, -(-int(counts.max()) // ROUNDED)) * ROUNDED
    numbers = np.concatenate([one.numbers for one in neighbourhoods])
    close = (half * half).sum(axis=1) < reach(numbers[first], numbers[second]) ** 2
    close = np.concatenate([close, close])
    order = np.argsort(2 * centres + ~close, kind="stable")
    place = np.empty(len(centres), np.int64)
    place[order] = centres[order] * width + np.arange(len(centres)) - np.repeat(np.cumsum(counts) - counts, counts)
    vectors = np.zeros((3, n_atoms * width), np.float64)
    vectors[0] = PADDING
    vectors[:, place] = np.concatenate([half, -half]).T
    neighbours = np.repeat(np.arange(n_atoms), width)
    neighbours[place] = others
    reverse = np.arange(n_atoms * width)
    reverse[place] = np.roll(place, len(first))

    def tensor(array: NDArray[Any], kind: torch.dtype = torch.int64) -> torch.Tensor:
        return torch.from_numpy(array).to(device, kind)

    return Graph(
        vectors=tensor(vectors.reshape(3, n_atoms, width), dtype),
        neighbours=tensor(neighbours.reshape(n_atoms, width)),
        reverse=tensor(reverse.reshape(n_atoms, width)),
        species=tensor(species_indices(numbers, species)),
        owner=tensor(np.repeat(np.arange(len(sizes)), sizes)),
        volumes=tensor(np.array([one.volume for one in neighbourhoods]), torch.float64),
        sizes=tuple(sizes),
        n_close=int(np.bincount(centres[close], minlength=1).max()),
    )


def species_indices(numbers: NDArray[np.int64], species: Sequence[str]) -> NDArray[np.int64]:
    """Return the index among the species of each atomic number.

    Raises
    ------
    Unsupported
        An element is not among the species.
    """
    table = np.full(max(120, int(numbers.max()) + 1), -1)
    table[[atomic_numbers[symbol] for symbol in species]] = np.arange(len(species))
    indices = table[numbers]
    if (indices < 0).any():
        strange = int(numbers[indices < 0][0])
        raise Unsupported(f"the element with Z = {strange} is not among the species {', '.join(species)}")
    return indices


def _completed(cell: FloatArray, pbc: NDArray[np.bool_]) -> FloatArray:
    """Return the cell with its non-periodic vectors replaced by unit vectors across the periodic ones."""
    lattice = cell[pbc]
    lengths = np.linalg.norm(lattice, axis=1)
    if (lengths == 0.0).any():
        raise Unsupported("a periodic cell vector is zero; mend the cell or set pbc to False there")
    if len(lattice) and np.linalg.svd(lattice / lengths[:, None], compute_uv=False)[-1] < 1e-8:
        raise Unsupported("the periodic cell vectors are linearly dependent; mend the cell or set pbc to False")
    box = np.array(cell)
    # The last right singular vectors span what the lattice leaves out.
    box[~pbc] = np.linalg.svd(lattice, full_matrices=True)[2][len(lattice) :] if len(lattice) else np.eye(3)
    return box
