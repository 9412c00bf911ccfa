"""Checks × mutants: who notices what, down to which strength.

    python -m benchmarks.kill_matrix                                    # the short table of docs/trust.md
    python -m benchmarks.kill_matrix --markdown > docs/kill_matrix.md   # the whole page

Both come from benchmarks/results/strengths.json, which `python -m benchmarks.strengths` makes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.planted import CLAIMS, DTYPES
from benchmarks.strengths import LONGER, MARGIN, SUMMARY
from gnnp_bench.checks.registry import all_checks
from tests.mutants import CHECKS, MUTANTS, Mutant

EXCERPT = (
    "direction-dependent",
    "order-of-appearance",
    "parity-odd",
    "net-force",
    "size-threshold",
    "minimum-image",
    "scaled-forces",
    "curl",
    "stress-sign",
    "left-handed-stress",
    "batch-leak",
    "sticky-cell",
    "float32-inside",
    "nan-close-contact",
)
NOTICED, ALSO = "●", "○"
NO_NUMBER = "–"

Summary = Mapping[str, Any]


def short_table(summary: Summary) -> str:
    """Return a few mutants with the checks that notice them, and the strengths that this takes."""
    lines = [
        "| planted defect | its strength ε | noticed by, from ε (float64; a law that is claimed) |",
        "| --- | --- | --- |",
    ]
    for name in EXCERPT:
        mutant, found = MUTANTS[name], summary["mutants"][name]["float64"]["checks"]
        checks = ", ".join(
            f"{check.split('/')[1]} {_number(at['unclaimed']['seen'])}{_claimed(at)}" for check, at in found.items()
        )
        lines.append(f"| {mutant.defect} | {mutant.unit} | {checks} |")
    return "\n".join(lines)


def counts(summary: Summary) -> str:
    """Return in how many cases the quick search sees a defect at its required strength, in one sentence."""
    cases = [
        at[claims]
        for name in MUTANTS
        for dtype in DTYPES
        for at in summary["mutants"][name].get(dtype, {}).get("checks", {}).values()
        for claims in CLAIMS
        if claims == CLAIMS[0] or at[claims] != at[CLAIMS[0]]  # a law that cannot be claimed is one case
    ]
    at_once = sum(len(case["seeds"]) == len(summary["seeds"]) for case in cases)
    most = max(case["seen"] / case["required"] for case in cases if case["seen"] and case["required"])
    return (
        f"Of {len(cases)} cases (defect, check, precision, law claimed or not), {at_once} are seen at the required"
        f" strength with each of {len(summary['seeds'])} seeds, the others at up to {most:.0f} times it."
    )


def _claimed(at: Summary) -> str:
    same = at["claimed"]["seen"] == at["unclaimed"]["seen"]
    return "" if same else f" ({_number(at['claimed']['seen'])})"


def page(summary: Summary) -> str:
    """Return the page for the documentation."""
    seeds = ", ".join(map(str, summary["seeds"]))
    return f"""# Kill matrix

Each mutant is a sound analytic potential with one planted defect of strength ε (`tests/mutants`). A check notices it if
its status in a *{summary["budget"]}* certificate is `fail`; `refusals`, which is informational, if its grade is
`violated`. Made by `python -m benchmarks.strengths run`, `… summarise` and
`python -m benchmarks.kill_matrix --markdown`; `tests/test_kill_matrix.py` repeats the essential part whenever the tests
run.

## Required strength

The strength at which the residual found by a search of {LONGER:g} times as many evaluations on the same structures is
{MARGIN:g}·max(b, s), or {MARGIN:g}·max(b, 0.01·s) where the potential claims the law: the largest over seeds {seeds}.
At this strength the quick certificate fails the check with each of these seeds. Where it took more, the doubled
strength at which it does stands there, marked \\*. *Exact* is where the grade `exact` is lost. Boolean laws have no
significance; their mutants are judged at their own strength.

{counts(summary)}{age(summary)}

{required_table(summary)}

## Matrix

![Planted defects against laws: each is noticed by the laws that have to](images/kill_matrix.svg)

A row is a planted defect, a column is a law. Blue: the law has to notice. Amber: it may. The darker a mark, the more of
the certificates of that defect fail the law: float64 and float32, the law claimed and not. Made by
`python -m benchmarks.kill_figure`.

