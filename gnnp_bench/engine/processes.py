"""New processes that load the potential themselves and evaluate side by side.

`Elsewhere` is this process's end, `serve` the other. Both speak pickles over the
standard streams of the new process: how to load the potential, then requests and answers.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

from ase import Atoms

from gnnp_bench.check import CannotBeSent, EndedProcess, InvalidPrediction
from gnnp_bench.potential import Potential, Prediction, Property, Unsupported

PROCESSES = 2
TIMEOUT = 600.0
"""Seconds that loading, or one request, may take."""

_START = "import sys; sys.path[:] = sys.argv[1:]; from gnnp_bench.engine.processes import serve; serve()"
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}

Asked: TypeAlias = Sequence[tuple[Atoms, frozenset[Property]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a new process says.

    Attributes
    ----------
    predictions : list of Prediction
    seconds : float
        Spent on loading, or inside `Potential.evaluate`.
    refused, broken : str or None
        The message of the exception, by whether the potential refused clearly.
    moments : tuple of mappings
        What the process was like, where it is watched (`engine.watched`).
    """

    predictions: list[Prediction]
    seconds: float
    refused: str | None = None
    broken: str | None = None
    moments: tuple[dict[str, str], ...] = ()


class Elsewhere:
    """Processes that have loaded a potential. They end with `close`, or with this object.

    Raises
    ------
    CannotBeSent
        If the way to load the potential cannot be sent to another process.
    InvalidPrediction
        If one of them cannot load it, dies or hangs.
    """

    def __init__(self, reload: Callable[[], Potential]) -> None:
        how = sent(reload)
        # Each has its own order of sets of strings: one of the things that differ between two runs of a program.
        self._processes = [Process(hash_seed) for hash_seed in range(1, PROCESSES + 1)]
        self._ask(how, TIMEOUT)

    def evaluate(self, asked: Asked, timeout: float = TIMEOUT) -> tuple[list[Prediction], float]:
        """Return the predictions of every process, one process after the other, and the seconds these took."""
        answers = self._ask(list(asked), timeout)
        return [p for answer in answers for p in answer.predictions], sum(answer.seconds for answer in answers)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.ask_to_end()
        for process in self._processes:
            process.close()

    def _ask(self, message: Any, timeout: float) -> list[Answer]:
        try:
            for process in self._processes:
                process.send(message)
            answers: list[Answer] = [process.receive(timeout) for process in self._processes]
        except BaseException:
            self.close()
            raise
        return answered(answers)


def sent(reload: Callable[[], object]) -> bytes:
    """Return the way to load a potential as another process reads it.

    Raises
    ------
    CannotBeSent
        If it cannot be told.
    """
    import cloudpickle

    try:
        how: bytes = cloudpickle.dumps(reload)  # type: ignore[attr-defined]  # a name that it exports by a star
    except Exception as error:
        raise CannotBeSent(f"the potential cannot be sent to another process: {error}") from error
    return how


def answered(answers: list[Answer]) -> list[Answer]:
    """Return the answers if they are such.

    Raises
    ------
    Unsupported
        If the potential refused.
    InvalidPrediction
        If it broke.
    """
    for answer in answers:
        if answer.refused is not None:
            raise Unsupported(answer.refused)
        if answer.broken is not None:
            raise InvalidPrediction(f"in a new process: {answer.broken}")
    return answers


