"""Stacking faults against explicit stackings of layers."""

from __future__ import annotations

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators import emt as effective_medium

from gnnp_bench.properties.stacking_fault import MILLIJOULE, applies, stacking_fault, summary
from gnnp_bench.structures import crystal
from tests.properties.crystals import EMT, measured, relaxed
from tests.properties.driven import LENNARD_JONES, evaluator, still


def stacked(letters: str, a: float) -> Atoms:
    """Return close-packed layers in an upright hexagonal cell."""
    height = a / 3**0.5
    cell = [[a / 2**0.5, 0, 0], [-(a / 8**0.5), a * (3 / 8) ** 0.5, 0], [0, 0, len(letters) * height]]
    places = {"A": (0, 0), "B": (1 / 3, 2 / 3), "C": (2 / 3, 1 / 3)}
    scaled = [(*places[letter], k / len(letters)) for k, letter in enumerate(letters)]
    return Atoms(f"Al{len(letters)}", cell=cell, scaled_positions=scaled, pbc=True)


def test_aluminium_against_an_explicit_stacking():
    emt = evaluator(EMT, "Al")
    aluminium = relaxed(emt, bulk("Al", cubic=True))
    a = float(aluminium.structure.cell.lengths()[0])
    found = measured(emt, aluminium, stacking_fault)
    area = a**2 * 3**0.5 / 4

    def energy(letters: str) -> float:
        structure = stacked(letters, a)
        structure.calc = effective_medium.EMT()
        return float(structure.get_potential_energy())

    # ABCABCAB|ABC… has one fault in eight layers, and stands upright.
    by_hand = MILLIJOULE * (energy("ABCABCAB") - 8 / 3 * energy("ABC")) / area
    assert found.unrelaxed == pytest.approx([by_hand] * 3, abs=1e-6)
    assert found.from_stackings == pytest.approx(
        MILLIJOULE * (energy("AB") / 2 + energy("ABAC") / 2 - energy("ABC")) / area, abs=1e-6
    )
    assert found.energies[-1] < found.unrelaxed[-1]
    assert found.error < 0.01
    (told,) = summary(found).quantities
    assert (told.name, told.unit, told.converged) == ("stacking_fault_energy", "mJ/m²", True)


def test_the_ising_model_is_exact_where_neighbours_are_near():
    argon = evaluator(LENNARD_JONES.replace("rc=6", "rc=8"), "Ar")
    found = measured(argon, relaxed(argon, bulk("Ar", a=5.2)), stacking_fault)
    assert found.from_stackings == pytest.approx(found.unrelaxed[-1], rel=1e-6)
    assert found.unrelaxed[-1] != pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("structure", [crystal("bcc", ("Cu",)), crystal("rocksalt", ("Cu", "Au")), bulk("Si")])
def test_only_elements_in_fcc_have_one(structure):
    assert applies(still(structure)) is not None
    assert applies(still(bulk("Cu", cubic=True))) is None
