"""The plain look at motion in a cell that moves: what is sound keeps its enthalpy, what jumps is told to jump."""

from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones

pytest.importorskip("ase.calculators.kim")

from benchmarks.openkim_enthalpy import AGREE, crystal_of, followed, joined, missed
from benchmarks.openkim_work import Asked

STEP = 1.0
"""fs"""


class Spoilt(Calculator):
    """Argon whose stress is too large by a part, and whose energy jumps at the volume that it has to begin with."""

    implemented_properties = ["energy", "forces", "stress", "free_energy"]  # noqa: RUF012

    def __init__(self, wrong: float = 0.0, jump: float = 0.0) -> None:
        super().__init__()
        self.sound = LennardJones(sigma=3.4, epsilon=0.01, rc=6.0, ro=4.0, smooth=True)
        self.wrong, self.jump = wrong, jump

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.sound.calculate(atoms, ["energy", "forces", "stress"], all_changes)
        self.results = dict(self.sound.results)
        self.results["stress"] = (1.0 + self.wrong) * self.results["stress"]
        self.results["energy"] += self.jump * (atoms.get_volume() > 1.001 * 5.3**3)


def told(calculator: Calculator) -> tuple[float, np.ndarray, float]:
    """Return what the enthalpy gains, what each step misses, and what of the most of it is a jump; eV."""
    atoms = crystal_of(("Ar",), 5.3)
    path = followed(calculator, atoms, STEP, seed=2)
    assert np.ptp(np.abs(np.linalg.det(path.h))) > 1.0  # Å³: the cell moves
    differences, jump = missed(Asked(calculator, joined(atoms, path), 0.0))
    return float(path.enthalpies[-1] - path.enthalpies[0]), differences, jump


def test_what_is_sound_keeps_its_enthalpy() -> None:
    gained, differences, _ = told(Spoilt())
    assert abs(gained) < 1e-5
    assert np.abs(differences).max() < AGREE


def test_where_the_energy_jumps_the_enthalpy_gains_that_and_nothing_else() -> None:
    gained, differences, jump = told(Spoilt(jump=1e-3))
    apart = np.abs(differences) > AGREE
    assert apart.sum() % 2 == 1  # outwards, or there and back and there
    assert gained == pytest.approx(differences[apart].sum(), abs=1e-5)
    assert abs(gained) == pytest.approx(1e-3, rel=0.02)
    assert abs(jump) == pytest.approx(1e-3, rel=0.01)


def test_a_stress_that_is_no_derivative_gains_in_every_step_and_nowhere_at_once() -> None:
    gained, differences, jump = told(Spoilt(wrong=0.5))
    apart = np.abs(differences) > AGREE
    assert apart.mean() > 0.5  # of the steps
    assert gained == pytest.approx(differences.sum(), rel=0.05, abs=1e-5)
    assert abs(jump) < 1e-8
