"""Generators of requests alone, driven as the command drives them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from ase import Atoms

from gnnp_bench.adapters.registry import load
from gnnp_bench.check import Request
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.potential import Prediction
from gnnp_bench.properties.crystal import Crystal
from tests.properties import crystals

T = TypeVar("T")
LENNARD_JONES = "ase:ase.calculators.lj:LennardJones?sigma=3.4&epsilon=0.0104&rc=6&smooth=true"


def evaluator(spec: str, *species: str) -> Evaluator:
    """Return an evaluator of a potential."""
    loaded = load(spec, species)
    return Evaluator(loaded.potential, loaded.reload)


def value(evaluator: Evaluator, generator: Generator[Request, list[Prediction], T]) -> T:
    """Return what a generator returns; its exception is raised."""
    (outcome,) = evaluator.drive([generator])
    return crystals.value(outcome)


def still(structure: Atoms) -> Crystal:
    """Return a crystal that nobody asks for its energy."""
    return Crystal("", structure, Prediction(0.0), structure, 0.0)
