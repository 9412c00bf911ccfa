"""The cheap filter against ASE's: the same forces, and the same places for the same displacements."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE

from gnnp_bench.properties.cellfilter import LogarithmicCell


def crystal(handed: int = 1) -> Atoms:
    """Return a strained, rattled alloy in a skewed cell, right- or left-handed."""
    rng = np.random.default_rng(3)
    atoms = bulk("Cu").repeat((2, 2, 1))
    atoms.symbols[1] = "Au"
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.05 * rng.normal(size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.1, rng=rng)
    if handed < 0:
        atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    atoms.calc = EMT()
    return atoms


@pytest.mark.parametrize("handed", [1, -1])
@pytest.mark.parametrize("size", [0.01, 0.5, 3.0])
@pytest.mark.parametrize(("pressure", "fixed"), [(0.0, False), (0.05, False), (0.05, True)])
def test_forces_and_places_are_those_of_ase(size, pressure, fixed, handed):
    ours, theirs = crystal(handed), crystal(handed)
    mine = LogarithmicCell(ours, pressure, fixed)
    its = FrechetCellFilter(theirs, scalar_pressure=pressure, constant_volume=fixed)
    np.testing.assert_allclose(mine.get_forces(), its.get_forces(), atol=1e-10)
    rng = np.random.default_rng(1)
    for _ in range(3):
        # On the cell by the number of atoms more: rotations and shears of up to a half.
        by = 0.1 * size * rng.normal(size=(len(ours) + 3, 3))
        mine.set_positions(mine.get_positions() + by)
        its.set_positions(its.get_positions() + by)
        np.testing.assert_allclose(ours.cell.array, theirs.cell.array, atol=1e-10)
        np.testing.assert_allclose(ours.positions, theirs.positions, atol=1e-10)
        np.testing.assert_allclose(mine.get_forces(), its.get_forces(), atol=1e-10, rtol=1e-10)
        assert mine.get_potential_energy() == pytest.approx(its.get_potential_energy(), abs=1e-10)


def test_what_is_kept_differs_from_ases_by_a_constant():
    ours, theirs = crystal(), crystal()
    mine, its = LogarithmicCell(ours), FrechetCellFilter(theirs)
    constant = its.get_positions() - mine.get_positions()
    np.testing.assert_allclose(constant[: len(ours)], 0, atol=1e-12)
    np.testing.assert_allclose(constant[len(ours) :], np.log(len(ours)) * len(ours) * np.eye(3), atol=1e-10)
    by = np.random.default_rng(0).normal(size=constant.shape) / 10
    mine.set_positions(mine.get_positions() + by)
    its.set_positions(its.get_positions() + by)
    np.testing.assert_allclose(its.get_positions() - mine.get_positions(), constant, atol=1e-9)


def test_an_optimiser_takes_the_same_way():
    ours, theirs = crystal(), crystal()
    FIRE(LogarithmicCell(ours), logfile=None).run(fmax=0.02, steps=40)
    FIRE(FrechetCellFilter(theirs), logfile=None).run(fmax=0.02, steps=40)
    np.testing.assert_allclose(ours.positions, theirs.positions, atol=1e-8)
    np.testing.assert_allclose(ours.cell.array, theirs.cell.array, atol=1e-8)
    assert ours.get_potential_energy() < crystal().get_potential_energy() - 0.1