class Process:
    """A new Python process at the other end of two pipes. It ends with `close`, or with this object.

    Parameters
    ----------
    hash_seed : int
        Decides the order of sets of strings.
    start : str
        The code that it runs; `sys.path` is given to it as arguments.
    variables : mapping of str to str
        Of its environment, besides those of this process.
    options : sequence of str
        Of the interpreter.
    """

    def __init__(
        self,
        hash_seed: int,
        start: str = _START,
        variables: Mapping[str, str] = _ONE_THREAD,
        options: Sequence[str] = ("-W", "ignore"),
    ) -> None:
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self.popen = subprocess.Popen(
            [sys.executable, *options, "-c", start, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed), **variables},
        )
        self._end = weakref.finalize(self, _end, self.popen, self.complaints)

    def ask_to_end(self) -> None:
        """Tell it that nothing more is asked, and do not wait for its end."""
        with contextlib.suppress(BrokenPipeError):
            _open(self.popen.stdin).close()

    def close(self) -> None:
        """End it."""
        self._end()

    def send(self, message: Any) -> None:
        """Send a message."""
        # One that is dead already is told of by `receive`.
        with contextlib.suppress(BrokenPipeError):
            pickle.dump(message, _open(self.popen.stdin))
            _open(self.popen.stdin).flush()

    def receive(self, timeout: float, end: Callable[[], None] | None = None) -> Any:
        """Return what it answers within so many seconds, after which it is ended, or what `end` ends.

        Raises
        ------
        EndedProcess
            If it is not there any more, or had to be ended.
        """
        hung = threading.Event()

        def kill() -> None:
            hung.set()
            (end or self.popen.kill)()

        timer = threading.Timer(timeout, kill)
        timer.start()
        try:
            answer = pickle.load(_open(self.popen.stdout))
        except (EOFError, pickle.UnpicklingError) as error:
            if hung.is_set():
                raise EndedProcess(f"a new process did not answer within {timeout:g} s") from error
            raise EndedProcess(f"a new process {fate(self.popen.wait())}{self.last_words()}") from error
        finally:
            timer.cancel()
            timer.join()
        return answer

    def forget_words(self) -> None:
        """Forget what it has said on standard error."""
        self.complaints.seek(0)
        self.complaints.truncate()

    def last_words(self) -> str:
        """Return the last line of what it has said on standard error, after a colon; nothing if that is nothing."""
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f": {said[-1]}" if said else ""


def fate(status: int) -> str:
    """Return how a process ended, in words, from its exit status: minus a signal's number where that ended it."""
    if status >= 0:
        return f"ended itself, with exit status {status}"
    described = f"was ended by {signal.Signals(-status).name} ({signal.strsignal(-status)})"
    return f"{described}, as happens when memory runs out" if -status == signal.SIGKILL else described


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the process was started without pipes")
    return stream


def _end(popen: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        _open(popen.stdin).close()
    try:
        popen.wait(5.0)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
    _open(popen.stdout).close()
    complaints.close()


def keep_from_copies(answers: IO[bytes]) -> None:
    """See that processes which are split off from this one have no hold on its answers.

    A potential's own processes may outlive it, and whoever waits for the end of its answers would wait for theirs.
    """
    if not hasattr(os, "register_at_fork"):
        return
    descriptor = answers.fileno()
    mine = os.fstat(descriptor)

    def let_go() -> None:
        with contextlib.suppress(OSError):  # closed by whoever closes all that is open
            if os.path.samestat(os.fstat(descriptor), mine):
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, descriptor, inheritable=False)
                os.close(nothing)

    os.register_at_fork(after_in_child=let_go)


def serve() -> None:
    """Load what standard input tells to load, and answer requests until it ends."""
    # What a potential prints must not end up among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    keep_from_copies(answers)
    warnings.simplefilter("ignore")
    loaded: list[Potential] = []

    def load(how: bytes) -> list[Prediction]:
        loaded.append(pickle.loads(how)())
        return []

    def evaluate(asked: Asked) -> list[Prediction]:
        return [loaded[0].evaluate([structure], properties)[0] for structure, properties in asked]

    with contextlib.suppress(EOFError):  # the other end is closed: nothing more is asked
        _tell(answers, load, pickle.load(sys.stdin.buffer))
        while True:
            _tell(answers, evaluate, pickle.load(sys.stdin.buffer))


def _tell(answers: IO[bytes], work: Callable[[Any], list[Prediction]], message: Any) -> None:
    start = time.perf_counter()
    try:
        answer = Answer(work(message), time.perf_counter() - start)
    except (Unsupported, NotImplementedError) as error:
        answer = Answer([], 0.0, refused=str(error))
    except Exception as error:
        answer = Answer([], 0.0, broken=f"{type(error).__name__}: {' '.join(str(error).split())}")
    pickle.dump(answer, answers)
    answers.flush()
