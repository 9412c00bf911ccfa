"""What the gate found: for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from gnnp_bench.perf.gate_judge import GATED, BenchmarkResult, Change, Status, exit_status
from gnnp_bench.perf.gate_statistics import Comparison
from gnnp_bench.report.text import listed, number, plain, plural

STYLE: dict[Status, str] = {
    "worse": "bold red",
    "broken": "bold red",
    "inconclusive": "yellow",
    "better": "green",
    "same": "",
    "new": "cyan",
    "absent": "dim",
}
SIGN: dict[Status, str] = {
    "worse": "🔴",
    "broken": "🔴",
    "inconclusive": "🟡",
    "better": "🟢",
    "same": "⚪",
    "new": "🔵",
    "absent": "⚪",
}
MEASURES = {"time": "processor time", "memory": "memory", "wall": "wall time"}


@dataclass(frozen=True, slots=True)
class Sides:
    """The two revisions in words, such as ``main (1a2b3c4d)``."""

    base: str
    head: str


def conclusion(results: Sequence[BenchmarkResult]) -> str:
    """Return the whole judgement in one sentence."""
    status = exit_status(results)
    if status == 1:
        worse = [f"{plain(one.name)}: {listed(_named(what) for what in one.worse)}" for one in results if one.worse]
        return f"WORSE: {'; '.join(worse)}."
    if status == 2:
        missing = [one for one in results if one.status in ("broken", "absent")]
        told = "; ".join(f"{plain(one.name)} {plain(one.reason or '')}" for one in missing)
        return f"COULD NOT MEASURE: {told or 'the revisions have no benchmark in common'}."
    if status == 3:
        blind = [plain(one.name) for one in results if one.status == "inconclusive"]
        return f"INCONCLUSIVE: {listed(blind)} cannot be measured well enough on this machine."
    better = [plain(one.name) for one in results if one.status == "better"]
    counted = plural(sum(bool(one.comparisons) for one in results), "benchmark")
    return f"Nothing got worse in {counted}{f'; better: {listed(better)}' if better else ''}."


def print_gate(console: Console, results: Sequence[BenchmarkResult], sides: Sides) -> None:
    """Print a line for each benchmark, one for each thing about it that changed, and the judgement."""
    console.print(f"base  {plain(sides.base)}\nhead  {plain(sides.head)}\n", soft_wrap=True)
    for one in results:
        console.print(f"{one.status:<13}{plain(one.name)}", style=STYLE[one.status] or None, soft_wrap=True)
        for line in _details(one):
            console.print(f"             {line}", soft_wrap=True)
    console.print("")
    console.print(conclusion(results), soft_wrap=True)


def _details(one: BenchmarkResult) -> list[str]:
    if one.reason is not None:
        return [plain(one.reason)]
    lines = [
        f"{MEASURES[measure]} {_ratio(comparison) if measure in GATED else f'{_times(comparison)} (not judged)'}"
        for measure, comparison in one.comparisons.items()
    ]
    lines += [
        f"once more: {MEASURES[m]} {_ratio(one.again[m])}{_recurred(one, m)}" for m in one.noisy_worse if m in one.again
    ]
    lines += [f"{_named(f'{change.kind}/{change.name}')} {_change(change)}" for change in one.changes]
    lines += [f"counter {plain(name)} differs from process to process: not judged" for name in one.unsteady]
    lines += [f"accepted: {_named(what)}" for what in one.all_worse if what not in one.worse]
    return lines


def _recurred(one: BenchmarkResult, measure: str) -> str:
    return ": it recurred" if one.again[measure].flagged else ": it did not recur"


def _named(what: str) -> str:
    kind, _, name = what.partition("/")
    return MEASURES.get(what, f"{kind.removesuffix('s')} {plain(name)}")


def _times(comparison: Comparison) -> str:
    return f"× {comparison.ratio:.3f} [{comparison.low:.3f}, {comparison.high:.3f}]"


def _ratio(comparison: Comparison) -> str:
    limits = f"threshold {comparison.threshold:.3f}, p = {number(comparison.p_adjusted)}, {comparison.pairs} pairs"
    return f"{_times(comparison)} ({limits})"


def _change(change: Change) -> str:
    if change.kind == "results":
        return f"differs by {number(change.head)}, of {number(change.scale)}"
    return f"{change.base:.6g} → {change.head:.6g}{' (worse)' if change.worse else ''}"


def markdown(results: Sequence[BenchmarkResult], sides: Sides) -> str:
    """Return the findings as Markdown: the judgement, a table, what else changed, and how it was measured."""
    lines = [f"**{cell(conclusion(results))}**", "", f"base {cell(sides.base)}, head {cell(sides.head)}", ""]
    lines += ["| | benchmark | processor time | from | wall time | memory |", "|" + " --- |" * 6]
    for one in results:
        time, wall, memory = (_short(one.comparisons.get(measure)) for measure in ("time", "wall", "memory"))
        limit = f"× {one.comparisons['time'].threshold:.3f}" if "time" in one.comparisons else ""
        lines.append(f"| {SIGN[one.status]} {one.status} | {cell(one.name)} | {time} | {limit} | {wall} | {memory} |")
    changed = [(one, change) for one in results for change in one.changes]
    if changed:
        lines += ["", "Accuracy, results and counts:", "", "| benchmark | what | change |", "| --- | --- | --- |"]
        for one, change in changed:
            lines.append(
                f"| {cell(one.name)} | {cell(_named(f'{change.kind}/{change.name}'))} | {cell(_change(change))} |"
            )
    notes = [f"- {cell(one.name)}: {cell(line)}" for one in results for line in _notes(one)]
    lines += ["", *notes] if notes else []
    lines += [
        "",
        "Ratios head / base: median over pairs of fresh processes on one thread, A B B A, with 95 % bootstrap"
        " intervals. *From*: the least ratio that counts, more where the same revision differs from itself. Only what"
        " looks worse twice fails; wall time is not judged.",
    ]
    return "\n".join(lines) + "\n"


def _notes(one: BenchmarkResult) -> list[str]:
    if one.reason is not None:
        return [plain(one.reason)]
    return [line for line in _details(one) if line.startswith(("once more", "counter", "accepted"))]


def _short(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    text = cell(_times(comparison))
    return f"**{text}**" if comparison.flagged else text


def cell(text: str) -> str:
    """Return foreign text that can neither end a cell of a table nor become markup."""
    return "".join(f"\\{c}" if c in "\\|`*_<>[]" else c for c in plain(text))
