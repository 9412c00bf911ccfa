"""A process that is kept ready, and others that are split off from it by `fork`.

What a new process imports before it does anything (numpy, ASE, this package, torch where the program has it) takes it
up to two seconds. Here that is done once, in a process that does nothing else, ever: each process that is split off is
where a new one would be after its imports, and has evaluated nothing. It is told the environment, the directory and
the path of now. Only Linux has it, and only a process with one thread and no device in use is split; elsewhere, and
where that cannot be, `split_off` yields nothing, and whoever wants a process starts one.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from gnnp_bench.check import EndedProcess
from gnnp_bench.engine.processes import TIMEOUT, Process, fate

ENDING = 10.0
"""Seconds that a process may take to end. One that takes longer is ended, which costs the next one its imports."""
HASH_SEED = 1
"""All that are split off have the same order of sets of strings, which is decided before anything is imported."""
_START = "import sys; sys.path[:] = sys.argv[1:]; from gnnp_bench.engine.nursery import serve; serve()"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A process that is to be split off, and where it is to be: what may have changed since this one was started."""

    variables: dict[str, str]
    path: list[str]
    directory: str


@dataclass(frozen=True, slots=True)
class _SplitOff:
    pid: int


@dataclass(frozen=True, slots=True)
class _Ended:
    """How the last process that was split off has ended, as `fate` takes it."""

    status: int


@dataclass(slots=True)
class Split:
    """A process that was split off, with the manners of `processes.Process`."""

    ready: Process
    pid: int
    alive: bool = True

    def send(self, message: Any) -> None:
        """Send a message."""
        self.ready.send(message)

    def receive(self, timeout: float) -> Any:
        """Return what it answers within so many seconds.

        Raises
        ------
        EndedProcess
            If it is not there any more, or had to be ended.
        """
        try:
            answer = self.ready.receive(timeout, self._kill)
        except BaseException:  # an interruption leaves an answer, or half of one, in the channel
            self.alive = False
            self._kill()
            _forget()
            raise
        if isinstance(answer, _Ended):
            self.alive = False
            raise EndedProcess(f"a new process {fate(answer.status)}{self.ready.last_words()}")
        return answer

    def close(self) -> None:
        """End it."""
        if self.alive:
            self.send(None)
            with contextlib.suppress(EndedProcess):
                while True:  # until it has ended; what it answers meanwhile, nobody waits for
                    self.receive(ENDING)

    def _kill(self) -> None:
        # Both: what one of them still says would be taken for an answer to the next question.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.ready.popen.kill()


@dataclass(slots=True)
class _Kept:
    process: Process | None
    owner: int
    with_torch: bool


_kept: _Kept | None = None
_in_use = threading.Lock()


@contextlib.contextmanager
def split_off(variables: dict[str, str]) -> Iterator[Split | None]:
    """Yield a process just split off, which has imported torch if this one has; None where there is none.

    Parameters
    ----------
    variables : dict of str to str
        Of its environment, besides those of this process.
    """
    if sys.platform != "linux" or not _in_use.acquire(blocking=False):
        yield None
        return
    try:
        split = _split_off(variables)
        try:
            yield split
        finally:
            if split is not None:
                split.close()
    finally:
        _in_use.release()


def _split_off(variables: dict[str, str]) -> Split | None:
    global _kept
    with_torch = "torch" in sys.modules
    if _kept is None or _kept.owner != os.getpid() or _kept.with_torch != with_torch:
        _forget()
        _kept = _Kept(_started(with_torch, variables), os.getpid(), with_torch)
    if (process := _kept.process) is None:
        return None
    try:
        process.forget_words()
        process.send(
            _Wanted({**os.environ, "PYTHONHASHSEED": str(HASH_SEED), **variables}, list(sys.path), os.getcwd())
        )
        told = process.receive(TIMEOUT)
    except (EndedProcess, OSError):  # something has ended it; or the working directory is gone
        told = None
    except BaseException:
        _forget()
        raise
    if not isinstance(told, _SplitOff):  # or it is one that only those who are in it already may enter
        _forget()
        return None
    return Split(process, told.pid)


def _started(with_torch: bool, variables: dict[str, str]) -> Process | None:
    """Return a process that may be split, or None."""
    process = Process(HASH_SEED, _START, variables, options=())
    try:
        process.send(with_torch)
        can_be_split: bool = process.receive(TIMEOUT)
    except EndedProcess:
        can_be_split = False
    if not can_be_split:
        process.close()
        return None
    return process


def _forget() -> None:
    global _kept
    kept, _kept = _kept, None
    if kept is not None and kept.process is not None and kept.owner == os.getpid():
        kept.process.close()


def serve() -> None:
    """Get ready, and split off a process whenever standard input asks for one."""
    from gnnp_bench.engine import watched  # which knows this module: what is imported here, every process has

    questions, answers = watched.own_streams()
    if pickle.load(questions):
        importlib.import_module("torch")
    _say(answers, _can_be_split())
    with contextlib.suppress(EOFError):  # the other end is closed: nothing more is asked
        while True:
            wanted = pickle.load(questions)
            if not isinstance(wanted, _Wanted):  # it was for one that has ended before it could read it
                continue
            if (child := os.fork()) == 0:
                _go_there(wanted)
                _say(answers, _SplitOff(os.getpid()))
                watched.watch(questions, answers)
                _end_at_once()
            _say(answers, _Ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


def _can_be_split() -> bool:
    """Return whether nothing runs here that a child would lack: another thread, or the context of an accelerator."""
    torch = sys.modules.get("torch")
    return len(os.listdir("/proc/self/task")) == 1 and (torch is None or not torch.cuda.is_initialized())


def _go_there(wanted: _Wanted) -> None:
    os.environ.clear()
    os.environ.update(wanted.variables)
    sys.path[:] = wanted.path
    importlib.invalidate_caches()  # folders and modules that were not there when this was imported
    os.chdir(wanted.directory)


def _end_at_once() -> None:
    """Do what was left to be done at the end, and end: to take torch apart would take twenty times as long."""
    # First what executors of `concurrent.futures` leave to be done, as an interpreter does: their processes are waited
    # for afterwards, and do not end unless they are told.
    for end in reversed(getattr(threading, "_threading_atexits", ())):
        end()
    atexit._run_exitfuncs()
    os._exit(0)


def _say(answers: IO[bytes], answer: Any) -> None:
    pickle.dump(answer, answers)
    answers.flush()
