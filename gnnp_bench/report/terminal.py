"""The report that a person reads: who is judged, each check as it finishes, the table of laws, the verdict in words.

Every function prints to a rich console (see `report.stream.console`) and works from a certificate alone. A mapping
from ids to checks adds what a certificate does not keep: what each law means, and which checks were not run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from gnnp_bench.certificate.result import Certificate, CheckResult, NoiseRecord
from gnnp_bench.check import Check
from gnnp_bench.engine.settings import Step
from gnnp_bench.report.failures import cause, failure, reproduced
from gnnp_bench.report.scores import scores
from gnnp_bench.report.table import heading, print_whole, row, table
from gnnp_bench.report.text import (
    judged_on,
    listed,
    not_learnt,
    plain,
    plural,
    quantity,
    species_line,
    trained_on,
    wrapped,
)
from gnnp_bench.report.uses import uses
from gnnp_bench.report.words import by_reason, sentence, subject

LABEL = 13
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
        print_whole(console, Text.assemble((f"{label if i == 0 else '':<{LABEL}}", "bold"), line))


def progress(console: Console, step: Step) -> None:
    """Print what a step of a run brought: the header at first, then the line of each check."""
    if step.result is None:
        header(console, step.certificate)
        console.print()
        heading(console)
    else:
        row(console, step.result)


def summary(
    console: Console,
    certificate: Certificate,
    *,
    checks: Mapping[str, Check] | None = None,
    path: str | None = None,
    rows: bool = True,
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
    rows : bool, optional
        Whether the table is printed; a run has printed its lines already.
    """
    if rows:
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
        print_whole(console, Text(line, style=style))


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
                    print_whole(console, Text(f"    {reproduced(str(path), result)}"))


def indented(console: Console, value: str, depth: int) -> None:
    """Print a text whose further lines are indented by two more than its first."""
    for i, line in enumerate(wrapped(value, console.width - depth - 2)):
        print_whole(console, Text(" " * (depth if i == 0 else depth + 2) + line))
