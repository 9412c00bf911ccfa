"""ASE calculators made of a sound potential, each with one fault that shows where programs drive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes, compare_atoms
from ase.stress import full_3x3_to_voigt_6_stress

from gnnp_bench.potential import ALL_PROPERTIES
from tests.analytic import smooth_pair


class Sound(Calculator):
    """A pair potential, with reference energies, as ASE's own calculators are written."""

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012  # ASE's own form

    def __init__(self, cutoff: float = 3.3) -> None:
        super().__init__()
        self.potential = smooth_pair(cutoff, species=("Cu", "Au"), offset=-2.0)

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        self.results = self.computed(self.atoms)
        self.spoil(self.atoms)

    def computed(self, atoms: Atoms) -> dict[str, Any]:
        volume = abs(np.linalg.det(atoms.cell.array)) > 1e-9
        asked = ALL_PROPERTIES if volume and atoms.pbc.any() else ALL_PROPERTIES - {"stress"}
        (found,) = self.potential.evaluate([atoms], asked)
        results: dict[str, Any] = {"energy": found.energy, "free_energy": found.energy, "energies": found.energies}
        results["forces"] = found.forces
        if found.stress is not None:
            results["stress"] = full_3x3_to_voigt_6_stress(found.stress)
        return results

    def spoil(self, atoms: Atoms) -> None:
        pass

    def add(self, energy: float) -> None:
        self.results["energy"] = self.results["free_energy"] = self.results["energy"] + energy
        self.results["energies"] = self.results["energies"] + energy / len(self.results["energies"])


class EnergyAlone(Sound):
    """Sound: it lists no other energy."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012  # ASE's own form


class Smeared(Sound):
    """Sound: an entropy that depends on the surroundings, told in its parameters."""

    def __init__(self, width: float | None = 0.1) -> None:
        super().__init__()
        if width:
            self.parameters["occupations"] = {"name": "fermi-dirac", "width": width}

    def spoil(self, atoms: Atoms) -> None:
        self.results["energy"] = self.results["free_energy"] + 0.02 * float(
            (1.0 + np.tanh(self.results["energies"])).sum()
        )


class SmearedUntold(Smeared):
    """Sound, if only it said so: ?smearing=0.1."""

    def __init__(self) -> None:
        super().__init__(width=None)


class ReadsCharge(Sound):
    """Sound: it reads the charge, and its cache sees it."""

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        changes: list[str] = list(super().check_state(atoms, tol))
        if self.atoms is not None and self.atoms.info.get("charge", 0) != atoms.info.get("charge", 0):
            changes.append("info")
        return changes

    def spoil(self, atoms: Atoms) -> None:
        self.add(0.3 * atoms.info.get("charge", 0))


class SinglesOfEnergies(Sound):
    """Sound: energies of atoms are kept in single precision."""

    def spoil(self, atoms: Atoms) -> None:
        self.results["energies"] = self.results["energies"].astype(np.float32)


class RefusesCharges(ReadsCharge):
    """Sound: charged structures are refused, whether it is driven or not."""

    def spoil(self, atoms: Atoms) -> None:
        if atoms.info.get("charge", 0):
            raise ValueError("no charged systems")


class WithoutMemory:
    """Sound: no base class, no cache, nothing but the three methods."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self) -> None:
        self.inner = Sound()

    def get_potential_energy(self, atoms: Atoms, force_consistent: bool = False) -> float:
        return float(self.inner.computed(atoms)["energy"])

    def get_forces(self, atoms: Atoms) -> Any:
        return self.inner.computed(atoms)["forces"]

    def get_stress(self, atoms: Atoms) -> Any:
        return self.inner.computed(atoms)["stress"]


class WrapsTheCallersAtoms(Sound):
    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        if atoms.cell.rank == 3 and atoms.pbc.any():
            atoms.wrap()
        super().calculate(atoms, properties, system_changes)


class WritesIntoInfo(Sound):
    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        atoms.info["spin"] = 1
        super().calculate(atoms, properties, system_changes)


class WritesIntoAList(Sound):
    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        for value in atoms.info.values():
            if isinstance(value, list):
                value.append("seen")
        super().calculate(atoms, properties, system_changes)


class TakesConstraintsAway(Sound):
    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        atoms.set_constraint()
        super().calculate(atoms, properties, system_changes)


class TakesItselfAway(Sound):
    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        atoms.calc = None


class AddsAnArray(Sound):
    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        atoms.arrays["energies"] = np.zeros(len(atoms))


