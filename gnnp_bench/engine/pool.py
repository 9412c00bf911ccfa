"""The pool of a certificate: its structures, with the potential's predictions and ν on each.

It is evaluated in shards, values that another process can work on. What goes into a shard does not depend on who
works on it: batch company moves a float32 energy by an ulp.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from ase import Atoms

from gnnp_bench.check import InvalidPrediction, PoolView, Request, Sample
from gnnp_bench.checks.robustness.precision import relative_roughness
from gnnp_bench.engine.ended import Failed, describe, is_refusal
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.noise import looks_single, measure_noise
from gnnp_bench.numerics.rounding import representable_in_float32
from gnnp_bench.potential import (
    ALL_PROPERTIES,
    Capabilities,
    Periodicity,
    PotentialError,
    Prediction,
    periodicity_of,
)
from gnnp_bench.structures.build import build
from gnnp_bench.structures.carried import carry, with_others
from gnnp_bench.structures.pool import draw_recipes
from gnnp_bench.structures.wider import wider

T = TypeVar("T")

LOOKED_AT = 3
WIDE_ENOUGH = 2.001
"""Cutoffs."""
USUAL_CUTOFFS = (4.0, 5.0, 6.0)
"""Å, tried where none is declared."""
SHARD = 4
"""Structures evaluated together. Fixed, so that batches and hence results do not depend on the number of workers."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A few structures of the pool, and what is to be found out about them.

    Attributes
    ----------
    task : "predictions", "roughness" or "noise"
    structures : tuple of Atoms
    single : bool
        The potential computes in float32; the noise floor is measured accordingly.
    finer_energy : bool
        Its energies have more digits than float32 can hold.
    """

    task: Literal["predictions", "roughness", "noise"]
    structures: tuple[Atoms, ...]
    single: bool = False
    finer_energy: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why the potential has no answer for a structure: in words, for exceptions need not survive the way here.

    Attributes
    ----------
    message : str
    refused : bool
        It refused clearly.
    broken : bool
        It returned something else than it was asked for.
    lacks : str or None
        What is to be added to the spec, where the potential lacks something that structures can carry.
    """

    message: str
    refused: bool
    broken: bool = False
    lacks: str | None = None


Answer: TypeAlias = Any
"""Prediction, mapping of quantity to roughness, or Noise, as the task of the shard is."""
Answers: TypeAlias = list[Answer | Unanswered]
Answered: TypeAlias = tuple[Atoms, Answer | Unanswered]


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
    broken : tuple of Atoms
        Structures for which it returned something else than it was asked for.
    unhandled : tuple of Periodicity
        Kinds of structures none of which it evaluated, while it did others.
    """

    samples: tuple[Sample, ...]
    refused: tuple[str, ...]
    failures: tuple[str, ...]
    single: bool
    broken: tuple[Atoms, ...] = ()
    unhandled: tuple[Periodicity, ...] = ()

    def view(self, capabilities: Capabilities, largest: int) -> PoolView:
        """Return the pool as one check sees it, which may look at structures of up to `largest` atoms.

        The structures are its own: a law that changes one spoils no other.
        """
        samples = tuple(replace(sample, structure=sample.structure.copy()) for sample in self.samples)
        return PoolView(
            samples, capabilities, self.failures, self.refused, self.broken, self.unhandled, largest=largest
        )


def draw_structures(capabilities: Capabilities, size: int, seed: int) -> list[Atoms]:
    """Return the pool's structures, sorted by number of atoms."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(b"pool")]))
    structures = [build(recipe) for recipe in draw_recipes(rng, capabilities, size)]
    if capabilities.reads:
        structures = with_others(rng, structures, capabilities)
    return sorted(structures, key=len)


def evaluate_pool(evaluator: Evaluator, structures: Sequence[Atoms]) -> Pool:
    """Evaluate every structure and measure ν on it."""
    stages = stages_of(structures, evaluator.potential.capabilities)
    shards = next(stages)
    while True:
        try:
            shards = stages.send([answers(evaluator, shard) for shard in shards])
        except StopIteration as stop:
            pool: Pool = stop.value
            return pool


def answers(evaluator: Evaluator, shard: Shard) -> Answers:
    """Return what a shard asks for, one answer per structure."""
    if shard.task == "predictions":
        return _driven(evaluator, [_predict(structure) for structure in shard.structures])
    if shard.task == "roughness":
        return _driven(evaluator, [relative_roughness(s, seed) for seed, s in enumerate(shard.structures)])
    single, finer = shard.single, shard.finer_energy
    return _driven(evaluator, [measure_noise(s, single=single, finer_energy=finer) for s in shard.structures])


