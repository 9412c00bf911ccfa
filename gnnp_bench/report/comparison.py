"""Two certificates side by side: for a terminal, as JSON, as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

import msgspec
from rich.console import Console

from gnnp_bench.certificate.compare import Change, Comparison, Kind, state
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.report.markdown import cell
from gnnp_bench.report.scores import value
from gnnp_bench.report.text import number, plain, quantity
from gnnp_bench.report.words import restriction, subject

COMPARISON_VERSION = 1
NOT_RUN = " and is not run"
MOST_NOT_RUN = 5
"""Laws that are not run any more and are named one by one in a sentence; of more, their number."""
FEW_NOT_RUN = 3
"""Laws that one certificate lacks: fewer have a block each, these and more have one line."""
STYLE = {"worse": "bold red", "gone": "yellow", "changed": "yellow", "new": "cyan", "better": "green"}


def print_comparison(out: Console, old: Certificate, new: Certificate, found: Comparison) -> None:
    """Print what differs, and whether it is a step back."""
    for label, certificate in (("old", old), ("new", new)):
        out.print(f"{label}  {subject(certificate)}: {verdict_words(certificate)}", soft_wrap=True)
    for remark in found.remarks:
        out.print(f"remark: {plain(remark)}", soft_wrap=True)
    told, counted = split(found.changes)
    for kind, several in counted.items():
        out.print(f"\n{kind:<8}{not_run_words(kind, several)}", style=STYLE[kind], soft_wrap=True)
    for change in told:
        mark = "" if change.step_back or change.kind not in ("worse", "gone") else " (does not count)"
        out.print(f"\n{change.kind:<8}{plain(change.id)}{mark}", style=STYLE[change.kind])
        for label, result in (("old", change.old), ("new", change.new)):
            out.print(f"        {label}  {state(result):<15}{numbers(result)}".rstrip(), soft_wrap=True)
    for score in found.scores:
        mark = "" if score.step_back or score.kind not in ("worse", "gone") else " (does not count)"
        out.print(f"\n{score.kind:<8}{plain(score.subject)}{mark}", style=STYLE[score.kind])
        for label, side in (("old", score.old), ("new", score.new)):
            out.print(f"        {label}  {'not measured' if side is None else value(side)}", soft_wrap=True)
    out.print("")
    out.print(conclusion(found), soft_wrap=True)


def split(changes: Sequence[Change]) -> tuple[list[Change], dict[Kind, list[Change]]]:
    """Return the changes that are told one by one, and, by kind, those of which one certificate has nothing.

    A law that is violated is always told by itself, whether the other certificate has it or not.
    """
    counted: dict[Kind, list[Change]] = {}
    for change in changes:
        judged = change.old or change.new
        if (change.old is None or change.new is None) and judged is not None and state(judged) != "violated":
            counted.setdefault(change.kind, []).append(change)
    few = [kind for kind, several in counted.items() if len(several) < FEW_NOT_RUN]
    for kind in few:
        del counted[kind]
    hidden = {change.id for several in counted.values() for change in several}
    return [change for change in changes if change.id not in hidden], counted


def not_run_words(kind: Kind, changes: Sequence[Change]) -> str:
    """Return in one line which laws stand in one of two certificates alone."""
    named = [plain(change.id) for change in changes[:2]]
    more = len(changes) - len(named)
    those = f"{', '.join(named)} and {more} more"
    if kind == "new":
        return f"{len(changes)} laws were not run in the old one: {those}"
    held = sum(change.step_back for change in changes)
    count = "" if held == len(changes) else f" ({held} of them held)"
    return f"{len(changes)} laws are not run in the new one{count}: {those}"


def print_several(
    out: Console, certificates: Sequence[Certificate], files: Sequence[str], found: Sequence[Comparison]
) -> None:
    """Print how three or more certificates judge the laws that any two of them judge differently.

    Parameters
    ----------
    certificates, files : sequences
        The first is what the others are compared with.
    found : sequence of Comparison
        Of each of the others.
    """
    names = labels(len(certificates))
    for name, certificate, file in zip(names, certificates, files, strict=True):
        line = f"{name}  {subject(certificate)}: {verdict_words(certificate)}  ({plain(file)})"
        out.print(line, soft_wrap=True, markup=False, highlight=False)
    for name, one in zip(names[1:], found, strict=True):
        for remark in one.remarks:
            out.print(f"remark: {name} against A: {plain(remark)}", soft_wrap=True, markup=False, highlight=False)
    states = [{result.id: state(result) for result in one.checks} for one in certificates]
    ids = [i for i in dict.fromkeys(i for one in states for i in one) if len({_told(one.get(i)) for one in states}) > 1]
    if ids:
        width = max(map(len, map(plain, ids))) + 2
        out.print("")
        head = "".join(f"{name:<15}" for name in names)
        out.print(f"{'law':<{width}}{head}".rstrip(), style="bold", soft_wrap=True, markup=False, highlight=False)
    for check_id in ids:
        cells = "".join(f"{one.get(check_id, 'not run'):<15}" for one in states)
        out.print(f"{plain(check_id):<{width}}{cells}".rstrip(), soft_wrap=True, markup=False, highlight=False)
    out.print("")
    for name, one in zip(names[1:], found, strict=True):
        out.print(f"{name} against A: {conclusion(one)}", soft_wrap=True, markup=False, highlight=False)


def _told(word: str | None) -> str | None:
    return None if word == "not applicable" else word  # as little known as of a law that was not run


def labels(count: int) -> list[str]:
    """Return what certificates side by side are called: A, B, C, and numbers where there are many."""
    return list(ascii_uppercase[:count]) if count <= len(ascii_uppercase) else ["A", *map(str, range(2, count + 1))]


def conclusion(found: Comparison) -> str:
    """Return the whole comparison in one sentence."""
    if found.worse:
        return f"WORSE: {plain('; '.join(_counted(found.reasons)))}."
    if found.changes:
        return "No worse: no law that held is missed by more than before."
    beside = "; of the numbers beside them, none got worse that counts" if found.scores else ""
    return f"No law changed{beside}."


def _counted(reasons: Sequence[str]) -> list[str]:
    """Return the reasons; of many laws that are not run any more, their number."""
    gone = [reason for reason in reasons if reason.endswith(NOT_RUN)]
    if len(gone) <= MOST_NOT_RUN:
        return list(reasons)
    return [*(reason for reason in reasons if reason not in gone), f"{len(gone)} laws that held are not run"]


def verdict_words(certificate: Certificate) -> str:
    """Return verdict and grade, for which structures, and whether that was all."""
    words = certificate.verdict if certificate.grade is None else f"{certificate.verdict} ({certificate.grade})"
    words += restriction(certificate)
    return words if certificate.complete else f"{words}, incomplete"


def numbers(result: CheckResult | None) -> str:
    """Return what was measured, beside what is allowed; where nothing was, why."""
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
    lines += [
        f"- old: {cell(subject(old))}, {verdict_words(old)}",
        f"- new: {cell(subject(new))}, {verdict_words(new)}",
    ]
    lines += [f"- {cell(remark)}" for remark in found.remarks]
    if found.changes:
        lines += ["", "| | law | old | new |", "| --- | --- | --- | --- |"]
    told, counted = split(found.changes)
    for kind, several in counted.items():
        lines.append(f"| {kind} | {cell(not_run_words(kind, several))} | | |")
    for change in told:
        sides = (" ".join(f"{state(r)} {numbers(r)}".split()) for r in (change.old, change.new))
        lines.append(f"| {change.kind} | {cell(change.id)} | {' | '.join(map(cell, sides))} |")
    if found.scores:
        lines += ["", "| | number | old | new |", "| --- | --- | --- | --- |"]
    for score in found.scores:
        both = ("not measured" if side is None else value(side) for side in (score.old, score.new))
        lines.append(f"| {score.kind} | {cell(score.subject)} | {' | '.join(map(cell, both))} |")
    return "\n".join(lines) + "\n"
