"""Calls in parallel threads that start together and make room for each other, so that they do meet."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from gnnp_bench.check import InvalidPrediction

T = TypeVar("T")

TIMEOUT = 600.0
"""Seconds after which calls that came back alone in a fraction of it are taken to wait for each other."""
SWITCH_INTERVAL = 1e-6
"""Seconds. The interpreter's 5 ms hide most races between calls that take as long."""
PAUSE = 1e-3
"""Seconds. On a busy machine a call of some milliseconds is over before another thread gets a processor."""


def at_once(calls: Sequence[Callable[[], T]], timeout: float = TIMEOUT) -> list[T]:
    """Return what each call returns, every one in a thread of its own.

    Raises
    ------
    InvalidPrediction
        If one is not back in time. Otherwise the first exception, in order, that a call raised.
    """
    answers: dict[int, T] = {}
    errors: dict[int, Exception] = {}
    start = threading.Barrier(len(calls))

    def work(place: int, call: Callable[[], T]) -> None:
        start.wait()
        sys.setprofile(_pausing())
        try:
            answers[place] = call()
        except Exception as error:
            errors[place] = error
        finally:
            sys.setprofile(None)

    # Daemons, so that a thread that never comes back does not keep the program from ending.
    threads = [threading.Thread(target=work, args=item, daemon=True) for item in enumerate(calls)]
    with _switching_often():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout)
    if any(thread.is_alive() for thread in threads):
        raise InvalidPrediction(f"{len(calls)} calls at once, each in its thread, were not back within {timeout:g} s")
    if errors:
        raise errors[min(errors)]
    return [answers[place] for place in range(len(calls))]


def _pausing() -> Callable[[FrameType, str, Any], None]:
    """Return a profile function that pauses at the 1st, 2nd, 4th, 8th, … call or return that it sees."""
    seen = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal seen
        seen += 1
        if seen & (seen - 1) == 0:
            time.sleep(PAUSE)

    return profile


@contextmanager
def _switching_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
