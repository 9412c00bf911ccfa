"""A certificate as a piece of HTML, for notebooks: verdict, table of laws, failures with their counterexamples.

It needs nothing from elsewhere: no scripts, no fonts, no style sheet. Everything that comes from a potential, a law or
a file is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from gnnp_bench.certificate.result import Cause, Certificate, CheckResult, ComponentResult
from gnnp_bench.check import Check
from gnnp_bench.report.failures import missed_by
from gnnp_bench.report.parameters import history_line, in_words
from gnnp_bench.report.short import about, failures
from gnnp_bench.report.text import listed, number, plain, quantity, structure_lines
from gnnp_bench.report.words import by_reason, outcome, sentence

COLOURS = {"certified": "#1a7f37", "failed": "#cf222e", "partial": "#9a6700"}
STATUS = {"pass": "#1a7f37", "fail": "#cf222e", "waived": "#9a6700", "inconclusive": "#9a6700", "error": "#cf222e"}
CELL = "text-align:{};padding:1px 12px 1px 0;vertical-align:top;border:0"
TITLES = ("measured", "bound", "significance")


def fragment(certificate: Certificate, checks: Mapping[str, Check]) -> str:
    """Return a certificate as one HTML element.

    Parameters
    ----------
    certificate : Certificate
    checks : mapping of str to Check
        All registered checks, for the meaning of the laws and for those that were not run.
    """
    colour = COLOURS[certificate.verdict]
    parts = [
        f'<p style="border-left:4px solid {colour};padding-left:8px;margin:4px 0"><strong>'
        f"{_safe(sentence(certificate, expected=checks))}</strong><br>{_safe(about(certificate))}</p>",
        _table(certificate.checks, checks),
        *(_cause(cause) for cause in certificate.causes),
        *(_failure(result, checks.get(result.id)) for result in failures(certificate)),
        _reasons(certificate.checks),
    ]
    return f'<div style="max-width:72em">{"".join(parts)}</div>'


def _safe(text: str) -> str:
    return escape(plain(text), quote=True)


def _table(results: Sequence[CheckResult], checks: Mapping[str, Check]) -> str:
    titles = "".join(f'<th style="{CELL.format("right")}">{title}</th>' for title in TITLES)
    groups = {
        "law": [result for result in results if result.category != "informational"],
        "informational (never fails)": [result for result in results if result.category == "informational"],
    }
    rows = []
    for title, group in groups.items():
        if group:
            left = CELL.format("left")
            rows.append(f'<tr><th style="{left}">{title}</th>{titles}<th style="{left}">status, grade</th></tr>')
        for result in group:
            rows.append(_row(result.id, result, result.law))
            if result.status in ("fail", "waived") and len(result.components) > 1:
                rows += [_row(f"  {part.quantity}", part, "") for part in result.components]
    return f'<table style="border-collapse:collapse;font-size:90%">{"".join(rows)}</table>'


def _row(name: str, result: CheckResult | ComponentResult, law: str) -> str:
    measured = result.quantity is not None
    cells = (
        (quantity(result.measured, result.unit), number(result.bound), number(result.significance))
        if measured
        else ("", "", "")
    )
    numbers = "".join(f'<td style="{CELL.format("right")}">{_safe(cell)}</td>' for cell in cells)
    indent = "&emsp;" if name.startswith(" ") else ""
    colour = STATUS.get(result.status, "inherit")
    return (
        f'<tr><td style="{CELL.format("left")}" title="{_safe(law)}">{indent}<code>{_safe(name)}</code></td>{numbers}'
        f'<td style="{CELL.format("left")};color:{colour}">{_safe(outcome(result))}</td></tr>'
    )


def _cause(cause: Cause) -> str:
    told = {
        "measured": cause.measured,
        "looks like": cause.looks_like,
        "to mend it": cause.mend,
        "explains": listed(cause.explains),
    }
    return _details(f"cause: {cause.name}", told)


def _failure(result: CheckResult, check: Check | None) -> str:
    told = {"law": result.law, "missed by": missed_by(result)}
    if check is not None:
        told["meaning"] = check.physics
    if result.reason:
        told["remark"] = result.reason
    lines: list[str] = []
    found = result.counterexample
    if found is not None:
        lines = structure_lines(found.structure)
        if done := in_words(result.id, found.case.get("parameters", {})):
            told["with"] = done
        if found.history:
            told["before it"] = history_line(found.history)
        told["reproduce"] = found.reproduce
    return _details(f"failed: {result.id}", told, lines)


def _reasons(results: Sequence[CheckResult]) -> str:
    told = by_reason(result for result in results if result.reason and result.status != "fail")
    items = "".join(f"<li>{_safe(listed(ids))}: {_safe(reason)}</li>" for reason, ids in told.items())
    return f"<details><summary>remarks</summary><ul>{items}</ul></details>" if items else ""


def _details(title: str, told: Mapping[str, str], lines: Iterable[str] = ()) -> str:
    rows = "".join(
        f'<tr><td style="{CELL.format("left")}"><em>{label}</em></td>'
        f'<td style="{CELL.format("left")}">{_safe(text)}</td></tr>'
        for label, text in told.items()
    )
    structure = "\n".join(escape(line, quote=True) for line in lines)
    shown = f'<pre style="margin:2px 0">{structure}</pre>' if structure else ""
    return (
        f'<details open><summary style="font-weight:bold">{_safe(title)}</summary>'
        f'<table style="border-collapse:collapse;font-size:90%">{rows}</table>{shown}</details>'
    )
