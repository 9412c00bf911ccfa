"""What to do next with a certificate: the commands, with the names filled in."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.text import Text

from gnnp_bench.certificate.result import Certificate
from gnnp_bench.report.table import print_whole
from gnnp_bench.report.text import MOST_SPECIES, plain

PURPOSE = 20


def next_steps(console: Console, certificate: Certificate, path: str | None, *, printed: bool = True) -> None:
    """Print what to do next, each command on a line of its own, to be copied.

    Parameters
    ----------
    console : Console
    certificate : Certificate
    path : str or None
        Where the certificate was written, if anywhere.
    printed : bool, optional
        Whether it is said how the report is printed again.
    """
    console.print()
    print_whole(console, Text("next", style="bold"))
    for purpose, command in commands(certificate, path, printed=printed).items():
        print_whole(console, Text(f"  {purpose:<{PURPOSE}} {command}"))


def commands(certificate: Certificate, path: str | None, *, printed: bool = True) -> dict[str, str]:
    """Return commands by what they are for, what helps most first."""
    judged = certificate.potential
    failed = [r.id for r in certificate.checks if r.status == "fail" and r.category != "informational"]
    steps = {}
    if failed:
        species = f" --species {','.join(judged.species)}" if len(judged.species) <= MOST_SPECIES else ""
        steps["check the adapter"] = f"gnnp-bench doctor {shlex.quote(plain(judged.spec))}{species}"
        steps["explain the law"] = f"gnnp-bench explain {failed[0]}"
        steps["how to go on"] = "docs/reproduce.md"
    if path is None:
        steps["keep the certificate"] = "--json certificate.json"
        steps["look at it"] = "--html report.html"
        return steps
    file = shlex.quote(plain(path))
    steps["look at it"] = f"gnnp-bench report {file} --html report.html"
    if printed:
        steps["print it again"] = f"gnnp-bench show {file}"
    return steps
