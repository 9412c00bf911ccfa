"""Phonons against phonopy driven by plain ASE, closed forms and lattice sums."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators import emt as effective_medium
from ase.calculators.calculator import Calculator
from ase.units import _amu, _e, _k, _Nav
from matplotlib.figure import Figure

from gnnp_bench.properties.cells import primitive, repeats, smaller
from gnnp_bench.properties.force_constants import force_constants
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.phonons import draw, phonons, summary
from gnnp_bench.properties.thermal import Thermal
from gnnp_bench.structures import crystal
from tests.properties import stillinger_weber
from tests.properties.crystals import EMT, measured, relaxed
from tests.properties.driven import LENNARD_JONES, evaluator, value

GAMMA, X = np.zeros((1, 3)), np.array([[0.5, 0.0, 0.5]])
TERAHERTZ = np.sqrt(_e * 1e20 / _amu) / (2 * np.pi * 1e12)
"""Of √(eV/Å²/amu)."""
SW = "ase:tests.properties.stillinger_weber:StillingerWeber"


def by_plain_ase(unit: Atoms, calculator: Calculator, n: int, q: np.ndarray) -> np.ndarray:
    """Return frequencies as phonopy's documentation does it, one supercell after the other."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(
        symbols=list(unit.symbols),
        cell=unit.cell.array,
        scaled_positions=unit.get_scaled_positions(),
        masses=unit.get_masses(),
    )
    phonon = Phonopy(cell, supercell_matrix=np.eye(3, dtype=int) * n, primitive_matrix=np.eye(3))
    phonon.generate_displacements(distance=0.01, is_plusminus=True)
    forces = []
    for one in phonon.supercells_with_displacements or []:
        structure = Atoms(one.symbols, cell=one.cell, scaled_positions=one.scaled_positions, pbc=True)
        structure.calc = calculator
        forces.append(structure.get_forces())
    phonon.forces = forces
    phonon.produce_force_constants()
    phonon.symmetrize_force_constants()
    return np.array(phonon.run_qpoints(q).frequencies)


def test_silicon_of_stillinger_and_weber():
    sw = evaluator(SW, "Si")
    unit = bulk("Si", a=stillinger_weber.LATTICE_CONSTANT)
    found = value(sw, force_constants(unit, (2, 2, 2)))
    q = np.array([[0, 0, 0], [0.5, 0, 0.5], [0.5, 0.5, 0.5], [0.1, 0.2, 0.4]])
    theirs = by_plain_ase(unit, stillinger_weber.StillingerWeber(), 2, q)
    np.testing.assert_allclose(found.frequencies(q), theirs, atol=1e-6)
    # At Γ the sublattices move against each other by u: bonds are stretched by u·b, and cosines of angles change by
    # (4/3) u·(b + b') / r.
    step, bond = 1e-4, stillinger_weber.BOND
    curvature = (stillinger_weber.pair(bond + step)[1] - stillinger_weber.pair(bond - step)[1]) / (2 * step)
    angles = 4 * stillinger_weber.LAMBDA * stillinger_weber.EPSILON * stillinger_weber.decay(bond)[0] ** 2
    stiffness = 4 / 3 * curvature + angles * (16 / 9) * (8 / 3) / bond**2
    optical = TERAHERTZ * np.sqrt(stiffness / (28.085 / 2))
    assert found.frequencies(GAMMA)[0, -1] == pytest.approx(optical, rel=2e-4)


def test_copper_of_effective_medium_theory():
    emt = evaluator(EMT, "Cu")
    copper = relaxed(emt, bulk("Cu", cubic=True))
    found = measured(emt, copper, phonons, supercell=9.5)
    assert found.constants.repeats == (4, 4, 4)
    theirs = by_plain_ase(primitive(copper.structure), effective_medium.EMT(), 4, found.q)
    np.testing.assert_allclose(found.bands, theirs, atol=1e-6)
    told = summary(found)
    assert {quantity.name for quantity in told.quantities} >= {"phonon_highest", "heat_capacity_300K"}
    assert all(quantity.converged for quantity in told.quantities)
    assert found.modes == ()
    assert np.trapezoid(found.density, found.levels) == pytest.approx(3, rel=0.01)


def test_zone_boundary_of_a_pair_potential_is_its_lattice_sum():
    argon = evaluator(LENNARD_JONES, "Ar")
    unit = relaxed(argon, bulk("Ar", a=5.2)).structure
    found = value(argon, force_constants(unit, (4, 4, 4), 0.002))

    # D(q) = Σ_R Φ(R) (1 − cos q·R) / m, and Φ = φ'' RR/R² + (φ'/R) (1 − RR/R²), φ by differences of a dimer's energy.
    def energy(r: float) -> float:
        return argon.potential.evaluate([Atoms("Ar2", [[0, 0, 0], [0, 0, r]])], frozenset({"energy"}))[0].energy

    points = np.indices((7, 7, 7)).reshape(3, -1).T - 3
    dynamical = np.zeros((3, 3))
    for point in points:
        vector = point @ unit.cell.array
        r, h = float(np.linalg.norm(vector)), 1e-3
        if 0 < r < 6 - 2 * h:
            slope = (energy(r + h) - energy(r - h)) / (2 * h)
            curvature = (energy(r + h) - 2 * energy(r) + energy(r - h)) / h**2
            along = np.outer(vector, vector) / r**2
            constants = curvature * along + slope / r * (np.eye(3) - along)
            dynamical += constants * (1 - np.cos(2 * np.pi * X[0] @ point))
    expected = TERAHERTZ * np.sqrt(np.linalg.eigvalsh(dynamical) / unit.get_masses()[0])
    np.testing.assert_allclose(found.frequencies(X)[0], expected, rtol=1e-4)


