"""A process in another Python, from this end: started, asked, heard, and ended."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import re
import signal
import subprocess
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from gnnp_bench.environments import frames
from gnnp_bench.environments.place import Place
from gnnp_bench.environments.travelling import bootstrap, sources
from gnnp_bench.environments.values import unpack
from gnnp_bench.potential import PotentialError

STARTING = 120.0
"""Seconds from the start of Python there to its first word: a cold disk, a network in between."""
ENDING = 5.0
PIPE = 1 << 20
"""Bytes that a pipe holds, where the system lets one choose: a batch goes through in one piece."""
KEPT = 8192
"""Bytes of the last words that are kept."""


class Lost(RuntimeError):
    """The process that holds the potential has died, or did not answer in time; the next call starts another one."""


class Process:
    """A process in another Python that has taken in what travels. It ends with `close`, or with this object.

    Parameters
    ----------
    place : Place
    variables : mapping of str to str
        Of its environment, besides those of this process and of the place.

    Raises
    ------
    PotentialError
        If it cannot be started, or lacks what it needs. The message is one line.
    """

    def __init__(self, place: Place, variables: Mapping[str, str] | None = None) -> None:
        self.place = place
        self.owner = os.getpid()
        self.lock = threading.RLock()
        command, environment = place.command(bootstrap(), variables or {})
        try:
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise PotentialError(f"{place.text} cannot be run: {error.strerror or error}") from error
        self._to, self._from = _number(self.popen.stdin), _number(self.popen.stdout)
        _widen(self._to, self._from)
        self._words: deque[bytes] = deque(maxlen=64)
        self._listener = threading.Thread(target=_listen, args=(self.popen.stderr, self._words), daemon=True)
        self._listener.start()
        self._end = weakref.finalize(self, _end, self.popen, self.owner)
        self._greet()

    def _greet(self) -> None:
        try:
            until = time.monotonic() + STARTING
            with contextlib.suppress(frames.Closed):  # it may have said why already
                frames.write(self._to, sources(), until=until)
            first, _ = frames.read(self._from, until)
        except frames.Late as error:
            self.kill()
            raise PotentialError(f"{self.place.text} did not start within {STARTING:g} s{self._last()}") from error
        except (frames.Closed, ValueError) as error:
            raise PotentialError(self.place.why_not(self.fate(), self._last())) from error
        if "refused" in first:
            self.kill()
            hint = "" if "too old" in first["refused"] else self.place.hint
            raise PotentialError(f"{self.place.text} cannot be used: {first['refused']}{hint}")

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked from this process."""
        return self.owner == os.getpid() and self._end.alive and self.popen.poll() is None

    def ask(
        self, timeout: float, header: Mapping[str, Any], buffers: Sequence[Any] = ()
    ) -> tuple[dict[str, Any], Iterator[Any]]:
        """Return the answer to a question.

        Raises
        ------
        Lost
            If it dies, or does not answer within so many seconds, for which it is ended.
        Exception
            What was raised there, as the same exception where there is one of that name here.
        """
        with self.lock:
            try:
                until = time.monotonic() + timeout
                frames.write(self._to, header, buffers, until)
                answer, found = frames.read(self._from, until)
            except frames.Late as error:
                self.kill()
                raise Lost(f"the potential's process did not answer within {timeout:g} s and was ended") from error
            except (frames.Closed, ValueError) as error:
                raise Lost(f"the potential's process {self.fate()}{self._last()}") from error
            except BaseException:  # an interruption leaves half an answer in the channel
                self.kill()
                raise
        iterator = iter(found)
        if "predictions" not in answer and "error" in answer and header["do"] != "evaluate":
            told = raised(answer["error"], iterator)
            if isinstance(told, SystemExit):  # it would end this program with a status of its choice
                raise Lost(f"the potential ended the program: SystemExit({told})")
            raise told
        return answer, iterator

    def fate(self) -> str:
        """Return how it ended, in words; one that does not end by itself is ended."""
        try:
            status = self.popen.wait(ENDING)
        except subprocess.TimeoutExpired:
            self.kill()
            return "wrote something else into the channel, and was ended"
        if self._in_sandbox and status > 128:  # which is how a sandbox tells the signal that ended what it held
            status = 128 - status
        self._listener.join(1.0)
        if status >= 0:
            return f"ended itself, with exit status {status}"
        name = signal.Signals(-status).name
        memory = ", as happens when memory runs out" if -status == signal.SIGKILL else ""
        return f"was ended by {name} ({signal.strsignal(-status)}){memory}"

    @property
    def _in_sandbox(self) -> bool:
        return self.place.isolation is not None and self.place.isolation.kind == "sandbox"

    def _last(self) -> str:
        lines = b"".join(self._words)[-KEPT:].decode(errors="replace").splitlines()
        said = [line.strip() for line in lines if line.strip()]
        return f": {said[-1][:200]}" if said else ""

    def kill(self) -> None:
        """End it at once, with all that it has started."""
        kill_group(self.popen)
        self._end()

    def close(self) -> None:
        """Tell it that nothing more is asked, and wait a little for its end."""
        self._end()


