"""Crystals, relaxed by a potential, for the tests of properties."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from ase import Atoms

from gnnp_bench.adapters.registry import load
from gnnp_bench.check import Request
from gnnp_bench.engine.ended import Done, Failed
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.potential import Potential, Prediction
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.lattice import relaxed_crystal

T = TypeVar("T")
EMT = "ase:ase.calculators.emt:EMT"


def emt(*species: str) -> Evaluator:
    """Return ASE's EMT for some elements."""
    loaded = load(EMT, species)
    return Evaluator(loaded.potential, loaded.reload)


def lennard_jones(rc: float, epsilon: float = 0.0104, sigma: float = 3.4) -> Evaluator:
    """Return ASE's Lennard-Jones potential of argon, cut off without smoothing."""
    loaded = load(f"ase:ase.calculators.lj:LennardJones?epsilon={epsilon}&sigma={sigma}&rc={rc}", ("Ar",))
    return Evaluator(loaded.potential, loaded.reload)


def of(potential: Potential) -> Evaluator:
    """Return an evaluator of a potential that is there already."""
    return Evaluator(potential, lambda: potential)


def value(outcome: Done[T] | Failed) -> T:
    """Return what a generator returned; what it raised is raised."""
    if isinstance(outcome, Failed):
        raise outcome.error
    return outcome.value


def relaxed(evaluator: Evaluator, structure: Atoms, fmax: float = 1e-4) -> Crystal:
    """Return a crystal, relaxed."""
    settings = Settings(evaluator.potential.capabilities, fmax=fmax)
    (outcome,) = evaluator.drive([relaxed_crystal("test", structure, settings)])
    return value(outcome)


def measured(
    evaluator: Evaluator,
    crystal: Crystal,
    measure: Callable[[Crystal, Settings], Generator[Request, list[Prediction], T]],
    **options: Any,
) -> T:
    """Return a property of a crystal."""
    (outcome,) = evaluator.drive([measure(crystal, Settings(evaluator.potential.capabilities, **options))])
    return value(outcome)
