"""What can be done to a structure: supercells, other cells, rotations, permutations, strain, rattling, wrapping.

All return new structures and carry what atoms carry: tags, masses, momenta, magnetic moments, charges and any other
array. So is `info`, but for the note `info["recipe"]`: the result is not what that recipe builds. In a supercell totals
are multiplied (`carried.multiply`). Calculators and constraints are left behind.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.carried import multiply
from gnnp_bench.structures.geometry import periodic_vectors
from gnnp_bench.structures.radii import IntArray


def bare_copy(atoms: Atoms) -> Atoms:
    """Return a copy without calculator, constraints and recipe."""
    return with_cell(atoms, atoms.positions, atoms.cell.array)


def carried(atoms: Atoms) -> dict[str, Any]:
    """Return the arrays that a structure carries besides numbers and positions, by name."""
    return {name: values for name, values in atoms.arrays.items() if name not in ("numbers", "positions")}


def with_cell(atoms: Atoms, positions: FloatArray, cell: FloatArray) -> Atoms:
    """Return a bare copy with other positions (n, 3) and another cell (3, 3), Å."""
    copy = Atoms(numbers=atoms.numbers, positions=positions, cell=cell, pbc=atoms.pbc)
    copy.arrays.update((name, values.copy()) for name, values in carried(atoms).items())
    copy.info.update((name, value) for name, value in atoms.info.items() if name != "recipe")
    return copy


def _integers(matrix: ArrayLike, name: str) -> IntArray:
    values = np.asarray(matrix)
    if values.shape == (3,):
        values = np.diag(values)
    if values.shape != (3, 3) or values.dtype.kind not in "iuf" or not np.all(values == np.rint(values)):
        raise ValueError(f"{name} must be three whole numbers or a 3 x 3 array of whole numbers, got {matrix!r}")
    whole: IntArray = np.rint(values).astype(np.int64)
    return whole


def _check_directions(matrix: IntArray, pbc: NDArray[np.bool_], name: str) -> None:
    free = ~pbc
    if np.any(matrix[free] != np.eye(3, dtype=int)[free]) or np.any(matrix[:, free] != np.eye(3, dtype=int)[:, free]):
        raise ValueError(
            f"{name} must leave directions that are not periodic alone (pbc = {pbc.tolist()}): "
            "their rows and columns must be those of the identity"
        )


def _adjugate(matrix: IntArray) -> tuple[IntArray, int]:
    """Return the adjugate and the determinant of an integer matrix, exactly."""
    m = [[int(x) for x in row] for row in matrix]
    adjugate = np.empty((3, 3), dtype=np.int64)
    for i, j in itertools.product(range(3), repeat=2):
        (a, b), (c, d) = ([m[r][s] for s in range(3) if s != i] for r in range(3) if r != j)
        adjugate[i, j] = (a * d - b * c) * (-1) ** (i + j)
    return adjugate, sum(m[0][k] * int(adjugate[k, 0]) for k in range(3))


def supercell(atoms: Atoms, matrix: ArrayLike) -> tuple[Atoms, IntArray]:
    """Return a supercell with cell vectors ``matrix @ atoms.cell``, and which atom each of its atoms is an image of.

    Parameters
    ----------
    atoms : Atoms
        Directions that are not periodic must be left alone; their cell vectors may be zero.
    matrix : three ints or (3, 3) array of int
        Diagonal or not; a negative determinant turns the handedness of the cell around.

    Returns
    -------
    structure : Atoms
        |det| images of every atom: all atoms of the first image in their order, then those of the next.
    base : (|det| n,) array of int
        Index into `atoms` of each atom.

    Raises
    ------
    ValueError
        If the matrix is not integer, is singular, or repeats or mixes a direction that is not periodic.

    Examples
    --------
    >>> from gnnp_bench.structures import crystal
    >>> structure, base = supercell(crystal("rocksalt", ("Na", "Cl")), [[1, 0, 0], [1, 2, 0], [0, 0, 1]])
    >>> len(structure), base.tolist()
    (4, [0, 1, 0, 1])
    """
    rows = _integers(matrix, "matrix")
    _check_directions(rows, atoms.pbc, "matrix")
    periodic_vectors(atoms.cell.array, atoms.pbc)
    adjugate, determinant = _adjugate(rows)
    if determinant == 0:
        raise ValueError(f"matrix must not be singular, got {rows.tolist()}")
    # A lattice point n lies in the new cell if n M⁻¹ is in [0, 1): whole numbers decide, nothing is rounded.
    low = np.minimum(rows, 0).sum(axis=0)
    high = np.maximum(rows, 0).sum(axis=0)
    points = np.indices(tuple(high - low + 1)).reshape(3, -1).T + low
    scaled = points @ adjugate * np.sign(determinant)
    points = points[np.all((scaled >= 0) & (scaled < abs(determinant)), axis=1)]
    points = points[np.lexsort((*points.T[::-1], np.abs(points).sum(axis=1)))]
    n = len(atoms)
    base = np.tile(np.arange(n), len(points))
    cell = atoms.cell.array
    positions = (atoms.positions[None, :, :] + (points @ cell)[:, None, :]).reshape(-1, 3)
    larger = with_cell(_take(bare_copy(atoms), base), positions, rows @ cell)
    multiply(larger, len(points))
    return larger, base


def _take(atoms: Atoms, indices: IntArray) -> Atoms:
    taken: Atoms = atoms[indices]
    return taken


def change_cell(atoms: Atoms, matrix: ArrayLike, wrapped: bool = False) -> Atoms:
    """Return the same structure described by other vectors of the same lattice, ``matrix @ atoms.cell``.

    Parameters
    ----------
    atoms : Atoms
    matrix : (3, 3) array of int
        Determinant ±1; -1 makes a right-handed cell left-handed.
    wrapped : bool
        Move atoms into the new cell by lattice vectors; otherwise positions stay as they are, to the last bit.

    Raises
    ------
    ValueError
        If the matrix is not unimodular, or mixes a direction that is not periodic.
    """
    rows = _integers(matrix, "matrix")
    if abs(_adjugate(rows)[1]) != 1:
        raise ValueError(f"matrix must have determinant 1 or -1, got {rows.tolist()}")
    free = ~atoms.pbc
    if np.any(rows[np.ix_(free, atoms.pbc)]) or np.any(rows[np.ix_(atoms.pbc, free)]):
        raise ValueError(f"matrix must not mix periodic directions with others (pbc = {atoms.pbc.tolist()})")
    changed = with_cell(atoms, atoms.positions, rows @ atoms.cell.array)
    return wrap(changed) if wrapped else changed


def permute_axes(atoms: Atoms, order: Sequence[int]) -> Atoms:
    """Return the same structure with its cell vectors, and their periodicity, in another order.

    Raises
    ------
    ValueError
        If `order` is not a permutation of 0, 1, 2.
    """
    axes = [int(axis) for axis in order]
    if sorted(axes) != [0, 1, 2]:
        raise ValueError(f"order must be a permutation of 0, 1, 2, got {order!r}")
    changed = with_cell(atoms, atoms.positions, atoms.cell.array[axes])
    changed.pbc = atoms.pbc[axes]
    return changed


def rotate(atoms: Atoms, rotation: ArrayLike) -> Atoms:
    """Return the structure rotated about the origin: every vector r becomes R r.

    Positions, cell and momenta turn with R; magnetic moments given as vectors are axial and turn with det(R) R, so
    that a mirror treats them as the currents they come from. Numbers per atom, collinear moments among them, stay.

    Parameters
    ----------
    atoms : Atoms
    rotation : (3, 3) array
        Orthogonal to 1e-8; determinant -1 for reflections, inversion and rotary reflections.

    Raises
    ------
    ValueError
        If the matrix is not orthogonal.
    """
    matrix = np.asarray(rotation, dtype=float)
    if matrix.shape != (3, 3) or not np.allclose(matrix @ matrix.T, np.eye(3), rtol=0, atol=1e-8):
        raise ValueError("rotation must be an orthogonal 3 x 3 matrix")
    rotated = with_cell(atoms, atoms.positions @ matrix.T, atoms.cell.array @ matrix.T)
    if "momenta" in rotated.arrays:
        rotated.arrays["momenta"] = rotated.arrays["momenta"] @ matrix.T
    moments = rotated.arrays.get("initial_magmoms")
    if moments is not None and moments.ndim == 2:
        rotated.arrays["initial_magmoms"] = np.sign(np.linalg.det(matrix)) * moments @ matrix.T
    return rotated


def permute(atoms: Atoms, order: Sequence[int] | IntArray) -> Atoms:
    """Return the structure with its atoms in another order: atom i of the result is atom ``order[i]``.

    Raises
    ------
    ValueError
        If `order` is not a permutation of the indices.
    """
    indices = np.asarray(order)
    whole = indices.dtype.kind in "iu" or not len(indices)
    if not whole or not np.array_equal(np.sort(indices), np.arange(len(atoms))):
        raise ValueError(f"order must hold each index from 0 to {len(atoms) - 1} once")
    return _take(bare_copy(atoms), indices.astype(np.int64))


def translate(atoms: Atoms, vector: ArrayLike) -> Atoms:
    """Return the structure moved as a whole by a vector in Å."""
    return with_cell(atoms, atoms.positions + np.asarray(vector, dtype=float), atoms.cell.array)


def wrap(atoms: Atoms) -> Atoms:
    """Return the structure with every atom moved into the cell, by whole vectors of the periodic directions only.

    An atom that is in the cell already keeps its position to the last bit.

    Raises
    ------
    ValueError
        If a periodic direction has no cell vector.
    """
    vectors = periodic_vectors(atoms.cell.array, atoms.pbc)
    cell = atoms.cell.complete().array
    lengths = np.linalg.norm(cell, axis=1)
    # Where the other vectors lie in the plane of the periodic ones, coordinates are those of the projection.
    singular = abs(np.linalg.det(cell)) < 1e-10 * np.prod(lengths)
    inverse = np.linalg.pinv(vectors) if singular else np.linalg.inv(cell)[:, atoms.pbc]
    coordinates = atoms.positions @ inverse
    # -1e-17 is 0 as far as the cell goes; its floor, -1, would carry the atom to the far face.
    whole = np.rint(coordinates)
    multiples = np.where(np.abs(coordinates - whole) < 1e-12, whole, np.floor(coordinates))
    return with_cell(atoms, atoms.positions - multiples @ vectors, atoms.cell.array)


def strain(atoms: Atoms, tensor: ArrayLike) -> Atoms:
    """Return the structure deformed evenly: every vector r (a row) becomes r + r ε.

    Parameters
    ----------
    atoms : Atoms
    tensor : (3, 3) array, or the 6 components xx, yy, zz, yz, xz, xy of a symmetric one

    Raises
    ------
    ValueError
        If the tensor has another shape or turns space inside out.
    """
    deformation = np.eye(3) + strain_tensor(tensor)
    if not np.linalg.det(deformation) > 0:
        raise ValueError("tensor must leave I + ε with a positive determinant")
    return with_cell(atoms, atoms.positions @ deformation, atoms.cell.array @ deformation)


def strain_tensor(tensor: ArrayLike) -> FloatArray:
    """Return ε as a (3, 3) array from itself or from its 6 components xx, yy, zz, yz, xz, xy.

    Raises
    ------
    ValueError
        If the shape is another, or a component is not finite.
    """
    values = np.asarray(tensor, dtype=float)
    if values.shape not in ((3, 3), (6,)) or not np.all(np.isfinite(values)):
        raise ValueError("tensor must be a finite 3 x 3 array or the six components xx, yy, zz, yz, xz, xy")
    return values[[[0, 5, 4], [5, 1, 3], [4, 3, 2]]] if values.shape == (6,) else values


def rattle(atoms: Atoms, amplitude: float, seed: int | Sequence[int] | np.random.Generator) -> Atoms:
    """Return the structure with each atom moved by a random vector, uniform in a ball of radius `amplitude` (Å).

    Raises
    ------
    ValueError
        If the amplitude is negative or not finite.
    """
    if not (np.isfinite(amplitude) and amplitude >= 0):
        raise ValueError(f"amplitude must be a length in Å from 0, got {amplitude!r}")
    rng = np.random.default_rng(seed)
    return with_cell(atoms, atoms.positions + amplitude * in_ball(rng, len(atoms)), atoms.cell.array)


def in_ball(rng: np.random.Generator, n: int) -> FloatArray:
    """Return n random points, uniform in the unit ball: (n, 3) array."""
    directions = rng.standard_normal((n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * rng.random((n, 1)) ** (1 / 3)
