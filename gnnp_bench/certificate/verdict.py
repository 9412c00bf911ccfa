"""The arithmetic of status, and the verdict over all checks: section 4 of docs/design.md, nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from gnnp_bench.certificate.result import CheckResult, Grade, Status, Verdict

CLAIMED_FRACTION = 0.01
"""A law that holds by construction may be missed by this fraction of its significance."""

_RANK: dict[tuple[Status, Grade | None], int] = {
    ("pass", "exact"): 0,
    ("pass", "limited"): 1,
    ("pass", "approximate"): 2,
    ("inconclusive", None): 3,
    ("fail", "violated"): 4,
}


def judge(
    residual: float, bound: float, significance: float, *, claimed: bool = False, converged: bool = True
) -> tuple[Status, Grade | None]:
    """Return status and grade of one component of one case.

    Parameters
    ----------
    residual, bound, significance : float
        r, b and s in one unit. A residual that is not finite violates any law.
    claimed : bool
        The law holds by construction, says the potential.
    converged : bool
        The estimated error of the measurement is small enough for a pass.

    Raises
    ------
    ValueError
        If `bound` or `significance` is negative or not a number.
    """
    if not (bound >= 0.0 and significance >= 0.0):
        raise ValueError(f"bound and significance must be non-negative numbers, got {bound} and {significance}")
    if not math.isfinite(residual) or residual > max(bound, significance):
        return "fail", "violated"
    if not converged:
        return "inconclusive", None
    if bound > significance:
        # What is seen is no more than matters. How much there is that cannot be seen, the bound says.
        return ("pass", "limited") if residual <= significance else ("inconclusive", None)
    if residual <= bound:
        return "pass", "exact"
    if claimed and residual > CLAIMED_FRACTION * significance:
        return "fail", "violated"
    return "pass", "approximate"


def excess(residual: float, bound: float, significance: float) -> float:
    """Return r/max(b, s), the measure by which cases are compared; 0/0 is 0."""
    return ratio(residual, max(bound, significance))


def ratio(numerator: float, denominator: float) -> float:
    """Return the quotient of non-negative numbers with 0/0 = 0; what is not finite counts as infinite."""
    if not math.isfinite(numerator):
        return math.inf
    if denominator == 0.0:
        return 0.0 if numerator == 0.0 else math.inf
    return numerator / denominator


def rank(status: Status, grade: Grade | None) -> int:
    """Return how bad a component's status is: 0 for exact, larger for worse."""
    return _RANK[status, grade]


def told_only(result: CheckResult) -> Literal["seen", "undecided"] | None:
    """Return what an informational check found that is no pass, in a word; its status is `pass` all the same."""
    if result.category != "informational" or result.status != "pass" or result.quantity is None:
        return None
    return {"violated": "seen", None: "undecided"}.get(result.grade)  # type: ignore[return-value]


def decide(
    results: Sequence[CheckResult], *, expected: Iterable[str], restricted: bool
) -> tuple[Verdict, Literal["exact", "physical"] | None]:
    """Return the verdict and its grade.

    Parameters
    ----------
    results : sequence of CheckResult
    expected : iterable of str
        Ids of all checks of the registry, from which a missing one is seen.
    restricted : bool
        The user asked for a part of the checks only.
    """
    binding = [result for result in results if result.category != "informational"]
    if any(result.status == "fail" for result in binding):
        return "failed", None
    unfinished = any(result.status in ("error", "inconclusive") for result in binding)
    missing = set(expected) - {result.id for result in results}
    nothing_judged = not any(result.status in ("pass", "waived") for result in binding)
    if restricted or unfinished or missing or nothing_judged:
        return "partial", None
    judged = [result for result in binding if result.status != "not_applicable"]
    return "certified", "exact" if all(result.grade == "exact" for result in judged) else "physical"
