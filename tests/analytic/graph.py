"""Neighbour graphs of batches of structures, in the arithmetic of the potential that asks for them.

A cell may be smaller than the cutoff, skewed, left-handed, partially periodic or absent; atoms may lie outside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.potential import Unsupported

Real: TypeAlias = NDArray[np.floating[Any]]
"""An array in the arithmetic of the potential: float32 or float64."""
Index: TypeAlias = NDArray[np.intp]
DType: TypeAlias = Literal["float32", "float64"]

REACH = 0.99
"""Edges with r² beyond this fraction of r_c² are left out: there the envelope is below e^-99."""
MAX_EDGES = 30_000
"""Structures are put together until their edges exceed this number, so that arrays stay in the processor's cache."""
MOST_KEPT = 300_000
"""Edges of the graphs that are kept for whoever asks for the same ones next: some 20 MB."""
MOST_REMEMBERED = 2_000_000
"""The same for `remembering`: some 150 MB."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Directed edges of several structures, each edge once from either end. Arrays are shared, and read-only.

    Attributes
    ----------
    positions : (n_atoms, 3) array, Å
    numbers : (n_atoms,) array
        Atomic numbers.
    owner : (n_atoms,) array
        The structure of each atom.
    first : (n_structures + 1,) array
        Index of the first atom of each structure.
    cells : (n_structures, 3, 3) array, Å, rows
    centres, neighbours : (n_edges,) arrays
        Atom indices, ascending in `centres`.
    shifts : (n_edges, 3) array
        Lattice translations of the neighbour, for the positions as given.
    vectors : (n_edges, 3) array, Å
        From centre to neighbour.
    distances : (n_edges,) array, Å
    cutoff : float, Å
    structures : sequence of Atoms
    """

    positions: Real
    numbers: Index
    owner: Index
    first: Index
    cells: Real
    centres: Index
    neighbours: Index
    shifts: NDArray[np.int64]
    vectors: Real
    distances: Real
    cutoff: float
    structures: Sequence[Atoms]

    @property
    def n_atoms(self) -> int:
        return len(self.numbers)

    @property
    def n_structures(self) -> int:
        return len(self.cells)

    @property
    def indices(self) -> Index:
        """Index of each atom within its own structure."""
        return np.arange(self.n_atoms) - self.first[self.owner]


@lru_cache(maxsize=4096)
def _translations(low: tuple[int, ...], high: tuple[int, ...]) -> NDArray[np.int64]:
    ranges = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    grid.setflags(write=False)
    return grid


