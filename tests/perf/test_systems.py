"""Structures of any size: near the number asked for, compact, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from gnnp_bench.perf.systems import SIZES, common_cell, enlarged, repeats


@pytest.mark.parametrize("cell", [bulk("Cu"), common_cell(["Si"]), bulk("Cu", cubic=True)], ids=["1", "2", "4"])
@pytest.mark.parametrize("n_atoms", [*SIZES, 1000, 54_321])
def test_the_number_of_atoms_is_met_without_needles(cell, n_atoms):
    times = repeats(cell, n_atoms)
    found = len(cell) * np.prod(times)
    if n_atoms >= 4 * len(cell):
        assert abs(found / n_atoms - 1) <= 0.06
    else:
        assert found == max(n_atoms, len(cell))
    lengths = times * np.linalg.norm(cell.cell.array, axis=1)
    assert lengths.max() <= 2.01 * lengths.min()


def test_a_needle_of_a_cell_becomes_compact():
    cell = bulk("Cu", cubic=True).repeat((1, 1, 5))
    assert repeats(cell, 4 * 5**3) == (5, 5, 1)


def test_every_atom_is_shaken_the_same_way_each_time():
    cell = common_cell(["Cu"])
    one, same, other = enlarged(cell, 32), enlarged(cell, 32), enlarged(cell, 32, seed=1)
    assert np.array_equal(one.positions, same.positions)
    assert not np.array_equal(one.positions, other.positions)
    moved = one.positions - cell.repeat(repeats(cell, 32)).positions
    assert np.all(np.abs(moved).max(axis=1) > 0)
    assert 0.03 < moved.std() < 0.07


def test_in_vacuum_there_is_no_cell():
    cluster = enlarged(common_cell(["Cu"]), 30, periodic=False)
    assert not cluster.pbc.any()
    assert cluster.cell.rank == 0


def test_a_common_crystal_is_chosen_where_there_is_one():
    assert common_cell(["Au", "Cu"]).get_chemical_formula() == "Cu"
    assert common_cell(["H", "Fe"]).get_chemical_formula() == "H"
