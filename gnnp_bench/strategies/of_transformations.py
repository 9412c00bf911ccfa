"""Strategies for what can be done to structures: turns, orders, cells, strains, loops."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.radii import IntArray
from gnnp_bench.structures.recipe import PERIODIC


@dataclass(frozen=True, slots=True)
class Loop:
    """A closed loop through positions: x(t) = x₀ + radius (u cos t + v sin t), t from 0 to 2π.

    Attributes
    ----------
    u, v : (n_atoms, 3) arrays
        Orthogonal directions of norm 1; zero on the atoms that stay.
    radius : float, Å
    """

    u: FloatArray
    v: FloatArray
    radius: float


def whole(value: int, name: str, at_least: int = 1) -> int:
    """Return the value of an argument that must be a whole number, or raise a ValueError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ValueError(f"{name} must be a whole number from {at_least}, got {value!r}")
    return value


def _positive(value: float, name: str, at_most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= at_most:
        raise ValueError(f"{name} must be a number above 0, at most {at_most}, got {value!r}")
    return float(value)


def _atoms(structure: Atoms) -> Atoms:
    if not isinstance(structure, Atoms) or not len(structure):
        raise ValueError(f"structure must be an ase.Atoms with at least one atom, got {structure!r}")
    return structure


def _turns(numbers: tuple[float, float, float]) -> FloatArray:
    """Return the rotation of a uniform random quaternion (K. Shoemake, Graphics Gems III, 1992, p. 124)."""
    u, alpha, beta = numbers[0], 2 * np.pi * numbers[1], 2 * np.pi * numbers[2]
    x, y = np.sqrt(u) * np.sin(alpha), np.sqrt(u) * np.cos(alpha)
    z, w = np.sqrt(1 - u) * np.sin(beta), np.sqrt(1 - u) * np.cos(beta)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _cube_rotations() -> list[FloatArray]:
    """Return the 24 rotations that map the axes onto one another, the identity first."""
    found = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
            if np.linalg.det(matrix) > 0:
                found.append(matrix)
    return found


def rotations() -> SearchStrategy[FloatArray]:
    """Draw proper rotations, (3, 3) arrays: those that map the axes onto one another, and uniformly random ones.

    Examples
    --------
    >>> rotations().validate()
    """
    unit = st.integers(0, 1000).map(lambda k: k / 1000)
    special = st.sampled_from(_cube_rotations()).map(np.copy)
    return st.one_of(special, st.tuples(unit, unit, unit).map(_turns))


def improper_rotations() -> SearchStrategy[FloatArray]:
    """Draw inversion, reflections and rotary reflections: (3, 3) orthogonal arrays of determinant -1.

    Examples
    --------
    >>> improper_rotations().validate()
    """
    return rotations().map(lambda rotation: -rotation)


def permutations(structure: Atoms, like_only: bool = False) -> SearchStrategy[IntArray]:
    """Draw orders of the atoms of a structure, (n_atoms,) arrays of indices.

    Parameters
    ----------
    structure : Atoms
    like_only : bool
        Exchange atoms of one species only.

    Raises
    ------
    ValueError
        If `structure` is not an ase.Atoms, or is empty.

    Examples
    --------
    >>> permutations(Atoms("H2O"), like_only=True).validate()
    """
    numbers = _atoms(structure).numbers
    groups = [np.flatnonzero(numbers == z) for z in np.unique(numbers)] if like_only else [np.arange(len(numbers))]

    def assembled(orders: tuple[list[int], ...]) -> IntArray:
        result = np.arange(len(numbers))
        for group, order in zip(groups, orders, strict=True):
            result[group] = order
        return result

    return st.tuples(*(st.permutations(group.tolist()) for group in groups)).map(assembled)


@st.composite
def _unimodular(draw: DrawFn, axes: tuple[int, ...], proper: bool, max_shears: int) -> IntArray:
    matrix = np.eye(3, dtype=np.int64)
    if len(axes) > 1:
        pairs = list(itertools.permutations(axes, 2))
        for _ in range(draw(st.integers(0, max_shears))):
            i, j = draw(st.sampled_from(pairs))
            matrix[i] += draw(st.sampled_from((1, -1, 2, -2))) * matrix[j]
    if axes and not proper:
        matrix[axes[0]] *= draw(st.sampled_from((1, -1)))
    return matrix


def unimodular_matrices(
    max_shears: int = 2, proper: bool = False, pbc: Sequence[bool] = PERIODIC
) -> SearchStrategy[IntArray]:
    """Draw changes to another basis of the same lattice: (3, 3) integer arrays of determinant ±1, or 1 if `proper`.

    Parameters
    ----------
    max_shears : int
        How many times a multiple of one row is added to another.
    proper : bool
        Keep the handedness of the cell.
    pbc : sequence of 3 bool
        Directions that are not periodic are left alone.

    Raises
    ------
    ValueError
        If an argument is not as described.

    Examples
    --------
    >>> unimodular_matrices(max_shears=1).validate()
    """
    return _unimodular(_axes(pbc), proper, whole(max_shears, "max_shears", at_least=0))


def _axes(pbc: Sequence[bool]) -> tuple[int, ...]:
    if len(pbc) != 3:
        raise ValueError(f"pbc must be three booleans, got {pbc!r}")
    return tuple(axis for axis in range(3) if pbc[axis])


@st.composite
def _supercells(draw: DrawFn, axes: tuple[int, ...], max_images: int, diagonal: bool) -> IntArray:
    matrix = np.eye(3, dtype=np.int64)
    images = 1
    for axis in axes:
        matrix[axis, axis] = draw(st.integers(1, max_images // images))
        images *= int(matrix[axis, axis])
    if diagonal:
        return matrix
    # Rows of a Hermite normal form describe every superlattice once; a unimodular factor, every basis of it.
    for i, j in itertools.combinations(axes, 2):
        matrix[j, i] = draw(st.integers(0, int(matrix[i, i]) - 1))
    basis: IntArray = draw(_unimodular(axes, False, 1)) @ matrix
    return basis


def supercell_matrices(
    max_images: int = 4, diagonal: bool = False, pbc: Sequence[bool] = PERIODIC
) -> SearchStrategy[IntArray]:
    """Draw supercells: (3, 3) integer arrays with 1 <= abs(det) <= `max_images`, diagonal only or any.

    Parameters
    ----------
    max_images : int
    diagonal : bool
    pbc : sequence of 3 bool
        Directions that are not periodic are left alone.

    Raises
    ------
    ValueError
        If an argument is not as described.

    Examples
    --------
    >>> supercell_matrices(max_images=3).validate()
    """
    return _supercells(_axes(pbc), whole(max_images, "max_images"), diagonal)


def strains(largest: float = 0.05) -> SearchStrategy[FloatArray]:
    """Draw symmetric strain tensors, (3, 3) arrays with no component beyond `largest`.

    Raises
    ------
    ValueError
        If `largest` is not a number above 0 and at most 0.25.

    Examples
    --------
    >>> strains(0.02).validate()
    """
    unit = _positive(largest, "largest", 0.25) / 100
    components = st.tuples(*([st.integers(-100, 100)] * 6))
    order = [[0, 5, 4], [5, 1, 3], [4, 3, 2]]
    return components.map(lambda values: np.array(values, dtype=float)[order] * unit)


@st.composite
def _loops(draw: DrawFn, n: int, max_radius: float) -> Loop:
    moved = draw(st.lists(st.integers(0, n - 1), unique=True, min_size=1, max_size=n).map(sorted))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    plane, _ = np.linalg.qr(rng.standard_normal((3 * len(moved), 2)))
    directions = np.zeros((2, n, 3))
    directions[:, moved] = plane.T.reshape(2, -1, 3)
    return Loop(directions[0], directions[1], max_radius * draw(st.integers(1, 20)) / 20)


def loops(structure: Atoms, max_radius: float = 0.1) -> SearchStrategy[Loop]:
    """Draw closed loops through the positions of a structure, moving from one atom to all of them.

    Parameters
    ----------
    structure : Atoms
    max_radius : float, Å

    Raises
    ------
    ValueError
        If `structure` is not an ase.Atoms or is empty, or `max_radius` is not above 0 and at most 1 Å.

    Examples
    --------
    >>> loops(Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])).validate()
    """
    return _loops(len(_atoms(structure)), _positive(max_radius, "max_radius", 1.0))
