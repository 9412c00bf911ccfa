"""A worker stays with the potential that it holds, until another has much more left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gnnp_bench.campaign.asked import Campaign, Subject
from gnnp_bench.campaign.kept import Ledger, row_of
from gnnp_bench.campaign.measures import Measure
from gnnp_bench.campaign.parts import Part, Plan
from gnnp_bench.campaign.turns import Seat, Turns
from gnnp_bench.campaign.work import Outcome, SubjectTold, Work
from gnnp_bench.checks.registry import all_checks

LAWS = ("symmetry/net-force", "symmetry/translation", "periodicity/cell-choice")
SPECS = ("a", "b", "c")


def turns_of(seconds: dict[str, float], **more: object) -> Turns:
    """Return the turns of potentials whose tasks took so long with seed 0, so that they are known of seed 1."""
    asked = Campaign(
        path=Path("x"),
        store=Path("x.db"),
        subjects=tuple(Subject(spec) for spec in SPECS),
        budgets=("quick",),
        seeds=(0,),
        laws=LAWS,
        **more,  # type: ignore[arg-type]
    )
    before, ledger = Plan.of(asked, all_checks()), Ledger()
    for subject in asked.subjects:
        if subject.spec in seconds:
            told = SubjectTold(address=subject.spec, record={}, capabilities="")
            outcome = Outcome(ending="finished", value=msgspec.json.encode(told))
            ledger.note(row_of(before.subject(subject), outcome))
            (pool,) = before.pools(subject, subject.spec)
            for place, work in enumerate((pool, *before.laws(pool))):
                took = seconds[subject.spec] * (1 + place)
                ledger.note(row_of(work, Outcome(ending="finished", value=b"{}", elapsed_s=took)))
    return Turns(Plan.of(replace(asked, seeds=(1,)), all_checks()), ledger)


def opened(turns: Turns, seat: Seat) -> str:
    """Let a worker open a potential, and make its laws ready; return which."""
    task = turns.take(seat)
    assert task is not None
    work = task[0]
    assert work.kind == "subject"
    (pool,) = turns.plan.pools(Subject(work.spec), work.spec)
    for law in turns.plan.laws(pool):
        turns.push(law, Part(pool))
    return work.spec


def taken(turns: Turns, seat: Seat) -> Work:
    task = turns.take(seat)
    assert task is not None
    return task[0]


def test_what_is_known_to_take_longest_is_opened_first_and_what_is_not_known_before_it() -> None:
    turns = turns_of({"a": 1.0, "c": 2.0})
    assert [opened(turns, Seat()) for _ in SPECS] == ["b", "c", "a"]


def test_what_is_measured_beside_the_laws_counts_among_what_is_expected() -> None:
    again = Measure(kind="properties", asked="{}", files=(), name="properties")
    turns = turns_of({"a": 1.0, "b": 1.1, "c": 1.2}, measures=(again,))
    for spec, seconds in {"a": 100.0, "b": 1.0, "c": 1.0}.items():
        (work,) = turns.plan.measures(Subject(spec), spec)
        earlier = replace(work, asked='{"fmax": 1}')  # other keys, so it is to be done again
        turns.ledger.note(row_of(earlier, Outcome(ending="finished", value=b"{}", elapsed_s=seconds)))
    assert opened(Turns(turns.plan, turns.ledger), Seat()) == "a"


def test_a_worker_stays_with_what_it_holds_the_longest_first() -> None:
    turns, here, there = turns_of({"a": 1.0, "b": 1.1, "c": 1.2}), Seat(), Seat()
    assert [opened(turns, here), opened(turns, there)] == ["c", "b"]
    here.held.insert(0, Subject("x"))
    works = [taken(turns, here) for _ in range(2)]
    assert [work.spec for work in works] == ["c"] * 2
    assert turns.seconds(works[0]) > turns.seconds(works[1])
    assert opened(turns, there) == "a"
    assert [taken(turns, there).spec for _ in range(2)] == ["a"] * 2  # it used that last, and holds b as well


def test_every_task_comes_once() -> None:
    turns, here, there = turns_of({"a": 1.0, "b": 1.1, "c": 1.2}), Seat(), Seat()
    for seat in (here, there, here):
        opened(turns, seat)
    works = [taken(turns, seat) for _ in range(4) for seat in (here, there)] + [taken(turns, here)]
    assert len({work.address for work in works}) == 9
    assert turns.take(here) is turns.take(there) is None


def test_a_worker_that_has_nothing_left_turns_to_where_most_is_left_for_each() -> None:
    turns, first, second, idle = turns_of({"a": 1.0, "b": 1.5, "c": 1.6}), Seat(), Seat(), Seat()
    assert [opened(turns, first), opened(turns, second), opened(turns, first)] == ["c", "b", "a"]
    idle.held.extend([Subject("x"), Subject("y")])
    assert taken(turns, idle).spec == "c"  # nobody is at it: the first worker went on to a
    assert taken(turns, Seat([Subject("x"), Subject("y")])).spec == "b"


def test_a_worker_leaves_for_another_only_if_that_needs_much_longer() -> None:
    turns, first, second = turns_of({"a": 1.0, "b": 1.9, "c": 5.0}), Seat(), Seat()
    assert [opened(turns, first), opened(turns, second)] == ["c", "b"]
    second.held.insert(0, Subject("x"))
    assert taken(turns, second).spec == "b"  # 5 for two would be less than twice 1.9
    third = Seat([Subject("x")])
    assert opened(turns, third) == "a"
    assert taken(turns, third).spec == "c"


def test_what_a_lost_worker_held_is_forgotten() -> None:
    turns, seat = turns_of({"a": 1.0, "b": 1.0, "c": 1.0}), Seat()
    opened(turns, seat)
    turns.leave(seat)
    assert not seat.held
    assert opened(turns, seat)


@pytest.mark.parametrize("limit", [None, 60.0])
def test_where_time_is_limited_the_shortest_come_first(limit: float | None) -> None:
    turns, seat = turns_of({"a": 1.0, "b": 1.0, "c": 1.0}, model_timeout=limit), Seat()
    opened(turns, seat)
    opened(turns, seat)
    order = [check.id for check in turns.plan.chosen]
    assert taken(turns, seat).name == (order[-1] if limit is None else order[0])


def test_tasks_that_are_dropped_do_not_come() -> None:
    turns, seat, part = turns_of({"a": 1.0}), Seat(), Part(Work(kind="pool", spec="b"))
    turns.push(Work(kind="law", spec="b", name=LAWS[0]), part)
    turns.push(Work(kind="law", spec="c", name=LAWS[0]), Part(Work(kind="pool", spec="c")))
    turns.drop(part)
    seat.held.extend([Subject("x"), Subject("b")])
    found = []
    while (task := turns.take(seat)) is not None:
        found.append((task[0].kind, task[0].spec))
    assert sorted(found) == [("law", "c"), ("subject", "a"), ("subject", "b"), ("subject", "c")]


def test_what_is_timed_comes_last_and_alone() -> None:
    turns, seat, part = turns_of({"a": 1.0, "b": 1.0, "c": 1.0}), Seat(), Part(Work(kind="bench", spec="a"))
    turns.push(part.pool, part)
    for spec in SPECS:
        turns.push(Work(kind="law", spec=spec, name=LAWS[0]), Part(Work(kind="pool", spec=spec)))
    before = [taken(turns, seat).kind for _ in range(6)]
    assert sorted(before) == ["law"] * 3 + ["subject"] * 3
    assert turns.take(seat, alone=False) is None
    assert turns.take(seat) == (part.pool, part)
    assert turns.take(seat) is None
