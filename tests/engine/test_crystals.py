"""What several laws need of crystals is found out once, with the pool, whoever does it, and told where it fails."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import comparable, encode
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.crystals import MOST, wanted_by
from gnnp_bench.engine.replay import replay
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities
from tests.analytic import smooth_pair
from tests.analytic.graph import DType
from tests.engine.hazards import Blind, refuses_crystals
from tests.engine.test_parallel import alone, by_id, together
from tests.mutants import plant

OF_CRYSTALS = ("physics/equation-of-state", "physics/elasticity", "physics/phonons")
HAZARDS = "tests.engine.hazards"


def test_crystals_do_not_depend_on_the_number_of_processes() -> None:
    spec = "tests.analytic:smooth_pair?dtype=float32"
    one = alone(spec, only=OF_CRYSTALS)
    assert [result.status for result in one.checks] == ["pass"] * 3
    assert encode(comparable(one)) == encode(comparable(together(spec, only=OF_CRYSTALS)))


def test_a_process_that_dies_once_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    died = tmp_path / "died"
    monkeypatch.setenv("DIED", str(died))
    first = together(f"{HAZARDS}:dies_once_on_crystals", only=OF_CRYSTALS)
    assert died.exists()
    then = together(f"{HAZARDS}:dies_once_on_crystals", jobs=1, only=OF_CRYSTALS)
    assert encode(comparable(first)) == encode(comparable(then))
    assert encode(comparable(then)) == encode(comparable(alone(f"{HAZARDS}:dies_once_on_crystals", only=OF_CRYSTALS)))


@pytest.mark.parametrize(
    ("deed", "reason"), [("dies_on_crystals", "SIGSEGV"), ("hangs_on_crystals", "longer than 3 s (--timeout)")]
)
def test_what_a_crystal_does_to_a_process_is_charged_to_the_crystal(deed: str, reason: str) -> None:
    jobs = 1 + (deed == "dies_on_crystals")
    certificate = together(f"{HAZARDS}:{deed}", jobs=jobs, timeout=3.0, only=(*OF_CRYSTALS, "symmetry/net-force"))
    results = by_id(certificate)
    assert results["symmetry/net-force"].status == "pass"
    for law in OF_CRYSTALS:
        assert results[law].status == "error"
        assert str(results[law].reason).startswith("Au:fcc: ")
        assert reason in str(results[law].reason)


def test_a_refusal_is_told_where_the_laws_are_told() -> None:
    *_, last = run(
        refuses_crystals(), all_checks(), Settings(spec="x", budget="quick", only=OF_CRYSTALS), reload=refuses_crystals
    )
    for result in last.certificate.checks:
        assert (result.status, result.cases) == ("pass", 1 if result.id == "physics/phonons" else result.cases)
        assert "refused: Au:fcc: Unsupported: no gold today" in str(result.reason)


def test_forces_that_are_not_finite_are_told_where_the_laws_are_told() -> None:
    *_, last = run(Blind(), all_checks(), Settings(spec="x", budget="quick", only=OF_CRYSTALS), reload=Blind)
    for result in last.certificate.checks:
        assert result.status == "error"
        assert str(result.reason).startswith("Au:fcc: forces has 3 values that are not finite")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_law_that_is_replayed_alone_finds_the_same_numbers(dtype: DType) -> None:
    from tests.checks.test_crystals import held

    make = partial(plant, "soft-optical", held(smooth_pair(species=("Ti",), dtype=dtype), "Ti:hcp"))
    *_, last = run(make(), all_checks(), Settings(spec="x", budget="quick", only=("physics/phonons",)), reload=make)
    (result,) = last.certificate.checks
    assert result.counterexample is not None
    again = replay(make(), all_checks(), last.certificate, "physics/phonons", reload=make)
    assert again.evaluations > 0
    assert (again.status, again.measured) == ("fail", result.counterexample.case["measured"])
    assert again.bound == result.counterexample.case["bound"]


def test_no_crystal_costs_anything_where_no_law_asks() -> None:
    checks = {check.id: check for check in all_checks()}
    metals = Capabilities(("Cu", "Au", "Al", "Ni"))
    assert wanted_by([checks["symmetry/rotation"]], metals, "quick", 0).crystals == ()
    wanted = wanted_by([checks[law] for law in OF_CRYSTALS], metals, "quick", 0)
    assert (len(wanted.crystals), wanted.studied, wanted.times) == (MOST["quick"], "waves", 2)
    other = wanted_by([checks["physics/equation-of-state"]], metals, "standard", 1)
    assert (len(other.crystals), other.studied) == (4, "noise")


def test_what_was_found_out_with_the_pool_is_not_asked_for_again() -> None:
    results = by_id(alone("tests.analytic:smooth_pair", only=OF_CRYSTALS))
    assert results["physics/phonons"].evaluations == 0
    assert results["physics/phonons"].cases == 2, "copper and gold, each once"
    assert results["physics/equation-of-state"].evaluations == 33 * results["physics/equation-of-state"].cases
