"""Images and neighbours against ASE's list of neighbours, which is slow and right for any cell."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.neighborlist import primitive_neighbor_list

from gnnp_bench.adapters._padding import neighbours, padded
from gnnp_bench.potential import Unsupported

CUTOFF = 5.3


def random(seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    cell = rng.normal(size=(3, 3)) * 3 + np.diag([3.0, 3, 3])
    n_atoms = int(rng.integers(1, 6))
    return Atoms(f"H{n_atoms}", rng.normal(size=(n_atoms, 3)) * 20, cell=cell, pbc=rng.integers(0, 2, 3).astype(bool))


SKEWED = bulk("Cu")
SKEWED.set_cell(np.array([[1, 0, 0], [7, 1, 0], [-3, 5, -1]]) @ SKEWED.cell.array)
SLAB = fcc111("Al", (1, 1, 3), a=4.05)  # whose third cell vector is zero
WIRE = Atoms("C2", [[0, 0, 0], [30, 1, 0.7]], cell=[[0, 0, 0], [0, 0, 0], [0.4, 0.1, 1.3]], pbc=[False, False, True])
STRUCTURES = [SKEWED, SLAB, WIRE, Atoms("H"), *map(random, range(20))]


@pytest.mark.parametrize("structure", STRUCTURES, ids=[f"{k}" for k in range(len(STRUCTURES))])
def test_every_atom_has_its_neighbours(structure: Atoms) -> None:
    around = padded(structure, CUTOFF)
    (found,) = neighbours(around.positions, len(structure), np.array([CUTOFF]))
    i = np.repeat(np.arange(len(around.positions)), np.diff(found.start))
    vectors = around.positions[found.index] - around.positions[i]
    got = np.column_stack([i, around.image_of[found.index], vectors])
    cell = structure.cell.complete().array
    expected = np.column_stack(primitive_neighbor_list("ijD", structure.pbc, cell, structure.positions, CUTOFF))
    assert got.shape == expected.shape
    for atom in range(len(structure)):
        for other in range(len(structure)):
            a, b = (rows[(rows[:, 0] == atom) & (rows[:, 1] == other)][:, 2:] for rows in (got, expected))
            assert len(a) == len(b)
            if len(a):
                distances = np.linalg.norm(a[:, None] - b[None], axis=-1)
                assert distances.min(axis=0).max() < 1e-9
                assert distances.min(axis=1).max() < 1e-9


def test_images_are_the_atoms_moved_by_lattice_vectors() -> None:
    around = padded(SKEWED, CUTOFF)
    steps = (around.positions - SKEWED.positions[around.image_of]) @ np.linalg.inv(SKEWED.cell.array)
    assert np.abs(steps - np.round(steps)).max() < 1e-9


def test_images_have_neighbours_too_where_asked_for() -> None:
    around = padded(SKEWED, CUTOFF)
    first, second = neighbours(around.positions, len(around.positions), np.array([CUTOFF, 3.0]))
    for point in range(len(around.positions)):
        distances = np.linalg.norm(around.positions - around.positions[point], axis=1)
        for cutoff, found in ((CUTOFF, first), (3.0, second)):
            within = np.flatnonzero(distances <= cutoff)
            assert found.of(point).tolist() == within[within != point].tolist()


def test_what_cannot_be_enumerated_is_refused() -> None:
    with pytest.raises(Unsupported, match="too many images"):
        padded(Atoms("H", cell=[0.001, 0.01, 0.01], pbc=True), 6.0)
    with pytest.raises(Unsupported, match="in one plane"):
        padded(Atoms("H", cell=[[1, 0, 0], [0, 1, 0], [1, 1, 0]], pbc=True), 6.0)
    with pytest.raises(Unsupported, match="zero"):
        padded(Atoms("H", cell=[1, 0, 0], pbc=[True, True, False]), 6.0)
    with pytest.raises(ValueError, match="finite"):
        padded(Atoms("H", [[np.nan, 0, 0]]), 6.0)
