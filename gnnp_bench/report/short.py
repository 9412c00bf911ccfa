"""A certificate in a screenful: whom it is about, the table of laws, what fails and what is open, the verdict."""

from __future__ import annotations

import io
from collections.abc import Iterable

from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.report import terminal
from gnnp_bench.report.failures import missed_by
from gnnp_bench.report.parameters import in_words
from gnnp_bench.report.stream import console
from gnnp_bench.report.table import table
from gnnp_bench.report.text import plain, plural, species_line, structure_lines
from gnnp_bench.report.words import sentence, subject

WIDTH = 100


def text(certificate: Certificate, *, expected: Iterable[str] | None = None, width: int = WIDTH) -> str:
    """Return a certificate as text.

    Parameters
    ----------
    certificate : Certificate
    expected : iterable of str, optional
        Ids of all registered checks, for those that were not run.
    width : int
        Columns.
    """
    written = io.StringIO()
    out = console(written, width=width)
    terminal.labelled(out, "potential", about(certificate))
    out.print()
    table(out, certificate.checks)
    binding = [result for result in certificate.checks if result.category != "informational"]
    terminal.reasons(out, [result for result in binding if result.status in ("error", "inconclusive")])
    for result in failures(certificate):
        out.print()
        terminal.labelled(out, "FAILED", f"{result.id}: {missed_by(result)}")
        if result.counterexample is not None:
            terminal.labelled(out, "", f"smallest input: {' '.join(smallest(result))}")
    for cause in certificate.causes:
        terminal.labelled(out, "cause", plain(f"{cause.looks_like}; to mend it, {cause.mend}"))
    out.print()
    terminal.labelled(out, "verdict", sentence(certificate, expected=expected))
    return written.getvalue().rstrip() + "\n"


def about(certificate: Certificate) -> str:
    """Return whom a certificate is about, and how it was judged, in one line."""
    asked = f"budget {certificate.budget}, profile {certificate.profile}, seed {certificate.seed}"
    drawn = plural(certificate.structures, "structure")
    return f"{subject(certificate)} ({species_line(certificate.potential.species)}); {asked}, {drawn}"


def failures(certificate: Certificate) -> tuple[CheckResult, ...]:
    """Return the results of the laws that are violated."""
    return tuple(r for r in certificate.checks if r.status == "fail" and r.category != "informational")


def smallest(result: CheckResult) -> list[str]:
    """Return the smallest input found, in a line, and what was done to it in another, if anything."""
    if result.counterexample is None:
        return []
    done = in_words(result.id, result.counterexample.case.get("parameters", {}))
    return [structure_lines(result.counterexample.structure)[0], *([f"({done})"] if done else [])]
