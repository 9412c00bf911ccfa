"""Leading a campaign: which task is next, what came of it, and that it is kept before it counts."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from gnnp_bench.campaign.executors import ExecutorError, Workers
from gnnp_bench.campaign.filesystem import StoreError
from gnnp_bench.campaign.kept import Ledger, row_of, values_of
from gnnp_bench.campaign.parts import Part, Plan
from gnnp_bench.campaign.store import Row, Store
from gnnp_bench.campaign.telling import CampaignError, Tally, Told, cancel_file, error_of
from gnnp_bench.campaign.turns import Seat, Turns, subject_of
from gnnp_bench.campaign.work import Outcome, SubjectTold, Work

TRIES = 2
"""Processes that may end in a task before that is its result."""
TRIES_IF_KILLED = 4
"""The same where the process was killed from outside, or by a system that ran out of memory: in this run alone."""
BREAKDOWNS = 5
"""Times that an executor may break down without a result in between."""
LOOK = 1.0
"""Seconds between two looks at whether somebody wants the campaign to stop."""
WRITING = (0.0, 1.0, 4.0)
"""Seconds of waiting before each attempt to write what a full disk did not take."""


@dataclass(slots=True)
class Lead:
    """The one process that knows which tasks are to be done, and that writes what came of them.

    Attributes
    ----------
    plan : Plan
    store : Store
    workers : Workers
    ledger : Ledger
    tally : Tally
    """

    plan: Plan
    store: Store
    workers: Workers
    ledger: Ledger
    tally: Tally = field(default_factory=Tally)
    _turns: Turns = field(init=False)
    _free: list[Seat] = field(default_factory=list)
    _running: dict[Future[Any], tuple[Work, Part | None, Seat]] = field(default_factory=dict)
    _tries: Counter[str] = field(default_factory=Counter)
    _breakdowns: int = 0
    _unwritten: list[Row] = field(default_factory=list)
    _why: str = ""

    def __post_init__(self) -> None:
        self._turns = Turns(self.plan, self.ledger)
        self._free = [Seat() for _ in range(self.workers.size)]

    def run(self) -> Iterator[Told]:
        """Carry out what is left, and yield what is worth telling.

        Raises
        ------
        CampaignError
            If it cannot go on: the disk is full, the workers are gone, a worker would compute something else; or if
            somebody asked for its end.
        """
        self.tally.total = len(self.plan.campaign.subjects)
        wanted = cancel_file(self.store.path)
        try:
            while True:
                self._fill()
                yield from self.tally.say()
                if not self._running:
                    break
                done, _ = wait(self._running, timeout=LOOK, return_when=FIRST_COMPLETED)
                self._take_in(done)
                yield from self.tally.say()
                if wanted.exists():
                    wanted.unlink(missing_ok=True)
                    raise CampaignError("the campaign was asked to stop: what was finished is kept")
        finally:
            self._rescue()
        if self._unwritten:
            raise CampaignError(f"{self._unwritten_said()}; begin again with `campaign resume` once there is room")
        if self._why:
            raise CampaignError(
                f"results could not be kept for a while ({self._why}); now they are, and nothing is lost"
            )

    def _fill(self) -> None:
        """Give each worker that is free a task, as long as there are some."""
        while self._free and not self._unwritten:
            task = self._turns.take(self._free[-1], alone=not self._running)
            if task is None:
                return
            self._give(*task)

    def _give(self, work: Work, part: Part | None) -> None:
        if part is not None and self.plan.campaign.model_timeout is not None:
            left = self.plan.campaign.model_timeout - part.spent_s
            if left <= 0.0:
                self._give_up(part)
                return
            work = replace(work, limit_s=left if work.limit_s is None else min(left, work.limit_s))
        seat = self._free.pop()
        try:
            self._running[self.workers.give(work)] = (work, part, seat)
        except Exception as error:  # whatever an executor says when it is broken
            self._mend(work, part, seat, error)

    def _give_up(self, part: Part) -> None:
        running = {work.address for work, of, _ in self._running.values() if of is part}
        for address in [address for address in part.open if address not in running]:
            del part.open[address]
            part.out_of_time += address not in self.ledger.tried
        self._turns.drop(part)
        self._end(part)

    def _take_in(self, done: set[Future[Any]]) -> None:
        """Keep what came of tasks, all at once, and only then count it."""
        found: list[tuple[Work, Part | None, Outcome]] = []
        lost: list[tuple[Work, Part | None, Seat, BaseException]] = []
        for future in done:
            work, part, seat = self._running.pop(future)
            try:
                outcome = self.workers.told(future)
            except (Exception, CancelledError) as error:  # the executor's own trouble, and no result
                lost.append((work, part, seat, error))
                continue
            found.append((work, part, outcome))
            self._free.append(seat)
            if outcome.ending != "finished":
                self._turns.leave(seat)
        rows = [
            (row_of(work, outcome, value=error_of(self.plan, self.ledger, work, outcome)), work, part)
            for work, part, outcome in found
            if outcome.ending != "differs" and not self._again(work, part, outcome)
        ]
        self._keep([row for row, _, _ in rows if not self._is_known(row)])
        for row, work, part in () if self._unwritten else rows:
            self._breakdowns = 0
            self.ledger.note(row)
            self._tell_apart(row, work, part)
        for work, part, seat, trouble in lost:
            self._mend(work, part, seat, trouble)
        for _, _, outcome in found:
            if outcome.ending == "differs":
                raise CampaignError(f"{outcome.said}; nothing of it was kept")

    def _is_known(self, row: Row) -> bool:
        """Return whether the store has it: what a potential is, the same as before; or a second answer."""
        if row.kind == "subject" and row.ending == "finished":
            before = self.ledger.subjects.get(row.address)
            return before is not None and msgspec.json.encode(before) == row.value
        return row.address in self.ledger.finished

    def _again(self, work: Work, part: Part | None, outcome: Outcome) -> bool:
        """Return whether a task is begun anew, for its process died and that may not be its fault."""
        if outcome.ending != "died":
            return False
        self._tries[work.address] += 1
        if self._tries[work.address] >= (TRIES_IF_KILLED if outcome.killed else TRIES):
            return False
        self.tally.counts["again"] += 1
        self.tally.lines.append(f"{work.label}: {outcome.said}; it is begun again")
        # At a structure of the pool it would end again: then the others are to be evaluated all the same.
        apart = work.kind == "pool" and self.workers.isolated and (not outcome.killed or self._tries[work.address] > 1)
        # Whose process was killed waits for the others: else it is met again and again while its worker starts.
        self._turns.push(replace(work, apart=apart), part, first=not outcome.killed, last=outcome.killed)
        return True

    def _mend(self, work: Work, part: Part | None, seat: Seat, error: BaseException) -> None:
        """Begin a task again whose executor broke down."""
        self._breakdowns += 1
        self._turns.leave(seat)
        self._free.append(seat)
        said = " ".join(str(error).split()) or type(error).__name__
        if self._breakdowns > max(BREAKDOWNS, 2 * len(self._running) + 2 * self.workers.size):
            raise CampaignError(f"the workers break down again and again: {said}")
        self.tally.lines.append(f"{work.label}: its worker was lost ({said}); it is begun again")
        self.tally.counts["again"] += 1
        self._turns.push(work, part, first=True)
        if all(future.done() for future in self._running):
            try:
                self.workers.mend()
            except ExecutorError as gone:
                raise CampaignError(str(gone)) from error

    def _tell_apart(self, row: Row, work: Work, part: Part | None) -> None:
        self.tally.counts["run"] += 1
        if work.kind == "subject":
            self._opened(row, work)
            return
        assert part is not None
        part.open.pop(work.address, None)
        part.spent_s += row.elapsed_s
        if row.ending != "finished":
            self.tally.lines.append(f"{work.label}: {row.said.partition(' [')[0]}")
        elif work.kind == "pool":
            self._pooled(part, row.value)
        self._end(part)

    def _opened(self, row: Row, work: Work) -> None:
        if row.ending != "finished":
            self.tally.lines.append(f"{work.spec} cannot be loaded: {row.said.partition(' [')[0]}")
            return
        told = msgspec.json.decode(row.value, type=SubjectTold)
        self._turns.learn()
        subject = subject_of(work)
        for pool in self.plan.pools(subject, told.address):
            part = Part(pool)
            self.tally.total += 1 + len(self.plan.chosen)
            if not self.ledger.is_done(pool):
                self._to_do(pool, part)
                continue
            self._before(pool, part)
            found = values_of(self.store, [pool.address]).get(pool.address)
            if found is not None and found.ending == "finished":
                self._pooled(part, found.value)
            self._end(part)
        for work in self.plan.measures(subject, told.address):
            part = Part(work)
            self.tally.total += 1
            if self.ledger.is_done(work):
                self._before(work, part)
                self._end(part)
            else:
                self._to_do(work, part)

    def _pooled(self, part: Part, data: bytes) -> None:
        for law in self.plan.laws(part.pool, data):
            if self.ledger.is_done(law):
                self._before(law, part)
            else:
                self._to_do(law, part)

    def _to_do(self, work: Work, part: Part) -> None:
        part.open[work.address] = work
        part.spent_s += self._spent(work)  # on a try that took too long
        self._turns.push(work, part)

    def _before(self, work: Work, part: Part) -> None:
        self.tally.counts["before"] += 1
        part.spent_s += self._spent(work)

    def _spent(self, work: Work) -> float:
        tried = self.ledger.tried.get(work.address)
        return self.ledger.finished.get(work.address, 0.0 if tried is None else tried.elapsed_s)

    def _end(self, part: Part) -> None:
        if not part.open and not part.told:
            part.told = True
            self.tally.ended.append(part)
            if part.out_of_time:
                over = f"its {self.plan.campaign.model_timeout:g} s are over"
                self.tally.lines.append(f"{part.label}: {over}; tasks that were not begun: {part.out_of_time}")

    def _keep(self, rows: list[Row]) -> None:
        """Write results; what cannot be written is tried again at the end, and is not counted."""
        if not rows and not self._unwritten:
            return
        try:
            self.store.add([*self._unwritten, *rows])
            self._unwritten.clear()
        except StoreError as error:
            self._unwritten.extend(rows)
            self._why = str(error)
            self.tally.lines.append(f"{self._unwritten_said()}; nothing new is begun")

    def _unwritten_said(self) -> str:
        return f"{len(self._unwritten)} results could not be kept: {self._why}"

    def _rescue(self) -> None:
        """Keep what is finished when the campaign ends, however it ends."""
        done = {future for future in self._running if future.done() and not future.cancelled()}
        with contextlib.suppress(CampaignError):
            self._take_in(done)
        for pause in WRITING:
            if not self._unwritten:
                return
            time.sleep(pause)
            self._keep([])
