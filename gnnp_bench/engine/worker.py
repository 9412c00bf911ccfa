"""A process that evaluates and judges what it is told to, and says so while it does: the far end of `engine.crew`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import connection as channels
from multiprocessing import parent_process
from typing import Any, Protocol, TypeAlias

from ase import Atoms

from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.alone import end_with, stand_alone
from gnnp_bench.engine.assemble import Subject, subject_of
from gnnp_bench.engine.evaluate import Evaluator, Meter
from gnnp_bench.engine.pool import Pool
from gnnp_bench.engine.run import judge
from gnnp_bench.engine.settings import Settings
from gnnp_bench.engine.shards import Shard, answers
from gnnp_bench.engine.trials import PATIENCE
from gnnp_bench.potential import Capabilities, Identity, Potential, PotentialError, Prediction, Property

BEATS = 20
"""Signs of life within the time that an evaluation may take: it is kept to a twentieth."""

ELSEWHERE = ("at_once", "environment", "held")
"""What a potential has that lives in another process, and no other."""


class Source(Protocol):
    """A potential, and the way to load it anew."""

    @property
    def potential(self) -> Potential:
        """Loaded in this process."""
        ...

    @property
    def reload(self) -> Callable[[], Potential]:
        """Builds the same potential from scratch."""
        ...


Load: TypeAlias = Callable[[], Source]
"""How a new process comes by the potential. It is sent there by pickle, and raises `PotentialError`."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The task to judge one check on the pool that was sent before."""

    check_id: str


Task: TypeAlias = Shard | Judge


@dataclass(frozen=True, slots=True)
class Ready:
    """The potential is loaded."""

    subject: Subject
    loading_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The potential cannot be loaded, and why."""

    message: str


@dataclass(frozen=True, slots=True)
class Beat:
    """An evaluation begins or has ended."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a task led to: the answers of a shard, or a judgement; and what it cost."""

    value: Any
    spent: Meter


Message: TypeAlias = Ready | Refused | Beat | Finished


def work(channel: channels.Connection, load: Load, settings: Settings, timeout: float) -> None:
    """Load the potential and carry out tasks until the other end of the channel is closed."""
    stand_alone()
    end_with(parent_process())
    voice = _Voice(channel, timeout / BEATS)
    started = time.perf_counter()
    try:
        source = load()
    except PotentialError as error:
        voice.say(Refused(str(error)))
        return
    subject = subject_of(source.potential, settings.spec)
    voice.say(Ready(subject, time.perf_counter() - started))
    audible = _Audible(source.potential, voice)
    patience = min(PATIENCE, timeout / 2.0)  # what other processes do may take no longer than an evaluation
    evaluator = Evaluator(audible, source.reload, alive=voice.beat, patience=patience)
    try:
        with contextlib.suppress(EOFError, BrokenPipeError):  # the other end is closed: nothing more is asked
            _carry_out(channel, voice, evaluator, settings)
    finally:
        evaluator.close()


def _carry_out(channel: channels.Connection, voice: _Voice, evaluator: Evaluator, settings: Settings) -> None:
    checks = {check.id: check for check in all_checks()}
    pool: Pool | None = None
    while True:
        task = channel.recv()
        if isinstance(task, Pool):
            pool = task
            continue
        before = replace(evaluator.meter)
        if isinstance(task, Shard):
            value: Any = answers(evaluator, task)
        elif pool is None:
            raise ValueError("a check was to be judged before the pool was there")
        else:
            value = judge(checks[task.check_id], pool, evaluator, settings)
        voice.say(Finished(value, _difference(evaluator.meter, before)))


@dataclass(slots=True)
class _Voice:
    """What is said to the other end, by one thread at a time."""

    channel: channels.Connection
    pause: float
    spoken: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, message: Message) -> None:
        with self.lock:
            self.channel.send(message)
            self.spoken = time.monotonic()

    def beat(self) -> None:
        if time.monotonic() - self.spoken >= self.pause:
            self.say(Beat())


@dataclass(frozen=True, slots=True)
class _Audible:
    """A potential that tells when it begins and ends to evaluate; everything else is the potential's own."""

    potential: Potential
    voice: _Voice

    @property
    def name(self) -> str:
        return self.potential.name

    @property
    def capabilities(self) -> Capabilities:
        return self.potential.capabilities

    @property
    def identity(self) -> Identity | None:
        return getattr(self.potential, "identity", None)

    def __getattr__(self, name: str) -> Any:
        if name not in ELSEWHERE:
            raise AttributeError(name)
        return getattr(self.potential, name)

    def on(self, device: str) -> _Audible:
        there: Potential = self.potential.on(device)  # type: ignore[attr-defined]  # who declares others has it
        return _Audible(there, self.voice)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        self.voice.beat()
        predictions = self.potential.evaluate(structures, properties)
        self.voice.beat()
        return predictions


def _difference(after: Meter, before: Meter) -> Meter:
    return Meter(
        after.evaluations - before.evaluations,
        after.potential_s - before.potential_s,
        after.loading_s - before.loading_s,
    )
