"""Calls at once are at once, and one that never comes back does not stop the program."""

from __future__ import annotations

import sys
import threading
from functools import partial

import pytest

from gnnp_bench.check import InvalidPrediction
from gnnp_bench.engine.threads import at_once


def test_all_calls_run_at_the_same_time_and_answer_in_order() -> None:
    everyone = threading.Barrier(3, timeout=10.0)  # breaks unless all are inside at once

    def call(place: int) -> int:
        everyone.wait()
        return 10 * place

    assert at_once([partial(call, place) for place in range(3)]) == [0, 10, 20]


def test_the_first_exception_in_order_is_raised() -> None:
    def call(place: int) -> int:
        if place:
            raise ValueError(f"call {place}")
        return 0

    with pytest.raises(ValueError, match="call 1"):
        at_once([partial(call, place) for place in range(3)])


def test_calls_that_wait_for_each_other_are_told_of() -> None:
    with pytest.raises(InvalidPrediction, match=r"2 calls at once, each in its thread, were not back within 0\.2 s"):
        at_once([bool, threading.Event().wait], timeout=0.2)


def test_the_interpreter_switches_as_before_afterwards() -> None:
    before = sys.getswitchinterval()
    at_once([sys.getswitchinterval])
    assert sys.getswitchinterval() == before
