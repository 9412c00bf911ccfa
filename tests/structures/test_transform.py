"""Transformations change what they should and carry everything else along."""

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnp_bench.strategies import (
    improper_rotations,
    permutations,
    rotations,
    strains,
    structures,
    supercell_matrices,
    unimodular_matrices,
)
from gnnp_bench.structures import (
    change_cell,
    crystal,
    minimum_distance,
    permute,
    permute_axes,
    rattle,
    rotate,
    strain,
    supercell,
    translate,
    wrap,
)
from gnnp_bench.structures.transform import bare_copy

QUICK = settings(deadline=None, max_examples=30)
SLAB = Atoms(
    "Cu2", [[0.1, 0.2, 1.0], [0.3, 1.4, 3.0]], cell=[[2.6, 0, 0], [1.1, 2.4, 0], [0, 0, 0]], pbc=(True, True, False)
)
LEFT = Atoms("NaCl", [[0, 0, 0], [2.7, 0.1, 0]], cell=[[0, 2.8, 2.8], [2.8, 2.8, 0], [2.8, 0, 2.8]], pbc=True)


def laden(atoms: Atoms) -> Atoms:
    """Return the structure with one of everything that atoms carry."""
    n = len(atoms)
    copy = bare_copy(atoms)
    copy.set_tags(range(n))
    copy.set_masses(np.arange(n) + 1.5)
    copy.set_momenta(np.arange(3 * n).reshape(n, 3) * 0.1)
    copy.set_initial_magnetic_moments(np.arange(3 * n).reshape(n, 3) * 0.3 + 0.1)
    copy.set_initial_charges(np.arange(n) * 0.25)
    copy.info.update({"recipe": {"kind": "crystal"}, "name": "x"})
    copy.set_constraint(FixAtoms([0]))
    return copy


def scaled(atoms: Atoms, positions: np.ndarray) -> np.ndarray:
    return np.linalg.solve(atoms.cell.complete().array.T, positions.T).T


@QUICK
@given(st.data(), structures(max_atoms=6))
def test_supercells_hold_images_of_their_base_atoms(data: st.DataObject, atoms: Atoms) -> None:
    matrix = data.draw(supercell_matrices(6, pbc=tuple(atoms.pbc)))
    loaded = laden(atoms)
    result, base = supercell(loaded, matrix)
    images = abs(round(np.linalg.det(matrix)))
    assert len(result) == images * len(atoms)
    np.testing.assert_array_equal(np.bincount(base), np.full(len(atoms), images))
    np.testing.assert_allclose(result.cell.array, matrix @ atoms.cell.array, atol=1e-12)
    # Every atom sits on a lattice translation of its base atom, each translation once modulo the new cell.
    steps = scaled(atoms, result.positions - atoms.positions[base])
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-8)
    assert not np.rint(steps)[:, ~atoms.pbc].any()
    in_new = np.rint(steps) @ np.linalg.inv(matrix)
    unique = {(int(b), *np.round(row - np.floor(row + 1e-9), 6)) for b, row in zip(base, in_new, strict=True)}
    assert len(unique) == len(result)
    for name in ("tags", "masses", "momenta", "initial_magmoms", "initial_charges", "numbers"):
        np.testing.assert_array_equal(result.arrays[name], loaded.arrays[name][base])
    assert result.info == {"name": "x"}
    assert not result.constraints
    assert minimum_distance(result) == pytest.approx(minimum_distance(atoms), rel=1e-9)


def test_supercells_start_with_the_base_itself() -> None:
    result, base = supercell(LEFT, (2, 1, 3))
    np.testing.assert_array_equal(result.positions[:2], LEFT.positions)
    np.testing.assert_array_equal(base, [0, 1] * 6)
    assert np.linalg.det(result.cell.array) == pytest.approx(6 * np.linalg.det(LEFT.cell.array))


def test_supercells_of_slabs_leave_the_open_direction_alone() -> None:
    result, _ = supercell(SLAB, [[2, 1, 0], [0, 2, 0], [0, 0, 1]])
    assert len(result) == 8
    np.testing.assert_array_equal(result.cell.array[2], 0)
    np.testing.assert_array_equal(result.pbc, SLAB.pbc)


