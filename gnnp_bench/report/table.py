"""One line for each law: what was found, by how much it was missed, what rounding explains, what starts to matter.

A run prints each line when its check has finished; a certificate that is shown again prints them all. The columns are
the same, and the legend above them says what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from gnnp_bench.certificate.result import CheckResult, ComponentResult
from gnnp_bench.certificate.verdict import told_only
from gnnp_bench.report.text import number, plain, wrapped
from gnnp_bench.report.words import status_style, status_word

OUTCOME = 12
ID = 32
NUMBER = 7
TITLES = ("measured", "bound", "matters")
LEGEND = {
    "exact": "holds, to the potential's own rounding",
    "limited": "holds, as far as rounding lets one see",
    "approximate": "missed by more than rounding, by less than matters",
    "seen": "missed, by a law that is told and never judged",
    "bound": "what rounding explains",
    "matters": "from where on it matters",
}


def print_whole(console: Console, line: Text) -> None:
    """Print a line as it is, longer than the console if need be: ids, commands and paths are never cut."""
    line.rstrip()
    console.print(line, no_wrap=True, overflow="ignore", crop=False)


def heading(console: Console) -> None:
    """Print the legend, and the titles of the columns."""
    for word, meaning in LEGEND.items():
        for i, text in enumerate(wrapped(meaning, console.width - OUTCOME - 1)):
            print_whole(console, Text(f"{word if i == 0 else '':<{OUTCOME}} {text}", style="dim"))
    console.print()
    titles(console, "law")


def titles(console: Console, name: str) -> None:
    """Print the titles of the columns."""
    _print(console, Text(f"{'outcome':<{OUTCOME}} ", style="bold"), name, _columns(TITLES, "unit"), style="bold")


def row(console: Console, result: CheckResult) -> None:
    """Print the line of a check, and under a failing one a line for each of its components."""
    _print(console, _outcome(result, word(result)), result.id, _numbers(result))
    if result.status in ("fail", "waived") and len(result.components) > 1:
        for component in result.components:
            _print(console, _outcome(component, word(component)), f"  {plain(component.quantity)}", _numbers(component))


def table(console: Console, results: Sequence[CheckResult]) -> None:
    """Print all lines; those of informational checks, which judge nothing, by themselves."""
    binding = [result for result in results if result.category != "informational"]
    informational = [result for result in results if result.category == "informational"]
    if not results:
        return
    heading(console)
    for result in binding:
        row(console, result)
    if informational:
        titles(console, "told, never judged")
    for result in informational:
        row(console, result)


def word(result: CheckResult | ComponentResult) -> str:
    """Return what was found in one word: how well a law holds, or why that is not said."""
    if isinstance(result, CheckResult) and (told := told_only(result)):
        return told
    return result.grade if result.status == "pass" and result.grade else status_word(result)


def _outcome(result: CheckResult | ComponentResult, said: str) -> Text:
    return Text(f"{said:<{OUTCOME}} ", style=status_style(result))


def _numbers(result: CheckResult | ComponentResult) -> str:
    if isinstance(result, CheckResult) and result.quantity is None:
        return ""
    values = [number(value) for value in (result.measured, result.bound, result.significance)]
    return _columns(values, plain(result.unit or ""))


def _columns(values: Sequence[str], unit: str) -> str:
    return " ".join([*(f"{value:>{NUMBER}}" for value in values), unit]).rstrip()


def _print(console: Console, outcome: Text, name: str, numbers: str, *, style: str = "") -> None:
    """Print one line. Where it is too long, numbers come nearer to the name, or else below it: ids are never cut."""
    room = console.width - OUTCOME - 1 - len(numbers) - 1
    if len(name) > room:
        print_whole(console, outcome + Text(name, style=style))
        outcome, name = Text(" " * (OUTCOME + 1)), ""
    print_whole(console, outcome + Text(f"{name:<{max(len(name), min(ID, room))}} {numbers}", style=style))
