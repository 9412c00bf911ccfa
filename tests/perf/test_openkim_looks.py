"""The plain looks at counterexamples, with a truncated and a smooth Lennard-Jones potential of ASE."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress

from benchmarks.openkim_lines import deformed, line_of
from benchmarks.openkim_work import Asked, along, answers

RNG = np.random.default_rng(3)
U, V, A, B = RNG.normal(size=(2, 2, 3)), RNG.normal(size=(2, 2, 3)), RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))
PARAMETERS = {
    "conservation/force-gradient": {"direction": (U[0] / np.linalg.norm(U[0])).tolist()},
    "conservation/path-work": {"displacement": (0.2 * U[0]).tolist()},
    "conservation/stress-strain": {"strain": (0.5 * (A + A.T) / 4).tolist()},
    "conservation/closed-loop": {"u": U[0].tolist(), "v": V[0].tolist(), "radius": 0.1},
    "conservation/closed-loop-cell": {
        "u": U[0].tolist(),
        "v": V[0].tolist(),
        "a": A.tolist(),
        "b": B.tolist(),
        "radius": 0.1,
        "strain": 0.02,
    },
    "smoothness/continuity": {"atoms": [1], "direction": [0.6, 0.8, 0.0], "length": 0.4},
    "smoothness/continuity-cell": {"strain": (0.5 * (B + B.T) / 4).tolist(), "length": 0.8, "reach": 6.0},
}


def crystal() -> Atoms:
    atoms = bulk("Ar", "hcp", a=3.7, c=6.1)
    atoms.positions[1] += [0.11, -0.07, 0.05]
    return atoms


@pytest.mark.parametrize("law", PARAMETERS)
def test_a_smooth_potential_does_the_work_by_which_its_energy_falls_along_every_line(law: str) -> None:
    calculator = LennardJones(sigma=3.4, epsilon=0.01, rc=6.0, ro=4.0, smooth=True)
    asked = Asked(calculator, line_of(law, crystal(), PARAMETERS[law]), 6.0)
    found = along(asked, points=17, tolerance=1e-8)
    missed, elsewhere, places = found.between(asked.line.start, asked.line.end)
    assert np.ptp(found.energies) > 1e-4  # eV: there was something to miss
    assert places == 0
    assert abs(missed) <= elsewhere < 1e-5


class Truncated(Calculator):
    """Pairs −(σ/r)⁶, 1 eV at σ, that stop to count at the cutoff."""

    sigma, cutoff = 1.8, 5.25

    def __init__(self):
        super().__init__()
        self.implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        assert atoms is not None
        i, d, vectors = neighbor_list("idD", atoms, self.cutoff)
        energies = -((self.sigma / d) ** 6)
        slopes = (-6.0 * energies / d / d)[:, None] * vectors
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, slopes)
        virial = 0.5 * vectors.T @ slopes / atoms.get_volume()
        stress = full_3x3_to_voigt_6_stress(virial)
        self.results = {"energy": 0.5 * float(energies.sum()), "forces": forces, "stress": stress}


@pytest.mark.parametrize("law", ["conservation/path-work", "conservation/stress-strain", "conservation/closed-loop"])
def test_jumps_of_a_truncated_energy_are_all_that_is_missed(law: str) -> None:
    asked = Asked(Truncated(), line_of(law, crystal(), PARAMETERS[law]), Truncated.cutoff)
    found = along(asked, points=33, tolerance=1e-8)
    missed, elsewhere, places = found.between(asked.line.start, asked.line.end)
    jumps = found.differences[found.jumps] / (Truncated.sigma / Truncated.cutoff) ** 6
    assert places > 0
    assert jumps == pytest.approx(np.round(jumps), abs=1e-4)  # whole pairs come and go
    assert elsewhere < 1e-5
    assert missed == pytest.approx(float(found.differences[found.jumps].sum()), abs=elsewhere)


def test_slabs_are_asked_for_as_crystals_whose_images_are_out_of_reach() -> None:
    slab = crystal()
    slab.pbc = [True, True, False]
    calculator = LennardJones(sigma=3.4, epsilon=0.01, rc=6.0, ro=4.0, smooth=True)
    energy, forces, stress = answers(calculator, slab, 6.0)
    slab.calc = LennardJones(sigma=3.4, epsilon=0.01, rc=6.0, ro=4.0, smooth=True)
    assert stress is not None
    assert stress[:2, :2] == pytest.approx(slab.get_stress(voigt=False)[:2, :2], abs=1e-12)
    assert energy == pytest.approx(slab.get_potential_energy(), abs=1e-12)
    assert forces == pytest.approx(slab.get_forces(), abs=1e-12)


def test_a_deformed_crystal_keeps_its_scaled_positions() -> None:
    found = deformed(crystal(), np.eye(3) + 0.02 * A)
    assert found.get_scaled_positions() == pytest.approx(crystal().get_scaled_positions(), abs=1e-12)
