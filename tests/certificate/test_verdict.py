"""Section 4 of docs/design.md, "Arithmetic of status", rule by rule."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnp_bench.certificate.result import CheckResult, Grade, Status
from gnnp_bench.certificate.verdict import CLAIMED_FRACTION, decide, excess, judge, rank, ratio
from tests.certificate.examples import result

numbers = st.floats(min_value=0.0, max_value=1e9)
residuals = st.one_of(numbers, st.just(math.inf), st.just(math.nan))


@pytest.mark.parametrize(
    ("residual", "bound", "significance", "expected"),
    [
        # b <= s
        (0.0, 1.0, 10.0, ("pass", "exact")),
        (1.0, 1.0, 10.0, ("pass", "exact")),
        (1.001, 1.0, 10.0, ("pass", "approximate")),
        (10.0, 1.0, 10.0, ("pass", "approximate")),
        (10.001, 1.0, 10.0, ("fail", "violated")),
        # b = s
        (5.0, 5.0, 5.0, ("pass", "exact")),
        (5.001, 5.0, 5.0, ("fail", "violated")),
        # b > s: the potential is too noisy for exactness to be seen
        (0.0, 10.0, 1.0, ("pass", "limited")),
        (1.0, 10.0, 1.0, ("pass", "limited")),
        (1.001, 10.0, 1.0, ("inconclusive", None)),
        (10.0, 10.0, 1.0, ("inconclusive", None)),
        (10.001, 10.0, 1.0, ("fail", "violated")),
        # no noise at all
        (1e-300, 0.0, 1.0, ("pass", "approximate")),
        # boolean laws: r counts violations
        (0.0, 0.0, 0.0, ("pass", "exact")),
        (1.0, 0.0, 0.0, ("fail", "violated")),
        # what is not finite violates any law
        (math.nan, 1.0, 10.0, ("fail", "violated")),
        (math.inf, 1.0, 10.0, ("fail", "violated")),
        (math.nan, math.inf, math.inf, ("fail", "violated")),
    ],
)
def test_status_and_grade_of_a_component(residual, bound, significance, expected):
    assert judge(residual, bound, significance) == expected


@pytest.mark.parametrize(
    ("residual", "bound", "significance", "expected"),
    [
        (1.0, 1.0, 1000.0, ("pass", "exact")),
        (9.0, 1.0, 1000.0, ("pass", "approximate")),
        (10.0, 1.0, 1000.0, ("pass", "approximate")),
        (10.001, 1.0, 1000.0, ("fail", "violated")),
        (1000.0, 1.0, 1000.0, ("fail", "violated")),
        # within the bound nothing can be said against it, however small 0.01·s is
        (40.0, 50.0, 1000.0, ("pass", "exact")),
        (51.0, 50.0, 1000.0, ("fail", "violated")),
        # b > s: as for a law that is not claimed
        (1.0, 10.0, 1.0, ("pass", "limited")),
        (5.0, 10.0, 1.0, ("inconclusive", None)),
        (11.0, 10.0, 1.0, ("fail", "violated")),
    ],
)
def test_a_law_claimed_by_construction_may_be_missed_by_a_hundredth_of_its_significance(
    residual, bound, significance, expected
):
    assert judge(residual, bound, significance, claimed=True) == expected


def test_what_has_not_converged_is_inconclusive_unless_it_fails():
    assert judge(0.0, 1.0, 10.0, converged=False) == ("inconclusive", None)
    assert judge(5.0, 1.0, 10.0, converged=False) == ("inconclusive", None)
    assert judge(5.0, 1.0, 10.0, claimed=True, converged=False) == ("inconclusive", None)
    assert judge(10.1, 1.0, 10.0, converged=False) == ("fail", "violated")
    assert judge(math.nan, 1.0, 10.0, converged=False) == ("fail", "violated")


@pytest.mark.parametrize(("bound", "significance"), [(-1e-300, 1.0), (1.0, -1.0), (math.nan, 1.0), (1.0, math.nan)])
def test_a_bound_or_significance_that_is_no_size_is_refused(bound, significance):
    with pytest.raises(ValueError, match="non-negative"):
        judge(0.0, bound, significance)


@given(numbers, numbers, numbers, numbers, st.booleans(), st.booleans())
def test_a_larger_residual_is_never_judged_better(a, b, bound, significance, claimed, converged):
    smaller, larger = sorted((a, b))
    better = rank(*judge(smaller, bound, significance, claimed=claimed, converged=converged))
    worse = rank(*judge(larger, bound, significance, claimed=claimed, converged=converged))
    assert better <= worse


@given(residuals, numbers, numbers, numbers, st.booleans())
def test_more_noise_never_turns_a_pass_into_anything_else(residual, a, b, significance, claimed):
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    quiet, noisy = (judge(residual, bound, significance, claimed=claimed)[0] for bound in sorted((a, b)))
    assert order[quiet] <= order[noisy]


@given(residuals, numbers, numbers, st.booleans())
def test_a_claim_never_makes_the_bar_lower(residual, bound, significance, converged):
    without = rank(*judge(residual, bound, significance, converged=converged))
    assert rank(*judge(residual, bound, significance, claimed=True, converged=converged)) >= without


@given(residuals, numbers, numbers, st.booleans())
def test_nothing_passes_that_has_not_converged(residual, bound, significance, claimed):
    assert judge(residual, bound, significance, claimed=claimed, converged=False)[0] in ("inconclusive", "fail")


@given(residuals, numbers, numbers)
def test_unclaimed_failure_is_exactly_an_excess_above_one(residual, bound, significance):
    failed = judge(residual, bound, significance)[0] == "fail"
    assert failed == (not math.isfinite(residual) or residual > max(bound, significance))
    if failed:
        assert excess(residual, bound, significance) >= 1.0


@given(residuals, numbers, numbers, st.booleans(), st.booleans())
def test_exact_means_within_the_bound_and_only_where_the_bound_is_below_significance(
    residual, bound, significance, claimed, converged
):
    exact = judge(residual, bound, significance, claimed=claimed, converged=converged) == ("pass", "exact")
    assert exact == (converged and residual <= bound <= significance)


def test_ratios_compare_cases_whose_bounds_vanish():
    assert excess(2.0, 1.0, 4.0) == 0.5
    assert excess(0.0, 0.0, 0.0) == 0.0
    assert excess(1.0, 0.0, 0.0) == math.inf
    assert ratio(math.nan, 1.0) == math.inf
    assert ratio(math.inf, math.inf) == math.inf
    assert ratio(3.0, 2.0) == 1.5


def test_statuses_are_ranked_from_exact_to_violated():
    ordered: list[tuple[Status, Grade | None]] = [
        ("pass", "exact"),
        ("pass", "limited"),
        ("pass", "approximate"),
        ("inconclusive", None),
        ("fail", "violated"),
    ]
    assert [rank(*status) for status in ordered] == sorted({rank(*status) for status in ordered})


def verdict(*results: CheckResult, missing: tuple[str, ...] = (), restricted: bool = False):
    return decide(results, expected=[*(r.id for r in results), *missing], restricted=restricted)


EXACT = result("a/exact")
APPROXIMATE = result("a/approximate", grade="approximate")
CLAIMED = result("a/claimed", category="claimed")
FAIL = result("a/fail", "fail", "violated")
WAIVED = result("a/waived", "waived", "violated")
NOT_APPLICABLE = result("a/na", "not_applicable")
INCONCLUSIVE = result("a/inconclusive", "inconclusive", None)
ERROR = result("a/error", "error")


def test_certified_exact_or_physical():
    assert verdict(EXACT, CLAIMED) == ("certified", "exact")
    assert verdict(EXACT, APPROXIMATE) == ("certified", "physical")
    assert verdict(EXACT, NOT_APPLICABLE) == ("certified", "exact")


def test_waived_counts_as_passed_but_not_as_exact():
    assert verdict(EXACT, WAIVED) == ("certified", "physical")
    assert verdict(WAIVED) == ("certified", "physical")


@pytest.mark.parametrize("other", [EXACT, ERROR, INCONCLUSIVE, WAIVED, NOT_APPLICABLE])
def test_one_failure_fails_whatever_else_happened(other):
    assert verdict(other, FAIL, restricted=True, missing=("a/more",)) == ("failed", None)
    claimed = result("a/claimed-fail", "fail", "violated", category="claimed")
    assert verdict(other, claimed) == ("failed", None)


@pytest.mark.parametrize("unfinished", [ERROR, INCONCLUSIVE])
def test_what_was_not_judged_makes_it_partial(unfinished):
    assert verdict(EXACT, unfinished) == ("partial", None)


def test_a_part_of_the_checks_is_never_a_whole():
    assert verdict(EXACT, restricted=True) == ("partial", None)
    assert verdict(EXACT, missing=("a/more",)) == ("partial", None)


def test_nothing_judged_certifies_nothing():
    assert verdict() == ("partial", None)
    assert verdict(NOT_APPLICABLE) == ("partial", None)


@pytest.mark.parametrize("status", ["fail", "error", "inconclusive"])
def test_informational_checks_never_count(status):
    informational = result("a/informational", status, None, category="informational")
    assert verdict(EXACT, informational) == ("certified", "exact")
    only_informational = result("a/informational", category="informational")
    assert verdict(only_informational) == ("partial", None)


results = st.lists(
    st.builds(
        lambda i, status, grade, category: result(f"a/{i}", status, grade, category=category),
        st.integers(0, 10**6),
        st.sampled_from(["pass", "fail", "waived", "not_applicable", "inconclusive", "error"]),
        st.sampled_from(["exact", "limited", "approximate", "violated", None]),
        st.sampled_from(["mandatory", "claimed", "informational"]),
    ),
    unique_by=lambda r: r.id,
)


@given(results, st.booleans())
def test_a_grade_is_given_if_and_only_if_it_is_certified(found, restricted):
    decided, grade = decide(found, expected=[r.id for r in found], restricted=restricted)
    assert (grade is not None) == (decided == "certified")
    if decided == "certified":
        binding = [r for r in found if r.category != "informational"]
        assert {r.status for r in binding} <= {"pass", "waived", "not_applicable"}
        assert not restricted


@given(results, st.randoms())
def test_the_order_of_the_checks_does_not_matter(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    ids = [r.id for r in found]
    assert decide(found, expected=ids, restricted=False) == decide(shuffled, expected=ids, restricted=False)


def test_the_fraction_of_a_claim_is_the_documented_one():
    assert CLAIMED_FRACTION == 0.01
