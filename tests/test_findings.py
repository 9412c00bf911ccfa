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
from gnnp_bench.engine.settings import Settings
from tests.engine.judging import certified_from

FINDINGS = Path(__file__).parent.parent / "docs" / "findings"
FAILED_AT_STANDARD = {
    "chgnet-0.3.0": {"periodicity/cell-choice", "conservation/stress-strain", "smoothness/one-stiffness"},
    "sevennet-7net-0": {"symmetry/inversion", "physics/short-range"},
}
MISSED = {
    "periodicity/cell-choice": "stress",
    "conservation/stress-strain": "stress",
    "smoothness/one-stiffness": "force jump",
    "symmetry/inversion": "forces",
    "physics/short-range": "hole between atoms",
}
BROKEN = {"chgnet-0.3.0": set(), "sevennet-7net-0": {"periodicity/partial"}}
"""Slabs whose cell vectors are not in the order of the axes are exceptions in SevenNet."""
FAILED_AT_QUICK = {"periodicity/cell-choice", "smoothness/one-stiffness"}
"""The second: forces jump where three atoms stand in line."""
ANSWERS_NONSENSE = {"robustness/refusals"}
TOLD = {
    "chgnet-0.3.0": ANSWERS_NONSENSE,
    "sevennet-7net-0": ANSWERS_NONSENSE | {"smoothness/stiffness-continuous", "physics/equation-of-state"},
}
"""SevenNet: the stiffness jumps at both ends of its switching function; caesium and xenon have no valley within 1.4 of
the measured lattice constant, for their neighbours stand beyond its cutoff."""
ROUGH = {
    f"conservation/{name}"
    for name in ("force-gradient", "stress-strain", "path-work", "closed-loop", "closed-loop-cell", "jacobian")
} | {"periodicity/supercell"}
"""CHGNet's energy has a cone where three atoms stand in line, SevenNet's forces have kinks at two distances: whether a
search meets them depends on its rounding. On the tip of a cone, so do the forces."""


@cache
def loaded(spec: str) -> Loaded:
    return load(spec)


def with_status(certificate: Certificate, status: str) -> set[str]:
    return {r.id for r in certificate.checks if r.status == status and r.category != "informational"}


def violated(certificate: Certificate) -> set[str]:
    return {r.id for r in certificate.checks if r.grade == "violated" and r.category == "informational"}


@pytest.mark.parametrize("name", FAILED_AT_STANDARD)
def test_the_committed_certificate_says_what_the_findings_say(name: str) -> None:
    certificate = read(FINDINGS / f"{name}.json")
    assert certificate.verdict == "failed"
    assert certificate.complete
    assert (certificate.budget, certificate.seed) == ("standard", 0)
    assert with_status(certificate, "fail") == FAILED_AT_STANDARD[name]
    assert with_status(certificate, "inconclusive") <= ROUGH
    assert with_status(certificate, "error") == BROKEN[name]
    assert violated(certificate) == TOLD[name]


@pytest.mark.parametrize(
    ("name", "check_id"), [(n, c) for n, failed in FAILED_AT_STANDARD.items() for c in sorted(failed)]
)
def test_the_committed_counterexamples_still_fail(name: str, check_id: str) -> None:
    certificate = read(FINDINGS / f"{name}.json")
    subject = loaded(certificate.potential.spec)
    again = replay(subject.potential, all_checks(), certificate, check_id, reload=subject.reload)
    assert again.status == "fail"
    assert again.quantity == MISSED[check_id]


def test_chgnet_gets_today_what_the_findings_say() -> None:
    # No counterexample is made simpler: those of the committed certificate are measured again above.
    settings = Settings(spec="chgnet", budget="quick", seed=0)
    found = certified_from(loaded("chgnet").potential, loaded("chgnet").reload, settings)
    assert found.complete
    assert with_status(found, "fail") == FAILED_AT_QUICK
    assert with_status(found, "inconclusive") <= ROUGH
    assert with_status(found, "error") == set()
    assert violated(found) == ANSWERS_NONSENSE
