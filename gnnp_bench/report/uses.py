"""For what a potential is fit, as a table."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console
from rich.text import Text

from gnnp_bench.certificate.result import Certificate, Fitness
from gnnp_bench.report.text import listed, plain, plural, wrapped

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
    answered, unasked = split(certificate)
    console.print()
    console.print(Text(heading(certificate), style="bold"))
    width = max((len(fitness.use) for fitness in answered), default=0) + 2
    said: dict[str, str] = {}
    for fitness in answered:
        first = said.setdefault(fitness.reason, fitness.use)
        repeated = first != fitness.use and len(fitness.reason) > LONG
        _line(console, replace(fitness, reason=f"as {first}") if repeated else fitness, width)
    if unasked:
        for i, line in enumerate(wrapped(unasked_sentence(certificate), console.width - 4)):
            console.print(Text(" " * (2 if i == 0 else 4) + line, style=STYLE["not looked at"]), soft_wrap=True)


def split(certificate: Certificate) -> tuple[list[Fitness], list[Fitness]]:
    """Return the answers that rest on something measured, and those that lack nothing but laws that were not run."""
    there = {result.id for result in certificate.checks}
    unasked = [
        one
        for one in certificate.uses
        if one.answer == "not looked at" and one.because and there.isdisjoint(one.because)
    ]
    return [one for one in certificate.uses if one not in unasked], unasked


def unasked_sentence(certificate: Certificate) -> str:
    """Return in one sentence which uses nothing can be said of, because laws that decide them were not run."""
    answered, unasked = split(certificate)
    if not answered:
        return f"not looked at: all {len(unasked)} uses rest on laws that were not run"
    names = listed(one.use for one in unasked)
    return f"not looked at (laws that decide them were not run): {names}"


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
