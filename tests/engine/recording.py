"""A potential that keeps a record of how it was called, and can be told to misbehave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ase import Atoms

from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic.pair import smooth_pair

Answer = Callable[[Atoms, Prediction], Prediction]


def as_it_is(structure: Atoms, prediction: Prediction) -> Prediction:
    """Return what the sound potential said."""
    return prediction


@dataclass(slots=True)
class Recording:
    """A sound potential behind a record of its calls.

    Attributes
    ----------
    answer : callable
        Turns the sound prediction for a structure into what is returned, or raises.
    calls : list of (list of int, frozenset)
        Number of atoms of each structure, and the properties, of every call.
    """

    answer: Answer = as_it_is
    sound: Potential = field(default_factory=lambda: smooth_pair(species=("Cu", "Au")))
    calls: list[tuple[list[int], frozenset[Property]]] = field(default_factory=list)
    name: str = "recording"

    @property
    def capabilities(self) -> Capabilities:
        """Those of the sound potential."""
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate and keep a record."""
        self.calls.append(([len(s) for s in structures], properties))
        sound = self.sound.evaluate(structures, properties)
        return [self.answer(s, p) for s, p in zip(structures, sound, strict=True)]
