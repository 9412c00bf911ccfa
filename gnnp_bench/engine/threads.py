"""Calls in parallel threads, started together and switched as often as the interpreter can."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from gnnp_bench.check import InvalidPrediction

T = TypeVar("T")

TIMEOUT = 600.0
"""Seconds after which calls that came back alone in a fraction of it are taken to wait for each other."""
SWITCH_INTERVAL = 1e-6
"""Seconds. The interpreter's 5 ms hide most races between calls that take as long."""


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
        try:
            answers[place] = call()
        except Exception as error:
            errors[place] = error

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


@contextmanager
def _switching_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
