"""What processes report becomes a judgement: counters, errors, results, and what is missing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gnnp_bench.perf.gate_judge import Runs, exit_status, judged

TIMES = (1.0, 1.001, 0.999, 1.0, 1.002, 1.0)


def process(cpu: float = 1.0, **told: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"results": {}, "counters": {}, "errors": {}}
    return {"cpu_s": cpu, "wall_s": cpu, "peak_bytes": 100_000_000, **empty, **told}


def runs(base: dict[str, Any], head: dict[str, Any], slower: float = 1.0) -> Runs:
    return Runs(tuple(process(time) | base for time in TIMES), tuple(process(slower * time) | head for time in TIMES))


def one(base: dict[str, Any], head: dict[str, Any], *, slower: float = 1.0, accepted: tuple[str, ...] = ()):
    (found,) = judged({"b": runs(base, head, slower)}, accepted)
    return found


def test_nothing_changed():
    found = one({"counters": {"edges": 10.0}}, {"counters": {"edges": 10.0}})
    assert (found.status, found.worse, found.changes) == ("same", (), ())
    assert exit_status([found]) == 0


def test_a_counter_that_grows_by_one_is_worse():
    found = one({"counters": {"edges": 10.0}}, {"counters": {"edges": 11.0}})
    assert (found.status, found.worse) == ("worse", ("counters/edges",))
    assert exit_status([found]) == 1
    better = one({"counters": {"edges": 10.0}}, {"counters": {"edges": 9.0}})
    assert better.worse == ()
    assert [change.name for change in better.changes] == ["edges"]


def test_a_counter_with_noise_is_no_counter():
    unsteady = Runs(
        tuple(process(time, counters={"calls": float(k)}) for k, time in enumerate(TIMES)),
        tuple(process(time, counters={"calls": float(k + 9)}) for k, time in enumerate(TIMES)),
    )
    (found,) = judged({"b": unsteady})
    assert (found.status, found.unsteady, found.worse) == ("inconclusive", ("calls",), ())
    assert exit_status([found]) == 3


@pytest.mark.parametrize(
    ("old", "new", "worse"),
    [(1e-3, 1.2e-3, True), (1e-3, 1.005e-3, False), (1e-3, 0.5e-3, False), (0.0, 1e-9, True), (1.0, math.nan, True)],
)
def test_an_error_that_grows_is_worse_accuracy(old, new, worse):
    found = one({"errors": {"forces": old}}, {"errors": {"forces": new}})
    assert (found.status == "worse") is worse
    assert ("errors/forces" in found.worse) is worse


def test_other_results_are_told_and_do_not_fail():
    found = one({"results": {"energy": [1.0, 2.0]}}, {"results": {"energy": [1.0, 2.5]}})
    assert (found.status, found.worse) == ("same", ())
    (change,) = found.changes
    assert (change.kind, change.name, change.head, change.scale) == ("results", "energy", 0.5, 2.5)
    assert one({"results": {"energy": [1.0]}}, {"results": {"energy": [1.0, 2.0]}}).changes[0].head == math.inf
    assert one({"results": {"energy": [math.nan]}}, {"results": {"energy": [math.nan]}}).changes == ()


def test_results_that_differ_from_process_to_process_must_differ_by_more():
    scattered = Runs(
        tuple(process(time, results={"e": [1.0 + 1e-6 * k]}) for k, time in enumerate(TIMES)),
        tuple(process(time, results={"e": [1.0 + 2e-6 * k]}) for k, time in enumerate(TIMES)),
    )
    (found,) = judged({"b": scattered})
    assert found.changes == ()


def test_what_looks_slower_must_look_so_again():
    found = one({}, {}, slower=1.2)
    assert found.noisy_worse == ("time",)
    assert found.worse == ()
    assert found.confirmed(one({}, {}, slower=1.2)).worse == ("time",)
    assert found.confirmed(one({}, {}, slower=1.0)).worse == ()
    assert found.confirmed(None) is found
    assert exit_status([found.confirmed(one({}, {}, slower=1.2))]) == 1


def test_memory_is_judged_like_time():
    found = one({}, {"peak_bytes": 120_000_000})
    assert found.noisy_worse == ("memory",)
    assert one({}, {"peak_bytes": 104_000_000}).noisy_worse == ()
    assert "memory" not in one({"peak_bytes": None}, {"peak_bytes": None}).comparisons


def test_faster_is_better():
    assert one({}, {}, slower=0.8).status == "better"


def test_what_is_accepted_is_not_worse():
    found = one({"counters": {"edges": 1.0}}, {"counters": {"edges": 2.0}}, accepted=("b/counters/*",))
    assert (found.status, found.worse, found.all_worse) == ("same", (), ("counters/edges",))


@pytest.mark.parametrize(
    ("base", "head", "status", "exit_with"),
    [
        ({}, {"failed": "ValueError: x"}, "broken", 2),
        ({}, {"absent": "gone"}, "broken", 2),
        ({"absent": "no"}, {"absent": "no"}, "absent", 2),
        ({"failed": "ImportError: y"}, {}, "new", 2),
        ({"absent": "not yet"}, {}, "new", 2),
    ],
)
def test_what_one_of_them_does_not_do(base, head, status, exit_with):
    found = judged({"b": Runs((base or process(),) * 4, (head or process(),) * 4)})
    assert found[0].status == status
    assert found[0].reason
    assert exit_status(found) == exit_with
    together = judged({"b": Runs((base or process(),) * 4, (head or process(),) * 4), "sound": runs({}, {})})
    assert exit_status(together) == (0 if status == "new" else 2)


def test_what_breaks_in_the_second_round_was_not_measured():
    first = one({}, {}, slower=1.3)
    assert first.noisy_worse == ("time",)
    (second,) = judged({"b": Runs((process(),) * 4, ({"failed": "ValueError: x"},) * 4)})
    found = first.confirmed(second)
    assert (found.status, found.reason) == ("broken", "measured once more, on the head: ValueError: x")
    assert exit_status([found]) == 2
    grown = one({"counters": {"edges": 1.0}}, {"counters": {"edges": 2.0}}, slower=1.3).confirmed(second)
    assert (grown.status, grown.worse) == ("worse", ("counters/edges",))