def _sees(*names: str) -> Callable[..., Any]:
    def check_state(self: Any, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        return [change for change in compare_atoms(self.atoms, atoms, tol=tol) if change in names]

    return check_state


class BlindToTheCell(Sound):
    check_state = _sees("positions", "numbers", "pbc")


class BlindToPeriodicity(Sound):
    check_state = _sees("positions", "numbers", "cell")


class BlindToSpecies(Sound):
    check_state = _sees("positions", "cell", "pbc")


class BlindToPositions(Sound):
    check_state = _sees("cell", "numbers", "pbc")


class StaleCharge(Sound):
    def spoil(self, atoms: Atoms) -> None:
        self.add(0.3 * atoms.info.get("charge", 0))


class StaleSpin(Sound):
    def spoil(self, atoms: Atoms) -> None:
        self.add(0.05 * (atoms.info.get("spin", 1) - 1))


class StaleInitialCharges(Sound):
    check_state = _sees("positions", "numbers", "cell", "pbc", "initial_magmoms")

    def spoil(self, atoms: Atoms) -> None:
        self.add(0.05 * float(atoms.get_initial_charges().sum()))


class StaleMoments(Sound):
    check_state = _sees("positions", "numbers", "cell", "pbc", "initial_charges")

    def spoil(self, atoms: Atoms) -> None:
        self.add(-0.05 * float((atoms.get_initial_magnetic_moments() ** 2).sum()))


class ComparesRoughly(Sound):
    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        return list(super().check_state(atoms, tol=5e-3))


class KeepsTheCallersObject(Sound):
    """It compares the structure with itself."""

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.atoms = atoms


class ByIdentity(Sound):
    seen = 0

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        changes = [] if id(atoms) == self.seen else list(all_changes)
        self.seen = id(atoms)
        return changes


class StressOfBefore(Sound):
    """The stress is kept until the calculator is reset."""

    kept: Any = None

    def reset(self) -> None:
        super().reset()
        self.kept = None

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        if atoms is not None and system_changes and "numbers" in system_changes:
            self.kept = None
        super().calculate(atoms, properties, system_changes)
        if "stress" in self.results:
            self.kept = self.results["stress"] if self.kept is None else self.kept
            self.results["stress"] = self.kept


class ReadEnergyOfBefore(Sound):
    """`energy`, which users read, is that of the first structure until the calculator is reset."""

    first: Any = None

    def reset(self) -> None:
        super().reset()
        self.first = None

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.first = self.results["energy"] if self.first is None else self.first
        self.results["energy"] = self.first


class EnergiesOfBefore(Sound):
    """Energies of atoms are computed once for as many atoms; their sum is right."""

    kept: Any = None

    def spoil(self, atoms: Atoms) -> None:
        if self.kept is None or len(self.kept) != len(atoms):
            self.kept = self.results["energies"] - self.results["energies"].mean()
        self.results["energies"] = self.kept + self.results["energy"] / len(atoms)


class OneBuffer(Sound):
    """Forces are handed out in an array that the next calculation writes into."""

    buffer: Any = None

    def get_forces(self, atoms: Any = None) -> Any:
        forces = super().get_forces(atoms)
        if self.buffer is None or len(self.buffer) != len(forces):
            self.buffer = np.zeros_like(forces)
        self.buffer[:] = forces
        return self.buffer


class StressMovesForces(Sound):
    """Asked for stress, it leaves the forces of a strained cell behind."""

    def get_stress(self, atoms: Any = None) -> Any:
        stress = super().get_stress(atoms)
        self.results["forces"] = 1.01 * self.results["forces"]
        return stress


class SizesOfTheStart(Sound):
    """Arrays keep the size of the first structure until the calculator is reset."""

    size: Any = None

    def reset(self) -> None:
        super().reset()
        self.size = None

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.size = len(atoms) if self.size is None else self.size
        self.results["forces"] = self.results["forces"] + np.zeros((self.size, 3))


class HoldsFixedAtomsItself(Sound):
    """Forces on fixed atoms come as zero: a copy without constraints does not show it."""

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        for constraint in atoms.constraints:
            self.results["forces"] = self.results["forces"].copy()
            constraint.adjust_forces(atoms, self.results["forces"])


class EnergyLacksATerm(Sound):
    def spoil(self, atoms: Atoms) -> None:
        self.results["energy"] += 0.01 * float(np.exp(self.results["energies"] + 2.0).sum())


class EnergyIsPerFormula(Sound):
    def spoil(self, atoms: Atoms) -> None:
        self.results["energy"] += 1.0 * len(atoms)


class FreeEnergyLacksATerm(Sound):
    """The forces are derivatives of `energy`."""

    def spoil(self, atoms: Atoms) -> None:
        self.results["free_energy"] -= 0.01 * float(np.exp(self.results["energies"] + 2.0).sum())


class EnergiesWithoutReferences(Sound):
    def spoil(self, atoms: Atoms) -> None:
        self.results["energies"] = self.results["energies"] + 2.0


class FarBelowItsFreeEnergy(Smeared):
    """No smearing of 0.1 eV takes the energy below the free energy."""

    def spoil(self, atoms: Atoms) -> None:
        self.results["energy"] = self.results["free_energy"] - 0.2 * len(atoms)


INTACT, DRIVEN, AGREE = (f"robustness/{name}" for name in ("input-intact", "as-ase-drives-it", "energies-agree"))
FAULTY: dict[type, str] = {
    **dict.fromkeys(
        (WrapsTheCallersAtoms, WritesIntoInfo, WritesIntoAList, TakesConstraintsAway, TakesItselfAway, AddsAnArray),
        INTACT,
    ),
    **dict.fromkeys(
        (
            BlindToTheCell,
            BlindToPeriodicity,
            BlindToSpecies,
            BlindToPositions,
            StaleCharge,
            StaleSpin,
            StaleInitialCharges,
            StaleMoments,
            ComparesRoughly,
            KeepsTheCallersObject,
            ByIdentity,
            StressOfBefore,
            ReadEnergyOfBefore,
            EnergiesOfBefore,
            OneBuffer,
            StressMovesForces,
            SizesOfTheStart,
            HoldsFixedAtomsItself,
        ),
        DRIVEN,
    ),
    **dict.fromkeys(
        (
            EnergyLacksATerm,
            EnergyIsPerFormula,
            FreeEnergyLacksATerm,
            EnergiesWithoutReferences,
            FarBelowItsFreeEnergy,
            SmearedUntold,
        ),
        AGREE,
    ),
}
"""By the law that has to tell."""
SOUND: tuple[type, ...] = (
    Sound,
    EnergyAlone,
    Smeared,
    ReadsCharge,
    SinglesOfEnergies,
    RefusesCharges,
    WithoutMemory,
)
