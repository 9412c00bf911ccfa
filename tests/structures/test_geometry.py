"""Shortest distances are right where the minimum-image convention is not."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnp_bench.strategies import structures, unimodular_matrices
from gnnp_bench.structures import change_cell, contact_ratio, crystal, minimum_distance
from gnnp_bench.structures.geometry import reduce_vectors
from gnnp_bench.structures.radii import CONTACT


def by_neighbour_list(atoms: Atoms) -> tuple[float, float]:
    """Return minimum distance and contact ratio from ASE's neighbour list, which knows no minimum image."""
    reach = 4.5
    first, second, distances = neighbor_list("ijd", atoms, reach)
    if not len(distances):
        return np.inf, np.inf
    contacts = CONTACT[atoms.numbers[first], atoms.numbers[second]]
    return float(distances.min()), float((distances / contacts).min())


@settings(deadline=None, max_examples=25)
@given(structures(max_atoms=6))
def test_agrees_with_a_neighbour_list(atoms: Atoms) -> None:
    distance, ratio = by_neighbour_list(atoms)
    if np.isfinite(distance):
        assert minimum_distance(atoms) == pytest.approx(distance, rel=1e-10)
        assert contact_ratio(atoms) == pytest.approx(ratio, rel=1e-10)
    else:
        assert minimum_distance(atoms) >= 4.5


@settings(deadline=None, max_examples=30)
@given(unimodular_matrices(max_shears=6), st.integers(0, 1000))
def test_does_not_depend_on_the_basis(matrix: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    atoms = crystal("wurtzite", ("Zn", "O"))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))), scale_atoms=True)
    expected = minimum_distance(atoms)
    assert minimum_distance(change_cell(atoms, matrix)) == pytest.approx(expected, rel=1e-9)
    reduced = reduce_vectors(matrix @ atoms.cell.array)
    lengths = np.linalg.norm(reduced, axis=1)
    assert abs(np.linalg.det(reduced)) == pytest.approx(atoms.get_volume())
    np.testing.assert_allclose(
        np.sort(lengths), np.sort(np.linalg.norm(atoms.cell.minkowski_reduce()[0], axis=1)), rtol=1e-9
    )


def test_an_atom_is_its_own_neighbour() -> None:
    assert minimum_distance(Atoms("Cu", cell=[1.5, 20, 20], pbc=True)) == 1.5
    assert minimum_distance(Atoms("Cu", cell=[1.5, 20, 20], pbc=(False, True, True))) == 20
    assert minimum_distance(Atoms("Cu", cell=[[9, 0, 0], [8.5, 1, 0], [0, 0, 9]], pbc=True)) == pytest.approx(1.25**0.5)


def test_isolated_atoms_are_infinitely_far_apart() -> None:
    assert minimum_distance(Atoms("Cu")) == np.inf
    assert minimum_distance(Atoms()) == np.inf
    assert contact_ratio(Atoms()) == np.inf
    assert minimum_distance(Atoms("H2", [[0, 0, 0], [0, 0, 0.7]])) == pytest.approx(0.7)


@pytest.mark.parametrize("cell", [[0, 5, 5], [[1, 0, 0], [2, 0, 0], [0, 0, 1]]])
def test_a_cell_that_cannot_repeat_is_refused(cell: list[object]) -> None:
    with pytest.raises(ValueError, match="zero or linearly dependent"):
        minimum_distance(Atoms("Cu", cell=cell, pbc=True))


def test_zero_vectors_are_fine_where_nothing_repeats() -> None:
    atoms = Atoms(
        "Cu2", [[0, 0, 0], [0, 0, 2.5]], cell=[[2.0, 0, 0], [1.0, 2.0, 0], [0, 0, 0]], pbc=(True, True, False)
    )
    assert minimum_distance(atoms) == pytest.approx(2.0)
