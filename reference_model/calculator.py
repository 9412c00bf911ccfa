"""The reference potential as an ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, Potential


class ReferenceCalculator(Calculator):
    """Energies, forces and stresses for ASE, from the very potential that gnnp_bench certifies.

    Parameters
    ----------
    potential : Potential
        From `reference_model.potential.create("untrained", {}, ("Cu",))`, say, or a committee.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012  # ASE's own form

    def __init__(self, potential: Potential) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.potential = potential

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Evaluate the structure; ASE keeps the results until it changes.

        Raises
        ------
        Unsupported, ValueError
            As `ReferencePotential.evaluate`.
        """
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert isinstance(self.atoms, Atoms)  # what the base class has just copied
        (found,) = self.potential.evaluate([self.atoms], ALL_PROPERTIES if "stress" in properties else ENERGY_FORCES)
        results: dict[str, Any] = {"energy": found.energy, "free_energy": found.energy, "energies": found.energies}
        results["forces"] = found.forces
        if found.stress is not None:
            results["stress"] = full_3x3_to_voigt_6_stress(found.stress)
        self.results = results