@pytest.mark.parametrize(
    ("atoms", "matrix", "message"),
    [
        (LEFT, [[1, 2, 3], [2, 4, 6], [0, 0, 1]], "singular"),
        (LEFT, (1.5, 1, 1), "whole numbers"),
        (LEFT, [1, 2], "whole numbers"),
        (LEFT, (0, 1, 1), "singular"),
        (SLAB, (1, 1, 2), "not periodic"),
        (SLAB, [[1, 0, 1], [0, 1, 0], [0, 0, 1]], "not periodic"),
        (Atoms("Cu", pbc=True), (2, 1, 1), "zero or linearly dependent"),
    ],
)
def test_impossible_supercells_are_named(atoms: Atoms, matrix: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        supercell(atoms, matrix)  # type: ignore[arg-type]


@QUICK
@given(structures(max_atoms=6), rotations() | improper_rotations())
def test_rotations_turn_every_vector(atoms: Atoms, matrix: np.ndarray) -> None:
    loaded = laden(atoms)
    turned = rotate(loaded, matrix)
    np.testing.assert_allclose(turned.positions, (matrix @ loaded.positions.T).T, atol=1e-12)
    np.testing.assert_allclose(turned.cell.array, (matrix @ loaded.cell.array.T).T, atol=1e-12)
    np.testing.assert_allclose(turned.get_momenta(), (matrix @ loaded.get_momenta().T).T, atol=1e-12)
    handedness = round(np.linalg.det(matrix))
    expected = handedness * (matrix @ loaded.arrays["initial_magmoms"].T).T
    np.testing.assert_allclose(turned.arrays["initial_magmoms"], expected, atol=1e-12)
    for name in ("tags", "masses", "initial_charges", "numbers"):
        np.testing.assert_array_equal(turned.arrays[name], loaded.arrays[name])
    assert "recipe" not in turned.info
    back = rotate(turned, matrix.T)
    np.testing.assert_allclose(back.positions, loaded.positions, atol=1e-12)


def test_a_magnetic_moment_is_axial() -> None:
    """A moment along the normal of a mirror stays; one in the mirror plane turns round."""
    atoms = Atoms("Fe2", [[1, 2, 3], [4, 5, 6]])
    atoms.set_initial_magnetic_moments([[0, 0, 1], [1, 0, 0]])
    mirrored = rotate(atoms, np.diag([1, 1, -1]))
    np.testing.assert_array_equal(mirrored.get_initial_magnetic_moments(), [[0, 0, 1], [-1, 0, 0]])
    inverted = rotate(atoms, -np.eye(3))
    np.testing.assert_array_equal(inverted.get_initial_magnetic_moments(), [[0, 0, 1], [1, 0, 0]])


def test_collinear_moments_stay() -> None:
    atoms = Atoms("Fe2", [[1, 2, 3], [4, 5, 6]], magmoms=[1.0, -2.0])
    np.testing.assert_array_equal(rotate(atoms, -np.eye(3)).get_initial_magnetic_moments(), [1.0, -2.0])


@pytest.mark.parametrize("matrix", [np.eye(2), 2 * np.eye(3), [[1, 0, 0], [0, 1, 0], [1e-4, 0, 1]]])
def test_only_orthogonal_matrices_rotate(matrix: object) -> None:
    with pytest.raises(ValueError, match="orthogonal"):
        rotate(LEFT, matrix)  # type: ignore[arg-type]


@QUICK
@given(st.data(), structures(max_atoms=8))
def test_permutations_carry_everything_along(data: st.DataObject, atoms: Atoms) -> None:
    loaded = laden(atoms)
    order = data.draw(permutations(atoms))
    permuted = permute(loaded, order)
    for name, values in loaded.arrays.items():
        np.testing.assert_array_equal(permuted.arrays[name], values[order])
    np.testing.assert_array_equal(permuted.cell.array, atoms.cell.array)
    np.testing.assert_array_equal(permuted.pbc, atoms.pbc)
    back = permute(permuted, np.argsort(order))
    np.testing.assert_array_equal(back.positions, atoms.positions)


@pytest.mark.parametrize("order", [[0], [0, 0], [0, 2], [0.0, 1.0], [-1, 0]])
def test_what_is_no_permutation_is_refused(order: list[int]) -> None:
    with pytest.raises(ValueError, match="order must hold each index"):
        permute(LEFT, order)


@QUICK
@given(st.data(), structures(max_atoms=6), st.booleans())
def test_another_basis_is_the_same_lattice(data: st.DataObject, atoms: Atoms, wrapped: bool) -> None:
    matrix = data.draw(unimodular_matrices(pbc=tuple(atoms.pbc)))
    changed = change_cell(laden(atoms), matrix, wrapped=wrapped)
    np.testing.assert_allclose(changed.cell.array, matrix @ atoms.cell.array, atol=1e-12)
    steps = scaled(atoms, changed.positions - atoms.positions)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-8)
    if not wrapped:
        np.testing.assert_array_equal(changed.positions, atoms.positions)
    assert minimum_distance(changed) == pytest.approx(minimum_distance(atoms), rel=1e-9)
    assert "tags" in changed.arrays


