"""Defects of calculators, as users have them: through the ASE adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from gnnp_bench.adapters.ase import from_calculator
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, Potential
from tests.analytic import smooth_pair
from tests.reported.base import METALS, Reported, github


class Sound(Calculator):
    """A sound calculator, by the book."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012  # ASE's own form

    def __init__(self) -> None:
        super().__init__()
        self.potential = smooth_pair(5.0, species=METALS)

    def answers(self, atoms: Atoms) -> dict[str, Any]:
        """Return the results for a structure."""
        volume = abs(np.linalg.det(atoms.cell.array)) > 0.0
        (found,) = self.potential.evaluate([atoms], ALL_PROPERTIES if volume else ENERGY_FORCES)
        results = {"energy": found.energy, "free_energy": found.energy, "forces": found.forces}
        if found.stress is not None:
            results["stress"] = full_3x3_to_voigt_6_stress(found.stress)
        return results

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Calculate everything."""
        super().calculate(atoms, properties, system_changes)
        self.results = self.answers(self.structure())

    def structure(self) -> Atoms:
        """Return the structure to calculate."""
        assert isinstance(self.atoms, Atoms)
        return self.atoms


class KeepsResults(Sound):
    """`calculate` returns what it has: it looks at what changed since `get_property` last saw a structure."""

    last: Atoms | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Any = all_changes
    ) -> None:
        Calculator.calculate(self, atoms, properties, system_changes)
        now = self.structure()
        if self.last is not None and len(self.last) == len(now) and self.results:
            return
        self.last = now.copy()
        self.results = self.answers(now)


class PositionsOfTheFirst(Sound):
    """Coordinates are sent to the model when species or cell change, and not when positions do."""

    sent: Atoms | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Any = all_changes
    ) -> None:
        Calculator.calculate(self, atoms, properties, system_changes)
        now = self.structure()
        same = (
            self.sent is not None
            and np.array_equal(self.sent.numbers, now.numbers)
            and np.array_equal(self.sent.cell.array, now.cell.array)
            and np.array_equal(self.sent.pbc, now.pbc)
        )
        sent = self.sent if same and self.sent is not None else now.copy()
        self.sent = sent
        self.results = self.answers(sent)


def adapted(calculator: Callable[[], Calculator]) -> Callable[[], Potential]:
    """Return the maker of a calculator as users have it."""
    return lambda: from_calculator(calculator(), METALS)


CALCULATORS = (
    Reported(
        "calculate-keeps-results",
        "`calculate` called by the user gives the energy of the structure before.",
        "quippy",
        github("libAtoms/QUIP", 243),
        adapted(KeepsResults),
        frozenset(),
        why="A calculator is asked as ASE's programs ask it, by `get_property`, and answers that rightly. Only who"
        " calls `calculate` by hand meets this.",
    ),
    Reported(
        "positions-of-the-first",
        "Energy and forces do not change when positions are updated: the model has those of the first call.",
        "AIMNet2",
        github("isayevlab/AIMNet2", 48),
        adapted(PositionsOfTheFirst),
        frozenset({"robustness/call-history", "conservation/force-gradient"}),
    ),
)
