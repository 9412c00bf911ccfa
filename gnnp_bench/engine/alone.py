"""Processes beside this one: how one is started, what it does before all else, and how it is ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import connection as channels
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from types import FrameType, ModuleType
from typing import Any

from gnnp_bench.certificate.provenance import THREAD_VARIABLES
from gnnp_bench.engine.processes import fate


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let processes that start here compute on one thread, which they learn before they load anything."""
    unset = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


@contextlib.contextmanager
def main_left_out() -> Iterator[None]:
    """Keep a process that starts here from running the user's program once more, which would start processes again.

    A program without the guard of ``__name__`` would. What is sent there is of modules, or told in full.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def signals_held_back() -> Iterator[None]:
    """Keep Ctrl-C from a process that starts here until it can deal with it, and from us until we know of it."""
    if os.name != "posix":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def started(
    target: Callable[..., None], arguments: tuple[Any, ...]
) -> Iterator[tuple[SpawnProcess, channels.Connection]]:
    """Start a process, and yield it with our end of the channel whose other end it is given before `arguments`.

    Signals are held back until the block ends: in it, whoever leads notes the process.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=target, args=(there, *arguments), name="gnnp-bench worker", daemon=False)
    with one_thread(), signals_held_back(), main_left_out():
        process.start()
        yield process, here
    there.close()  # or the end of the process would not be heard


def dismiss(process: SpawnProcess, channel: channels.Connection, patience: float = 0.0) -> int | None:
    """End a process; return how it had ended by itself within `patience` seconds, if it had."""
    process.join(patience)
    exitcode = process.exitcode
    kill(process)
    process.join()
    channel.close()
    return exitcode


def ended(exitcode: int | None) -> str:
    """Return in words how a process ended by itself, or that it did not."""
    return "fell silent" if exitcode is None else fate(exitcode)


def kill(process: SpawnProcess) -> None:
    """Kill a process and all that it has started."""
    if os.name == "posix" and process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def stand_alone() -> None:
    """Leave Ctrl-C and SIGTERM to the process that leads, and standard output to its report."""
    leave_signals()
    if os.name == "posix":
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    sys.stdout = sys.stderr


def leave_signals() -> None:
    """Leave Ctrl-C and SIGTERM to the process that leads."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not SIG_IGN, which the programs that a potential starts would inherit.
        signal.signal(number, _go_on)


def _go_on(number: int, frame: FrameType | None) -> None:
    """Do nothing: a handler that is a function is not inherited by other programs."""


def end_with(leader: BaseProcess | None) -> None:
    """End this process, and all that it has started, when the one that leads is gone: nobody else would."""

    def follow(sentinel: int) -> None:
        channels.wait([sentinel])
        if os.name == "posix":
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    if leader is not None:
        threading.Thread(target=follow, args=(leader.sentinel,), daemon=True).start()
