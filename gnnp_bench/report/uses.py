"""For what a potential is fit, as a table."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console
from rich.text import Text

from gnnp_bench.certificate.result import Certificate, Fitness
from gnnp_bench.report.text import plain, plural, wrapped

STYLE = {"fit": "green", "fit with care": "yellow", "not fit": "bold red", "not looked at": "dim"}
LONG = 60
"""Characters: a longer reason is said once."""
ANSWER = max(map(len, STYLE)) + 2


def heading(certificate: Certificate) -> str:
    """Return what the answers rest on."""
    structures = plural(certificate.structures, "structure")
    return f"fit for what? (budget {certificate.budget}, {structures})"


def uses(console: Console, certificate: Certificate) -> None:
    """Print an answer for each use, and why it is no better."""
    if not certificate.uses:
        return
    width = max(len(fitness.use) for fitness in certificate.uses) + 2
    console.print()
    console.print(Text(heading(certificate), style="bold"))
    said: dict[str, str] = {}
    for fitness in certificate.uses:
        first = said.setdefault(fitness.reason, fitness.use)
        repeated = first != fitness.use and len(fitness.reason) > LONG
        _line(console, replace(fitness, reason=f"as {first}") if repeated else fitness, width)


def _line(console: Console, fitness: Fitness, width: int) -> None:
    indent = 2 + width + ANSWER
    room = console.width - indent
    reason = wrapped(plain(fitness.reason), room if room >= 24 else console.width - 4)
    line = Text.assemble(f"  {fitness.use:<{width}}", (f"{fitness.answer:<{ANSWER}}", STYLE[fitness.answer]))
    if reason and room >= 24:
        line.append(reason.pop(0))
    line.rstrip()
    console.print(line, soft_wrap=True)
    for more in reason:
        console.print(Text(" " * (indent if room >= 24 else 4) + more), soft_wrap=True)