def test_only_unimodular_matrices_change_the_cell() -> None:
    with pytest.raises(ValueError, match="determinant"):
        change_cell(LEFT, np.diag([2, 1, 1]))
    with pytest.raises(ValueError, match="not mix periodic"):
        change_cell(SLAB, [[1, 0, 1], [0, 1, 0], [0, 0, 1]])


def test_axes_are_permuted_with_their_periodicity() -> None:
    changed = permute_axes(SLAB, (2, 0, 1))
    np.testing.assert_array_equal(changed.pbc, [False, True, True])
    np.testing.assert_array_equal(changed.cell.array, SLAB.cell.array[[2, 0, 1]])
    with pytest.raises(ValueError, match="permutation of 0, 1, 2"):
        permute_axes(SLAB, (0, 0, 1))


@QUICK
@given(structures(max_atoms=6), st.tuples(*[st.floats(-60, 60)] * 3))
def test_wrapping_moves_by_lattice_vectors_into_the_cell(atoms: Atoms, vector: tuple[float, ...]) -> None:
    moved = translate(atoms, vector)
    wrapped = wrap(moved)
    steps = scaled(atoms, wrapped.positions - moved.positions)
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-7)
    assert not np.rint(steps)[:, ~atoms.pbc].any()
    inside = scaled(atoms, wrapped.positions)[:, atoms.pbc]
    assert np.all(inside > -1e-9)
    assert np.all(inside < 1 + 1e-9)
    np.testing.assert_array_equal(wrap(wrapped).positions, wrapped.positions)


def test_wrapping_knows_open_directions() -> None:
    outside = translate(SLAB, [50.0, -33.0, 100.0])
    wrapped = wrap(outside)
    np.testing.assert_allclose(wrapped.positions[:, 2], outside.positions[:, 2])
    flat = Atoms("Cu", [[7.0, 1.0, 5.0]], cell=[[2, 0, 0], [0, 2, 0], [1, 1, 0]], pbc=(True, True, False))
    np.testing.assert_allclose(wrap(flat).positions, [[1.0, 1.0, 5.0]])
    assert wrap(Atoms("Cu", [[7.0, 1.0, 5.0]])).positions.tolist() == [[7.0, 1.0, 5.0]]


@QUICK
@given(structures(max_atoms=6), strains(0.1))
def test_strain_acts_on_all_vectors_alike(atoms: Atoms, tensor: np.ndarray) -> None:
    strained = strain(atoms, tensor)
    deformation = np.eye(3) + tensor
    np.testing.assert_allclose(strained.cell.array, atoms.cell.array @ deformation, atol=1e-12)
    np.testing.assert_allclose(strained.positions, atoms.positions @ deformation, atol=1e-12)
    voigt = [tensor[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))]
    np.testing.assert_array_equal(strain(atoms, voigt).positions, strained.positions)


@pytest.mark.parametrize("tensor", [np.eye(2), [1, 2], -2 * np.eye(3), np.full((3, 3), np.nan)])
def test_impossible_strains_are_refused(tensor: object) -> None:
    with pytest.raises(ValueError, match="tensor must"):
        strain(LEFT, tensor)  # type: ignore[arg-type]


def test_rattling_is_seeded_and_bounded() -> None:
    atoms = supercell(crystal("fcc", ("Cu",)), (3, 3, 3))[0]
    moves = rattle(atoms, 0.25, 7).positions - atoms.positions
    lengths = np.linalg.norm(moves, axis=1)
    assert lengths.max() <= 0.25
    assert lengths.mean() == pytest.approx(0.75 * 0.25, rel=0.15)  # of a ball
    np.testing.assert_array_equal(rattle(atoms, 0.25, 7).positions - atoms.positions, moves)
    with pytest.raises(ValueError, match="amplitude"):
        rattle(atoms, -1.0, 0)


def test_nothing_is_changed_in_place() -> None:
    atoms = laden(LEFT)
    before = {name: values.copy() for name, values in atoms.arrays.items()}
    results = [
        supercell(atoms, (2, 1, 1))[0], change_cell(atoms, np.eye(3)), permute_axes(atoms, (1, 0, 2)),
        rotate(atoms, -np.eye(3)), permute(atoms, [1, 0]), translate(atoms, (1, 2, 3)), wrap(atoms),
        strain(atoms, 0.01 * np.eye(3)), rattle(atoms, 0.1, 0),
    ]  # fmt: skip
    for result in results:
        result.positions += 1.0
        for values in result.arrays.values():
            values[...] = 0
        result.cell[:] = 0
    for (name, values), old in itertools.zip_longest(atoms.arrays.items(), before.values()):
        np.testing.assert_array_equal(values, old, err_msg=name)
    np.testing.assert_array_equal(atoms.cell.array, LEFT.cell.array)
    assert atoms.constraints
    assert "recipe" in atoms.info
