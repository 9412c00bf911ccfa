"""Processes that work on a certificate side by side; one that dies or hangs is replaced and costs its task alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection as channels
from multiprocessing.context import SpawnProcess
from pickle import UnpicklingError
from types import TracebackType
from typing import Self

from gnnp_bench.engine.alone import dismiss, ended, kill, started
from gnnp_bench.engine.assemble import Subject
from gnnp_bench.engine.pool import Pool
from gnnp_bench.engine.settings import Settings
from gnnp_bench.engine.worker import BEATS, Finished, Load, Ready, Refused, Task, work
from gnnp_bench.potential import PotentialError

TIMEOUT = 600.0
"""Seconds that one evaluation may take: a batch of 512 atoms takes seconds even where a quantum code is behind it."""
LOADING_TIMEOUT = 1800.0
"""Seconds that loading may take; some potentials compile themselves."""
DYING = 5.0
"""Seconds from a process's last sign to the end of it, at most."""
LOOK = 0.5
"""Seconds between two looks at who is still alive."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What became of a task whose process died or hung."""

    reason: str
    elapsed_s: float


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    channel: channels.Connection
    heard: float
    subject: Subject | None = None
    informed: bool = False
    task: int | None = None
    since: float = 0.0

    @property
    def is_free(self) -> bool:
        return self.subject is not None and self.task is None


@dataclass(slots=True)
class Crew:
    """Processes that have loaded a potential. A context, at the end of which they are gone.

    Attributes
    ----------
    load : callable
        How each of them loads the potential.
    settings : Settings
    size : int
        How many there are, while there is work for as many.
    timeout : float
        Seconds that one evaluation, or loading the potential anew for a check, may take.
    loading_s : float
        Seconds that replacements have spent on loading.
    """

    load: Load
    settings: Settings
    size: int
    timeout: float = TIMEOUT
    loading_s: float = 0.0
    _workers: list[_Worker] = field(default_factory=list)
    _pool: Pool | None = None
    _why_fewer: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def gather(self) -> Subject:
        """Start the processes, wait until each has loaded the potential, and return what they say of it.

        Raises
        ------
        PotentialError
            If one of them cannot load it.
        """
        size = self.size
        for _ in range(size):
            self._hire()
        while not all(worker.is_free for worker in self._workers):
            list(self._hear())
            if self.size < size:
                fewer = "" if size == 1 else f" (in one of {size} processes: fewer --jobs need less memory)"
                raise PotentialError(self._why_fewer + fewer)
        self.loading_s = 0.0
        subject = self._workers[0].subject
        if subject is None:
            raise ValueError("a crew needs at least one process")
        return subject

    def share(self, pool: Pool) -> None:
        """Let every process know the pool before it is given its next task."""
        self._pool = pool
        for worker in self._workers:
            worker.informed = False

    def work(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Finished | Lost]]:
        """Yield what came of each task with its number, as they come; tasks begin in the order given."""
        waiting = deque(range(len(tasks)))
        while waiting or any(worker.task is not None for worker in self._workers):
            while len(self._workers) < self.size and len(waiting) > sum(w.task is None for w in self._workers):
                self._hire()
            for worker in [worker for worker in self._workers if worker.is_free][: len(waiting)]:
                number = waiting.popleft()
                if not self._give(worker, number, tasks[number]):
                    waiting.appendleft(number)
            if not self._workers:
                for number in waiting:
                    yield number, Lost(f"no process was left that could load the potential: {self._why_fewer}", 0.0)
                return
            yield from self._hear()

    def close(self) -> None:
        """End all processes, and all that these have started, at once."""
        for worker in self._workers:
            kill(worker.process)
        while self._workers:
            self._dismiss(self._workers[0])

    def _hire(self) -> None:
        with started(work, (self.load, self.settings, self.timeout)) as (process, channel):
            self._workers.append(_Worker(process, channel, heard=time.monotonic()))

    def _give(self, worker: _Worker, number: int, task: Task) -> bool:
        """Give a task to a process; return False if it has died meanwhile, for which the task is not to blame."""
        try:
            if self._pool is not None and not worker.informed:
                worker.channel.send(self._pool)
                worker.informed = True
            worker.channel.send(task)
        except OSError:
            self._dismiss(worker)
            return False
        worker.task, worker.since = number, time.monotonic()
        worker.heard = worker.since
        return True

    def _hear(self) -> Iterator[tuple[int, Finished | Lost]]:
        """Take in what the processes say, waiting for it a little."""
        speaking = channels.wait([worker.channel for worker in self._workers], LOOK)
        for worker in list(self._workers):
            if worker.channel in speaking:
                outcome = self._listen(worker)
            elif not worker.process.is_alive():
                outcome = self._lose(worker, None)
            elif (limit := self._limit(worker)) is not None and time.monotonic() - worker.heard > limit:
                outcome = self._lose(worker, limit)
            else:
                outcome = None
            if outcome is not None:
                yield outcome

    def _listen(self, worker: _Worker) -> tuple[int, Finished | Lost] | None:
        try:
            message = worker.channel.recv()
        except (EOFError, OSError, UnpicklingError):
            return self._lose(worker, None)
        worker.heard = time.monotonic()
        if isinstance(message, Ready):
            worker.subject = message.subject
            self.loading_s += message.loading_s
        elif isinstance(message, Refused):
            self._do_without(worker, message.message)
        elif isinstance(message, Finished) and worker.task is not None:
            number, worker.task = worker.task, None
            return number, message
        return None

    def _limit(self, worker: _Worker) -> float | None:
        if worker.subject is None:
            return max(LOADING_TIMEOUT, self.timeout)
        return None if worker.task is None else self.timeout * (1.0 + 1.0 / BEATS)

    def _lose(self, worker: _Worker, limit: float | None) -> tuple[int, Lost] | None:
        """Dismiss a process that has died, or hung for longer than the limit."""
        exitcode = self._dismiss(worker, 0.0 if limit else DYING)
        if worker.subject is None:
            late = f"loading the potential took longer than {limit:g} s" if limit else None
            self._do_without(worker, late or f"the process that loaded the potential {ended(exitcode)}")
            return None
        if worker.task is None:
            return None
        late = f"an evaluation took longer than {self.timeout:g} s (--timeout), so its process was stopped"
        reason = late if limit else f"the process that evaluated the potential {ended(exitcode)}"
        return worker.task, Lost(reason, time.monotonic() - worker.since)

    def _do_without(self, worker: _Worker, why: str) -> None:
        """Go on with one process less: what cannot load the potential now will not do so the next time."""
        self._dismiss(worker)
        self.size -= 1
        self._why_fewer = why

    def _dismiss(self, worker: _Worker, patience: float = 0.0) -> int | None:
        """End a process; return how it had ended by itself within `patience` seconds, if it had."""
        if worker in self._workers:
            self._workers.remove(worker)
        return dismiss(worker.process, worker.channel, patience)
