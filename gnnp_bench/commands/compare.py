"""``gnnp-bench compare``: what got better and what got worse between two certificates."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import msgspec
import typer

from gnnp_bench.certificate import io
from gnnp_bench.certificate.compare import Comparison, state
from gnnp_bench.certificate.compare import compare as compared
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.output import own_stdout, write_bytes
from gnnp_bench.report.text import number, plain, quantity
from gnnp_bench.report.words import restriction, subject

COMPARISON_VERSION = 1
STYLE = {"worse": "bold red", "gone": "yellow", "changed": "yellow", "new": "cyan", "better": "green"}


def compare(
    old: Annotated[str, typer.Argument(metavar="OLD.json", help="The earlier certificate.")],
    new: Annotated[str, typer.Argument(metavar="NEW.json", help="The later certificate.")],
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the comparison here as JSON; - is standard output.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as Markdown, for a pull request; - is standard output.")
    ] = None,
) -> int:
    """Tell what got better and what got worse between two certificates.

    Exit status: 0 nothing got worse; 1 a law that held is violated, holds less exactly or is no longer judged, the
    verdict or its grade dropped, or the new certificate is incomplete; 2 the request was wrong.
    """
    from gnnp_bench.report.stream import console

    _check_targets(old, new, json, markdown)
    try:
        before, after = io.read(old), io.read(new)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    found = compared(before, after)
    with own_stdout() as stdout:
        _print(console(sys.stderr if "-" in (json, markdown) else stdout), before, after, found)
        for path, encode in ((json, _as_json), (markdown, _as_markdown)):
            if path == "-":
                write_bytes(stdout, encode(before, after, found))
            elif path is not None:
                try:
                    io.replace_file(path, encode(before, after, found))
                except ValueError as error:
                    raise BadRequest(str(error)) from error
    return 1 if found.worse else 0


def _check_targets(old: str, new: str, *paths: str | None) -> None:
    named = [path for path in paths if path is not None]
    if named.count("-") > 1:
        raise BadRequest("--json and --markdown cannot both be standard output: name a file for one")
    files = [os.path.realpath(path) for path in named if path != "-"]
    if len(set(files)) < len(files) or {os.path.realpath(old), os.path.realpath(new)} & set(files):
        raise BadRequest("the certificates, --json and --markdown must be different files")
    for path in named:
        if path != "-":
            try:
                io.check_writable(path)
            except ValueError as error:
                raise BadRequest(str(error)) from error


def _print(out: Any, old: Certificate, new: Certificate, found: Comparison) -> None:
    for label, certificate in (("old", old), ("new", new)):
        out.print(f"{label}  {subject(certificate)}: {_verdict(certificate)}", soft_wrap=True)
    for remark in found.remarks:
        out.print(f"remark: {plain(remark)}", soft_wrap=True)
    for change in found.changes:
        mark = "" if change.step_back or change.kind not in ("worse", "gone") else " (does not count)"
        out.print(f"\n{change.kind:<8}{plain(change.id)}{mark}", style=STYLE[change.kind])
        for label, result in (("old", change.old), ("new", change.new)):
            out.print(f"        {label}  {state(result):<15}{_numbers(result)}".rstrip(), soft_wrap=True)
    out.print("")
    out.print(_conclusion(found), soft_wrap=True)


def _conclusion(found: Comparison) -> str:
    if found.worse:
        return f"WORSE: {plain('; '.join(found.reasons))}."
    return "No worse: no law that held is missed by more than before." if found.changes else "No law changed."


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


def _as_json(old: Certificate, new: Certificate, found: Comparison) -> bytes:
    def side(certificate: Certificate) -> dict[str, Any]:
        return {
            "potential": msgspec.to_builtins(certificate.potential),
            **{key: getattr(certificate, key) for key in ("verdict", "grade", "complete", "budget", "profile", "seed")},
        }

    def judged(result: CheckResult | None) -> dict[str, Any] | None:
        keys = ("status", "grade", "quantity", "measured", "bound", "significance", "unit")
        return None if result is None else {key: getattr(result, key) for key in keys}

    values = {
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
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"


def _as_markdown(old: Certificate, new: Certificate, found: Comparison) -> bytes:
    lines = [f"**{_cell(_conclusion(found))}**", ""]
    lines += [f"- old: {_cell(subject(old))}, {_verdict(old)}", f"- new: {_cell(subject(new))}, {_verdict(new)}"]
    lines += [f"- {_cell(remark)}" for remark in found.remarks]
    if found.changes:
        lines += ["", "| | law | old | new |", "| --- | --- | --- | --- |"]
    for change in found.changes:
        sides = (" ".join(f"{state(r)} {_numbers(r)}".split()) for r in (change.old, change.new))
        lines.append(f"| {change.kind} | {_cell(change.id)} | {' | '.join(map(_cell, sides))} |")
    return ("\n".join(lines) + "\n").encode()


def _cell(text: str) -> str:
    """Return foreign text that can neither end a cell of a table nor become markup."""
    return "".join(f"\\{c}" if c in "\\|`*_<>[]" else c for c in plain(text))
