"""Strategies draw only what is valid, reach what they promise, and shrink to the simplest."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from hypothesis import find, given, settings
from hypothesis import strategies as st

from gnnp_bench.strategies import (
    Loop,
    alloys,
    crystals,
    improper_rotations,
    liquids,
    loops,
    molecules,
    permutations,
    rotations,
    slabs,
    strains,
    structures,
    supercell_matrices,
    unimodular_matrices,
)
from gnnp_bench.structures import Recipe, contact_ratio
from gnnp_bench.structures.recipe import ISOLATED

QUICK = settings(deadline=None, max_examples=25)
WATER = Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


def check(atoms: Atoms, species: tuple[str, ...], max_atoms: int) -> None:
    assert 1 <= len(atoms) <= max_atoms
    assert set(atoms.symbols) <= set(species)
    assert contact_ratio(atoms) >= 0.75


@QUICK
@given(st.data(), st.sampled_from([("Cu",), ("Na", "Cl"), ("H", "C", "N", "O"), ("Cs", "H", "Xe", "U")]))
def test_structures_are_valid(data: st.DataObject, species: tuple[str, ...]) -> None:
    max_atoms = data.draw(st.integers(1, 14))
    check(data.draw(structures(species, max_atoms)), species, max_atoms)


@pytest.mark.parametrize(("name", "n_periodic"), [("periodic", {3}), ("partial", {1, 2}), ("isolated", {0})])
def test_periodicity_is_kept(name: Any, n_periodic: set[int]) -> None:
    seen = set()

    @QUICK
    @given(structures(periodicity=(name,)))
    def collect(atoms: Atoms) -> None:
        seen.add(int(atoms.pbc.sum()))

    collect()
    assert seen == n_periodic


@pytest.mark.parametrize(
    ("strategy", "n_periodic"),
    [(crystals(), 3), (alloys(), 3), (liquids(), 3), (slabs(), 2), (slabs(periodic_box=True), 3), (molecules(), 0)],
)
def test_each_kind_is_what_it_is_called(strategy: st.SearchStrategy[Atoms], n_periodic: int) -> None:
    @QUICK
    @given(strategy)
    def look(atoms: Atoms) -> None:
        assert atoms.pbc.sum() == n_periodic
        assert contact_ratio(atoms) >= 0.75
        assert len(atoms) <= 12

    look()


@QUICK
@given(alloys(("Cu", "Au", "Ni"), max_atoms=5))
def test_alloys_are_mixed(atoms: Atoms) -> None:
    assert 2 <= len(set(atoms.symbols)) <= 3
    assert len(atoms) <= 5


@QUICK
@given(molecules(("H", "O"), max_atoms=3, periodic_box=True))
def test_molecules_are_of_the_species(atoms: Atoms) -> None:
    assert atoms.info["recipe"]["prototype"] in ("hydrogen", "oxygen", "water", "ozone")
    assert np.all(atoms.cell.lengths() >= 12)


def test_everything_shrinks_to_the_simplest() -> None:
    simplest = find(structures(("Cu", "Au")), lambda atoms: True, settings=settings(deadline=None, database=None))
    assert simplest.info["recipe"] == Recipe("crystal", "fcc", ("Cu",)).to_json()
    np.testing.assert_array_equal(find(rotations(), lambda matrix: True), np.eye(3))
    np.testing.assert_array_equal(find(unimodular_matrices(), lambda matrix: True), np.eye(3))
    np.testing.assert_array_equal(find(supercell_matrices(), lambda matrix: True), np.eye(3))
    np.testing.assert_array_equal(find(strains(), lambda tensor: True), np.zeros((3, 3)))
    np.testing.assert_array_equal(find(permutations(WATER), lambda order: True), [0, 1, 2])


def test_shrinking_keeps_what_matters() -> None:
    """A failure that needs unlike, rattled atoms becomes two of them, hardly rattled, and nothing else."""

    def fails(atoms: Atoms) -> bool:
        return len(set(atoms.symbols)) == 2 and atoms.info["recipe"]["rattle"] > 0

    strategy = structures(("Cu", "Au"), max_atoms=4, periodicity=("isolated",))
    found = find(strategy, fails, settings=settings(deadline=None, database=None), random=Random(0))
    expected = Recipe("cluster", "dimer", ("Cu", "Au"), rattle=0.01, pbc=ISOLATED)
    assert found.info["recipe"] == expected.to_json()


@QUICK
@given(rotations(), improper_rotations())
def test_rotations_are_orthogonal(proper: np.ndarray, improper: np.ndarray) -> None:
    for matrix, determinant in ((proper, 1), (improper, -1)):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
        assert np.linalg.det(matrix) == pytest.approx(determinant)


def test_rotations_are_special_and_general() -> None:
    special = [0]
    general = []

    @settings(deadline=None, max_examples=300, database=None, derandomize=True)
    @given(rotations())
    def collect(matrix: np.ndarray) -> None:
        if np.array_equal(matrix, np.rint(matrix)):
            special[0] += 1
        else:
            general.append(matrix)

    collect()
    assert special[0] > 10
    assert len(general) > 50


@QUICK
@given(st.data(), st.booleans())
def test_permutations_are_permutations(data: st.DataObject, like_only: bool) -> None:
    order = data.draw(permutations(WATER, like_only))
    assert sorted(order) == [0, 1, 2]
    if like_only:
        np.testing.assert_array_equal(WATER.numbers[order], WATER.numbers)


def test_like_atoms_are_exchanged() -> None:
    order = find(permutations(WATER, like_only=True), lambda order: order[1] != 1)
    np.testing.assert_array_equal(order, [0, 2, 1])


@QUICK
@given(st.data(), st.integers(1, 9), st.booleans(), st.tuples(*[st.booleans()] * 3))
def test_supercells_have_no_more_images_than_asked_for(
    data: st.DataObject, most: int, diagonal: bool, pbc: tuple[bool, bool, bool]
) -> None:
    matrix = data.draw(supercell_matrices(most, diagonal, pbc))
    assert matrix.dtype.kind == "i"
    assert 1 <= abs(round(np.linalg.det(matrix))) <= most
    for axis in range(3):
        if not pbc[axis]:
            np.testing.assert_array_equal(matrix[axis], np.eye(3)[axis])
            np.testing.assert_array_equal(matrix[:, axis], np.eye(3)[axis])
    if diagonal:
        np.testing.assert_array_equal(matrix, np.diag(np.diag(matrix)))


def has(images: int) -> Callable[[np.ndarray], bool]:
    return lambda matrix: abs(round(np.linalg.det(matrix))) == images


def moves(n: int) -> Callable[[Loop], bool]:
    return lambda loop: bool(np.count_nonzero(loop.u.any(axis=1)) == n)


def test_supercells_reach_every_number_of_images() -> None:
    for images in range(1, 7):
        matrix = find(supercell_matrices(6), has(images))
        assert abs(round(np.linalg.det(matrix))) == images


@QUICK
@given(unimodular_matrices(4), unimodular_matrices(3, proper=True), unimodular_matrices(pbc=(True, False, True)))
def test_changes_of_basis_are_unimodular(any_: np.ndarray, proper: np.ndarray, layered: np.ndarray) -> None:
    assert abs(round(np.linalg.det(any_))) == 1
    assert round(np.linalg.det(proper)) == 1
    np.testing.assert_array_equal(layered[1], [0, 1, 0])
    np.testing.assert_array_equal(layered[:, 1], [0, 1, 0])


@QUICK
@given(strains(0.03))
def test_strains_are_symmetric_and_small(tensor: np.ndarray) -> None:
    np.testing.assert_array_equal(tensor, tensor.T)
    assert np.abs(tensor).max() <= 0.03 + 1e-15


@QUICK
@given(loops(WATER, 0.2))
def test_loops_are_closed_circles(loop: Loop) -> None:
    assert 0 < loop.radius <= 0.2
    assert loop.u.shape == loop.v.shape == (3, 3)
    assert np.sum(loop.u**2) == pytest.approx(1)
    assert np.sum(loop.v**2) == pytest.approx(1)
    assert np.sum(loop.u * loop.v) == pytest.approx(0, abs=1e-12)


def test_loops_move_few_atoms_or_all() -> None:
    for moved in (1, 3):
        loop = find(loops(WATER), moves(moved))
        np.testing.assert_array_equal(loop.u.any(axis=1), loop.v.any(axis=1))


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (structures, {"species": "Cu"}, "species must be a sequence"),
        (structures, {"species": ()}, "species must name at least 1"),
        (structures, {"species": ("Cu", "Zz")}, "species: 'Zz' is not a chemical symbol"),
        (structures, {"species": (29,)}, "species: 29 is not a chemical symbol"),
        (structures, {"max_atoms": 0}, "max_atoms must be a whole number from 1"),
        (structures, {"max_atoms": 2.5}, "max_atoms must be a whole number"),
        (structures, {"periodicity": ()}, "periodicity must hold some of periodic, partial, isolated"),
        (structures, {"periodicity": "periodic"}, "periodicity must hold"),
        (structures, {"periodicity": ("bulk",)}, "periodicity must hold"),
        (crystals, {"max_atoms": True}, "max_atoms must be"),
        (alloys, {"species": ("Cu",)}, "species must name at least 2"),
        (alloys, {"max_atoms": 1}, "max_atoms must be a whole number from 2"),
        (liquids, {"max_atoms": -1}, "max_atoms must be"),
        (slabs, {"species": None}, "species must be a sequence"),
        (molecules, {"species": ("U",)}, "species: no molecule of at most 12 atoms"),
        (permutations, {"structure": [1, 2]}, "structure must be an ase.Atoms"),
        (permutations, {"structure": Atoms()}, "structure must be an ase.Atoms with at least one atom"),
        (supercell_matrices, {"max_images": 0}, "max_images must be a whole number from 1"),
        (supercell_matrices, {"pbc": (True,)}, "pbc must be three booleans"),
        (unimodular_matrices, {"max_shears": -1}, "max_shears must be a whole number from 0"),
        (strains, {"largest": 0}, "largest must be a number above 0"),
        (strains, {"largest": 0.5}, "largest must be a number above 0, at most 0.25"),
        (loops, {"structure": WATER, "max_radius": -1}, "max_radius must be a number above 0"),
        (loops, {"structure": "H2O"}, "structure must be an ase.Atoms"),
    ],
)
def test_wrong_arguments_are_named(make: Callable[..., object], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**arguments)


def test_structures_and_strategies_import_nothing_heavy() -> None:
    code = (
        "import sys, gnnp_bench.structures; "
        "heavy = {'torch', 'pytest', 'hypothesis', 'scipy', 'ase.build', 'spglib'} & set(sys.modules); "
        "import gnnp_bench.strategies; "
        "heavy |= {'torch', 'pytest', 'scipy', 'ase.build', 'spglib'} & set(sys.modules); "
        "print(sorted(heavy))"
    )
    # Plugins of hypothesis are other people's: trio's, which selenium brings, imports pytest.
    alone = {**os.environ, "HYPOTHESIS_NO_PLUGINS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=alone)
    assert done.stdout.strip() == "[]"
