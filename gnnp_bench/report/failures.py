"""What a violated law means, by how much it is missed, and on which input."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gnnp_bench.certificate.result import Cause, CheckResult, Counterexample
from gnnp_bench.certificate.verdict import CLAIMED_FRACTION
from gnnp_bench.check import Check
from gnnp_bench.report.parameters import history_line, in_words
from gnnp_bench.report.text import listed, number, plain, plural, quantity, structure_lines, times, wrapped

LABEL = 11


def cause(console: Console, found: Cause) -> None:
    """Print one mistake and the laws that hold without it."""
    many = plural(len(found.explains), "law")
    console.print(Text.assemble((f"CAUSE {found.name}: {many} would hold without it", "bold red")))
    for label, text in (
        ("measured", found.measured),
        ("looks like", found.looks_like),
        ("to mend it", found.mend),
        ("explains", listed(found.explains)),
    ):
        _paragraph(console, label, plain(text))


def failure(
    console: Console,
    result: CheckResult,
    *,
    check: Check | None = None,
    path: str | None = None,
    causes: Sequence[Cause] = (),
) -> None:
    """Print one violated law.

    Parameters
    ----------
    console : Console
    result : CheckResult
    check : Check, optional
        The check itself, for the law in words.
    path : str, optional
        The certificate's file, from which the failure can be replayed.
    causes : sequence of Cause
        Of all failures; told are those that explain this one.
    """
    console.print(Text.assemble((f"FAILED {result.id}", "bold red")))
    _paragraph(console, "law", plain(result.law))
    _paragraph(console, "missed by", missed_by(result))
    if check is not None:
        _paragraph(console, "meaning", plain(check.physics))
    for found in causes:
        if result.id in found.explains:
            said = f"{found.name}: {found.measured}; looks like {found.looks_like}; to mend it, {found.mend}"
            _paragraph(console, "cause", plain(said))
    if result.reason:
        _paragraph(console, "remark", plain(result.reason))
    if result.counterexample is not None:
        _counterexample(console, result, result.counterexample, path)


def missed_by(result: CheckResult) -> str:
    """Return in words by how much a law was missed, and how much would have been excused."""
    if result.measured is None:
        return f"{plain(result.quantity or 'what it speaks of')}: the residual is not finite, which nothing excuses"
    what = f"{quantity(result.measured, result.unit)} in {plain(result.quantity or 'what it speaks of')}"
    if result.bound is None or result.significance is None:
        return what
    allowed = max(result.bound, result.significance)
    if allowed == 0.0 and not result.unit:  # a number of things, not a size
        return f"{plain(result.quantity or 'what it speaks of')}: {number(result.measured)}; none is allowed"
    if allowed == 0.0:
        return f"{what}; nothing is allowed"
    limits = f"rounding explains {number(result.bound)}, {number(result.significance)} starts to matter"
    if result.measured <= allowed:
        percent = f"{100 * CLAIMED_FRACTION:g} %"
        return f"{what}; {limits}, but a law that holds by construction may be missed by {percent} of that at most"
    return f"{what}: {times(result.measured / allowed)} times what is allowed ({limits})"


def _counterexample(console: Console, result: CheckResult, found: Counterexample, path: str | None) -> None:
    structure = structure_lines(found.structure)
    for i, line in enumerate(structure):
        _verbatim(console, "input" if i == 0 else "", line)
    parameters = found.case.get("parameters", found.case)
    if parameters:
        _paragraph(console, "with", in_words(result.id, parameters) or "nothing done to it")
    if found.history:
        _paragraph(console, "before it", history_line(found.history))
    if "measured" in found.case and found.case["measured"] != result.measured:
        there = quantity(found.case["measured"], found.case.get("unit"))
        _paragraph(console, "there", f"missed by {there}, on the simplest input found that still fails")
    _verbatim(console, "reproduce", plain(found.reproduce) if path is None else reproduced(path, result))


def reproduced(path: str, result: CheckResult) -> str:
    """Return the command that measures the counterexample of a check again from a certificate's file."""
    return f"gnnp-bench reproduce {shown(path)} {result.id}"


def shown(path: str) -> str:
    """Return a path as a shell takes it, the folder of whoever runs this as ``~``."""
    home = os.path.join(os.path.expanduser("~"), "")
    return f"~/{shlex.quote(path.removeprefix(home))}" if path.startswith(home) else shlex.quote(path)


def _paragraph(console: Console, label: str, value: str) -> None:
    for i, line in enumerate(wrapped(value, console.width - LABEL - 2)):
        _verbatim(console, label if i == 0 else "", line)


def _verbatim(console: Console, label: str, line: str) -> None:
    """Print a line that is not broken, for it may be one to be copied."""
    console.print(Text(f"  {label:<{LABEL}}{line}"), no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)
