"""What potentials in use get (docs/findings.md). A new failure or a vanished one is news, and must be looked at."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from gnnp_bench.adapters.registry import Loaded, load
from gnnp_bench.certificate.io import read
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.replay import replay
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings

COMMITTED = Path(__file__).parent.parent / "docs" / "findings" / "chgnet-0.3.0.json"
FAILED_AT_STANDARD = {"periodicity/cell-choice"}
FAILED_AT_QUICK = {"periodicity/cell-choice"}
ANSWERS_NONSENSE = {"robustness/refusals"}
ROUGH = {
    f"conservation/{name}" for name in ("force-gradient", "path-work", "closed-loop", "closed-loop-cell", "jacobian")
}
"""The cone of the energy where three atoms stand in line: whether a search meets it depends on its rounding."""


@cache
def chgnet() -> Loaded:
    return load("chgnet")


def with_status(certificate: Certificate, status: str) -> set[str]:
    return {r.id for r in certificate.checks if r.status == status and r.category != "informational"}


def violated(certificate: Certificate) -> set[str]:
    return {r.id for r in certificate.checks if r.grade == "violated" and r.category == "informational"}


def test_the_committed_certificate_says_what_the_findings_say() -> None:
    certificate = read(COMMITTED)
    assert certificate.verdict == "failed"
    assert certificate.complete
    assert with_status(certificate, "fail") == FAILED_AT_STANDARD
    assert with_status(certificate, "inconclusive") <= ROUGH
    assert with_status(certificate, "error") == set()
    assert violated(certificate) == ANSWERS_NONSENSE


@pytest.mark.parametrize("check_id", sorted(FAILED_AT_STANDARD))
def test_the_committed_counterexamples_still_fail(check_id: str) -> None:
    again = replay(chgnet().potential, all_checks(), read(COMMITTED), check_id, reload=chgnet().reload)
    assert again.status == "fail"
    assert again.quantity == "stress"


def test_chgnet_gets_today_what_the_findings_say() -> None:
    settings = Settings(spec="chgnet", budget="quick", seed=0)
    *_, last = run(chgnet().potential, all_checks(), settings, reload=chgnet().reload)
    assert last.certificate.complete
    assert with_status(last.certificate, "fail") == FAILED_AT_QUICK
    assert with_status(last.certificate, "inconclusive") <= ROUGH
    assert with_status(last.certificate, "error") == set()
    assert violated(last.certificate) == ANSWERS_NONSENSE
