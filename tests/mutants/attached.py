"""Potentials that can be driven as ASE calculators are, and go wrong where they are attached to a structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ase import Atoms

from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.mutants.base import Evaluate, Mutant, precision_of, summed


@dataclass(frozen=True, slots=True)
class Attachable:
    """A potential with a way of its own to evaluate the structures that it is attached to."""

    name: str
    capabilities: Capabilities
    evaluation: Evaluate
    when_driven: Evaluate

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return predictions in order."""
        return self.evaluation(structures, properties)

    def driven(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return predictions in order, as a calculator that is attached to the structures."""
        return self.when_driven(structures, properties)


def _attachable(potential: Potential, name: str, when_driven: Evaluate) -> Attachable:
    capabilities = replace(potential.capabilities, driven=True)
    return Attachable(f"{potential.name}+{name}", capabilities, potential.evaluate, when_driven)


def _stale(potential: Potential, strength: float) -> Attachable:
    dtype = precision_of(potential)
    last: list[tuple[bytes, bytes, float]] = []

    def when_driven(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        predictions = []
        for found, structure in zip(potential.evaluate(structures, properties), structures, strict=True):
            seen = (structure.positions.tobytes(), structure.numbers.tobytes())
            if not last or last[0][:2] != seen:
                last[:] = [(*seen, found.energy)]
            kept = strength * (last[0][2] - found.energy)
            predictions.append(replace(found, energy=float(summed(found.energy, kept, dtype))) if kept else found)
        return predictions

    return _attachable(potential, "driven-stale", when_driven)


def _moving(potential: Potential, strength: float) -> Attachable:
    def when_driven(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        predictions = potential.evaluate(structures, properties)
        for structure in structures:
            structure.positions += strength
        return predictions

    return _attachable(potential, "driven-moves", when_driven)


def _reported(potential: Potential, strength: float) -> Attachable:
    dtype = precision_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return [
            replace(p, reported_energy=float(summed(p.energy, strength * len(s), dtype)))
            for p, s in zip(potential.evaluate(structures, properties), structures, strict=True)
        ]

    capabilities = replace(potential.capabilities, energies=("energy", "free_energy"))
    return Attachable(f"{potential.name}+reported-shift", capabilities, evaluation, evaluation)


ATTACHED_MUTANTS = (
    Mutant(
        "driven-stale",
        "Attached to a structure, it keeps its energy until positions or species change, whatever else does.",
        1.0,
        "fraction",
        frozenset({"robustness/as-ase-drives-it"}),
        frozenset(),
        _stale,
        needs="an ASE calculator",
    ),
    Mutant(
        "driven-moves",
        "All atoms of a structure that it is attached to are moved by ε Å along each axis.",
        0.001,
        "Å",
        frozenset({"robustness/input-intact"}),
        frozenset({"robustness/as-ase-drives-it"}),
        _moving,
        needs="an ASE calculator",
    ),
    Mutant(
        "reported-shift",
        "The energy that users read is larger by ε per atom than the one of the forces.",
        0.01,
        "eV/atom",
        frozenset({"robustness/energies-agree"}),
        frozenset(),
        _reported,
        needs="an ASE calculator",
    ),
)
