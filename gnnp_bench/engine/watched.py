"""A new process that loads a potential and calls it, watched for what that does to everything around it."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import IO, TypeAlias

from ase import Atoms

from gnnp_bench.certificate.provenance import THREAD_VARIABLES
from gnnp_bench.check import EndedProcess
from gnnp_bench.engine.nursery import Split, split_off
from gnnp_bench.engine.processes import TIMEOUT, Answer, Process, answered, keep_from_copies, sent
from gnnp_bench.engine.surroundings import WITNESS, Surroundings, settle, surroundings
from gnnp_bench.engine.witnesses import witnesses
from gnnp_bench.potential import Potential, Property, Unsupported
from gnnp_bench.silence import speak_aloud

Call: TypeAlias = tuple[list[Atoms], frozenset[Property]]

START = "import sys; sys.path[:] = sys.argv[1:]; from gnnp_bench.engine.watched import serve; serve()"
ENVIRONMENT = {**dict.fromkeys(THREAD_VARIABLES, "1"), "OMP_WAIT_POLICY": "PASSIVE"}
"""The same wherever the process starts from; and threads that wait for work leave the processors to others."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a process.

    Attributes
    ----------
    moments : list of Surroundings
        Before the potential was imported, when it was loaded, and after each call.
    answers : list of Answer
        One per call; fewer where a call ended the process.
    loading_s : float
    """

    moments: list[Surroundings]
    answers: list[Answer]
    loading_s: float


def watched(
    reload: Callable[[], Potential],
    calls: Sequence[Call],
    alive: Callable[[], None],
    timeout: float = TIMEOUT,
    *,
    split: bool = False,
) -> Seen:
    """Return what loading a potential and calling it did to a new process.

    Parameters
    ----------
    reload : callable
    calls : sequence of Call
    alive : callable
        Is called after the loading and after each call.
    timeout : float
        Seconds that loading, or one call, may take.
    split : bool
        The process may be split off from one that is kept ready.

    Raises
    ------
    CannotBeSent
        If the way to load the potential cannot be sent to another process.
    Unsupported
        If the first call was refused.
    InvalidPrediction
        If the potential cannot be loaded there, or the first call broke.
    """
    if there := getattr(reload, "watch", None):
        return _watched_there(there, calls, alive)
    how = sent(reload)
    with split_off(ENVIRONMENT) if split else nullcontext() as ready:
        process = ready or Process(1, START, ENVIRONMENT, options=())
        try:
            return _seen(process, how, calls, alive, timeout)
        finally:
            process.close()


def _seen(
    process: Process | Split, how: bytes, calls: Sequence[Call], alive: Callable[[], None], timeout: float
) -> Seen:
    # What is imported here anyway is not the potential's doing: it is looked at before and after.
    process.send((how, "torch" in sys.modules))
    loaded = process.receive(timeout)
    answered([loaded])
    alive()
    seen = Seen(list(loaded.moments), [], loaded.seconds)
    for call in calls:
        process.send(call)
        try:
            answer = process.receive(timeout)
        except EndedProcess:
            if not seen.answers:
                raise
            break  # which is for robustness/refusals to tell
        alive()
        seen.answers.append(answer)
        seen.moments.extend(answer.moments)
    answered(seen.answers[:1])
    return seen


def _watched_there(watch: Callable[..., None], calls: Sequence[Call], alive: Callable[[], None]) -> Seen:
    """Return the same for a potential that lives in another Python: a new process there is watched."""
    seen: list[Seen] = []

    def heard(error: Exception | None, seconds: float, moments: list[Surroundings]) -> None:
        answer = Answer([], seconds, *_said(error), tuple(moments))
        alive()
        if seen:
            seen[0].answers.append(answer)
            seen[0].moments.extend(moments)
        else:
            answered([answer])
            seen.append(Seen(list(moments), [], seconds))

    watch(calls, heard, {**ENVIRONMENT, "PYTHONHASHSEED": "1"})
    if not seen[0].answers:
        raise EndedProcess("a new process in the potential's environment ended, or did not answer, at the first call")
    answered(seen[0].answers[:1])
    return seen[0]


def serve() -> None:
    """Load what standard input tells to load, call it as told, and tell what the process is like in between."""
    watch(*own_streams())


def own_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return streams for questions and answers: a potential may do as it likes with the standard ones."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return questions, answers


def watch(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Load what is told to be loaded, call it as told until None is, and tell what the process is like in between."""
    speak_aloud()
    keep_from_copies(answers)
    how, with_torch = pickle.load(questions)
    if with_torch:
        importlib.import_module("torch")  # as the program that certifies has done
    settle()
    others = witnesses()
    said = {f"{WITNESS} {name}": words() for name, words in others.items()}
    before = surroundings() | said
    loaded: list[Potential] = []

    def load() -> None:
        loaded.append(pickle.loads(how)())

    def around() -> Surroundings:
        return surroundings() | {f"{WITNESS} {name}": words() for name, words in others.items()}

    _tell(answers, load, lambda: (before, around()))
    with contextlib.suppress(EOFError):  # the other end is closed: nothing more is asked
        while (call := pickle.load(questions)) is not None:
            structures, properties = call
            _tell(answers, partial(loaded[0].evaluate, structures, properties), lambda: (surroundings(),))


def _tell(answers: IO[bytes], work: Callable[[], object], look: Callable[[], tuple[Surroundings, ...]]) -> None:
    start = time.perf_counter()
    failure = None
    try:
        work()
    except Exception as error:
        failure = error
    seconds = time.perf_counter() - start
    pickle.dump(Answer([], seconds, *_said(failure), look()), answers)
    answers.flush()


def _said(error: Exception | None) -> tuple[str | None, str | None]:
    """Return the words of a refusal, and those of an exception that is none."""
    if error is None:
        return None, None
    if isinstance(error, Unsupported | NotImplementedError):
        return str(error), None
    return None, f"{type(error).__name__}: {' '.join(str(error).split())}"
