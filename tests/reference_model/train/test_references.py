"""Energies of isolated atoms, found or fitted."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.accuracy.frames import Frame
from reference_model.train.data import prepare
from reference_model.train.references import reference_energies, trust

TRUE = {"H": -13.6, "C": -1030.0, "O": -2040.0}


def frame(formula: str, energy: float | None = None) -> Frame:
    atoms = Atoms(formula, positions=np.arange(3.0 * len(Atoms(formula))).reshape(-1, 3))
    value = sum(TRUE[symbol] for symbol in atoms.get_chemical_symbols()) if energy is None else energy
    return Frame(atoms, value, np.zeros((len(atoms), 3)), None, "")


def test_energies_are_fitted_where_compositions_tell_them():
    samples = prepare([frame("H2O"), frame("CO2"), frame("CH4")], 5.0, "x")
    references = reference_energies(samples, ("H", "C", "O"))
    assert references.energies == pytest.approx(TRUE)
    assert (references.found, references.fitted, references.undetermined) == ((), ("H", "C", "O"), ())
    (line,) = trust(references)
    assert line.startswith("reference energies fitted to whole structures, eV per atom: H -13.600, C -1030.000, O")
    assert "no isolated atom of these is in the data" in line


def test_isolated_atoms_are_found_and_the_rest_is_fitted():
    samples = prepare([frame("H", -13.0), frame("H2O", 2 * -13.0 - 2000.0)], 5.0, "x")
    references = reference_energies(samples, ("H", "O"))
    assert references.energies == pytest.approx({"H": -13.0, "O": -2000.0})
    assert (references.found, references.fitted, references.undetermined) == (("H",), ("O",), ())


def test_one_composition_leaves_no_residual():
    references = reference_energies(prepare([frame("H2O")] * 3, 5.0, "x"), ("H", "O"))
    assert 2 * references.energies["H"] + references.energies["O"] == pytest.approx(2 * TRUE["H"] + TRUE["O"])
    assert references.undetermined == ("H", "O")


def test_elements_that_compositions_do_not_tell_apart_are_named():
    samples = prepare([frame("H2O"), frame("CO2"), frame("C2O4")], 5.0, "x")
    references = reference_energies(samples, ("H", "C", "O"))
    assert references.undetermined == ("H", "C", "O")  # one freedom: of O against both others
    told = trust(references)
    assert told[-1].startswith("warning: nothing tells the energies of H and C and O apart")
    assert "add isolated atoms" in told[-1]
    with_carbon = prepare([frame("H2O"), frame("CO2"), frame("C", -1030.0)], 5.0, "x")
    assert reference_energies(with_carbon, ("H", "C", "O")).undetermined == ()
    with_iron = prepare([frame("H2O"), frame("CO2"), frame("C", -1030.0), frame("Fe2Ni2", 0.0)], 5.0, "x")
    assert reference_energies(with_iron, ("H", "C", "O", "Fe", "Ni")).undetermined == ("Fe", "Ni")


def test_an_atom_in_a_small_crystal_is_not_isolated():
    atoms = Atoms("H", cell=[2.0] * 3, pbc=True)
    crystal = Frame(atoms, -15.0, np.zeros((1, 3)), None, "")
    references = reference_energies(prepare([crystal], 5.0, "x"), ("H",))
    assert references.energies == pytest.approx({"H": -15.0})
    assert references.fitted == ("H",)


@pytest.mark.parametrize(("length", "alone"), [(6.2, False), (10.0, True)])
def test_an_atom_without_neighbours_may_be_one_of_a_crystal(length, alone):
    cell = Atoms("Cs", cell=[length] * 3, pbc=True)
    samples = prepare([Frame(cell, -1.0, np.zeros((1, 3)), None, "")], 5.0, "x")
    assert (reference_energies(samples, ("Cs",)).found == ("Cs",)) is alone
