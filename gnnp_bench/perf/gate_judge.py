"""From what processes of two revisions reported to a judgement of each benchmark."""

from __future__ import annotations

import fnmatch
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from gnnp_bench.perf.gate_statistics import Comparison, compare, holm

Status: TypeAlias = Literal["worse", "broken", "inconclusive", "better", "same", "new", "absent"]
GATED: dict[str, tuple[str, float]] = {"time": ("cpu_s", 0.03), "memory": ("peak_bytes", 0.05)}
"""Measure -> what a process calls it, and the smallest change that counts."""
ERROR_GROWTH = 0.01
"""An error that grows by less is not worse accuracy: the last digits of a sum move with its order."""
SPREAD = 10.0
"""A result has changed when it differs between the revisions by this many times what it differs within one."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What the processes of each revision said about one benchmark, in their order."""

    base: tuple[Mapping[str, Any], ...]
    head: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something without noise, or nearly so, that differs.

    Attributes
    ----------
    kind : "counters", "errors" or "results"
    name : str
    base, head : float
        Of a counter or an error: its values. Of a result: 0, and the largest difference of its numbers.
    scale : float
        Of a result: the largest of its numbers.
    worse : bool
        A counter that grew, or an error that grew by more than 1 %. A result that differs is another result: whether it
        is a worse one, errors tell.
    """

    kind: Literal["counters", "errors", "results"]
    name: str
    base: float
    head: float
    scale: float = 0.0
    worse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResult:
    """What the gate found about one benchmark.

    Attributes
    ----------
    name : str
    comparisons : dict
        "time" (processor time; judged), "memory" (judged) and "wall".
    again : dict
        The same of the second round, where there was one.
    changes : tuple of Change
    unsteady : tuple of str
        Counters that differ between processes of one revision: they are not noise-free, and are not judged.
    reason : str or None
        Why it could not be measured.
    missing : "broken", "new", "absent" or None
    accepted : tuple of str
        Patterns of what may be worse.
    """

    name: str
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    again: dict[str, Comparison] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    unsteady: tuple[str, ...] = ()
    reason: str | None = None
    missing: Literal["broken", "new", "absent"] | None = None
    accepted: tuple[str, ...] = ()

    @property
    def noisy_worse(self) -> tuple[str, ...]:
        """Measures that look worse in the first round."""
        return tuple(m for m in GATED if m in self.comparisons and self.comparisons[m].flagged)

    @property
    def all_worse(self) -> tuple[str, ...]:
        """Everything that is worse, accepted or not: measures that look so in both rounds, counters and errors."""
        recurred = [m for m in self.noisy_worse if m in self.again and self.again[m].flagged]
        return (*recurred, *(f"{change.kind}/{change.name}" for change in self.changes if change.worse))

    @property
    def worse(self) -> tuple[str, ...]:
        """What is worse and was not accepted."""
        return tuple(what for what in self.all_worse if not self._is_accepted(what))

    def _is_accepted(self, what: str) -> bool:
        return any(fnmatch.fnmatchcase(f"{self.name}/{what}", pattern) for pattern in self.accepted)

    @property
    def status(self) -> Status:
        """One word."""
        if self.worse:
            return "worse"
        if self.missing is not None:
            return self.missing
        if self.comparisons["time"].blind or self.unsteady:
            return "inconclusive"
        return "better" if any(self.comparisons[m].improved for m in GATED if m in self.comparisons) else "same"

    def confirmed(self, second: BenchmarkResult | None) -> BenchmarkResult:
        """Return this result with the comparisons of a second round, or with why that could not be measured."""
        if second is None:
            return self
        if second.missing is not None:
            return replace(self, missing="broken", reason=f"measured once more, {second.reason}")
        return replace(self, again=second.comparisons)


def judged(runs: Mapping[str, Runs], accepted: Sequence[str] = ()) -> list[BenchmarkResult]:
    """Judge all benchmarks of one round together.

    Parameters
    ----------
    runs : mapping
        By benchmark.
    accepted : sequence of str
        Patterns such as ``neighbours/time`` or ``*/counters/parameters``.
    """
    found = {name: _judged(name, one, tuple(accepted)) for name, one in runs.items()}
    family = {
        f"{name}/{measure}": comparison
        for name, one in found.items()
        for measure, comparison in one.comparisons.items()
        if measure in GATED
    }
    corrected = holm(family)
    return [
        replace(
            one,
            comparisons={
                measure: corrected.get(f"{name}/{measure}", comparison)
                for measure, comparison in one.comparisons.items()
            },
        )
        for name, one in found.items()
    ]


def _judged(name: str, runs: Runs, accepted: tuple[str, ...]) -> BenchmarkResult:
    nothing = _nothing(name, runs)
    if nothing is not None:
        return nothing
    comparisons = {"time": _compared(runs, *GATED["time"]), "wall": _compared(runs, "wall_s", GATED["time"][1])}
    if all(run["peak_bytes"] is not None for run in (*runs.base, *runs.head)):
        comparisons["memory"] = _compared(runs, *GATED["memory"])
    changes = [*_numbers(runs, "counters"), *_numbers(runs, "errors"), *_results(runs)]
    unsteady = {
        key for side in (runs.base, runs.head) for key, v in _columns(side, "counters").items() if len(set(v)) > 1
    }
    return BenchmarkResult(
        name=name,
        comparisons=comparisons,
        changes=tuple(change for change in changes if change.kind != "counters" or change.name not in unsteady),
        unsteady=tuple(sorted(unsteady)),
        accepted=accepted,
    )


def _compared(runs: Runs, key: str, smallest: float) -> Comparison:
    return compare([run[key] for run in runs.base], [run[key] for run in runs.head], smallest=smallest)


def _nothing(name: str, runs: Runs) -> BenchmarkResult | None:
    """Return the result of a benchmark that one of the revisions does not carry out."""

    def why(side: Iterable[Mapping[str, Any]], key: str) -> str | None:
        return next((run[key] for run in side if key in run), None)

    failed, absent = why(runs.head, "failed"), why(runs.head, "absent")
    base = why(runs.base, "failed") or why(runs.base, "absent")
    if failed is not None:
        return BenchmarkResult(name=name, missing="broken", reason=f"on the head: {failed}")
    if absent is not None:
        gone = base is None
        return BenchmarkResult(
            name=name,
            missing="broken" if gone else "absent",
            reason=f"{'the base has it, the head not' if gone else 'neither has it'}: {absent}",
        )
    return None if base is None else BenchmarkResult(name=name, missing="new", reason=f"on the base: {base}")


def _columns(side: Sequence[Mapping[str, Any]], kind: str) -> dict[str, list[Any]]:
    return {key: [run[kind][key] for run in side if key in run[kind]] for key in side[0][kind]}


def _numbers(runs: Runs, kind: Literal["counters", "errors"]) -> list[Change]:
    """Return the counters or errors that both revisions have and that differ."""
    base, head = _columns(runs.base, kind), _columns(runs.head, kind)
    changes = []
    for key in head:
        if key not in base:
            continue
        old, new = statistics.median(base[key]), statistics.median(head[key])
        if kind == "counters":
            worse = new > old
        else:
            within = max(max(base[key]) - min(base[key]), max(head[key]) - min(head[key]))
            # An error that is no number any more is the worst of all.
            worse = (math.isnan(new) and not math.isnan(old)) or new - old > max(ERROR_GROWTH * old, SPREAD * within)
        if worse or new != old:
            changes.append(Change(kind=kind, name=key, base=old, head=new, worse=worse))
    return changes


def _results(runs: Runs) -> list[Change]:
    """Return the results that differ between the revisions by more than they do within one."""
    base, head = _columns(runs.base, "results"), _columns(runs.head, "results")
    changes = []
    for key in head:
        if key not in base:
            continue
        within = max(_distance(side[0], other) for side in (base[key], head[key]) for other in side)
        difference = _distance(base[key][0], head[key][0])
        if difference > SPREAD * within:
            scale = max((abs(v) for v in (*base[key][0], *head[key][0])), default=0.0)
            changes.append(Change(kind="results", name=key, base=0.0, head=difference, scale=scale))
    return changes


def _distance(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the largest difference of two lists of numbers; infinity where only one is a number, or lengths differ."""
    if len(a) != len(b):
        return math.inf
    largest = 0.0
    for x, y in zip(a, b, strict=True):
        if x == y or (math.isnan(x) and math.isnan(y)):
            continue
        gap = abs(x - y)
        largest = max(largest, math.inf if math.isnan(gap) else gap)
    return largest


def exit_status(results: Sequence[BenchmarkResult]) -> int:
    """Return 0 nothing worse, 1 worse, 2 could not measure, 3 inconclusive."""
    found = {one.status for one in results}
    if "worse" in found:
        return 1
    if found & {"broken", "absent"} or not found - {"new"}:
        return 2
    return 3 if "inconclusive" in found else 0
