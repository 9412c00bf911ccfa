"""A process of its own for tasks: whatever a potential does there ends that process and costs that task alone.

`Den` is this process's end, `serve` the other. Both speak frames of bytes (`work.to_bytes`) over pipes; what is printed
there is thrown away. A den ends with whoever started it, also when that one is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from gnnp_bench.campaign.work import Outcome, Work, outcome_from, to_bytes, work_from
from gnnp_bench.certificate.provenance import THREAD_VARIABLES
from gnnp_bench.engine.alone import leave_signals
from gnnp_bench.engine.processes import fate
from gnnp_bench.environments.process import kill_group

_START = "import sys; sys.path[:] = sys.argv[2:]; from gnnp_bench.campaign.den import serve; serve(int(sys.argv[1]))"
_SIZE = struct.Struct(">Q")
DYING = 5.0
"""Seconds that a process may take to end once its pipe is closed."""
STARTING = 120.0
"""Seconds that the start of Python, and the import of the engine there, are let off a task's limit: a cold disk."""
PR_SET_PDEATHSIG = 1

_dens: weakref.WeakSet[Den] = weakref.WeakSet()
_here = threading.local()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a den is like besides this process.

    Attributes
    ----------
    variables : mapping of str to str
        Of its environment, such as the one device that it may use.
    memory_gb : float or None
        What it may take.
    """

    variables: Mapping[str, str]
    memory_gb: float | None = None


class Den:
    """A process that carries out tasks, one after the other. It starts with its first task and ends with `close`."""

    def __init__(self, surroundings: Surroundings | None = None) -> None:
        self.surroundings = surroundings or Surroundings({})
        self._popen: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None
        self._lock = threading.Lock()
        _dens.add(self)

    def carry_out(self, work: Work) -> Outcome:
        """Return what comes of a task: if its process ends or takes too long, that."""
        started = time.monotonic()
        fresh = self._start()
        until = None if work.limit_s is None else started + work.limit_s + (STARTING if fresh else 0.0)
        try:
            self._send(to_bytes(work))
            outcome = outcome_from(self._receive(until))
        except TimeoutError:
            self.close()
            said = f"the task took longer than its limit of {work.limit_s:g} s, so its process was stopped"
            return Outcome(ending="late", said=said, elapsed_s=time.monotonic() - started)
        except (OSError, EOFError, ValueError):
            status = self._ended()
            how = "fell silent" if status is None else fate(status)
            said = f"the process that evaluated the potential {how}"
            killed = status == -signal.SIGKILL
            return Outcome(ending="died", said=said, elapsed_s=time.monotonic() - started, killed=killed)
        except BaseException:
            self.close()  # an interruption leaves half an answer in the pipe
            raise
        return outcome

    @property
    def pid(self) -> int | None:
        """Number of the process, if there is one."""
        return None if self._popen is None else self._popen.pid

    def close(self) -> None:
        """End the process, and all that it has started, at once."""
        with self._lock:
            popen, self._popen = self._popen, None
            if popen is None:
                return
            kill_group(popen)
            popen.wait()
            self._cut(popen)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # at the end of Python parts of it are gone
            self.close()  # the thread that it belonged to has ended, and nobody else would

    def _start(self) -> bool:
        if self._popen is not None and self._popen.poll() is None:
            return False
        self.close()
        near, far = os.pipe()
        unset = {name: "1" for name in THREAD_VARIABLES if name not in os.environ}
        memory = {} if self.surroundings.memory_gb is None else {_MEMORY: f"{self.surroundings.memory_gb:g}"}
        self._popen = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _START, str(near), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **unset, **memory, **self.surroundings.variables},
            pass_fds=(near,),
            start_new_session=True,
            bufsize=0,
        )
        os.close(near)
        self._lifeline = far
        return True

    def _send(self, data: bytes) -> None:
        stream = _open(self._popen, "stdin")
        view = memoryview(_SIZE.pack(len(data)) + data)
        while view:
            view = view[stream.write(view) :]

    def _receive(self, until: float | None) -> bytes:
        number = _open(self._popen, "stdout").fileno()
        (size,) = _SIZE.unpack(_read(number, _SIZE.size, until))
        return _read(number, size, until)

    def _ended(self) -> int | None:
        """Return how the process ended by itself, if it did, and let go of it."""
        with self._lock:
            popen, self._popen = self._popen, None
            if popen is None:  # closed from elsewhere
                return None
            try:
                status: int | None = popen.wait(DYING)
            except subprocess.TimeoutExpired:
                status = None
            kill_group(popen)
            popen.wait()
            self._cut(popen)
        return status

    def _cut(self, popen: subprocess.Popen[bytes]) -> None:
        for stream in (popen.stdin, popen.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


_MEMORY = "GNNP_BENCH_CAMPAIGN_MEMORY_GB"


def isolated(work: Work, surroundings: Surroundings | None = None) -> Outcome:
    """Carry a task out in the process that belongs to this thread: what every executor is given."""
    den: Den | None = getattr(_here, "den", None)
    if den is None or (surroundings is not None and den.surroundings != surroundings):
        if den is not None:
            den.close()
        den = _here.den = Den(surroundings)
    return den.carry_out(work)


def isolated_bytes(data: bytes, surroundings: Surroundings | None = None) -> bytes:
    """Do as `isolated`, with bytes, which every way between machines carries as they are."""
    return to_bytes(isolated(work_from(data), surroundings))


def close_all() -> None:
    """End all dens of this process."""
    for den in list(_dens):
        den.close()


def _open(popen: subprocess.Popen[bytes] | None, name: str) -> Any:
    stream: IO[bytes] | None = getattr(popen, name, None)
    if stream is None:
        raise EOFError("the process is gone")
    return stream


def _read(number: int, size: int, until: float | None) -> bytes:
    pieces: list[bytes] = []
    while size:
        if until is not None:
            left = until - time.monotonic()
            if left <= 0.0 or not select.select([number], [], [], left)[0]:
                raise TimeoutError
        piece = os.read(number, min(size, 1 << 20))
        if not piece:
            raise EOFError("the process is gone")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def serve(lifeline: int) -> None:
    """Carry out the tasks that come in, until nothing more comes."""
    _end_with_the_leader(lifeline)
    asked, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):  # what a potential prints, or waits for, is not ours
        os.dup2(nothing, number)
    for descriptor in (asked, answers, lifeline):
        os.set_inheritable(descriptor, False)
    leave_signals()
    _limit_memory()
    warnings.simplefilter("ignore")
    from gnnp_bench.campaign.worker import carry_out, forget

    with contextlib.suppress(EOFError, OSError):
        while True:
            (size,) = _SIZE.unpack(_read(asked, _SIZE.size, None))
            data = to_bytes(carry_out(work_from(_read(asked, size, None))))
            view = memoryview(_SIZE.pack(len(data)) + data)
            while view:
                view = view[os.write(answers, view) :]
    forget()


def _end_with_the_leader(lifeline: int) -> None:
    """End this process, and what it has started, when the one that leads is gone: nobody else would."""

    def follow() -> None:
        with contextlib.suppress(OSError):
            os.read(lifeline, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=follow, daemon=True).start()
    if sys.platform == "linux":  # for what computes in C and lets no thread run
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory() -> None:
    wanted = os.environ.pop(_MEMORY, None)
    if wanted is not None:
        resource = importlib.import_module("resource")
        size = int(float(wanted) * 2**30)
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size if hard < 0 else min(size, hard), hard))
