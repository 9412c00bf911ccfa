"""What stays undecided points to the law that finds why: forces with kinks, cones and jumps settle no integral."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gnnp_bench.certificate.result import CheckResult

ROUGH = (
    "smoothness/one-stiffness",
    "smoothness/continuity",
    "smoothness/continuity-cell",
    "smoothness/stiffness-continuous",
    "smoothness/ripples",
)
"""What makes forces rough, the worst first."""
SETTLED_BY_PATHS = "conservation/"
"""The family whose laws integrate along paths or take differences on them."""


def with_reasons(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return results, of which those of undecided laws of conservation name what the laws of smoothness have found.

    A law of smoothness that is violated comes before one that only tells; where none found anything, rounding is all
    there is, and nothing is added.
    """
    found = {r.id: r for r in results if r.id in ROUGH and r.grade == "violated" and r.reason}
    ranked = sorted(found.values(), key=lambda r: (r.status != "fail", ROUGH.index(r.id)))
    if not ranked:
        return list(results)
    pointer = f"perhaps for what {ranked[0].id} finds: {ranked[0].reason}"
    return [
        replace(r, reason="; ".join(said for said in (r.reason, pointer) if said))
        if r.status == "inconclusive" and r.id.startswith(SETTLED_BY_PATHS)
        else r
        for r in results
    ]