The same as a table. {NOTICED}: has to notice, and does, in every one of these certificates, claimed and not, float64
and (where the table above has numbers for it) float32. {ALSO}: noticed as well in one of these
certificates at least, at the largest of the strengths above, and named by the mutant as a check that may. No check
notices a mutant that does not name it. These certificates are of seed 0.

{matrix(summary)}

{legend()}
"""


def age(summary: Summary) -> str:
    """Return how many of the rows another state of the suite has measured, in a sentence; nothing if none."""
    other = summary["rows of other sources"]
    if not other:
        return ""
    return (
        f" {other} of {summary['rows']} rows (mutant, precision) were measured before laws were added that leave theirs"
        " as it is; in these, the matrix has no mark of the laws that came later."
    )


def required_table(summary: Summary) -> str:
    """Return the required strength of every check that has to notice a mutant."""
    heads = [f"{dtype}: {what}" for dtype in DTYPES for what in ("exact", "claimed", "not claimed")]
    lines = [f"| mutant | ε in | noticed by | {' | '.join(heads)} |", f"| --- | --- | --- |{' --- |' * len(heads)}"]
    for name, mutant in MUTANTS.items():
        found = summary["mutants"][name]
        checks = found["float64"]["checks"]
        for i, check in enumerate(checks):
            cells = [cell for dtype in DTYPES for cell in _strengths(found.get(dtype, {}).get("checks", {}).get(check))]
            first = (name, mutant.unit) if i == 0 else ("", "")
            lines.append(f"| {' | '.join((*first, check, *cells))} |")
    return "\n".join(lines)


def _strengths(at: Summary | None) -> list[str]:
    if at is None:
        return [NO_NUMBER] * (1 + len(CLAIMS))
    cells = [_number(at["exact"])]
    for claims in CLAIMS:
        mark = "" if at[claims]["seen"] == at[claims]["required"] else "\\*"
        cells.append(_number(at[claims]["seen"]) + mark)
    return cells


def matrix(summary: Summary) -> str:
    """Return rows of mutants and a column per check, numbered as in the legend."""
    shown = columns()
    lines = [f"| | {' | '.join(map(str, range(1, len(shown) + 1)))} |", "| --- |" + " :-: |" * len(shown)]
    for name, mutant in MUTANTS.items():
        certificates = certificates_of(summary, name)
        lines.append(f"| {name} | {' | '.join(_mark(mutant, check, certificates) for check in shown)} |")
    return "\n".join(lines)


def certificates_of(summary: Summary, name: str) -> list[set[str]]:
    """Return which checks fail in each certificate of a mutant: both precisions, laws claimed and not."""
    return [
        set(certificate["killed"])
        for dtype in DTYPES
        for certificate in summary["mutants"][name].get(dtype, {}).get("certificates", {}).values()
    ]


def _mark(mutant: Mutant, check: str, certificates: Iterable[set[str]]) -> str:
    noticed = [check in killed for killed in certificates]
    if check in mutant.must_fail:
        return NOTICED if all(noticed) else ALSO
    return ALSO if check in mutant.may_fail and any(noticed) else ""


def columns() -> list[str]:
    """Return the checks of the matrix, in the order of the registry."""
    return [check.id for check in all_checks() if check.id in CHECKS]


def legend() -> str:
    """Return what the numbers above the columns mean, and what is wrong with each mutant."""
    numbered = " · ".join(f"{number} {check}" for number, check in enumerate(columns(), 1))
    defects = [f"- **{name}**: {mutant.defect}{_needs(mutant)}" for name, mutant in MUTANTS.items()]
    return "\n".join([f"Checks: {numbered}.", "", "Defects:", "", *defects])


def _needs(mutant: Mutant) -> str:
    return f" Shows on {mutant.needs}." if mutant.needs else ""


def _number(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.1e}".replace("e-0", "e-") if value < 0.01 else f"{value:.2g}"


def load() -> Summary:
    """Return the committed strengths."""
    summary: Summary = json.loads(SUMMARY.read_text())
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", action="store_true", help="the whole page")
    print(page(load()) if parser.parse_args().markdown else f"{counts(load())}\n\n{short_table(load())}")


if __name__ == "__main__":
    main()
