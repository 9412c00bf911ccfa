"""Workers prove that they would compute what was asked for, and anything with the interface of an executor will do."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gnnp_bench.campaign import den, executors
from gnnp_bench.campaign.asked import Campaign, Subject
from gnnp_bench.campaign.den import Den
from gnnp_bench.campaign.executors import ExecutorError, surroundings
from gnnp_bench.campaign.parts import Plan
from gnnp_bench.campaign.plain import decode_pool, encode_pool
from gnnp_bench.campaign.sources import law_version
from gnnp_bench.campaign.telling import CampaignError
from gnnp_bench.campaign.work import SubjectTold, Work
from gnnp_bench.campaign.worker import carry_out, forget
from gnnp_bench.checks.registry import all_checks
from tests.campaign.leading import PAIR, asked, lead, written
from tests.commands.processes import is_running, wait_until

SUBJECT = Subject(f"{PAIR}?dtype=float32", ("Cu", "Au"))
PLAN = Plan.of(
    Campaign(path=Path("x"), store=Path("x.db"), subjects=(SUBJECT,), budgets=("quick",), laws=("symmetry/net-force",)),
    all_checks(),
)


@pytest.fixture(scope="module")
def law() -> Iterator[Work]:
    told = msgspec.json.decode(carry_out(PLAN.subject(SUBJECT)).value, type=SubjectTold)
    (pool,) = PLAN.pools(SUBJECT, told.address)
    (work,) = PLAN.laws(pool, carry_out(pool).value)
    yield work
    forget()


def test_a_pool_is_the_same_at_the_other_end(law: Work) -> None:
    again = encode_pool(decode_pool(law.pool))
    assert again == law.pool
    assert len(decode_pool(law.pool).samples) == 10
    assert decode_pool(law.pool).single


def test_a_pool_that_was_changed_is_none(law: Work) -> None:
    with pytest.raises(ValueError, match="not a pool"):
        decode_pool(law.pool[:-3])


def test_a_worker_with_another_law_or_potential_computes_nothing(law: Work) -> None:
    assert carry_out(law).ending == "finished"
    for other in (replace(law, version="0" * 16), replace(law, subject="0" * 32), replace(law, name="symmetry/none")):
        outcome = carry_out(other)
        assert (outcome.ending, outcome.value) == ("differs", b"")
        assert outcome.said.startswith("a worker ")


def test_a_campaign_stops_when_a_worker_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, asked(PAIR))
    with monkeypatch.context() as patched:
        patched.setattr("gnnp_bench.campaign.worker.law_version", lambda check: "another")
        with pytest.raises(CampaignError, match=r"another version of the law .*nothing of it was kept"):
            lead(path)
    led = lead(path)
    assert led.counts == {"run": 2, "before": 1}


def test_the_address_of_a_task_holds_what_decides_and_nothing_else(law: Work) -> None:
    changed = [
        replace(law, seed=1),
        replace(law, budget="standard"),
        replace(law, profile="strict"),
        replace(law, name="symmetry/rotation"),
        replace(law, version="other"),
        replace(law, subject="other"),
    ]
    assert len({law.address, *(work.address for work in changed)}) == 7
    assert replace(law, limit_s=1.0, pool=b"", spec="elsewhere").address == law.address


def test_laws_have_versions_of_their_own() -> None:
    versions = {check.id: law_version(check) for check in all_checks()}
    assert len(set(versions.values())) == len(versions)
    check = next(check for check in all_checks() if check.id == "symmetry/rotation")
    assert law_version(replace(check, weight=check.weight + 1.0)) != versions[check.id]


def test_a_process_ends_with_who_started_it_and_takes_along_what_it_started(law: Work) -> None:
    home = Den()
    assert home.carry_out(law).ending == "finished"
    pid = home.pid
    assert pid is not None
    assert is_running(pid)
    home.close()
    wait_until(lambda: not is_running(pid))


def test_an_executor_of_your_own(tmp_path: Path) -> None:
    here = lead(written(tmp_path, asked(PAIR), "one.toml"))
    there = lead(written(tmp_path, asked(PAIR), "two.toml"), "tests.campaign.factories:threads")
    assert there.results == here.results
    den.close_all()


def test_what_is_no_executor_is_said_in_one_line() -> None:
    with pytest.raises(ExecutorError, match="has no method submit"):
        executors.workers("tests.campaign.factories:nothing")
    with pytest.raises(ExecutorError, match="there is no module"):
        executors.workers("tests.nowhere:thing")


def test_each_worker_sees_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [surroundings(n, 2, None).variables["CUDA_VISIBLE_DEVICES"] for n in range(4)] == ["0", "1", "0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    assert [surroundings(n, 2, None).variables["CUDA_VISIBLE_DEVICES"] for n in range(2)] == ["4", "7"]
    assert surroundings(0, 0, None).variables == {}


def test_a_thread_that_ends_leaves_no_process_and_no_open_pipe() -> None:
    begun: list[tuple[int, int]] = []

    def work() -> None:
        den.isolated(Work(kind="subject", spec=PAIR, species=("Cu", "Au")))
        mine = den._here.den
        begun.append((mine.pid, mine._lifeline))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    gc.collect()
    ((pid, lifeline),) = begun
    assert not is_running(pid)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(lifeline)
