"""A failure that depends on what was asked before carries it along, and comes back in a new process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from gnnp_bench.certificate.io import comparable, decode, encode
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.history import agree, shortened
from gnnp_bench.engine.parallel import run_in_processes
from gnnp_bench.engine.run import judge, prepare, run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.engine.trials import Trials
from gnnp_bench.potential import Potential
from tests.analytic import smooth_pair
from tests.engine.hazards import anything, exits
from tests.engine.remembering import (
    SEEN,
    SPECIES,
    WARM,
    drifting,
    fixed_in_the_instance,
    fixed_in_the_module,
)
from tests.mutants import plant

DETERMINISM, PROCESSES, NET_FORCE = "robustness/determinism", "robustness/processes", "symmetry/net-force"


@dataclass(frozen=True)
class Source:
    potential: Potential
    reload: Callable[[], Potential]


@dataclass(frozen=True)
class Loading:
    make: Callable[[], Potential]

    def __call__(self) -> Source:
        return Source(self.make(), self.make)


def certify(make: Callable[[], Potential], only: str, *, jobs: int = 1, seed: int = 0) -> Certificate:
    SEEN.clear()
    settings = Settings(spec="test", budget="quick", only=(only,), seed=seed)
    if jobs == 1:
        *_, last = run(make(), all_checks(), settings, reload=make)
    else:
        *_, last = run_in_processes(Loading(make), all_checks(), settings, jobs=jobs)
    return decode(encode(last.certificate))


def result_of(certificate: Certificate) -> CheckResult:
    (result,) = certificate.checks
    return result


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("make", "only", "longest"),
    [
        (fixed_in_the_instance, DETERMINISM, 1),
        (fixed_in_the_module, PROCESSES, 1),
        (drifting, NET_FORCE, WARM),
    ],
)
def test_the_shortest_history_is_kept_and_the_failure_comes_back_with_it(make, only, longest, jobs) -> None:
    result = result_of(certify(make, only, jobs=jobs))
    assert result.status == "fail"
    found = result.counterexample
    assert found is not None
    assert 1 <= len(found.history) <= longest
    assert "depends on what was asked before" in (result.reason or "")
    check = next(check for check in all_checks() if check.id == only)
    trials = Trials(make, split=True)
    try:
        again = trials.measure(check, found, "default")
        assert again is not None
        assert (again.status, agree(found, again)) == ("fail", True)
        for left_out in range(len(found.history)):
            shorter = found.history[:left_out] + found.history[left_out + 1 :]
            milder = trials.measure(check, replace(found, history=shorter), "default")
            assert milder is not None
            assert milder.status != "fail"
    finally:
        trials.close()


def test_what_needs_no_history_gets_none_and_the_same_from_any_number_of_processes() -> None:
    one, two = (certify(shifted, "symmetry/rotation", jobs=jobs) for jobs in (1, 2))
    assert comparable(one) == comparable(two)
    found = result_of(one).counterexample
    assert found is not None
    assert found.history == ()
    assert "before" not in (result_of(one).reason or "")


def shifted() -> Potential:
    return plant("direction-dependent", smooth_pair(species=SPECIES))


def test_a_sound_potential_costs_no_process() -> None:
    evaluator = Evaluator(smooth_pair(species=SPECIES), smooth_pair)
    settings = Settings(spec="test", budget="quick")
    prepared = prepare(evaluator, settings)
    check = next(check for check in all_checks() if check.id == "symmetry/rotation")
    assert judge(check, prepared.pool, evaluator, settings).result.status == "pass"
    assert evaluator._trials is None
    assert evaluator.mistakes is None


@pytest.mark.parametrize("needed", [(0,), (9,), (3, 7), (0, 4, 8), tuple(range(10))])
def test_delta_debugging_leaves_what_is_needed(needed: tuple[int, ...]) -> None:
    whole: Any = tuple({"numbers": [k]} for k in range(10))
    tried = 0

    def fails(some: Any) -> bool:
        nonlocal tried
        tried += 1
        return {one["numbers"][0] for one in some} >= set(needed)

    assert [one["numbers"][0] for one in shortened(whole, fails)] == list(needed)
    assert tried <= 110


def test_a_process_that_dies_or_hangs_costs_the_trial_alone() -> None:
    result = result_of(certify(shifted, "symmetry/rotation"))
    check = next(check for check in all_checks() if check.id == "symmetry/rotation")
    assert result.counterexample is not None

    def deadly() -> Potential:
        hazard = exits()
        hazard.when = anything
        return hazard

    trials = Trials(deadly, split=True, patience=60.0)
    assert trials.measure(check, result.counterexample, "default") is None
    trials.close()


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="the system does not list them")
def test_what_a_potential_starts_in_a_trial_ends_with_it(tmp_path) -> None:
    result = result_of(certify(shifted, "symmetry/rotation"))
    check = next(check for check in all_checks() if check.id == "symmetry/rotation")
    assert result.counterexample is not None
    started = tmp_path / "started"

    def forking() -> Potential:
        potential = exits()
        potential.when = partial(forks, str(started))
        return potential

    trials = Trials(forking, split=True)
    assert trials.measure(check, result.counterexample, "default") is not None
    trials.close()
    pid = int(started.read_text())
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a process was left behind")


def forks(note: str, *_: object) -> bool:
    """Start a process once, and say that nothing is the matter."""
    if not os.path.exists(note):
        child = os.fork()
        if child == 0:
            time.sleep(30.0)
            os._exit(0)
        with open(note, "w") as file:
            file.write(str(child))
    return False
