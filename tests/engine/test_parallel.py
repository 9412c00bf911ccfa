"""A run on several processes: the same certificate, and a process that dies or hangs costs its check alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gnnp_bench.certificate.io import comparable, encode
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.parallel import run_in_processes
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.one_thread import load_on_one_thread
from gnnp_bench.potential import PotentialError
from tests.commands.processes import is_running, wait_until

EMT = "ase:ase.calculators.emt:EMT"
SPECIES = ("Cu", "Au")
TWO = ("periodicity/cell-choice", "symmetry/net-force")


def alone(spec: str, **settings: Any) -> Certificate:
    loaded = load_on_one_thread(spec, SPECIES)
    *_, last = run(loaded.potential, all_checks(), asked(spec, **settings), reload=loaded.reload)
    return last.certificate


def together(spec: str, jobs: int = 2, timeout: float = 60.0, **settings: Any) -> Certificate:
    *_, last = steps(spec, jobs, timeout, **settings)
    return last.certificate


def steps(spec: str, jobs: int = 2, timeout: float = 60.0, **settings: Any) -> Any:
    load = partial(load_on_one_thread, spec, SPECIES)
    return run_in_processes(load, all_checks(), asked(spec, **settings), jobs=jobs, timeout=timeout)


def asked(spec: str, **settings: Any) -> Settings:
    return Settings(**{"spec": spec, "budget": "quick", **settings})


def by_id(certificate: Certificate) -> dict[str, CheckResult]:
    return {result.id: result for result in certificate.checks}


@pytest.mark.parametrize(
    ("spec", "jobs", "only"),
    [("tests.analytic:smooth_pair?dtype=float32", 2, ()), (EMT, 3, ("symmetry/*", "conservation/path-work"))],
)
def test_the_certificate_does_not_depend_on_the_number_of_processes(
    spec: str, jobs: int, only: tuple[str, ...]
) -> None:
    first = encode(comparable(together(spec, jobs, only=only)))
    assert first == encode(comparable(alone(spec, only=only)))


def test_other_devices_are_reached_from_other_processes() -> None:
    only = ("robustness/device-parity",)
    found = by_id(together("tests.engine.hazards:on_two_devices", only=only))
    assert found["robustness/device-parity"].status == "pass", found["robustness/device-parity"].reason
    assert encode(comparable(together("tests.engine.hazards:on_two_devices", only=only))) == encode(
        comparable(alone("tests.engine.hazards:on_two_devices", only=only))
    )


def test_the_certificate_of_a_float32_network_does_not_depend_on_the_number_of_processes() -> None:
    only = ("symmetry/rotation", "symmetry/net-force")
    load = partial(load_on_one_thread, "chgnet", None)
    settings = Settings(spec="chgnet", budget="quick", only=only)
    *_, last = run_in_processes(load, all_checks(), settings, jobs=2)
    loaded = load()
    *_, expected = run(loaded.potential, all_checks(), settings, reload=loaded.reload)
    assert encode(comparable(last.certificate)) == encode(comparable(expected.certificate))
    assert last.certificate.noise.forces is not None


def test_steps_come_as_checks_finish_and_certificates_keep_the_order_of_the_registry() -> None:
    ids = [check.id for check in all_checks()]
    taken = list(steps(EMT, only=("symmetry/*", "robustness/precision")))
    assert [step.done for step in taken] == list(range(len(taken)))
    assert taken[1].result is not None
    assert taken[1].result.id == "robustness/precision"  # the longest begins first, with a short one beside it
    for step in taken:
        assert [r.id for r in step.certificate.checks] == [i for i in ids if i in by_id(step.certificate)]
        assert step.certificate.complete == (step is taken[-1])
    assert taken[0].certificate.evaluations < taken[-1].certificate.evaluations
    assert taken[-1].certificate.potential_s > 0.0


def test_each_process_computes_on_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "threads"
    monkeypatch.setenv("THREADS", str(record))
    assert together("tests.engine.hazards:wants_threads", only=TWO).complete
    seen = {tuple(line.split()) for line in record.read_text().splitlines()}
    assert {threads for _, threads in seen} == {"1"}


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("segfault", "the process that evaluated the potential was ended by SIGSEGV (Segmentation fault)"),
        ("killed", "was ended by SIGKILL (Killed), as happens when memory runs out"),
        ("exits", "the process that evaluated the potential ended itself, with exit status 3"),
        ("leaves", "the potential ended the program, with exit status 0"),
        ("hangs", "an evaluation took longer than 5 s (--timeout), so its process was stopped"),
    ],
)
def test_what_ends_a_process_costs_its_check_alone(deed: str, reason: str) -> None:
    certificate = together(f"tests.engine.hazards:{deed}", jobs=1, timeout=5.0, only=TWO)
    results = by_id(certificate)
    assert results["periodicity/cell-choice"].status == "error"
    assert reason in str(results["periodicity/cell-choice"].reason)
    assert results["symmetry/net-force"].status == "pass"
    assert (certificate.verdict, certificate.complete) == ("partial", True)


def test_one_process_goes_on_after_its_replacement() -> None:
    results = by_id(together("tests.engine.hazards:segfault", jobs=1, only=(*TWO, "symmetry/translation")))
    assert {i: r.status for i, r in results.items()} == {
        "symmetry/translation": "pass",
        "symmetry/net-force": "pass",
        "periodicity/cell-choice": "error",
    }


def test_structures_of_the_pool_that_end_a_process_bar_the_certificate_and_the_others_are_judged() -> None:
    seed = next(seed for seed in range(20) if _has_gold(seed))
    certificate = together(
        "tests.engine.hazards:dies_on_gold", only=("symmetry/net-force", "robustness/noise-floor"), seed=seed
    )
    results = by_id(certificate)
    assert results["symmetry/net-force"].status == "pass"
    assert results["robustness/noise-floor"].status == "error"
    assert "SIGSEGV" in str(results["robustness/noise-floor"].reason)


def _has_gold(seed: int) -> bool:
    from gnnp_bench.engine.pool import draw_structures
    from tests.engine.hazards import gold, segfault

    return any(map(gold, draw_structures(segfault().capabilities, 8, seed)))


def test_a_potential_that_ends_the_program_is_told_of_in_one_process_too() -> None:
    results = by_id(alone("tests.engine.hazards:leaves", only=TWO))
    reason = str(results["periodicity/cell-choice"].reason)
    assert reason.startswith("the potential ended the program, with exit status 0")
    assert results["symmetry/net-force"].status == "pass"
    seed = next(seed for seed in range(20) if _has_gold(seed))
    only = ("symmetry/net-force", "robustness/noise-floor")
    results = by_id(alone("tests.engine.hazards:leaves_on_gold", only=only, seed=seed))
    assert results["symmetry/net-force"].status == "pass"
    assert "the potential ended the program, with exit status 0" in str(results["robustness/noise-floor"].reason)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tests.engine.hazards:absent", "has no attribute 'absent'"),
        (
            "tests.engine.hazards:dies_when_loaded",
            "the process that loaded the potential ended itself, with exit status 7 (in one of 2 processes",
        ),
    ],
)
def test_a_potential_that_cannot_be_loaded_is_one_line(spec: str, message: str) -> None:
    with pytest.raises(PotentialError) as caught:
        together(spec)
    assert message in str(caught.value)


def test_what_cannot_be_loaded_again_costs_what_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADED", str(tmp_path / "loaded"))
    results = by_id(together("tests.engine.hazards:loads_once", jobs=1, only=("periodicity/*", "symmetry/net-force")))
    assert sum("SIGSEGV" in str(result.reason) for result in results.values()) == 1
    left = [str(r.reason) for r in results.values() if "no process was left" in str(r.reason)]
    assert left
    assert all("FileExistsError" in reason for reason in left)


@pytest.mark.parametrize("stop", [lambda running: list(running), lambda running: next(running)])
def test_no_process_is_left_behind_nor_what_it_has_started(
    stop: Callable[[Any], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("PIDS", str(pids))
    with closing(steps("tests.engine.hazards:with_company", only=TWO)) as running:
        stop(running)
    started = [int(pid) for line in pids.read_text().splitlines() for pid in line.split()]
    assert len(started) >= 4
    wait_until(lambda: not any(map(is_running, started)))
