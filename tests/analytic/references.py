"""Energies of isolated atoms, added to a sound potential: rounded, huge, zero, or some of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from gnnp_bench.potential import Capabilities, FloatArray, Prediction, Property
from tests.analytic.evaluation import AnalyticPotential

MIXED = (-2000.0, -13.587, 0.0, -500.5, -1024.0, -1.1, 1e6)
"""eV, in turn for the species: numbers that float32 can hold and others that it cannot."""
ROUND = (-2000.0,)
HUGE = (1e9,)
STORED = tuple(float(np.float32(value)) for value in (-13.587, -1029.28, -2042.61, -3.7))
"""eV, from a table kept in float32."""
SMALL = (-13.587, -3.7, 0.0, -0.5)
"""eV, as pseudopotentials give them."""


@dataclass(frozen=True, slots=True)
class Referenced:
    """A sound potential whose free atoms have energies of their own.

    Attributes
    ----------
    sound : AnalyticPotential
    energies : tuple of float, eV
        Of the first species, the second, …, and from the beginning again.
    inside : bool
        Each atom's is added in the potential's own precision, not to the total in float64.
    """

    sound: AnalyticPotential
    energies: tuple[float, ...]
    inside: bool = False

    @property
    def name(self) -> str:
        return f"{self.sound.name}-referenced"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return the sound predictions with the energies of free atoms added."""
        sound = self.sound.evaluate(structures, properties)
        return [self._shifted(one, structure) for one, structure in zip(sound, structures, strict=True)]

    def _shifted(self, sound: Prediction, structure: Atoms) -> Prediction:
        assert sound.energies is not None
        free = self._free_atoms(structure)
        if not self.inside:
            return replace(sound, energy=sound.energy + float(free.sum()), energies=sound.energies + free)
        atoms = sound.energies.astype(self.sound.dtype) + free.astype(self.sound.dtype)
        return replace(sound, energy=float(atoms.sum()), energies=atoms.astype(float))

    def _free_atoms(self, structure: Atoms) -> FloatArray:
        place = {atomic_numbers[symbol]: k for k, symbol in enumerate(self.capabilities.species)}
        return np.array([self.energies[place[int(z)] % len(self.energies)] for z in structure.numbers])


def with_references(sound: AnalyticPotential, energies: tuple[float, ...], *, inside: bool = False) -> Referenced:
    """Return a potential with energies of free atoms, in turn for its species."""
    return Referenced(sound, energies, inside)
