"""Vacancies against a plain script of ASE."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators import emt as effective_medium
from ase.optimize import BFGS

from gnnp_bench.properties.vacancy import applies, summary, vacancy
from gnnp_bench.structures import crystal
from tests.properties.crystals import EMT, measured, relaxed
from tests.properties.driven import LENNARD_JONES, evaluator, still


def test_copper_as_a_plain_script_does_it():
    emt = evaluator(EMT, "Cu")
    copper = relaxed(emt, bulk("Cu", cubic=True))
    (found,) = measured(emt, copper, vacancy)
    assert found.atoms == (64, 125)
    structure = bulk("Cu", a=float(copper.structure.cell.lengths()[0])) * (4, 4, 4)
    structure.calc = effective_medium.EMT()
    perfect = structure.get_potential_energy()
    del structure[17]
    structure.calc = effective_medium.EMT()
    bare = structure.get_potential_energy() - perfect * 63 / 64
    assert found.unrelaxed[0] == pytest.approx(bare, abs=1e-6)
    structure.rattle(0.01, seed=3)
    assert BFGS(structure, logfile=None).run(fmax=0.01)
    assert found.energies[0] == pytest.approx(structure.get_potential_energy() - perfect * 63 / 64, abs=2e-4)
    (told,) = summary((found,)).quantities
    assert told.name == "vacancy_energy"
    assert told.error == pytest.approx(abs(found.energies[1] - found.energies[0]))
    assert told.converged


def test_a_vacancy_of_a_pair_potential_costs_the_cohesive_energy_before_atoms_relax():
    argon = evaluator(LENNARD_JONES, "Ar")
    solid = relaxed(argon, bulk("Ar", a=5.2))
    (found,) = measured(argon, solid, vacancy)
    np.testing.assert_allclose(found.unrelaxed, -solid.prediction.energy, rtol=1e-9)
    assert (found.energies < found.unrelaxed).all()


def test_distinct_sites_are_told_apart():
    emt = evaluator(EMT, "Cu")
    found = measured(emt, relaxed(emt, crystal("A15", ("Cu",))), vacancy, supercell=4)
    assert len(found) == 2
    told = summary(found)
    assert [quantity.name for quantity in told.quantities] == ["vacancy_energy_1", "vacancy_energy_2"]
    assert not any(quantity.converged for quantity in told.quantities)  # there is no smaller supercell


def test_a_compound_has_none():
    reason = applies(still(crystal("CsCl", ("Cu", "Au"))))
    assert reason is not None
    assert "chemical potentials" in reason
    assert applies(still(crystal("hcp", ("Cu",)))) is None
