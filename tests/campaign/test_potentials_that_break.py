"""Whatever a potential does to its process costs the task alone, and is told."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import comparable, encode
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.parallel import run_in_processes
from gnnp_bench.engine.pool import draw_structures
from gnnp_bench.engine.settings import Settings
from gnnp_bench.one_thread import load_on_one_thread
from tests.campaign.leading import HAZARDS, asked, lead, written
from tests.engine.hazards import gold, segfault

OWN = "tests.campaign.potentials"
LAWS = '"symmetry/net-force", "periodicity/cell-choice"'


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (f"{HAZARDS}:segfault", "the process that evaluated the potential was ended by SIGSEGV"),
        (f"{HAZARDS}:exits", "the process that evaluated the potential ended itself, with exit status 3"),
        (f"{OWN}:raises", "RuntimeError: no convergence"),
        (f"{OWN}:Nan", ""),
    ],
)
def test_one_law_is_an_error_or_fails_and_the_other_holds(spec: str, said: str, tmp_path: Path) -> None:
    led = lead(written(tmp_path, asked(spec, laws=LAWS)), "processes:1")
    assert led.results["symmetry/net-force"][0] == "pass"
    status, reason = led.results["periodicity/cell-choice"]
    assert status in ("error", "fail")
    assert said in (reason or "")
    again = lead(tmp_path / "campaign.toml", "processes:1")
    assert again.counts["run"] == 1
    assert again.results == led.results


def test_what_hangs_is_stopped_and_tried_again_with_more_time_alone(tmp_path: Path) -> None:
    path = written(tmp_path, asked(f"{HAZARDS}:hangs", laws=LAWS, timeout=4))
    led = lead(path, "processes:1")
    status, reason = led.results["periodicity/cell-choice"]
    assert (status, reason) == ("error", "the task took longer than its limit of 4 s, so its process was stopped")
    assert led.results["symmetry/net-force"][0] == "pass"
    assert lead(path, "processes:1").counts["run"] == 1
    path.write_text(path.read_text().replace("timeout = 4", "timeout = 5"))
    longer = lead(path, "processes:1")
    assert longer.counts["run"] == 2
    assert "limit of 5 s" in (longer.results["periodicity/cell-choice"][1] or "")


def test_what_prints_a_lot_is_not_heard(tmp_path: Path) -> None:
    led = lead(written(tmp_path, asked(f"{OWN}:chatty", laws=LAWS)), "processes:1")
    assert [status for status, _ in led.results.values()] == ["pass", "pass"]


def test_what_takes_all_memory_is_an_error_where_it_is_limited(tmp_path: Path) -> None:
    led = lead(written(tmp_path, asked(f"{OWN}:greedy", laws=LAWS, memory_gb=2)), "processes:1")
    assert led.results["symmetry/net-force"][0] == "pass"
    assert "MemoryError" in (led.results["periodicity/cell-choice"][1] or "")


def test_one_that_cannot_be_loaded_costs_no_other(tmp_path: Path) -> None:
    path = written(tmp_path, asked(f"{HAZARDS}:dies_when_loaded", "tests.nowhere:thing", f"{OWN}:tiny"))
    led = lead(path, "processes:1")
    dead, missing, sound = led.views
    assert dead.certificate is None
    assert "ended itself, with exit status 7" in dead.said
    assert missing.certificate is None
    assert "there is no module 'tests.nowhere'" in missing.said
    assert sound.certificate is not None
    assert sound.certificate.checks[0].status == "pass"


def test_a_structure_of_the_pool_that_ends_a_process_is_left_out_as_certify_does(tmp_path: Path) -> None:
    seed = next(seed for seed in range(20) if _has_gold(seed))
    spec, laws = f"{HAZARDS}:dies_on_gold", ("symmetry/net-force", "robustness/noise-floor")
    led = lead(written(tmp_path, f"seeds = [{seed}]\n" + asked(spec, laws=", ".join(map(repr, laws)))), "processes:1")
    settings = Settings(spec=spec, species=("Cu", "Au"), budget="quick", only=laws, seed=seed)
    load = partial(load_on_one_thread, spec, settings.species)
    *_, last = run_in_processes(load, all_checks(), settings, jobs=1)
    assert led.views[0].certificate is not None
    assert encode(comparable(led.views[0].certificate)) == encode(comparable(last.certificate))
    assert "SIGSEGV" in (led.results["robustness/noise-floor"][1] or "")


def _has_gold(seed: int) -> bool:
    return any(map(gold, draw_structures(segfault().capabilities, 10, seed)))
