"""Properties of crystals, driven as the command drives them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from ase import Atoms

from gnnp_bench.adapters.registry import load
from gnnp_bench.check import Request
from gnnp_bench.engine.ended import Done, Failed
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.potential import Prediction
from gnnp_bench.properties import lattice
from gnnp_bench.properties.crystal import Crystal, Settings

T = TypeVar("T")
EMT = "ase:ase.calculators.emt:EMT"
LENNARD_JONES = "ase:ase.calculators.lj:LennardJones?sigma=3.4&epsilon=0.0104&rc=6&smooth=true"


def evaluator(spec: str, *species: str) -> Evaluator:
    """Return an evaluator of a potential."""
    loaded = load(spec, species)
    return Evaluator(loaded.potential, loaded.reload)


def value(evaluator: Evaluator, generator: Generator[Request, list[Prediction], T]) -> T:
    """Return what a generator returns; its exception is raised."""
    (outcome,) = evaluator.drive([generator])
    if isinstance(outcome, Failed):
        raise outcome.error
    assert isinstance(outcome, Done)
    return outcome.value


def relaxed_crystal(evaluator: Evaluator, structure: Atoms, fmax: float = 1e-4) -> Crystal:
    """Return a crystal as properties take it."""
    settings = Settings(evaluator.potential.capabilities, fmax=fmax)
    return value(evaluator, lattice.relaxed_crystal("", structure, settings))


def measured(
    evaluator: Evaluator,
    crystal: Crystal,
    measure: Callable[[Crystal, Settings], Generator[Request, list[Prediction], T]],
    supercell: float = 12.0,
) -> T:
    """Return a property of a crystal."""
    return value(evaluator, measure(crystal, Settings(evaluator.potential.capabilities, supercell=supercell)))


def still(structure: Atoms) -> Crystal:
    """Return a crystal that nobody asks for its energy."""
    return Crystal("", structure, Prediction(0.0), structure, 0.0)
