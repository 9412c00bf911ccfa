"""Several processes, each with a potential of its own, that relax shares of candidates."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import connection as channels
from multiprocessing import parent_process
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

from gnnp_bench.certificate.result import PotentialRecord
from gnnp_bench.engine.alone import dismiss, end_with, ended, kill, stand_alone, started
from gnnp_bench.engine.assemble import subject_of
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.worker import Load
from gnnp_bench.potential import Capabilities, PotentialError, close
from gnnp_bench.screening.records import Key, Row, Setup
from gnnp_bench.screening.relaxing import Share, failed, relax

DYING = 5.0
"""Seconds from a process's last word to its end, at most."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be known of a potential: plain values, which another process can tell.

    Attributes
    ----------
    record : PotentialRecord
    capabilities : Capabilities
    """

    record: PotentialRecord
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class _Refused:
    message: str


@dataclass(frozen=True, slots=True)
class _Ended:
    """A share is done."""


@dataclass(slots=True)
class _Member:
    process: SpawnProcess
    channel: channels.Connection
    ready: bool = False
    share: Share | None = None
    done: set[Key] = field(default_factory=set)


class Alone:
    """One potential, in this process. A context, which leaves nothing of it running."""

    def __init__(self, load: Load, spec: str) -> None:
        source = load()
        self.evaluator = Evaluator(source.potential, source.reload)
        found = subject_of(source.potential, spec)
        self.subject = Subject(found.record, found.capabilities)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.evaluator.close()
        close(self.evaluator.potential)

    def relax(self, shares: Iterable[Share], setup: Setup) -> Iterator[Row]:
        """Yield what became of the members of shares, as they end."""
        for share in shares:
            yield from relax(self.evaluator, share, setup)


class Team:
    """Processes that relax side by side. A context, at the end of which they are gone.

    A process that dies costs nothing but time: the members of its share that have no row are relaxed one by one, and
    the one that ends its process is a failure with a name.

    Parameters
    ----------
    load : callable
        How each of them loads the potential.
    spec : str
    jobs : int
        How many.

    Raises
    ------
    PotentialError
        If one of them cannot load it.
    """

    def __init__(self, load: Load, spec: str, jobs: int) -> None:
        self.load, self.spec = load, spec
        self.members: list[_Member] = []
        self.waiting: deque[Share] = deque()
        try:
            for _ in range(jobs):
                self._hire()
            self.subject, *_ = [self._greeted(member) for member in self.members]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes at once."""
        for member in self.members:
            kill(member.process)
        for member in self.members:
            member.process.join()
            member.channel.close()
        self.members.clear()

    def relax(self, shares: Iterable[Share], setup: Setup) -> Iterator[Row]:
        """Yield what became of the members of shares, as they end; shares begin in order."""
        coming = iter(shares)
        while True:
            for member in self.members:
                if member.share is None and (share := self._next(coming)) is not None:
                    member.share = share
                    member.done.clear()
                    with contextlib.suppress(OSError):  # it has died, which is heard below
                        member.channel.send((share, setup))
            busy = {member.channel: member for member in self.members if member.share is not None}
            if not busy:
                return
            for channel in channels.wait(list(busy)):
                yield from self._heard(busy[channel], setup)  # type: ignore[index]  # what waits is a connection

    def _next(self, coming: Iterator[Share]) -> Share | None:
        return self.waiting.popleft() if self.waiting else next(coming, None)

    def _heard(self, member: _Member, setup: Setup) -> Iterator[Row]:
        try:
            message = member.channel.recv()
        except (EOFError, OSError):
            yield from self._lost(member, setup)
            return
        if isinstance(message, _Ended):
            member.share = None
        else:
            member.done.add(message.key)
            yield message

    def _lost(self, member: _Member, setup: Setup) -> Iterator[Row]:
        """Take another process in place of one that died; what it worked on is done again, one by one."""
        how = self._dismissed(member)
        assert member.share is not None
        left = [one for one in member.share.members if one.key not in member.done]
        if len(left) == 1:
            yield failed(left[0], setup, f"the process that evaluated it {how}")
        else:
            self.waiting.extendleft(Share([one]) for one in reversed(left))
        self._hire()
        self._greeted(self.members[-1])

    def _hire(self) -> None:
        with started(work, (self.load, self.spec)) as (process, channel):
            self.members.append(_Member(process, channel))

    def _greeted(self, member: _Member) -> Subject:
        try:
            message = member.channel.recv()
        except (EOFError, OSError) as error:
            raise PotentialError(f"the process that loaded the potential {self._dismissed(member)}") from error
        if isinstance(message, _Refused):
            raise PotentialError(message.message)
        subject: Subject = message
        return subject

    def _dismissed(self, member: _Member) -> str:
        """End a process; return how it had ended by itself, in words."""
        self.members.remove(member)
        return ended(dismiss(member.process, member.channel, DYING))


def work(channel: channels.Connection, load: Load, spec: str) -> None:
    """Load the potential and relax shares until the other end of the channel is closed."""
    stand_alone()
    end_with(parent_process())
    try:
        alone = Alone(load, spec)
    except PotentialError as error:
        channel.send(_Refused(str(error)))
        return
    channel.send(alone.subject)
    with alone, contextlib.suppress(EOFError, BrokenPipeError):  # the other end is closed: nothing more is asked
        while True:
            share, setup = channel.recv()
            for row in alone.relax([share], setup):
                channel.send(row)
            channel.send(_Ended())
