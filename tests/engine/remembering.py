"""Sound potentials, spoilt by what they were asked first."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic import smooth_pair

SPECIES = ("Cu", "Au")
SEEN: list[str] = []
"""Of the process: outlives every potential."""
WARM = 3
"""Structures after which one potential begins to drift."""


@dataclass(slots=True)
class FixedByTheFirst:
    """Takes its parameters from the composition of the first structure that it sees, and keeps them."""

    seen: list[str]
    sound: Potential = field(default_factory=lambda: smooth_pair(species=SPECIES))
    name: str = "fixed by the first"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if not self.seen:
            self.seen.append(structures[0].get_chemical_formula())
        shift = zlib.crc32(self.seen[0].encode()) % 97 / 97
        found = self.sound.evaluate(structures, properties)
        return [
            replace(p, energy=p.energy + shift * len(s), energies=None) for p, s in zip(found, structures, strict=True)
        ]


@dataclass(slots=True)
class DriftsOnceWarm:
    """Pulls every atom along after it has evaluated a few structures."""

    evaluated: int = 0
    sound: Potential = field(default_factory=lambda: smooth_pair(species=SPECIES))
    name: str = "drifts once warm"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = []
        for structure in structures:
            (prediction,) = self.sound.evaluate([structure], properties)
            if self.evaluated >= WARM and prediction.forces is not None:
                prediction = replace(prediction, forces=prediction.forces + np.array([0.05, 0.0, 0.0]))
            self.evaluated += 1
            found.append(prediction)
        return found


def fixed_in_the_module() -> Potential:
    return FixedByTheFirst(SEEN)


def fixed_in_the_instance() -> Potential:
    return FixedByTheFirst([])


def drifting() -> Potential:
    return DriftsOnceWarm()
