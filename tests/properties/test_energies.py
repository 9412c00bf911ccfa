"""Lattices, cohesive energies and polymorphs against plain ASE scripts; several generators as one."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from gnnp_bench.check import Request
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.potential import ENERGY, Capabilities, Prediction, Unsupported
from gnnp_bench.properties import cohesive, lattice, polymorphs
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.crystal import Settings
from gnnp_bench.properties.named import named
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import relaxed as relaxation
from gnnp_bench.structures.prototypes import crystal
from tests.analytic import smooth_pair
from tests.properties.crystals import emt, measured, of, relaxed, value


@pytest.fixture(scope="module")
def potential() -> Evaluator:
    return emt("Cu", "Au")


def plainly_relaxed(structure: Atoms) -> Atoms:
    structure = structure.copy()
    structure.calc = EMT()
    assert BFGS(FrechetCellFilter(structure), logfile=None).run(fmax=1e-5)  # type: ignore[arg-type]  # as ASE has it
    return structure


def test_the_lattice_of_a_primitive_cell_is_told_conventionally(potential: Evaluator) -> None:
    found = measured(potential, relaxed(potential, bulk("Cu")), lattice.lattice)
    theirs = plainly_relaxed(bulk("Cu", cubic=True))
    assert found.parameters[0] == pytest.approx(theirs.cell.lengths()[0], rel=1e-5)
    assert found.volume == pytest.approx(theirs.cell.volume / 4, rel=1e-5)
    assert found.energy == pytest.approx(theirs.get_potential_energy() / 4, abs=1e-8)
    assert found.converged
    assert found.errors[0] < 1e-4
    assert (found.before.number, found.after.number) == (225, 225)
    assert [one.name for one in lattice.summary(found).quantities] == ["a", "volume", "energy"]


def test_a_crystal_that_becomes_another_is_told(potential: Evaluator) -> None:
    """Tetragonal copper is fcc along its Bain path, and goes there."""
    tetragonal = bulk("Cu", cubic=True)
    tetragonal.set_cell(tetragonal.cell.array @ np.diag([1.0, 1.0, 1.04]), scale_atoms=True)
    found = measured(potential, relaxed(potential, tetragonal, fmax=1e-5), lattice.lattice)
    assert found.before.number == 139
    assert found.after.number == 225
    assert "139" in lattice.summary(found).notes[0]
    assert "225" in lattice.summary(found).notes[0]


def test_a_relaxation_that_does_not_end_is_a_sentence(potential: Evaluator) -> None:
    settings = Settings(potential.potential.capabilities, fmax=1e-9, steps=2)
    (outcome,) = potential.drive([lattice.relaxed_crystal("gold", bulk("Au", a=4.2), settings)])
    with pytest.raises(NoValue, match="within 2 steps"):
        value(outcome)


def test_cohesive_energies_are_those_of_a_plain_script(potential: Evaluator) -> None:
    alloy = relaxed(potential, crystal("L1_2", ("Au", "Cu")))
    found = measured(potential, alloy, cohesive.cohesive)
    energy = 0.0
    for symbol in alloy.structure.get_chemical_symbols():
        atom = Atoms(symbol)
        atom.calc = EMT()
        energy += atom.get_potential_energy()
    whole = alloy.structure.copy()
    whole.calc = EMT()
    assert found.energy == pytest.approx((energy - whole.get_potential_energy()) / 4, rel=1e-9)
    assert found.energy > 3.0
    assert found.error == 0.0


def test_atoms_that_were_never_seen_have_no_cohesive_energy(potential: Evaluator) -> None:
    copper = relaxed(potential, bulk("Cu"))
    unseen = Settings(Capabilities(species=("Cu",), fitted_alone=("Cu",)))
    (outcome,) = potential.drive([cohesive.cohesive(copper, unseen)])
    with pytest.raises(NoValue, match="fitted to no isolated atoms of Cu"):
        value(outcome)


def test_atoms_that_are_refused_are_a_sentence() -> None:
    sound = smooth_pair(species=("Cu",))

    class Crowd:
        name, capabilities = "crowd", sound.capabilities

        def evaluate(self, structures, properties):
            if any(
                structure.cell.volume > 1000 or len(structure) == 1 == structure.pbc.sum() for structure in structures
            ):
                raise Unsupported("no lonely\natoms, please")
            return sound.evaluate(structures, properties)

    evaluator = of(Crowd())
    copper = relaxed(evaluator, crystal("fcc", ("Cu",)))
    with pytest.raises(NoValue, match="gives no isolated atoms: no lonely atoms, please"):
        measured(evaluator, copper, cohesive.cohesive)


def test_polymorphs_are_those_of_a_plain_script(potential: Evaluator) -> None:
    copper = relaxed(potential, bulk("Cu"))
    found = {one.name: one for one in measured(potential, copper, polymorphs.polymorphs)}
    assert set(found) == {"bcc", "sc", "hcp", "diamond"}
    theirs = plainly_relaxed(bulk("Cu", "hcp", a=2.55, c=4.16))
    base = plainly_relaxed(bulk("Cu")).get_potential_energy()
    assert found["hcp"].energy == pytest.approx(theirs.get_potential_energy() / 2 - base, abs=1e-6)
    assert found["hcp"].energy < 0
    assert any("hcp is lower" in note for note in polymorphs.summary(tuple(found.values())).notes)
    assert all(one.error < 1e-5 for one in found.values())


def test_polymorphs_have_the_composition_of_the_crystal(potential: Evaluator) -> None:
    alloy = relaxed(potential, crystal("L1_2", ("Au", "Cu")))
    others = polymorphs.candidates(alloy)
    assert set(others) == {"A15"}
    for one in others.values():
        assert (one.symbols == "Cu").sum() == 3 * (one.symbols == "Au").sum()
    lonely = named("SiO2:fluorite")
    settings = relaxed(of(smooth_pair(species=("O", "Si"))), lonely.structure)
    assert polymorphs.applies(settings) == "there is no other prototype for SiO2"


def test_several_generators_are_one(potential: Evaluator) -> None:
    structures = [bulk("Cu", a=3.57), bulk("Au", a=4.07), bulk("Cu", "hcp", a=2.54, c=4.14)]
    (together,) = potential.drive([abreast([relaxation(one) for one in structures])])
    ends = value(together)
    for structure, end in zip(structures, ends, strict=True):
        (alone,) = potential.drive([relaxation(structure)])
        assert not isinstance(end, NoValue)
        assert end.steps == value(alone).steps
        np.testing.assert_array_equal(end.structure.cell.array, value(alone).structure.cell.array)


def asked(symbol: str) -> Generator[Request, list[Prediction], str]:
    (answer,) = yield Request([bulk(symbol, "fcc", a=4.0)], ENERGY)
    if symbol == "Au":
        raise NoValue("not today")
    return f"{symbol} {answer.energy:.1f}"


def test_a_sentence_of_one_costs_the_others_nothing(potential: Evaluator) -> None:
    (outcome,) = potential.drive([abreast([asked("Cu"), asked("Au"), asked("Cu")])])
    first, second, third = value(outcome)
    assert first == third
    assert str(first).startswith("Cu")
    assert isinstance(second, NoValue)


def caught(symbol: str) -> Generator[Request, list[Prediction], str]:
    try:
        answers = yield Request([bulk(symbol, "fcc", a=4.0)], ENERGY)
    except Exception as error:
        return f"{symbol}: {type(error).__name__}"
    return f"{symbol}: {len(answers)}"


def test_an_error_reaches_the_one_that_asked(potential: Evaluator) -> None:
    (outcome,) = potential.drive([abreast([caught("Cu"), caught("W"), caught("Au")])])  # EMT knows no tungsten
    said = value(outcome)
    assert (said[0], said[2]) == ("Cu: 1", "Au: 1")
    assert said[1] != "W: 1"
