"""Which differences between two certificates are a step back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gnnp_bench.certificate.compare import compare
from gnnp_bench.certificate.result import CheckResult
from tests.certificate.examples import POTENTIAL, certificate, result

EXACT = result("a/b")
APPROXIMATE = result("a/b", grade="approximate")
FAILED = result("a/b", "fail", "violated")
LIMITED = result("a/b", grade="limited", measured=0.0, bound=2e-3)
WAIVED = result("a/b", "waived", "violated")
INCONCLUSIVE = result("a/b", "inconclusive", None)
ERROR = result("a/b", "error")
NOT_APPLICABLE = result("a/b", "not_applicable")
OTHER = result("c/d")


@pytest.mark.parametrize(
    ("old", "new", "kind", "worse"),
    [
        (EXACT, FAILED, "worse", True),
        (APPROXIMATE, FAILED, "worse", True),
        (EXACT, APPROXIMATE, "worse", True),
        (EXACT, WAIVED, "worse", True),
        (EXACT, INCONCLUSIVE, "worse", True),
        (EXACT, ERROR, "worse", True),
        (INCONCLUSIVE, FAILED, "worse", True),
        (WAIVED, FAILED, "worse", True),
        (EXACT, NOT_APPLICABLE, "gone", True),
        (EXACT, None, "gone", True),
        (FAILED, None, "gone", False),
        (FAILED, NOT_APPLICABLE, "gone", False),
        (FAILED, EXACT, "better", False),
        (FAILED, APPROXIMATE, "better", False),
        (FAILED, WAIVED, "better", False),
        (APPROXIMATE, EXACT, "better", False),
        (INCONCLUSIVE, APPROXIMATE, "better", False),
        (EXACT, LIMITED, "worse", True),
        (LIMITED, EXACT, "better", False),
        (LIMITED, FAILED, "worse", True),
        (LIMITED, INCONCLUSIVE, "worse", True),
        (LIMITED, NOT_APPLICABLE, "gone", True),
        (LIMITED, APPROXIMATE, "changed", False),
        (APPROXIMATE, LIMITED, "changed", False),
        (FAILED, INCONCLUSIVE, "changed", False),
        (FAILED, ERROR, "changed", False),
        (WAIVED, ERROR, "changed", False),
        (None, EXACT, "new", False),
        (None, FAILED, "new", False),
        (NOT_APPLICABLE, FAILED, "new", False),
    ],
)
def test_one_law(old: CheckResult | None, new: CheckResult | None, kind: str, worse: bool) -> None:
    before, after = (certificate(OTHER, *filter(None, [r]), verdict="failed", grade=None) for r in (old, new))
    found = compare(before, after)
    (change,) = found.changes
    assert (change.id, change.kind, change.old, change.new) == ("a/b", kind, old, new)
    assert found.worse == change.step_back == worse
    assert found.remarks == ()
    if worse:
        assert found.reasons[0].startswith("a/b was ")


@pytest.mark.parametrize(("old", "new"), [(r, r) for r in (EXACT, APPROXIMATE, FAILED, WAIVED, ERROR, NOT_APPLICABLE)])
def test_the_same_is_no_change(old: CheckResult, new: CheckResult) -> None:
    found = compare(certificate(old), certificate(replace(new, measured=1e-9, elapsed_s=99.0)))
    assert (found.changes, found.reasons) == ((), ())


def test_what_cannot_be_measured_the_one_way_or_the_other_is_no_change() -> None:
    assert compare(certificate(ERROR), certificate(INCONCLUSIVE)).changes == ()
    assert compare(certificate(), certificate(result("symmetry/rotation"), NOT_APPLICABLE)).changes == ()


@pytest.mark.parametrize("verdict", ["failed", "partial"])
def test_a_verdict_that_drops_is_worse(verdict: str) -> None:
    found = compare(certificate(EXACT), certificate(EXACT, verdict=verdict, grade=None))
    assert found.reasons == (f"the verdict dropped from certified to {verdict}",)
    assert not compare(certificate(EXACT, verdict=verdict, grade=None), certificate(EXACT)).worse


def test_a_grade_that_drops_is_worse() -> None:
    found = compare(certificate(EXACT), certificate(EXACT, grade="physical"))
    assert found.reasons == ("the grade dropped from exact to physical",)
    assert not compare(certificate(EXACT, grade="physical"), certificate(EXACT)).worse


def test_an_incomplete_certificate_is_never_no_worse() -> None:
    unfinished = certificate(EXACT, verdict="partial", grade=None, complete=False)
    for old in (certificate(EXACT), unfinished, certificate(FAILED, verdict="failed", grade=None)):
        assert "the new certificate is incomplete: what is missing may be worse" in compare(old, unfinished).reasons
    found = compare(unfinished, certificate(EXACT, OTHER))
    assert not found.worse
    assert found.remarks == ("the old certificate is incomplete: what is missing there counts as new",)


@pytest.mark.parametrize("other", [FAILED, APPROXIMATE, result("a/b", grade="violated"), None])
def test_informational_checks_are_told_but_do_not_count(other: CheckResult | None) -> None:
    old = certificate(OTHER, replace(EXACT, category="informational"))
    new = certificate(OTHER, *([] if other is None else [replace(other, category="informational")]))
    found = compare(old, new)
    assert [change.kind for change in found.changes] == ["gone" if other is None else "worse"]
    assert not found.worse


def test_the_worst_comes_first() -> None:
    ids = ["x/better", "x/gone", "x/worse", "x/new", "x/changed", "x/same"]
    old = certificate(*(result(i, "fail", "violated") if i in ids[0::4] else result(i) for i in ids if i != "x/new"))
    changed = {"x/worse": result("x/worse", "fail", "violated"), "x/changed": result("x/changed", "error")}
    new = certificate(*(changed.get(i, result(i)) for i in ids if i != "x/gone"))
    assert [change.id for change in compare(old, new).changes] == [
        "x/worse",
        "x/gone",
        "x/changed",
        "x/new",
        "x/better",
    ]


def test_what_makes_two_hard_to_compare_is_said() -> None:
    other = replace(POTENTIAL, name="other", dtype="float64", device="cuda", species=("Cu", "Au"))
    new = certificate(EXACT, potential=other, budget="standard", profile="loose", seed=7)
    found = compare(certificate(EXACT), new)
    assert not found.worse
    said = [remark.partition(":")[0] for remark in found.remarks]
    assert said == [f"different {what}" for what in
                    ("potentials", "precisions", "devices", "species", "budgets", "profiles", "seeds")]  # fmt: skip
    assert f"different potentials: {POTENTIAL.name}, then other" in found.remarks
    assert "different seeds: 0, then 7" in found.remarks
