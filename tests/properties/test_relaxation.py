"""Relaxations against what ASE finds by itself, and crystals that have no minimum."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from gnnp_bench.adapters.registry import load
from gnnp_bench.engine.ended import Done, Failed
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import Relaxed, relaxed


@pytest.fixture(scope="module")
def emt() -> Evaluator:
    loaded = load("ase:ase.calculators.emt:EMT", ("Cu", "Au", "Ar"))
    return Evaluator(loaded.potential, loaded.reload)


def rattled() -> Atoms:
    structure = bulk("Cu", cubic=True)
    structure[1].symbol = "Au"
    structure.rattle(0.1, seed=1)
    return structure


def value(outcome: Done[Relaxed] | Failed) -> Relaxed:
    assert isinstance(outcome, Done), outcome
    return outcome.value


def test_it_takes_the_steps_that_ase_takes(emt):
    (ours,) = map(value, emt.drive([relaxed(rattled(), symmetric=None, fmax=0.01)]))
    theirs = rattled()
    theirs.calc = EMT()
    optimizer = BFGS(FrechetCellFilter(theirs), logfile=None)  # type: ignore[arg-type]  # as ASE documents it
    assert optimizer.run(fmax=0.01)
    assert ours.steps == optimizer.nsteps > 3
    np.testing.assert_allclose(ours.structure.cell.array, theirs.cell.array, atol=1e-9)
    np.testing.assert_allclose(ours.structure.positions, theirs.positions, atol=1e-9)


def test_relaxations_side_by_side_are_those_of_each_alone(emt):
    structures = [bulk("Cu", a=3.4), rattled(), bulk("Au", a=4.3)]
    together = emt.drive([relaxed(structure) for structure in structures])
    for structure, outcome in zip(structures, together, strict=True):
        (alone,) = map(value, emt.drive([relaxed(structure)]))
        assert value(outcome).steps == alone.steps
        np.testing.assert_array_equal(value(outcome).structure.cell.array, alone.structure.cell.array)


def test_new_relaxations_begin_as_others_end(emt):
    structures = [bulk("Cu", a=a, cubic=True) for a in np.linspace(3.3, 3.9, 7)]
    counted = []

    def watched():
        for structure in structures:
            counted.append(len(structure))
            yield relaxed(structure)

    ended = []
    for index, outcome in emt.stream(watched(), atoms=8):
        ended.append((index, len(counted)))
        assert value(outcome).structure.cell.volume == pytest.approx(46.26, abs=0.05)
    assert sorted(index for index, _ in ended) == list(range(7))
    assert ended[0][1] == 2 < ended[-1][1] == 7


def test_the_space_group_is_kept(emt):
    structure = bulk("Cu", "bcc", a=2.9, cubic=True)  # whose Bain path leads to fcc
    (kept,) = map(value, emt.drive([relaxed(structure)]))
    assert kept.converged
    np.testing.assert_allclose(kept.structure.cell.angles(), 90, atol=1e-9)
    np.testing.assert_allclose(kept.structure.cell.lengths(), kept.structure.cell.lengths()[0], rtol=1e-12)


def test_what_is_asked_for_is_left_as_it_was(emt):
    structure = rattled()
    before = structure.copy()
    emt.drive([relaxed(structure, steps=3)])
    assert structure == before


def test_steps_that_do_not_suffice_are_told(emt):
    (short,) = map(value, emt.drive([relaxed(rattled(), steps=2, fmax=1e-6)]))
    assert not short.converged
    assert short.steps == 2
    assert short.left > 1e-6


@pytest.mark.parametrize(("a", "said"), [(2.5, "expands"), (1.4, "collapses")])
def test_a_crystal_without_a_minimum_is_a_sentence(a, said):
    loaded = load("ase:ase.calculators.lj:LennardJones?epsilon=-1&sigma=1&rc=6&smooth=true", ("Ar",))  # a hill, no well
    (outcome,) = Evaluator(loaded.potential, loaded.reload).drive([relaxed(bulk("Ar", a=a))])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, NoValue)
    assert said in str(outcome.error)


def test_atoms_on_top_of_each_other_are_a_sentence(emt):
    twice = Atoms("Cu2", positions=np.zeros((2, 3)), cell=[3, 3, 3], pbc=True)
    (outcome,) = emt.drive([relaxed(twice)])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, NoValue)
    assert "no space group is found" in str(outcome.error)


def test_a_crystal_that_repels_itself_is_not_told_to_collapse():
    spec = "ase:ase.calculators.morse:MorsePotential?epsilon=5&r0=6&rho0=6&rcut1=7&rcut2=9"
    loaded = load(spec, ("Ar",))
    (outcome,) = Evaluator(loaded.potential, loaded.reload).drive([relaxed(bulk("Ar", a=5.0))])
    assert isinstance(outcome, Failed)
    assert "expands: the energy fell" in str(outcome.error)
