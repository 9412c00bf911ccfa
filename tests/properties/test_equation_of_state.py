"""Equations of state and Δ values against closed forms and plain ASE scripts; crystals without a minimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.collections import dcdft
from ase.eos import EquationOfState as AseFit
from ase.utils.deltacodesdft import delta as ase_delta

from gnnp_bench.properties import delta, equation_of_state
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.structures.prototypes import crystal
from tests.properties.crystals import emt, lennard_jones, measured, relaxed
from tests.properties.test_elasticity import REACH, lattice_constant, lattice_sum

EMT_ELEMENTS = ("Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au")


def test_lennard_jones_is_the_closed_form() -> None:
    a = lattice_constant()
    evaluator = lennard_jones(REACH * a)
    found = measured(evaluator, relaxed(evaluator, bulk("Ar", a=a)), equation_of_state.equation_of_state)
    exact = lattice_sum(a)
    modulus = (exact[0, 0, 0, 0] + 2 * exact[0, 0, 1, 1]) / 3
    wanted = np.array([a**3 / 4, modulus, 8.0])  # B₀′ = (12 + 6)/3 + 2 for two powers of the distance
    np.testing.assert_array_less(np.abs(found.fit.shape - wanted), 3 * found.errors + 1e-12)
    np.testing.assert_allclose(found.fit.shape, wanted, rtol=0.03)
    assert found.converged[0]


def test_it_is_what_a_plain_script_fits() -> None:
    evaluator = emt("Cu", "Au")
    copper = relaxed(evaluator, bulk("Cu"))
    found = measured(evaluator, copper, equation_of_state.equation_of_state)
    volumes, energies = [], []
    for ratio in np.linspace(0.94, 1.06, 13):
        one = copper.structure.copy()
        one.set_cell(one.cell.array * ratio ** (1 / 3), scale_atoms=True)
        one.calc = EMT()
        volumes.append(one.cell.volume)
        energies.append(one.get_potential_energy())
    v0, e0, b0 = AseFit(volumes, energies, eos="birchmurnaghan").fit()
    assert found.fit.volume == pytest.approx(v0, rel=1e-9)
    assert found.fit.energy == pytest.approx(e0, abs=1e-9)
    assert found.fit.modulus == pytest.approx(b0, rel=1e-8)
    assert not found.relaxed_atoms
    assert found.converged.all()


@pytest.mark.parametrize("symbol", EMT_ELEMENTS)
def test_the_bulk_modulus_of_pressures_lies_within_the_error_bar(symbol: str) -> None:
    evaluator = emt(*EMT_ELEMENTS)
    element = relaxed(evaluator, bulk(symbol))
    found = measured(evaluator, element, equation_of_state.equation_of_state)
    step = 1e-3
    pressures = []
    for one in equation_of_state.scaled(element.structure, [1 + step, 1 - step]):
        one.calc = EMT()
        pressures.append(-one.get_stress()[:3].mean())
    exact = (pressures[1] - pressures[0]) / (2 * step)
    assert abs(found.fit.modulus - exact) < found.errors[1] < 0.02 * exact


def test_atoms_that_symmetry_leaves_free_are_relaxed() -> None:
    evaluator = emt("Cu", "Au")
    layers = [(0, 0, 0), (0.5, 0.5, 0.25), (0, 0, 0.5), (0.5, 0.5, 0.75)]
    stack = Atoms("AuCu3", scaled_positions=layers, cell=[2.65, 2.65, 7.5], pbc=True)
    found = relaxed(evaluator, stack)
    fit = measured(evaluator, found, equation_of_state.equation_of_state, fmax=1e-4)
    assert fit.relaxed_atoms
    for structure, energy in zip(
        equation_of_state.scaled(found.structure, equation_of_state.RATIOS), fit.energies, strict=True
    ):
        structure.calc = EMT()
        held = structure.get_potential_energy() / len(structure)
        assert energy <= held + 1e-9
    assert any("atoms were relaxed" in note for note in equation_of_state.summary(fit).notes)


def test_a_crystal_away_from_its_minimum_is_a_sentence() -> None:
    evaluator = emt("Cu", "Au")
    copper = relaxed(evaluator, bulk("Cu"))
    swollen = copper.structure.copy()
    swollen.set_cell(swollen.cell.array * 1.06, scale_atoms=True)
    with pytest.raises(NoValue, match="no minimum between"):
        measured(evaluator, replace(copper, structure=swollen), equation_of_state.equation_of_state)


def test_a_hill_is_no_equation_of_state() -> None:
    volumes = np.linspace(10, 12, 7)
    with pytest.raises(NoValue, match="no minimum"):
        equation_of_state.fitted(volumes, -((volumes - 11) ** 2))


def test_a_kink_shows_in_the_error_bar() -> None:
    ratios = equation_of_state.RATIOS
    sound = equation_of_state.Fit(12.0, -3.0, 0.9, 4.5)
    volumes = 12.0 * ratios
    energies = equation_of_state.predicted(sound, volumes)

    def told(energies: np.ndarray) -> equation_of_state.Fit:
        return equation_of_state.fitted(volumes, energies)

    np.testing.assert_allclose(told(energies).shape, sound.shape, rtol=1e-6)
    rough = energies + 5e-4 * np.maximum(0.0, ratios - 0.99) / 0.01
    changes = [
        np.abs(equation_of_state.fitted(volumes[keep], rough[keep]).shape - told(rough).shape)
        for keep in equation_of_state.subsets(len(volumes))
    ]
    assert np.max(changes, axis=0)[1] > equation_of_state.TRUSTED[1] * 0.9


@pytest.mark.parametrize("symbol", EMT_ELEMENTS)
def test_delta_is_that_of_a_plain_script(symbol: str) -> None:
    evaluator = emt(*EMT_ELEMENTS)
    crystal_ = relaxed(evaluator, bulk(symbol))
    found = measured(evaluator, crystal_, delta.delta)
    known, structure = dcdft.data[symbol], dcdft[symbol]
    volumes, energies = [], []
    for ratio in (0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06):
        one = structure.copy()
        wanted = ratio * crystal_.structure.cell.volume * len(one)
        one.set_cell(one.cell.array * (wanted / one.cell.volume) ** (1 / 3), scale_atoms=True)
        one.calc = EMT()
        volumes.append(wanted / len(one))
        energies.append(one.get_potential_energy() / len(one))
    fit = AseFit(volumes, energies, eos="birchmurnaghan")
    fit.fit(warn=False)
    _, b0, bp, v0 = fit.eos_parameters
    wien = known["wien2k_volume"], known["wien2k_B"] * units.GPa, known["wien2k_Bp"]
    assert found.value == pytest.approx(ase_delta(v0, b0, bp, *wien), rel=1e-6)
    assert found.value > 1e-3  # EMT is far from all-electron PBE: nobody compares a number with itself
    assert delta.summary(found).quantities[0].unit == "meV/atom"


def test_delta_is_for_the_structure_of_the_collection() -> None:
    evaluator = emt("Cu", "Au")
    assert delta.applies(relaxed(evaluator, bulk("Cu"))) is None
    bcc = delta.applies(relaxed(evaluator, bulk("Cu", "bcc", a=2.85)))
    assert bcc is not None
    assert "another structure" in bcc
    alloy = delta.applies(relaxed(evaluator, crystal("L1_2", ("Au", "Cu"))))
    assert alloy is not None
    assert "AuCu3" in alloy