def dual_basis(cell: NDArray[np.float64], pbc: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the (3, 3) matrix that turns positions into fractional ones, with zero columns where not periodic."""
    return _dual_basis(cell.tobytes(), tuple(pbc.tolist()))


@lru_cache(maxsize=256)  # atoms move many times while their cell stays
def _dual_basis(cell_bytes: bytes, periodic: tuple[bool, ...]) -> NDArray[np.float64]:
    pbc = np.array(periodic)
    lattice = np.frombuffer(cell_bytes).reshape(3, 3)[pbc]
    dual = np.zeros((3, 3))
    if len(lattice) == 0:
        return dual
    try:
        dual[:, pbc] = np.linalg.inv(lattice) if len(lattice) == 3 else lattice.T @ np.linalg.inv(lattice @ lattice.T)
    except np.linalg.LinAlgError:
        raise Unsupported(
            "the periodic cell vectors are linearly dependent; mend the cell or set pbc to False"
        ) from None
    dual.setflags(write=False)
    return dual


Edges: TypeAlias = tuple[Index, Index, NDArray[np.int64]]


def edges(positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_], cutoff: float) -> Edges:
    """Return centres, neighbours and lattice translations of all pairs nearer than the cutoff.

    Images are taken of the atoms wrapped into the cell, as far as the cutoff reaches measured between lattice planes;
    the translations returned are those of the positions as given.

    Parameters
    ----------
    positions : (n_atoms, 3) array, Å
    cell : (3, 3) array, Å, rows
    pbc : (3,) array
    cutoff : float, Å

    Raises
    ------
    Unsupported
        If periodic cell vectors are zero or linearly dependent.
    """
    if not pbc.any():
        return _edges_of_a_cluster(positions, cutoff)
    dual = dual_basis(cell, pbc)
    fractional = positions @ dual
    wraps = np.floor(fractional)
    fractional -= wraps
    wrapped = positions - wraps @ cell
    reach = cutoff * np.sqrt((dual * dual).sum(axis=0)) + 1e-9
    lowest, highest = fractional.min(axis=0), fractional.max(axis=0)
    extent = highest - lowest
    most = np.where(pbc, np.floor(reach + extent), 0.0).astype(int)
    translations = _translations(tuple((-most).tolist()), tuple(most.tolist()))
    ghost = fractional[None] + translations[:, None]
    along: Any = (ghost >= lowest - reach) & (ghost <= highest + reach) | ~pbc
    image, atom = np.nonzero(along[..., 0] & along[..., 1] & along[..., 2])
    ghosts = wrapped[atom] + translations[image] @ cell
    delta = ghosts[None] - wrapped[:, None]
    squares: NDArray[np.float64] = np.einsum("ijk,ijk->ij", delta, delta)
    near = squares < REACH * cutoff**2
    at_home = np.flatnonzero(image == len(translations) // 2)  # translations by n and by -n stand around that by zero
    near[atom[at_home], at_home] = False
    centres, which = np.nonzero(near)
    neighbours = atom[which]
    shifts = translations[image[which]] + (wraps[centres] - wraps[neighbours]).astype(np.int64)
    return centres, neighbours, shifts


def _edges_of_a_cluster(positions: NDArray[np.float64], cutoff: float) -> Edges:
    delta = positions[None] - positions[:, None]
    squares: NDArray[np.float64] = np.einsum("ijk,ijk->ij", delta, delta)
    near = squares < REACH * cutoff**2
    near.flat[:: len(positions) + 1] = False
    centres, neighbours = np.nonzero(near)
    return centres, neighbours, np.zeros((len(centres), 3), np.int64)


def _validate(structure: Atoms) -> None:
    if len(structure) == 0:
        raise ValueError("the structure has no atoms; a potential needs at least one")
    if not (np.isfinite(structure.positions).all() and np.isfinite(structure.cell.array).all()):
        raise ValueError("positions or cell contain NaN or infinity; give finite coordinates")


def _join(structures: Sequence[Atoms], parts: Sequence[tuple[Real, Index, Real, Edges]], cutoff: float) -> Graph:
    counts = [len(part[0]) for part in parts]
    first = np.concatenate([[0], np.cumsum(counts)])
    positions = np.concatenate([part[0] for part in parts])
    cells = np.stack([part[2] for part in parts])
    centres = np.concatenate([part[3][0] + start for part, start in zip(parts, first, strict=False)])
    neighbours = np.concatenate([part[3][1] + start for part, start in zip(parts, first, strict=False)])
    shifts = np.concatenate([part[3][2] for part in parts])
    # Matrix products may order their sums by batch size; three products added in turn never do.
    owner = np.repeat(np.arange(len(parts)), counts)
    cell_of_edge = cells[owner[centres]]
    images = shifts.astype(positions.dtype)
    vectors = positions[neighbours] - positions[centres]
    for axis in range(3):
        vectors += images[:, axis, None] * cell_of_edge[:, axis]
    x, y, z = vectors.T
    graph = Graph(
        positions=positions,
        numbers=np.concatenate([part[1] for part in parts]),
        owner=owner,
        first=first,
        cells=cells,
        centres=centres,
        neighbours=neighbours,
        shifts=shifts,
        vectors=vectors,
        distances=np.sqrt(x * x + y * y + z * z),
        cutoff=cutoff,
        structures=structures,
    )
    for name in Graph.__dataclass_fields__:
        if isinstance(array := getattr(graph, name), np.ndarray):
            array.setflags(write=False)
    return graph


class _Asked(NamedTuple):
    """What graphs are made of: all that they hold but `Graph.structures` follows from it."""

    cutoff: float
    dtype: DType
    structures: tuple[tuple[Any, ...], ...]


def _content(structure: Atoms) -> tuple[Any, ...]:
    arrays = structure.numbers, structure.positions, structure.cell.array
    return *(array.tobytes() for array in arrays), *structure.pbc


def graphs(structures: Sequence[Atoms], cutoff: float, dtype: DType) -> Iterator[Graph]:
    """Yield graphs that together hold the structures in order.

    Parameters
    ----------
    structures : sequence of Atoms
    cutoff : float, Å
    dtype : "float32" or "float64"
        Positions and cell are rounded to it before anything else is done with them.

    Raises
    ------
    ValueError
        If a structure is empty or not finite.
    Unsupported
        If periodic cell vectors are zero or linearly dependent.
    """
    global _last
    asked = _Asked(cutoff, dtype, tuple(map(_content, structures)))
    known = _last[1] if _last is not None and _last[0] == asked else _remembered.get(asked)
    if known is not None:
        for first, graph in known:
            # The same atoms in the same places: whatever else they carry is that of whoever asks now.
            yield replace(graph, structures=structures[first : first + graph.n_structures])
        return
    kept, size = [], 0
    for first, graph in _graphs(structures, cutoff, dtype):
        size += len(graph.centres)
        if size <= MOST_KEPT:
            kept.append((first, replace(graph, structures=())))
        yield graph
    if size <= MOST_KEPT:
        _last = asked, kept
        _remember(asked, kept, size)


Kept: TypeAlias = list[tuple[int, Graph]]
"""Graphs, each with the index of its first structure."""
Store: TypeAlias = dict[_Asked, Kept]

_last: tuple[_Asked, Kept] | None = None
"""A defect that is planted looks at the structures that the sound potential has just looked at."""
_remembered: Store = {}
_room = 0


def _remember(asked: _Asked, kept: Kept, size: int) -> None:
    global _room
    if size <= _room:
        _room -= size
        _remembered[asked] = kept


@contextmanager
def remembering(store: Store) -> Iterator[None]:
    """Remember graphs beyond the next call, `MOST_REMEMBERED` edges, for who asks for the same ones many times."""
    global _remembered, _room
    held = sum(len(graph.centres) for kept in store.values() for _, graph in kept)
    _remembered, _room = store, MOST_REMEMBERED - held
    try:
        yield
    finally:
        _remembered, _room = {}, 0


def _graphs(structures: Sequence[Atoms], cutoff: float, dtype: DType) -> Iterator[tuple[int, Graph]]:
    """Yield graphs, each with the index of its first structure."""
    parts: list[tuple[Real, Index, Real, Edges]] = []
    n_edges = start = 0
    for end, structure in enumerate(structures, 1):
        _validate(structure)
        positions = structure.positions.astype(dtype)
        cell = structure.cell.array.astype(dtype)
        found = edges(positions.astype(float), cell.astype(float), structure.pbc, cutoff)
        parts.append((positions, structure.numbers.astype(np.intp), cell, found))
        n_edges += len(found[0])
        if n_edges > MAX_EDGES:
            yield start, _join(structures[start:end], parts, cutoff)
            parts, n_edges, start = [], 0, end
    if parts:
        yield start, _join(structures[start:], parts, cutoff)


def sum_by(index: Index, values: Real, size: int) -> Real:
    """Return sums of values over equal indices, added one after another in the values' own precision.

    Parameters
    ----------
    index : (n,) array
    values : (n, ...) array
    size : int
        Number of sums.
    """
    if values.ndim == 1:
        total: Real = np.zeros(size, values.dtype)
        if values.dtype == np.float64:
            total += np.bincount(index, weights=values, minlength=size)
        else:
            np.add.at(total, index, values)
        return total
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))  # -1 cannot be told for no values
    columns = [sum_by(index, np.ascontiguousarray(column), size) for column in flat.T]
    return np.stack(columns, axis=-1).reshape(size, *values.shape[1:])
