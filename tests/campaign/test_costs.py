"""The cost model: a law takes its time, and a potential is slower than another by a factor."""

from __future__ import annotations

import random

import pytest

from gnnp_bench.campaign.costs import learned


def test_durations_that_were_never_seen_follow_from_those_that_were() -> None:
    laws, potentials = {"a": 0.5, "b": 3.0, "c": 20.0}, {"x": 1.0, "y": 10.0, "z": 0.1}
    seen = [
        (law, of, t * factor) for law, t in laws.items() for of, factor in potentials.items() if (law, of) != ("c", "y")
    ]
    costs = learned(seen)
    assert costs.seconds("c", "y") == pytest.approx(200.0)
    assert costs.seconds("a", "new") == pytest.approx(0.5)
    assert costs.seconds("new", "y", unknown=2.0) == pytest.approx(20.0)


def test_one_task_that_was_far_off_changes_little() -> None:
    chance = random.Random(0)
    seen = [(str(i), str(j), (1 + i) * 2.0**j * chance.uniform(0.9, 1.1)) for i in range(8) for j in range(8)]
    without = [(law, of, 1e5 if law == of == "3" else t) for law, of, t in seen if (law, of) != ("3", "4")]
    assert learned(without).seconds("3", "4") == pytest.approx(4 * 16.0, rel=0.2)


def test_nothing_is_known_of_nothing() -> None:
    assert learned([]).seconds("a", "x", unknown=7.0) == pytest.approx(7.0)
