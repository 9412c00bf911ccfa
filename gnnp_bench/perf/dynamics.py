"""Steps of dynamics as users take them: ASE's velocity Verlet with the potential as its calculator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet

from gnnp_bench.potential import ENERGY_FORCES, Potential

TEMPERATURE = 300.0
"""K."""


class _Calculator(Calculator):
    """A potential in ASE's clothes, energies and forces only."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012  # as ase wants it

    def __init__(self, potential: Potential) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.potential = potential

    def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes) -> None:
        (found,) = self.potential.evaluate([atoms], ENERGY_FORCES)
        self.results = {"energy": found.energy, "free_energy": found.energy, "forces": found.forces}


def stepper(potential: Potential, structure: Atoms, timestep_fs: float) -> Callable[[], object]:
    """Return what advances a copy of the structure by one step of NVE dynamics, from 300 K on.

    Parameters
    ----------
    potential : Potential
        Must give forces.
    structure : Atoms
    timestep_fs : float
    """
    atoms = structure.copy()
    MaxwellBoltzmannDistribution(atoms, temperature_K=TEMPERATURE, rng=np.random.default_rng(0))
    atoms.calc = _Calculator(potential)
    dynamics = VelocityVerlet(atoms, timestep=timestep_fs * units.fs)
    atoms.get_forces()  # the first step must cost one evaluation, as all others do
    return lambda: dynamics.run(1)
