"""The gate: both revisions measured in turn, judged, and what looks worse measured once more."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from gnnp_bench.certificate.provenance import THREAD_VARIABLES
from gnnp_bench.perf import gate_worker
from gnnp_bench.perf.gate_judge import BenchmarkResult, Runs, judged
from gnnp_bench.perf.gate_revisions import CannotMeasure, Revision

FEWEST_QUARTETS, MOST_QUARTETS = 3, 15
SHARE_OF_FIRST = 0.65
"""Of the time: the rest is for measuring once more what looks worse."""
PATIENCE = 600.0
"""s that one process may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be measured, and how long.

    Attributes
    ----------
    harness : Path
        The head's file of benchmarks.
    names : tuple of str
        Benchmarks, in the order in which each process runs them.
    seconds : float
        Of processor time for each benchmark in each process.
    quartets : int or None
        A B B A; None for as many as the time allows, 3 to 15.
    minutes : float
    accepted : tuple of str
        Patterns of what may be worse, such as ``*/counters/parameters``.
    """

    harness: Path
    names: tuple[str, ...]
    seconds: float = 0.2
    quartets: int | None = None
    minutes: float = 10.0
    accepted: tuple[str, ...] = ()


Reported: TypeAlias = dict[str, list[dict[str, Any]]]
"""By benchmark, what one process after another said about it."""


@dataclass(slots=True)
class _Record:
    """What processes of both revisions reported, by benchmark, in their order."""

    base: Reported = field(default_factory=dict)
    head: Reported = field(default_factory=dict)

    def add(self, base: Reported, head: Reported) -> None:
        """Append what a quartet reported."""
        for into, reported in ((self.base, base), (self.head, head)):
            for name, values in reported.items():
                into.setdefault(name, []).extend(values)

    def runs(self, name: str) -> Runs:
        return Runs(tuple(self.base[name]), tuple(self.head[name]))


def names_in(harness: Path, head: Revision) -> dict[str, str]:
    """Return the benchmarks of a harness with the first sentence of what each says of itself.

    Raises
    ------
    CannotMeasure
        It cannot be imported with the head's code, or holds none.
    """
    if not harness.is_file():
        raise CannotMeasure(f"there is no harness {harness}: name one by --harness")
    found = {value["name"]: value["about"] for value in _process(head, harness, 0.0, ())}
    if not found:
        raise CannotMeasure(f"{harness.name} holds no benchmark: a function whose name begins with bench_")
    return found


def gate(base: Revision, head: Revision, order: Order, tell: Callable[[str], None]) -> list[BenchmarkResult]:
    """Measure and judge.

    Raises
    ------
    CannotMeasure
        A process could not run the harness at all.
    """
    begin = time.monotonic()
    first = _Record()
    first.add(*run_quartet(base, head, order, order.names))
    lasted = time.monotonic() - begin
    wanted = order.quartets or max(
        FEWEST_QUARTETS, min(MOST_QUARTETS, int(SHARE_OF_FIRST * 60.0 * order.minutes / lasted))
    )
    tell(f"{wanted} times A B B A, {lasted:.0f} s each ...")
    for number in range(1, wanted):
        first.add(*run_quartet(base, head, order, order.names))
        if number % 5 == 0:
            tell(f"{number + 1} of {wanted} done")
    found = judged({name: first.runs(name) for name in order.names}, order.accepted)
    suspects = tuple(one.name for one in found if one.noisy_worse)
    if suspects:
        tell(f"once more, because they look worse: {', '.join(suspects)} ...")
        second = _Record()
        resumed = time.monotonic()
        second.add(*run_quartet(base, head, order, suspects))
        if order.quartets is None:
            lasted = time.monotonic() - resumed
            left = 60.0 * order.minutes - (resumed - begin)
            wanted = max(FEWEST_QUARTETS, min(wanted, int(left / lasted)))
        for _ in range(1, wanted):
            second.add(*run_quartet(base, head, order, suspects))
        again = {one.name: one for one in judged({name: second.runs(name) for name in suspects})}
        found = [one.confirmed(again.get(one.name)) for one in found]
    return found


def run_quartet(base: Revision, head: Revision, order: Order, names: Sequence[str]) -> tuple[Reported, Reported]:
    """Run four fresh processes, A B B A, one after the other; return what those of each revision reported.

    Raises
    ------
    CannotMeasure
        A process could not run the harness at all.
    """
    reported: tuple[Reported, Reported] = ({}, {})
    for side in (0, 1, 1, 0):
        for value in _process((base, head)[side], order.harness, order.seconds, names):
            reported[side].setdefault(value["name"], []).append(value)
    return reported


def _process(revision: Revision, harness: Path, seconds: float, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what a fresh process says about benchmarks, on one thread.

    Raises
    ------
    CannotMeasure
        It died, hung, or did not answer for all of them.
    """
    command = [str(revision.python), "-P", gate_worker.__file__, str(harness), str(revision.root), f"{seconds}", *names]
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), "PYTHONHASHSEED": "0"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=revision.root, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise CannotMeasure(f"a process of {revision.name} was not done after {PATIENCE:g} s") from late
    except OSError as error:
        raise CannotMeasure(f"{revision.python} cannot be run: {error.strerror}") from error
    values = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or (names and [value["name"] for value in values] != list(names)):
        said = [line for line in done.stderr.splitlines() if line.strip()]
        at = f" in {names[len(values)]}" if len(values) < len(names) else ""
        why = said[-1] if said else f"status {done.returncode}"
        raise CannotMeasure(f"the harness fails on {revision.name}{at}: {why}")
    return values
