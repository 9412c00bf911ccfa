"""Which task is next: potentials one after the other, of each the longest first; in bundles where loading is slow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

from gnnp_bench.campaign.asked import Subject
from gnnp_bench.campaign.costs import Costs, longest
from gnnp_bench.campaign.kept import Ledger, what
from gnnp_bench.campaign.parts import Part, Plan
from gnnp_bench.campaign.work import Work

FEW = 16
"""Tasks for each worker that are left near the end."""
LOADINGS = 30.0
"""Times that loading takes which a worker should spend on a potential that it loads."""
MOST = 150
"""Tasks of a bundle."""

Task: TypeAlias = tuple[Work, Part | None]
Entry: TypeAlias = tuple[float, float, int, Work, Part | None]
"""The turn of a potential, that of the task, a number that no other has, and the task."""


@dataclass(slots=True)
class Turns:
    """The tasks that are ready.

    Attributes
    ----------
    plan : Plan
    size : int
        Number of workers.
    costs : Costs
    """

    plan: Plan
    size: int
    costs: Costs
    _ready: list[Entry] = field(default_factory=list)
    _loading_s: dict[str, float] = field(default_factory=dict)
    _number: int = 0
    _is_sorted: bool = True

    def __bool__(self) -> bool:
        return bool(self._ready)

    def opened(self, subject: str, loading_s: float, costs: Costs) -> None:
        """Take in what loading a potential has taken, and what is known of durations by now."""
        self._loading_s[subject] = loading_s
        self.costs = costs

    def push(self, work: Work, part: Part | None, first: bool = False) -> None:
        """Put a task where its turn is.

        Where the time of a potential is limited, the shortest come first, so that as many laws as possible are judged.
        """
        self._number += 1
        place = -1.0 if part is None else float(part.number)
        seconds = self.seconds(work)
        order = seconds if self.plan.campaign.model_timeout is not None else -seconds
        self._ready.append((place, -math.inf if first else order, self._number, work, part))
        self._is_sorted = False

    def bundle(self) -> list[Task]:
        """Return the next task, and with it short ones of the same potential, so that loading it is worth while.

        Where workers are few, each keeps the potential for many tasks anyway, and nothing is bundled. Nor is it near
        the end, when no worker should be left with many tasks.
        """
        if not self._is_sorted:
            self._ready.sort(key=_turn, reverse=True)
            self._is_sorted = True
        first = self._ready.pop()
        bundle, seconds = [first], self.seconds(first[3])
        worth_s = LOADINGS * self._loading_s.get(first[3].subject, 0.0)
        known = (_what(first[3]), first[3].subject) in self.costs.both  # another seed of it was run
        alone = not known or len(self._ready) < FEW * self.size
        if alone or self.plan.campaign.model_timeout is not None or len(self._ready) * seconds > self.size * worth_s:
            return [first[3:]]
        while self._ready and self._ready[-1][3].subject == first[3].subject and len(bundle) < MOST:
            seconds += self.seconds(self._ready[-1][3])
            if seconds > worth_s:
                break
            bundle.append(self._ready.pop())
        return [entry[3:] for entry in bundle]

    def drop(self, part: Part) -> None:
        """Forget the tasks of a part."""
        self._ready = [entry for entry in self._ready if entry[-1] is not part]

    def seconds(self, work: Work) -> float:
        """Return how long a task will take, as far as that is known."""
        unknown = self.plan.budgets.get(work.name, {}).get(work.budget, 100) / 100.0
        return self.costs.seconds(_what(work), work.subject, unknown)


def in_order(plan: Plan, ledger: Ledger) -> list[Subject]:
    """Return the potentials: unknown ones, then those with the longest tasks, so that short ones fill gaps."""
    known = longest(ledger.costs())

    def seconds(subject: Subject) -> float:
        told = ledger.subjects.get(plan.subject(subject).address)
        return math.inf if told is None else known.get(told.address, math.inf)

    return sorted(plan.campaign.subjects, key=lambda subject: -seconds(subject))


def _turn(entry: Entry) -> tuple[float, float, int]:
    return entry[:3]


def _what(work: Work) -> str:
    return what(work.kind, work.name, work.budget)
