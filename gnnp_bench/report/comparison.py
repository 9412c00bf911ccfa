"""Two certificates side by side: for a terminal, as JSON, as Markdown for a pull request."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console

from gnnp_bench.certificate.compare import Comparison, state
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.report.markdown import cell
from gnnp_bench.report.scores import value
from gnnp_bench.report.text import number, plain, quantity
from gnnp_bench.report.words import restriction, subject

COMPARISON_VERSION = 1
STYLE = {"worse": "bold red", "gone": "yellow", "changed": "yellow", "new": "cyan", "better": "green"}


def print_comparison(out: Console, old: Certificate, new: Certificate, found: Comparison) -> None:
    """Print what differs, and whether it is a step back."""
    for label, certificate in (("old", old), ("new", new)):
        out.print(f"{label}  {subject(certificate)}: {_verdict(certificate)}", soft_wrap=True)
    for remark in found.remarks:
        out.print(f"remark: {plain(remark)}", soft_wrap=True)
    for change in found.changes:
        mark = "" if change.step_back or change.kind not in ("worse", "gone") else " (does not count)"
        out.print(f"\n{change.kind:<8}{plain(change.id)}{mark}", style=STYLE[change.kind])
        for label, result in (("old", change.old), ("new", change.new)):
            out.print(f"        {label}  {state(result):<15}{_numbers(result)}".rstrip(), soft_wrap=True)
    for score in found.scores:
        mark = "" if score.step_back or score.kind not in ("worse", "gone") else " (does not count)"
        out.print(f"\n{score.kind:<8}{plain(score.subject)}{mark}", style=STYLE[score.kind])
        for label, side in (("old", score.old), ("new", score.new)):
            out.print(f"        {label}  {'not measured' if side is None else value(side)}", soft_wrap=True)
    out.print("")
    out.print(conclusion(found), soft_wrap=True)


def conclusion(found: Comparison) -> str:
    """Return the whole comparison in one sentence."""
    if found.worse:
        return f"WORSE: {plain('; '.join(found.reasons))}."
    if found.changes:
        return "No worse: no law that held is missed by more than before."
    beside = "; of the numbers beside them, none got worse that counts" if found.scores else ""
    return f"No law changed{beside}."


def _verdict(certificate: Certificate) -> str:
    words = certificate.verdict if certificate.grade is None else f"{certificate.verdict} ({certificate.grade})"
    words += restriction(certificate)
    return words if certificate.complete else f"{words}, incomplete"


def _numbers(result: CheckResult | None) -> str:
    if result is None:
        return ""
    if result.quantity is None:
        return plain(result.reason or "")
    value = f"{quantity(result.measured, result.unit)} in {plain(result.quantity)}"
    return f"{value} (bound {number(result.bound)}, significance {number(result.significance)})"


def as_values(old: Certificate, new: Certificate, found: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON values."""

    def side(certificate: Certificate) -> dict[str, Any]:
        return {
            "potential": msgspec.to_builtins(certificate.potential),
            **{key: getattr(certificate, key) for key in ("verdict", "grade", "complete", "budget", "profile", "seed")},
        }

    def judged(result: CheckResult | None) -> dict[str, Any] | None:
        keys = ("status", "grade", "quantity", "measured", "bound", "significance", "unit")
        return None if result is None else {key: getattr(result, key) for key in keys}

    return {
        "comparison_version": COMPARISON_VERSION,
        "worse": found.worse,
        "reasons": list(found.reasons),
        "remarks": list(found.remarks),
        "old": side(old),
        "new": side(new),
        "changes": [
            {
                "id": change.id,
                "change": change.kind,
                "step_back": change.step_back,
                "old": judged(change.old),
                "new": judged(change.new),
            }
            for change in found.changes
        ],
        "scores": [
            {
                "change": change.kind,
                "step_back": change.step_back,
                "old": msgspec.to_builtins(change.old),
                "new": msgspec.to_builtins(change.new),
            }
            for change in found.scores
        ],
    }


def as_markdown(old: Certificate, new: Certificate, found: Comparison) -> str:
    """Return the comparison as Markdown."""
    lines = [f"**{cell(conclusion(found))}**", ""]
    lines += [f"- old: {cell(subject(old))}, {_verdict(old)}", f"- new: {cell(subject(new))}, {_verdict(new)}"]
    lines += [f"- {cell(remark)}" for remark in found.remarks]
    if found.changes:
        lines += ["", "| | law | old | new |", "| --- | --- | --- | --- |"]
    for change in found.changes:
        sides = (" ".join(f"{state(r)} {_numbers(r)}".split()) for r in (change.old, change.new))
        lines.append(f"| {change.kind} | {cell(change.id)} | {' | '.join(map(cell, sides))} |")
    if found.scores:
        lines += ["", "| | number | old | new |", "| --- | --- | --- | --- |"]
    for score in found.scores:
        both = ("not measured" if side is None else value(side) for side in (score.old, score.new))
        lines.append(f"| {score.kind} | {cell(score.subject)} | {' | '.join(map(cell, both))} |")
    return "\n".join(lines) + "\n"
