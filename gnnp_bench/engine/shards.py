"""Parts of what is found out before the checks: values that another process can work on, and their answers.

What goes into a shard does not depend on who works on it: batch company moves a float32 energy by an ulp.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from ase import Atoms

from gnnp_bench.check import Case, InvalidPrediction, Noise, Request, Unanswered
from gnnp_bench.checks.physics.studying import at_rest, waves_of
from gnnp_bench.checks.robustness.precision import relative_roughness
from gnnp_bench.engine.ended import Failed, describe, is_refusal
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.noise import measure_noise
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError, Prediction

T = TypeVar("T")

SHARD = 4
"""Structures evaluated together. Fixed, so that batches and hence results do not depend on the number of workers."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A few structures of the pool, and what is to be found out about them.

    Attributes
    ----------
    task : "predictions", "roughness", "noise", "rest" or "waves"
        The last two of one crystal: where it comes to rest, and its force constants.
    structures : tuple of Atoms
    single : bool
        The potential computes in float32; the noise floor is measured accordingly.
    finer_energy : bool
        Its energies have more digits than float32 can hold.
    noise : Noise or None
        Of the crystal that is to come to rest.
    times : int
        How often the crystal is repeated along each vector.
    """

    task: Literal["predictions", "roughness", "noise", "rest", "waves"]
    structures: tuple[Atoms, ...]
    single: bool = False
    finer_energy: bool = False
    noise: Noise | None = None
    times: int = 1


Answer: TypeAlias = Any
"""Prediction, mapping of quantity to roughness, Noise, Relaxed or str, or Waves, as the task of the shard is."""
Answers: TypeAlias = list[Answer | Unanswered]
Answered: TypeAlias = tuple[Atoms, Answer | Unanswered]


def answers(evaluator: Evaluator, shard: Shard) -> Answers:
    """Return what a shard asks for, one answer per structure."""
    return [
        _unanswered(outcome, shard) if isinstance(outcome, Failed) else outcome.value
        for outcome in evaluator.drive(_asking(shard))
    ]


def _asking(shard: Shard) -> list[Generator[Request, list[Prediction], Any]]:
    structures, single, finer = shard.structures, shard.single, shard.finer_energy
    if shard.task == "predictions":
        return [_predict(structure) for structure in structures]
    if shard.task == "roughness":
        return [relative_roughness(structure, seed) for seed, structure in enumerate(structures)]
    if shard.task == "rest":
        return [at_rest(Case(structure, shard.noise, {})) for structure in structures]
    if shard.task == "waves":
        return [waves_of(structure, shard.times) for structure in structures]
    return [measure_noise(structure, single=single, finer_energy=finer) for structure in structures]


def in_shards(
    task: Literal["predictions", "noise"],
    structures: Sequence[Atoms],
    *,
    single: bool = False,
    finer_energy: bool = False,
) -> list[Shard]:
    """Return structures in shards, in their order."""
    groups = [tuple(structures[first : first + SHARD]) for first in range(0, len(structures), SHARD)]
    return [Shard(task, group, single, finer_energy) for group in groups]


def _predict(structure: Atoms) -> Generator[Request, list[Prediction], Prediction]:
    (prediction,) = yield Request([structure], ALL_PROPERTIES)
    return prediction


def _unanswered(failed: Failed, shard: Shard) -> Unanswered:
    if shard.task in ("rest", "waves") and not (failed.by_potential or isinstance(failed.error, InvalidPrediction)):
        return Unanswered(f"gnnp-bench itself broke: {describe(failed.error)}", refused=False)
    lacks = str(failed.error) if isinstance(failed.error, PotentialError) else None
    broken = failed.by_potential and isinstance(failed.error, InvalidPrediction)
    return Unanswered(describe(failed.error), is_refusal(failed), broken, lacks)