def raised(error: Any, buffers: Iterator[Any]) -> BaseException:
    """Return the exception that was raised at the other end.

    One of gnnp_bench is the same here; another one has its name, and the nearest of Python's own classes as its base.
    """
    try:
        arguments = unpack(error["arguments"], buffers)
        name, text = re.sub(r"[^\w.]", "_", str(error["name"])), str(error["text"])
        known = [mine for own in error["own"] if (mine := _ours(str(own))) is not None]
        named = [getattr(builtins, str(base), None) for base in error["bases"]]
        bases = [known_as for one in named if (known_as := _exception(one)) is not None]
    except (KeyError, TypeError, ValueError, LookupError, StopIteration, RecursionError) as malformed:
        return Lost(f"the potential's process wrote something else into the channel: {malformed!r}")
    base: type[BaseException] = bases[0] if bases else Exception
    kind: type[BaseException] = known[0] if known else base if base.__name__ == name else _kind(name, base)
    try:
        return kind(*arguments)
    except Exception:  # it wants other arguments than it told
        return _kind(name, Exception)(text)


def _ours(text: str) -> type[BaseException] | None:
    """Return an exception of gnnp_bench by module and name, such as travel: nothing else is imported for a stranger."""
    module, _, name = text.partition(":")
    found = getattr(importlib.import_module(module), name, None) if module in sources()["sources"] else None
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _exception(found: Any) -> type[BaseException] | None:
    """Return a class of exceptions; None of any other of Python's names, for whoever says `exec` must not get it."""
    known = isinstance(found, type) and issubclass(found, Exception | SystemExit)
    return found if known else None


def _kind(name: str, base: type[BaseException]) -> type[BaseException]:
    return type(name, (base,), {"__module__": "elsewhere"})


def _number(stream: IO[bytes] | None) -> int:
    assert stream is not None
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def _widen(*descriptors: int) -> None:
    with contextlib.suppress(ImportError, AttributeError, OSError):
        fcntl = importlib.import_module("fcntl")
        for descriptor in descriptors:
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE)


def _listen(stream: IO[bytes], words: deque[bytes]) -> None:
    """Read what is printed there until its end, and keep the last of it: a pipe that is full stops who writes."""
    with contextlib.suppress(OSError, ValueError):
        while piece := os.read(stream.fileno(), KEPT):
            words.append(piece)


def kill_group(popen: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a group, and all that is in the group."""
    with contextlib.suppress(OSError):
        os.killpg(popen.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        popen.kill()


def _end(popen: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a copy of this object, in a process that was split off
        return
    with contextlib.suppress(OSError):
        if popen.stdin is not None:
            popen.stdin.close()
    try:
        popen.wait(ENDING)
    except subprocess.TimeoutExpired:
        kill_group(popen)
        popen.wait()
    with contextlib.suppress(OSError):
        os.killpg(popen.pid, signal.SIGKILL)  # what it has started and left behind
    for stream in (popen.stdout, popen.stderr):
        if stream is not None:
            stream.close()
