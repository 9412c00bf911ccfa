"""A failure that depends on what was asked before, and the shortest history with which it comes back.

A counterexample must fail when a potential just loaded, in a new process, measures it. One that does not is looked
for a history: structures to be evaluated before it. Those of the pool are tried first, for they are the same however
many processes work on a certificate; then what was asked for in this one. The list is shortened by delta debugging
(Zeller and Hildebrandt 2002, doi:10.1109/32.988498).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ase import Atoms

from gnnp_bench.certificate.result import CheckResult, Counterexample
from gnnp_bench.check import Check
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.outcome import counterexample
from gnnp_bench.engine.pool import Pool
from gnnp_bench.engine.replay import alike
from gnnp_bench.engine.search import Outcome
from gnnp_bench.engine.settings import Profile, Settings
from gnnp_bench.engine.trials import Trials
from gnnp_bench.structures.serialise import to_json

MOST_TRIALS = 24
"""Processes in which the history of one counterexample is looked for."""

History: TypeAlias = tuple[dict[str, Any], ...]


def with_history(
    check: Check, failing: Sequence[Outcome], pool: Pool, evaluator: Evaluator, settings: Settings
) -> tuple[Counterexample, Outcome, str | None]:
    """Return the counterexample with what has to be asked for before it, its case, and what is to be said of it.

    Parameters
    ----------
    check : Check
    failing : sequence of Outcome
        The simplest case that failed here, and the one that it was made from.
    pool : Pool
    evaluator : Evaluator
    settings : Settings

    Returns
    -------
    Counterexample
        The first of `failing` that fails again, with the numbers that a potential just loaded gives; the first of all
        where none does.
    Outcome
        That one of `failing`.
    str or None
    """
    beforehand = [
        _histories([sample.structure for sample in pool.samples]),
        _histories([*(sample.structure for sample in pool.samples), *evaluator.memory.of_check()]),
        _histories(evaluator.memory.of_process()),
    ]
    found = [counterexample(check, outcome, settings) for outcome in failing]
    if found[0] == found[-1]:
        del found[1:]
    for one, outcome in zip(found, failing, strict=False):
        again = _Again(check, one, evaluator.trials, settings.profile, evaluator.alive)
        fresh = again.measured(()) or again.measured(())  # what depends on chance has two
        if fresh is not None:
            return fresh, outcome, None
        if again.unknown:  # nothing can be said
            return one, outcome, None
        for history in beforehand:
            if (longest := again.measured(history)) is not None:
                shortest = shortened(longest.history, again.fails)
                last = again.measured(shortest, anew=True)
                if last is not None:
                    return last, outcome, _remark(len(shortest))
    remark = (
        "it did not fail again in a new process, neither at once nor after what was asked for before: it depends on"
        " chance, or on more than was remembered"
    )
    return found[0], failing[0], remark


def shortened(history: History, fails: Callable[[History], bool]) -> History:
    """Return a shortest part of a history that still fails: no structure of it can be left out (ddmin)."""
    pieces = 2
    while len(history) > 1:
        bounds = [len(history) * k // pieces for k in range(pieces + 1)]
        parts = [history[start:end] for start, end in itertools.pairwise(bounds)]
        rests = [history[:start] + history[end:] for start, end in itertools.pairwise(bounds)]
        if (part := next(filter(fails, parts), None)) is not None:
            history, pieces = part, 2
        elif pieces > 2 and (rest := next(filter(fails, rests), None)) is not None:
            history, pieces = rest, pieces - 1
        elif pieces < len(history):
            pieces = min(len(history), 2 * pieces)
        else:
            break
    return history


@dataclass(slots=True)
class _Again:
    """A counterexample, measured again after one history or another."""

    check: Check
    found: Counterexample
    trials: Trials
    profile: Profile
    alive: Callable[[], None]
    left: int = MOST_TRIALS
    unknown: bool = False

    def fails(self, history: History) -> bool:
        """Return whether it fails with this history."""
        return self.measured(history) is not None

    def measured(self, history: History, *, anew: bool = False) -> Counterexample | None:
        """Return the counterexample with this history, if it fails, with the numbers that were measured."""
        if self.left <= 0 and not anew:
            return None
        self.left -= 1
        self.alive()
        tried = replace(self.found, history=history)
        result = self.trials.measure(self.check, tried, self.profile)
        if result is None:
            self.unknown = True
            return None
        if result.grade != "violated" and result.status != "fail":
            return None
        return tried if agree(tried, result) else _with_numbers(tried, result)


def agree(found: Counterexample, result: CheckResult) -> bool:
    """Return whether a counterexample was measured again with the numbers that it holds, up to rounding."""
    before = found.case.get("measured"), found.case.get("bound")
    return found.case.get("quantity") == result.quantity and alike(before, (result.measured, result.bound))


def _with_numbers(found: Counterexample, result: CheckResult) -> Counterexample:
    names = ("quantity", "measured", "bound", "significance", "unit")
    return replace(found, case=found.case | {name: getattr(result, name) for name in names})


def _histories(structures: Sequence[Atoms]) -> History:
    """Return structures as a certificate keeps them, each once in a row, without those that it cannot keep."""
    kept: list[dict[str, Any]] = []
    for structure in structures:
        try:
            values = to_json(structure)
        except ValueError:  # positions that are not finite
            continue
        if not kept or values != kept[-1]:
            kept.append(values)
    return tuple(kept)


def _remark(length: int) -> str:
    what = "a structure that has to be evaluated" if length == 1 else f"{length} structures that have to be evaluated"
    return f"it depends on what was asked before: the counterexample holds {what} first"
