"""The pool of a certificate: its structures, with the potential's predictions and ν on each."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request, Sample
from gnnp_bench.checks.robustness.precision import relative_roughness
from gnnp_bench.engine.evaluate import Done, Evaluator, Failed, describe, is_refusal
from gnnp_bench.engine.noise import looks_single, measure_noise
from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, Prediction
from gnnp_bench.structures.build import build
from gnnp_bench.structures.pool import draw_recipes

T = TypeVar("T")

LOOKED_AT = 3
SHARD = 4
"""Structures evaluated together. Fixed, so that batches and hence results do not depend on the number of workers."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The structures that checks draw from.

    Attributes
    ----------
    samples : tuple of Sample, sorted by number of atoms
    refused : tuple of str
        What the potential said of structures that it does not support.
    failures : tuple of str
        What went wrong on structures that it should support; any failure bars a certificate.
    single : bool
        The potential computes in float32, as declared or as seen.
    """

    samples: tuple[Sample, ...]
    refused: tuple[str, ...]
    failures: tuple[str, ...]
    single: bool


def draw_structures(capabilities: Capabilities, size: int, seed: int) -> list[Atoms]:
    """Return the pool's structures, sorted by number of atoms."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(b"pool")]))
    structures = [build(recipe) for recipe in draw_recipes(rng, capabilities, size)]
    return sorted(structures, key=len)


def evaluate_pool(evaluator: Evaluator, structures: Sequence[Atoms]) -> Pool:
    """Evaluate every structure and measure ν on it."""
    capabilities = evaluator.potential.capabilities
    outcomes = _in_shards(evaluator, [_predict(structure) for structure in structures])
    kept = [(s, o.value) for s, o in zip(structures, outcomes, strict=True) if isinstance(o, Done)]
    single = looks_single(capabilities, _roughness(evaluator, [structure for structure, _ in kept]))
    noises = _in_shards(evaluator, [measure_noise(s, single=single) for s, _ in kept])
    samples: list[Sample] = []
    refused: list[str] = []
    failures: list[str] = []
    for structure, outcome in zip(structures, outcomes, strict=True):
        if isinstance(outcome, Failed):
            _file(structure, outcome, refused, failures)
    for (structure, prediction), noise in zip(kept, noises, strict=True):
        if isinstance(noise, Failed):
            _file(structure, noise, refused, failures)
        else:
            samples.append(Sample(len(samples), structure, prediction, noise.value))
    return Pool(tuple(samples), tuple(refused), tuple(failures), single)


def _roughness(evaluator: Evaluator, structures: Sequence[Atoms]) -> list[dict[str, float]]:
    """Return how rough the outputs are on the smallest structures; nothing where float32 is declared anyway."""
    if evaluator.potential.capabilities.dtype == "float32":
        return []
    looked_at = [s for s in structures if len(s) > 1][:LOOKED_AT] or list(structures[:1])
    outcomes = evaluator.drive([relative_roughness(s, seed) for seed, s in enumerate(looked_at)])
    return [outcome.value for outcome in outcomes if isinstance(outcome, Done)]


def _predict(structure: Atoms) -> Generator[Request, list[Prediction], Prediction]:
    (prediction,) = yield Request([structure], ALL_PROPERTIES)
    return prediction


def _in_shards(
    evaluator: Evaluator, generators: Sequence[Generator[Request, list[Prediction], T]]
) -> list[Done[T] | Failed]:
    outcomes: list[Done[T] | Failed] = []
    for first in range(0, len(generators), SHARD):
        outcomes.extend(evaluator.drive(generators[first : first + SHARD]))
    return outcomes


def _file(structure: Atoms, outcome: Failed, refused: list[str], failures: list[str]) -> None:
    message = f"{structure.get_chemical_formula()}: {describe(outcome.error)}"
    (refused if is_refusal(outcome) else failures).append(message)