def test_heat_capacity_is_that_of_dulong_and_petit_where_it_is_hot():
    argon = evaluator(LENNARD_JONES, "Ar")
    found = measured(argon, relaxed(argon, bulk("Ar", a=5.2)), phonons, supercell=8)
    assert isinstance(found.thermal, Thermal)
    assert found.thermal.heat_capacity[-1] == pytest.approx(3 * _k * _Nav, rel=1e-3)
    assert found.thermal.heat_capacity[0] == 0
    # F = E − TS, and S = −dF/dT.
    t, f, s = found.thermal.temperatures, found.thermal.free_energy, found.thermal.entropy
    np.testing.assert_allclose(-np.gradient(f, t)[20:-1], s[20:-1] / (_e * _Nav), rtol=1e-3)


class InAField(effective_medium.EMT):
    """Copper in a field that pulls each atom back to its site: a shift of the whole crystal costs energy."""

    stiffness = 0.02

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        wave = 4 * np.pi / 3.5897
        self.results["forces"] = self.results["forces"] - self.stiffness / wave * np.sin(wave * self.atoms.positions)


def test_what_a_shift_of_the_crystal_costs_is_told_before_it_is_mended():
    pulled = evaluator("ase:tests.properties.test_phonons:InAField", "Cu")
    found = value(pulled, force_constants(bulk("Cu", a=3.5897), (3, 3, 3)))
    assert found.sum_rule == pytest.approx(InAField.stiffness, rel=1e-2)
    np.testing.assert_allclose(found.frequencies(GAMMA), 0, atol=1e-3)
    sound = value(evaluator(EMT, "Cu"), force_constants(bulk("Cu", a=3.5897), (3, 3, 3)))
    assert sound.sum_rule < 1e-9


def test_imaginary_modes_are_named():
    emt = evaluator(EMT, "Cu")
    found = measured(emt, relaxed(emt, crystal("bcc", ("Cu",))), phonons, supercell=9.5)
    assert found.constants.repeats == (4, 4, 4)
    worst = found.modes[0]
    assert worst.label == "N"
    assert worst.fits
    assert worst.frequency == pytest.approx(found.bands.min(), abs=1e-9)
    assert worst.frequency < -1
    assert isinstance(found.thermal, NoValue)
    told = summary(found)
    assert any("imaginary modes and is not stable" in note and "at N (" in note for note in told.notes)
    assert not any("heat_capacity" in quantity.name for quantity in told.quantities)


def test_a_supercell_that_is_too_small_says_so():
    emt = evaluator(EMT, "Cu")
    found = measured(emt, relaxed(emt, bulk("Cu")), phonons, supercell=5)
    assert found.constants.repeats == (2, 2, 2)
    assert any("not converged with the supercell" in note for note in summary(found).notes)


def test_a_compound_has_optical_modes_at_gamma():
    emt = evaluator(EMT, "Cu", "Au")
    found = measured(emt, relaxed(emt, crystal("CsCl", ("Cu", "Au"))), phonons, supercell=6)
    told = {quantity.name: quantity.value for quantity in summary(found).quantities}
    assert told["phonon_gamma_1"] == pytest.approx(np.sort(found.at_gamma)[-1])
    assert "phonon_gamma_2" not in told  # threefold
    figure = Figure()
    draw(found, figure)
    bands = figure.axes[0]
    assert bands.get_xticklabels()[0].get_text() == "Γ"
    assert len(bands.get_lines()) >= found.bands.shape[1]


def test_a_compound_against_plain_ase():
    emt = evaluator(EMT, "Cu", "Au")
    unit = relaxed(emt, crystal("L1_2", ("Cu", "Au"))).structure
    found = value(emt, force_constants(unit, (2, 2, 2)))
    q = np.array([[0, 0, 0], [0.5, 0, 0], [0.1, 0.2, 0.4]])
    np.testing.assert_allclose(found.frequencies(q), by_plain_ase(unit, effective_medium.EMT(), 2, q), atol=1e-6)


def test_supercells():
    cell = bulk("Cu", a=3.6).cell.array
    assert repeats(cell, 12.0) == (5, 5, 5)
    assert smaller((5, 5, 5)) == (4, 4, 4)
    assert smaller((1, 1, 2)) == (1, 1, 1)
    assert smaller((1, 1, 1)) is None


def test_the_primitive_cell_lies_where_the_crystal_lies():
    cubic = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    cubic.rotate(35, (1, 2, 3), rotate_cell=True)
    unit = primitive(cubic)
    assert len(unit) == 2
    whole = np.linalg.solve(unit.cell.array.T, cubic.cell.array.T)
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-6)
    mirrored = bulk("NaCl", "rocksalt", a=5.6)
    mirrored.set_cell(mirrored.cell.array[[1, 0, 2]], scale_atoms=True)
    righted = primitive(mirrored)
    assert mirrored.cell.handedness == -righted.cell.handedness == -1
    np.testing.assert_allclose(righted.get_all_distances(mic=True), mirrored.get_all_distances(mic=True))
    antiferromagnet = bulk("Fe", a=2.9, cubic=True)
    antiferromagnet.set_initial_magnetic_moments([1, -1])
    assert len(primitive(antiferromagnet)) == 2
