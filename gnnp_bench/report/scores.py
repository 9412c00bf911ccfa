"""The numbers beside the laws as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gnnp_bench.certificate.result import Score
from gnnp_bench.report.text import number, plain

HEADINGS = {
    "accuracy": "errors against reference data",
    "bench": "speed, on this machine and day",
    "properties": "properties",
}


def scores(console: Console, found: Sequence[Score]) -> None:
    """Print the numbers, those of one subject together; of those without a value, why."""
    for kind, heading in HEADINGS.items():
        chosen = [score for score in found if score.kind == kind]
        if not chosen:
            continue
        console.print()
        console.print(Text(heading, style="bold"))
        subject = None
        for score in chosen:
            if score.subject != subject:
                subject = score.subject
                console.print(Text(f"  {plain(subject)}{_remark(score)}"), soft_wrap=True)
            console.print(Text(f"    {plain(score.name):<44} {value(score)}"), soft_wrap=True)


def value(score: Score) -> str:
    """Return a number with its uncertainty, unit and what others found; or why there is none."""
    if score.value is None:
        return f"none: {plain(score.remark)}"
    text = f"{score.value:.4g}"
    if score.uncertainty is not None:
        text += f" ± {number(score.uncertainty)}"
    text += f" {plain(score.unit)}"
    return text if score.reference is None else f"{text}  (reference {score.reference:.4g})"


def _remark(score: Score) -> str:
    return f"  ({plain(score.remark)})" if score.remark and score.value is not None else ""
