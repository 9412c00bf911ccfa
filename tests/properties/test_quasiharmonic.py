"""Thermal expansion against the minimum of the free energy, and crystals that have none."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.units import GPa
from matplotlib.figure import Figure

from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.properties.cells import repeats
from gnnp_bench.properties.crystal import Crystal
from gnnp_bench.properties.force_constants import force_constants
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.quasiharmonic import RATIOS, SHARE, Expansion, draw, quasiharmonic, summary
from gnnp_bench.properties.relaxation import relaxed
from gnnp_bench.properties.thermal import thermal
from gnnp_bench.structures import crystal
from tests.properties import crystals
from tests.properties.crystals import EMT, measured
from tests.properties.driven import LENNARD_JONES, evaluator, value

SUPERCELL = 7.0


@pytest.fixture(scope="module")
def emt() -> Evaluator:
    return evaluator(EMT, "Al", "Cu")


@pytest.fixture(scope="module")
def aluminium(emt) -> Crystal:
    return crystals.relaxed(emt, bulk("Al"))


@pytest.fixture(scope="module")
def found(emt, aluminium) -> Expansion:
    return measured(emt, aluminium, quasiharmonic, supercell=SUPERCELL)


def test_aluminium_expands_as_its_free_energy_says(emt, aluminium, found):
    assert found.ratios == RATIOS
    # The minimum of a polynomial through E + F at some volumes, at temperatures around 300 K.
    volumes, energies = [], []
    for ratio in RATIOS:
        unit = aluminium.structure.copy()
        unit.set_cell(unit.cell.array * ratio ** (1 / 3), scale_atoms=True)
        sizes = repeats(aluminium.structure.cell.array, SHARE * SUPERCELL)
        of_vibrations = thermal(value(emt, force_constants(unit, sizes))).free_energy
        (static,) = emt.potential.evaluate([unit], frozenset({"energy"}))
        volumes.append(unit.cell.volume)
        energies.append(static.energy + of_vibrations[[29, 30, 31]])
    minima: list[float] = []
    stiffness: list[float] = []
    for curve in np.array(energies).T:
        polynomial = np.polynomial.Polynomial.fit(volumes, curve, 5)
        (minimum,) = (
            root.real
            for root in polynomial.deriv().roots()
            if abs(root.imag) < 1e-9 and min(volumes) < root.real < max(volumes)
        )
        minima.append(float(minimum))
        stiffness.append(float(minimum * polynomial.deriv(2)(minimum) / GPa))
    volume, expansion, modulus, capacity = found.at_room
    assert volume == pytest.approx(minima[1], rel=1e-3)
    assert expansion == pytest.approx((minima[2] - minima[0]) / (20 * minima[1]), rel=0.03)
    assert expansion > 0
    assert modulus == pytest.approx(stiffness[1], rel=0.03)
    assert capacity > 3 * 8.3145 * 0.9


def test_what_is_told(found):
    told = {quantity.name: quantity for quantity in summary(found).quantities}
    assert told["expansion_300K"].value == pytest.approx(1e6 * found.at_room[1])
    assert told["expansion_300K"].error is not None
    assert told["bulk_modulus_300K"].unit == "GPa"
    figure = Figure()
    draw(found, figure)
    assert len(figure.axes) == 3


def test_a_crystal_whose_shape_is_free_is_relaxed_at_each_volume(emt):
    hexagonal = crystals.relaxed(emt, crystal("hcp", ("Cu",))).structure
    hexagonal.set_cell(hexagonal.cell.array * [[1, 1, 1], [1, 1, 1], [1, 1, 1.03]], scale_atoms=True)
    end = value(emt, relaxed(hexagonal, constant_volume=True))
    assert end.converged
    assert end.structure.cell.volume == pytest.approx(hexagonal.cell.volume, rel=1e-9)
    assert end.structure.cell.cellpar()[2] < 0.99 * hexagonal.cell.cellpar()[2]
    stress = end.prediction.stress
    assert stress is not None
    np.testing.assert_allclose(np.diag(stress), stress[0, 0], atol=1e-4)


def test_a_crystal_with_imaginary_modes_has_no_expansion(emt):
    copper = crystals.relaxed(emt, crystal("bcc", ("Cu",)))
    with pytest.raises(NoValue, match=r"imaginary modes \(down to 1.*i THz\)"):
        measured(emt, copper, quasiharmonic, supercell=SUPERCELL)


def test_a_crystal_that_does_not_hold_together_at_room_temperature_says_so():
    argon = evaluator(LENNARD_JONES, "Ar")
    with pytest.raises(NoValue, match=r"its volume leaves those that were sampled|too few volumes"):
        measured(argon, crystals.relaxed(argon, bulk("Ar", a=5.2)), quasiharmonic, supercell=SUPERCELL)
