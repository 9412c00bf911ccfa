"""A law that stays undecided points to what makes forces rough."""

from __future__ import annotations

from gnnp_bench.certificate.result import CheckResult, Grade, Status
from gnnp_bench.engine.undecided import with_reasons


def result(check_id: str, status: Status, grade: Grade | None = None, reason: str | None = None) -> CheckResult:
    return CheckResult(id=check_id, law="", category="mandatory", status=status, grade=grade, reason=reason)


def test_the_worst_finding_of_smoothness_is_named() -> None:
    found = with_reasons(
        [
            result("conservation/jacobian", "inconclusive", reason="the forces are rough"),
            result("conservation/path-work", "pass", "exact"),
            result("robustness/size", "inconclusive", reason="rounding"),
            result("smoothness/stiffness-continuous", "pass", "violated", "the stiffness jumps at 5 Å"),
            result("smoothness/one-stiffness", "fail", "violated", "a cone at 180°"),
        ]
    )
    reasons = {r.id: r.reason for r in found}
    assert reasons["conservation/jacobian"] == (
        "the forces are rough; perhaps for what smoothness/one-stiffness finds: a cone at 180°"
    )
    assert reasons["conservation/path-work"] is None
    assert reasons["robustness/size"] == "rounding"


def test_kinks_that_are_told_are_named_and_what_holds_is_not() -> None:
    undecided = result("conservation/closed-loop", "inconclusive")
    told = result("smoothness/stiffness-continuous", "pass", "violated", "the stiffness jumps at 5 Å")
    held = result("smoothness/continuity", "pass", "limited", "energies jump by 1e-9 eV")
    assert with_reasons([undecided, held, told])[0].reason == (
        "perhaps for what smoothness/stiffness-continuous finds: the stiffness jumps at 5 Å"
    )
    assert with_reasons([undecided, held])[0].reason is None
