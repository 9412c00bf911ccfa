"""Which task is next for a worker: of the potential that it holds, the longest first; else of where most is left."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TypeAlias

from gnnp_bench.campaign.asked import Subject
from gnnp_bench.campaign.costs import Costs
from gnnp_bench.campaign.kept import Ledger, what
from gnnp_bench.campaign.parts import Part, Plan
from gnnp_bench.campaign.work import MEASURED, Work
from gnnp_bench.campaign.worker import KEPT

LONG = 60.0
"""Seconds of a measurement of which nothing is known."""
WORTH = 2.0
"""Times as long as its own that another potential has to need before a worker leaves for it."""

Task: TypeAlias = tuple[Work, Part | None]
Entry: TypeAlias = tuple[float, int, float, Work, Part | None]
"""The turn of a task, a number that no other has, the seconds it will take, and the task."""


@dataclass(slots=True, eq=False)
class Seat:
    """A worker as who leads sees it.

    An executor does not say which worker gets a task. But as many tasks are given as there are workers, so the next one
    goes to that which has just become free. Where this guess is wrong, a potential is loaded once more, and no more.

    Attributes
    ----------
    held : list of Subject
        Potentials that it keeps loaded; the one that it used last is the last.
    """

    held: list[Subject] = field(default_factory=list)


@dataclass(slots=True)
class _Pile:
    """The tasks of a potential that are ready: a heap, and the seconds that they take together."""

    tasks: list[Entry] = field(default_factory=list)
    left_s: float = 0.0


@dataclass(slots=True)
class Turns:
    """What is to be done next.

    Attributes
    ----------
    plan : Plan
    ledger : Ledger
    """

    plan: Plan
    ledger: Ledger
    _piles: dict[Subject, _Pile] = field(default_factory=dict)
    _alone: deque[Task] = field(default_factory=deque)
    _closed: deque[tuple[float, Subject]] = field(default_factory=deque)
    _at: Counter[Subject] = field(default_factory=Counter)
    _ranks: list[tuple[float, Subject]] = field(default_factory=list)
    _ranked: dict[Subject, float] = field(default_factory=dict)
    _costs: Costs = field(init=False)
    _number: int = 0

    def __post_init__(self) -> None:
        self._costs = self.ledger.costs(anew=True)
        expected = [(self._expected(subject), subject) for subject in self.plan.campaign.subjects]
        self._closed.extend(sorted(expected, key=lambda each: -each[0]))

    def learn(self) -> None:
        """Take in what is known of durations by now."""
        self._costs = self.ledger.costs()

    def push(self, work: Work, part: Part | None, first: bool = False, last: bool = False) -> None:
        """Put a task among those of its potential.

        Where the time of a potential is limited, the shortest come first, so that as many laws as possible are judged.
        The `first` come before all others, also those that all laws wait for; the `last` after them.
        """
        if work.kind == "bench":
            self._alone.append((work, part))
            return
        self._number += 1
        seconds = self.seconds(work)
        order = seconds if self.plan.campaign.model_timeout is not None else -seconds
        pile = self._piles.setdefault(subject_of(work), _Pile())
        first = first or work.kind == "pool"  # all laws wait for it
        order = math.inf if last else -math.inf if first else order
        heapq.heappush(pile.tasks, (order, self._number, seconds, work, part))
        pile.left_s += seconds
        self._rank(subject_of(work))

    def take(self, seat: Seat, alone: bool = True) -> Task | None:
        """Return the next task for a worker, or None if nothing is ready.

        At first a worker opens as many potentials as it can hold. Then it stays with one that it holds, unless another
        would need `WORTH` times as long. Where it holds none with tasks, it turns to the one that needs longest; one
        that was not opened yet counts with all that is expected of it. What is timed comes last, and only where the
        worker is `alone`: no other has anything to do.
        """
        own = next((held for held in reversed(seat.held) if held in self._piles), None)
        most = self._most()
        there = -math.inf if most is None else self._urgency(most)
        if self._closed and (len(seat.held) < KEPT or (own is None and self._closed[0][0] >= there)):
            subject = self._closed.popleft()[1]
            self._sit(seat, subject)
            return self.plan.subject(subject), None
        if own is None or there > WORTH * self._urgency(own, more=own != seat.held[-1]):
            own = most
        if own is None:
            return self._timed(seat) if alone and self._alone else None
        self._sit(seat, own)
        pile = self._piles[own]
        *_, seconds, work, part = heapq.heappop(pile.tasks)
        pile.left_s -= seconds
        if not pile.tasks:
            del self._piles[own]
        return work, part

    def leave(self, seat: Seat) -> None:
        """Forget what a worker holds: its process is gone."""
        if seat.held:
            self._rise(seat.held[-1])
            seat.held.clear()

    def drop(self, part: Part) -> None:
        """Forget the tasks of a part."""
        self._alone = deque(task for task in self._alone if task[1] is not part)
        for subject, pile in list(self._piles.items()):
            pile.tasks = [entry for entry in pile.tasks if entry[-1] is not part]
            heapq.heapify(pile.tasks)
            pile.left_s = sum(entry[2] for entry in pile.tasks)
            if not pile.tasks:
                del self._piles[subject]

    def seconds(self, work: Work) -> float:
        """Return how long a task will take, as far as that is known."""
        laws = self.plan.budgets.get(work.name, {})
        unknown = LONG if work.kind in MEASURED else laws.get(work.budget, 100) / 100.0
        return self._costs.seconds(what(work.kind, work.name, work.budget), work.subject, unknown)

    def _timed(self, seat: Seat) -> Task:
        work, part = self._alone.popleft()
        self._sit(seat, subject_of(work))
        return work, part

    def _sit(self, seat: Seat, subject: Subject) -> None:
        if seat.held and seat.held[-1] == subject:
            return
        if seat.held:
            self._rise(seat.held[-1])
        self._at[subject] += 1
        if subject in seat.held:
            seat.held.remove(subject)
        seat.held.append(subject)
        del seat.held[:-KEPT]

    def _rise(self, subject: Subject) -> None:
        self._at[subject] -= 1
        self._rank(subject)

    def _urgency(self, subject: Subject, more: bool = True) -> float:
        """Return the least seconds that a potential takes, with one more worker at it or with those that are."""
        pile = self._piles[subject]
        return max(pile.left_s / (self._at[subject] + more), pile.tasks[0][2])

    def _rank(self, subject: Subject) -> None:
        if subject in self._piles:
            self._ranked[subject] = self._urgency(subject)
            heapq.heappush(self._ranks, (-self._ranked[subject], subject))

    def _most(self) -> Subject | None:
        """Return the potential that needs longest. Ranks that have fallen since are mended where they are met."""
        while self._ranks:
            rank, subject = self._ranks[0]
            if subject in self._piles and self._ranked[subject] == -rank:
                if self._urgency(subject) >= -rank:
                    return subject
                heapq.heappop(self._ranks)
                self._rank(subject)
            else:
                heapq.heappop(self._ranks)
        return None

    def _expected(self, subject: Subject) -> float:
        """Return the seconds that all tasks of a potential will take; infinite while nothing is known of it.

        What is timed does not count: it waits for all others.
        """
        told = self.ledger.subjects.get(self.plan.subject(subject).address)
        if told is None or told.address not in self._costs.potential:
            return math.inf
        works = [work for pool in self.plan.pools(subject, told.address) for work in (pool, *self.plan.laws(pool))]
        works += [work for work in self.plan.measures(subject, told.address) if work.kind != "bench"]
        return sum(self.seconds(work) for work in works if not self.ledger.is_done(work))


def subject_of(work: Work) -> Subject:
    """Return the potential that a task needs."""
    return Subject(work.spec, work.species)
