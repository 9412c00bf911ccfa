"""The pool of a certificate: structures with the potential's predictions and ν on each; what is known of crystals.

It is evaluated in shards (`engine.shards`), values that another process can work on.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Generator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from gnnp_bench.check import PoolView, Sample, Unanswered
from gnnp_bench.checks.physics.studying import KnownCrystal
from gnnp_bench.engine.crystals import NO_CRYSTALS, Wanted, known_crystals
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.noise import looks_single
from gnnp_bench.engine.shards import Answer, Answered, Answers, Shard, answers, in_shards
from gnnp_bench.numerics.rounding import representable_in_float32
from gnnp_bench.potential import Capabilities, Periodicity, PotentialError, Prediction, periodicity_of
from gnnp_bench.structures.build import build
from gnnp_bench.structures.carried import carry, with_others
from gnnp_bench.structures.pool import draw_recipes
from gnnp_bench.structures.wider import wider

LOOKED_AT = 3
WIDE_ENOUGH = 2.001
"""Cutoffs."""
USUAL_CUTOFFS = (4.0, 5.0, 6.0)
"""Å, tried where none is declared."""


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
    crystals : tuple of KnownCrystal
        What several laws need to know of crystals.
    """

    samples: tuple[Sample, ...]
    refused: tuple[str, ...]
    failures: tuple[str, ...]
    single: bool
    broken: tuple[Atoms, ...] = ()
    unhandled: tuple[Periodicity, ...] = ()
    crystals: tuple[KnownCrystal, ...] = ()

    def view(self, capabilities: Capabilities, largest: int) -> PoolView:
        """Return the pool as one check sees it, which may look at structures of up to `largest` atoms.

        The structures are its own: a law that changes one spoils no other.
        """
        samples = tuple(replace(sample, structure=sample.structure.copy()) for sample in self.samples)
        return PoolView(
            samples,
            capabilities,
            self.failures,
            self.refused,
            self.broken,
            self.unhandled,
            largest=largest,
            crystals=deepcopy(self.crystals),
        )


def draw_structures(capabilities: Capabilities, size: int, seed: int) -> list[Atoms]:
    """Return the pool's structures, sorted by number of atoms."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(b"pool")]))
    structures = [build(recipe) for recipe in draw_recipes(rng, capabilities, size)]
    if capabilities.reads:
        structures = with_others(rng, structures, capabilities)
    return sorted(structures, key=len)


def evaluate_pool(evaluator: Evaluator, structures: Sequence[Atoms], wanted: Wanted = NO_CRYSTALS) -> Pool:
    """Evaluate every structure and measure ν on it, and find out what is wanted of crystals."""
    stages = stages_of(structures, evaluator.potential.capabilities, wanted)
    shards = next(stages)
    while True:
        try:
            shards = stages.send([answers(evaluator, shard) for shard in shards])
        except StopIteration as stop:
            pool: Pool = stop.value
            return pool


def stages_of(
    structures: Sequence[Atoms], capabilities: Capabilities, wanted: Wanted = NO_CRYSTALS
) -> Generator[list[Shard], list[Answers], Pool]:
    """Yield the shards of one stage after the other, be sent their answers in the same order, and return the pool.

    The shards of one stage may be worked on side by side.

    Raises
    ------
    PotentialError
        The potential needs something that structures can carry and do not. The message names the option.
    """
    predictions = yield in_shards("predictions", structures)
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
    noises = yield in_shards("noise", [structure for structure, _ in kept], single=single, finer_energy=finer)
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
    crystals = (yield from known_crystals(wanted, single=single, finer_energy=finer)) if samples else ()
    return Pool(tuple(samples), tuple(refused), tuple(failures), single, broken, unhandled, crystals)


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
            predictions = yield in_shards("predictions", list(larger.values()))
            for index, answer in zip(larger, itertools.chain.from_iterable(predictions), strict=True):
                if not _is_refusal(answer):
                    answered[index] = larger[index], answer
    return sorted(answered, key=lambda pair: len(pair[0]))


def _is_refusal(answer: Answer | Unanswered) -> bool:
    return isinstance(answer, Unanswered) and answer.refused
