"""The near end of a process that times a potential. It is ended when it takes too long or too much memory."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import IO

import msgspec
import psutil

from gnnp_bench.perf.messages import Answer, Request

GLANCE = 0.1
"""Seconds between two looks at the memory of the process."""


class Gone(Exception):
    """The process has ended: the message says in words why."""


class Process:
    """A fresh process that answers one request after another. It ends with `close`."""

    def __init__(self) -> None:
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self.popen = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
        )

    def ask(self, request: Request, *, seconds: float | None = None, n_bytes: int | None = None) -> Answer:
        """Return the answer to a request.

        Parameters
        ----------
        request : Request
        seconds : float or None
            After which the process is killed.
        n_bytes : int or None
            Of resident memory, beyond which it is killed.

        Raises
        ------
        Gone
            It was killed, or died by itself.
        """
        with _watched(self.popen, seconds, n_bytes) as why:
            with contextlib.suppress(BrokenPipeError):  # one that is dead already answers nothing
                stdin = _open(self.popen.stdin)
                stdin.write(msgspec.json.encode(request) + b"\n")
                stdin.flush()
            line = _open(self.popen.stdout).readline()
        if not line.endswith(b"\n"):
            status = self.popen.wait()
            raise Gone(why[0] if why else f"its process ended with status {status}{self._last_words()}")
        answer: Answer = msgspec.json.decode(line, type=Answer)
        return answer

    def close(self) -> None:
        """End the process; more than once does no harm."""
        with contextlib.suppress(OSError):
            _open(self.popen.stdin).close()
        try:
            self.popen.wait(5.0)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        _open(self.popen.stdout).close()
        self.complaints.close()

    def _last_words(self) -> str:
        self.complaints.seek(0)
        said = [line.strip() for line in self.complaints.read().decode(errors="replace").split("\n") if line.strip()]
        return f": {said[-1]}" if said else ""


_START = "import sys; sys.path[:] = sys.argv[1:]; from gnnp_bench.perf.worker import serve; serve()"


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the process was started without pipes")
    return stream


@contextlib.contextmanager
def _watched(popen: subprocess.Popen[bytes], seconds: float | None, n_bytes: int | None) -> Iterator[list[str]]:
    """Kill a process that goes beyond a limit while it is waited for; yield the list that then says why."""
    why: list[str] = []
    done = threading.Event()
    deadline = None if seconds is None else time.monotonic() + seconds

    def look() -> None:
        try:
            process = psutil.Process(popen.pid)
            while not done.wait(GLANCE):
                if n_bytes is not None and process.memory_info().rss > n_bytes:
                    why.append(f"it needed more memory than {n_bytes / 1e9:.3g} GB")
                elif deadline is not None and time.monotonic() > deadline:
                    why.append(f"it took longer than {seconds:.3g} s")
                if why:
                    popen.kill()
                    return
        except psutil.Error:
            return  # it has ended

    watchman = threading.Thread(target=look, daemon=True)
    watchman.start()
    try:
        yield why
    finally:
        done.set()
        watchman.join()
