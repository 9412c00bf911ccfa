"""The report that a person reads: who is judged, each check as it finishes, the table of laws, the verdict in words.

Every function prints to a rich console (see `report.stream.console`) and works from a certificate alone. A mapping
from ids to checks adds what a certificate does not keep: what each law means, and which checks were not run.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.text import Text

from gnnp_bench.certificate.result import Certificate, CheckResult, ComponentResult, NoiseRecord
from gnnp_bench.check import Check
from gnnp_bench.engine.settings import Step
from gnnp_bench.report.failures import cause, failure, reproduced
from gnnp_bench.report.scores import scores
from gnnp_bench.report.text import (
    MOST_SPECIES,
    duration,
    judged_on,
    listed,
    not_learnt,
    number,
    plain,
    plural,
    quantity,
    species_line,
    trained_on,
    wrapped,
)
from gnnp_bench.report.uses import uses
from gnnp_bench.report.words import by_reason, outcome, sentence, status_style, status_word, subject

LABEL = 13
ID = 28
STATUS = 12
MOST_IDS = 4
"""Checks that are named where all have one reason; the table says which they are."""


def header(console: Console, certificate: Certificate) -> None:
    """Print which potential is judged, and how."""
    potential = certificate.potential
    weights = f"sha256 {potential.weights_sha256[:12]}" if potential.weights_sha256 else "no file of weights known"
    if potential.parameters is not None:
        weights += f", {potential.parameters:,} parameters"
    lines = {
        "potential": subject(certificate),
        "spec": plain(potential.spec),
        "weights": weights,
        "arithmetic": f"{potential.dtype or 'precision not stated'} on {potential.device}",
        "species": species_line(potential.species),
        "run": f"budget {certificate.budget}, profile {certificate.profile}, seed {certificate.seed}, "
        f"{plural(certificate.structures, 'structure')}",
    }
    if potential.combinations:
        lines["trained on"] = trained_on(potential.combinations)
    if potential.fitted_alone:
        lines["not learnt"] = not_learnt(potential.fitted_alone, potential.undetermined)
    kinds = judged_on(potential)
    if kinds is not None:
        lines["structures"] = kinds
    for label, value in lines.items():
        labelled(console, label, value)


def noise_line(noise: NoiseRecord) -> str:
    """Return the largest noise floor over the pool in one line."""
    measured = (("E", noise.energy, "eV/atom"), ("F", noise.forces, "eV/Å"), ("σ", noise.stress, "eV/Å³"))
    said = [f"{symbol} {quantity(value, unit)}" for symbol, value, unit in measured if value is not None]
    return "  ".join(said) if said else "not measured: no structure could be evaluated"


def labelled(console: Console, label: str, value: str) -> None:
    """Print a label and a text whose further lines are indented under its first."""
    for i, line in enumerate(wrapped(value, console.width - LABEL)):
        _print_whole(console, Text.assemble((f"{label if i == 0 else '':<{LABEL}}", "bold"), line))


def progress(console: Console, step: Step) -> None:
    """Print what a step of a run brought: the header at first, then a line for each check."""
    if step.result is None:
        header(console, step.certificate)
        console.print()
        title = f"{'status':<{STATUS}} {'check':<{ID}} measured/bound/significance"
        room = max(2, console.width - len(title))
        _print_whole(console, Text(f"{title}{'time left':>{room}}", style="bold"))
        return
    result = step.result
    left = "" if step.seconds_left is None or step.done == step.total else f"~{duration(step.seconds_left)}"
    numbers = _three_numbers(result)
    line = Text.assemble(status_text(result), " ", f"{result.id:<{ID}}", " ")
    if line.cell_len + len(numbers) > console.width:
        _print_whole(console, line)
        line = Text(" " * (STATUS + ID + 2))
    line.append(numbers)
    room = console.width - line.cell_len - len(left)
    if left and room >= 1:
        line.append(" " * room + left, style="dim")
    _print_whole(console, line)


def _print_whole(console: Console, line: Text) -> None:
    """Print a line as it is, longer than the console if need be: ids, commands and paths are never cut."""
    line.rstrip()
    console.print(line, no_wrap=True, overflow="ignore", crop=False)


def status_text(result: CheckResult | ComponentResult) -> Text:
    """Return the status as a word of fixed width, coloured where there are colours."""
    return Text(f"{status_word(result):<{STATUS}}", style=status_style(result))


def _three_numbers(result: CheckResult) -> str:
    if result.quantity is None:
        return ""
    numbers = "/".join(number(value) for value in (result.measured, result.bound, result.significance))
    return f"{numbers} {plain(result.unit or '')}"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table of laws."""

    name: str
    result: CheckResult | ComponentResult

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Measured with unit, bound, significance, status with grade."""
        result = self.result
        if isinstance(result, CheckResult) and result.quantity is None:
            return "", "", "", status_word(result)
        return (
            quantity(result.measured, result.unit),
            number(result.bound),
            number(result.significance),
            outcome(result),
        )


TITLES = ("measured", "bound", "signif.", "status, grade")


def table(console: Console, results: Sequence[CheckResult]) -> None:
    """Print the table of laws: one line per check, and under a failing one a line for each of its components."""
    groups = {
        "law (check id)": [result for result in results if result.category != "informational"],
        "informational (never fails)": [result for result in results if result.category == "informational"],
    }
    rows = {title: _rows(group) for title, group in groups.items() if group}
    every = [row for group in rows.values() for row in group]
    if not every:
        return
    widths = [max(len(title), *(len(row.cells[i]) for row in every)) for i, title in enumerate(TITLES)]
    longest = max(len(name) for name in (*rows, *(row.name for row in every)))
    gap = "  " if longest + sum(widths) + 2 * len(widths) <= console.width else " "
    name_width = min(longest, max(12, console.width - sum(widths) - len(gap) * len(widths)))
    line = partial(_line, console, name_width, widths, gap)
    for title, group in rows.items():
        line(title, TITLES, style="bold")
        for row in group:
            line(row.name, row.cells, status_style=status_style(row.result))


def _rows(results: Sequence[CheckResult]) -> list[Row]:
    rows = []
    for result in results:
        rows.append(Row(result.id, result))
        if result.status in ("fail", "waived") and len(result.components) > 1:
            rows += [Row(f"  {plain(component.quantity)}", component) for component in result.components]
    return rows


def _line(
    console: Console,
    name_width: int,
    widths: Sequence[int],
    gap: str,
    name: str,
    cells: Sequence[str],
    *,
    style: str = "",
    status_style: str = "",
) -> None:
    """Print one line. A name that is too long gets a line of its own: ids are never cut."""
    if len(name) > name_width:
        _print_whole(console, Text(name, style=style))
        name = ""
    *numbers, status = cells
    columns = [f"{cell:>{width}}" for cell, width in zip(numbers, widths, strict=False)]
    line = Text.assemble(gap.join([f"{name:<{name_width}}", *columns]), gap, (status, status_style), style=style)
    _print_whole(console, line)


def summary(
    console: Console,
    certificate: Certificate,
    *,
    checks: Mapping[str, Check] | None = None,
    path: str | None = None,
) -> None:
    """Print table, reasons, failures and verdict.

    Parameters
    ----------
    console : Console
    certificate : Certificate
    checks : mapping of str to Check, optional
        All registered checks, for the meaning of the laws and for those that were not run.
    path : str, optional
        Where the certificate was written, for the command that replays a failure from it.
    """
    console.print()
    table(console, certificate.checks)
    reasons(console, certificate.checks, path=path)
    for found in certificate.causes:
        console.print()
        cause(console, found)
    for result in certificate.checks:
        if result.status == "fail" and result.category != "informational":
            console.print()
            failure(console, result, check=(checks or {}).get(result.id), path=path)
    if any(r.status == "fail" and r.category != "informational" for r in certificate.checks):
        console.print()
        judged = certificate.potential
        species = f" --species {','.join(judged.species)}" if len(judged.species) <= MOST_SPECIES else ""
        look = f"gnnp-bench doctor {shlex.quote(plain(judged.spec))}{species} looks for mistakes of an adapter"
        labelled(console, "look into it", f"{look}; what a counterexample tells stands in docs/reproduce.md")
    scores(console, certificate.scores)
    uses(console, certificate)
    console.print()
    labelled(console, "noise floor", noise_line(certificate.noise))
    spent = f"{certificate.evaluations} evaluations in {seconds(certificate.elapsed_s)}"
    # Of several processes, each has its own time inside the potential.
    share = "of it" if certificate.potential_s <= certificate.elapsed_s else "in all processes"
    labelled(console, "spent", f"{spent}, {seconds(certificate.potential_s)} {share} inside the potential")
    console.print()
    style = {"certified": "bold green", "failed": "bold red", "partial": "bold yellow"}[certificate.verdict]
    for line in wrapped(sentence(certificate, expected=checks), console.width):
        _print_whole(console, Text(line, style=style))


def seconds(value: float) -> str:
    """Return a measured time."""
    return f"{value:.1f} s" if value < 60 else f"{value / 60:.1f} min"


def reasons(console: Console, results: Sequence[CheckResult], *, path: str | None = None) -> None:
    """Print why checks were not judged, and what is to be said about those that were: each reason once."""
    titles = {
        "error": "could not be measured",
        "inconclusive": "inconclusive",
        "waived": "waived",
        "not_applicable": "not applicable (n/a)",
        "pass": "remarks",
    }
    for status, title in titles.items():
        spoken = by_reason(result for result in results if result.status == status)
        if not spoken:
            continue
        console.print()
        console.print(title, style="bold")
        for reason, ids in spoken.items():
            whose = ids if len(ids) <= MOST_IDS else [*ids[:2], f"{len(ids) - 2} more"]
            indented(console, f"{listed(whose)}: {reason}", 2)
            for result in results:
                kept = result.id in ids and result.counterexample is not None and path is not None
                if kept and status in ("error", "inconclusive"):
                    _print_whole(console, Text(f"    {reproduced(str(path), result)}"))


def indented(console: Console, value: str, depth: int) -> None:
    """Print a text whose further lines are indented by two more than its first."""
    for i, line in enumerate(wrapped(value, console.width - depth - 2)):
        _print_whole(console, Text(" " * (depth if i == 0 else depth + 2) + line))