def stages_of(structures: Sequence[Atoms], capabilities: Capabilities) -> Generator[list[Shard], list[Answers], Pool]:
    """Yield the shards of one stage after the other, be sent their answers in the same order, and return the pool.

    The shards of one stage may be worked on side by side.

    Raises
    ------
    PotentialError
        The potential needs something that structures can carry and do not. The message names the option.
    """
    predictions = yield _shards("predictions", structures)
    answered = list(zip(structures, itertools.chain.from_iterable(predictions), strict=True))
    for _, answer in answered:
        if isinstance(answer, Unanswered) and answer.lacks is not None:
            raise PotentialError(answer.lacks)
    answered = yield from _with_wider_cells(answered, capabilities.cutoff)
    kept = [(structure, answer) for structure, answer in answered if not isinstance(answer, Unanswered)]
    rough: Answers = []
    if kept and capabilities.dtype != "float32":
        (rough,) = yield [Shard("roughness", _telling(kept))]
    single = looks_single(capabilities, [found for found in rough if not isinstance(found, Unanswered)])
    finer = not representable_in_float32(np.array([prediction.energy for _, prediction in kept]))
    noises = yield _shards("noise", [structure for structure, _ in kept], single=single, finer_energy=finer)
    measured = list(zip(kept, itertools.chain.from_iterable(noises), strict=True))
    samples: list[Sample] = []
    refused: list[str] = []
    failures: list[str] = []
    unanswered = [(s, answer) for s, answer in answered if isinstance(answer, Unanswered)]
    unanswered += [(s, noise) for (s, _), noise in measured if isinstance(noise, Unanswered)]
    for structure, why in unanswered:
        (refused if why.refused else failures).append(f"{structure.get_chemical_formula()}: {why.message}")
    for (structure, prediction), noise in measured:
        if not isinstance(noise, Unanswered):
            samples.append(Sample(len(samples), structure, prediction, noise))
    broken = tuple(structure for structure, why in unanswered if why.broken)
    unhandled = _unhandled([sample.structure for sample in samples], unanswered)
    return Pool(tuple(samples), tuple(refused), tuple(failures), single, broken, unhandled)


def _unhandled(answered: Sequence[Atoms], unanswered: Sequence[tuple[Atoms, Unanswered]]) -> tuple[Periodicity, ...]:
    """Return the kinds of structures that have no answer at all, if others have one.

    A potential that answers in the wrong form is no potential for other structures, but one to be mended.
    """
    handled = {periodicity_of(structure) for structure in answered}
    broken = {periodicity_of(structure) for structure, why in unanswered if why.broken}
    missing = {periodicity_of(structure) for structure, _ in unanswered} - handled - broken
    return tuple(sorted(missing)) if handled else ()


def _telling(kept: Sequence[tuple[Atoms, Prediction]]) -> tuple[Atoms, ...]:
    """Return the first structures on which rounding shows: with more atoms than one, and forces or stress on them.

    Where atoms do not feel each other, energies are constant and round to nothing.
    """

    def how_little_it_tells(pair: tuple[Atoms, Prediction]) -> tuple[bool, bool]:
        structure, prediction = pair
        arrays = [array for array in (prediction.forces, prediction.stress) if array is not None]
        return bool(arrays) and not any(array.any() for array in arrays), len(structure) == 1

    return tuple(structure for structure, _ in sorted(kept, key=how_little_it_tells)[:LOOKED_AT])


def _with_wider_cells(
    answered: list[Answered], cutoff: float | None
) -> Generator[list[Shard], list[Answers], list[Answered]]:
    """Ask who refuses cells that are smaller than twice the cutoff about larger ones of the same, and return all."""
    for tried in (cutoff,) if cutoff else USUAL_CUTOFFS:
        larger: dict[int, Atoms] = {}
        for index, (structure, answer) in enumerate(answered):
            wide = wider(structure, WIDE_ENOUGH * tried) if _is_refusal(answer) else None
            if wide is not None:  # else more atoms would be needed than are affordable
                larger[index] = carry(structure, wide)
        if larger:
            predictions = yield _shards("predictions", list(larger.values()))
            for index, answer in zip(larger, itertools.chain.from_iterable(predictions), strict=True):
                if not _is_refusal(answer):
                    answered[index] = larger[index], answer
    return sorted(answered, key=lambda pair: len(pair[0]))


def _is_refusal(answer: Answer | Unanswered) -> bool:
    return isinstance(answer, Unanswered) and answer.refused


def _predict(structure: Atoms) -> Generator[Request, list[Prediction], Prediction]:
    (prediction,) = yield Request([structure], ALL_PROPERTIES)
    return prediction


def _driven(evaluator: Evaluator, generators: Sequence[Generator[Request, list[Prediction], T]]) -> Answers:
    return [
        _unanswered(outcome) if isinstance(outcome, Failed) else outcome.value
        for outcome in evaluator.drive(generators)
    ]


def _unanswered(failed: Failed) -> Unanswered:
    lacks = str(failed.error) if isinstance(failed.error, PotentialError) else None
    broken = failed.by_potential and isinstance(failed.error, InvalidPrediction)
    return Unanswered(describe(failed.error), is_refusal(failed), broken, lacks)


def _shards(
    task: Literal["predictions", "noise"],
    structures: Sequence[Atoms],
    *,
    single: bool = False,
    finer_energy: bool = False,
) -> list[Shard]:
    groups = [tuple(structures[first : first + SHARD]) for first in range(0, len(structures), SHARD)]
    return [Shard(task, group, single, finer_energy) for group in groups]
