"""The tables of a benchmark, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from gnnp_bench.perf import company
from gnnp_bench.perf.ratios import FEWEST_CALLS, against_the_fastest, told_apart
from gnnp_bench.perf.results import TASKS, Bench, Fit, Interval, Measured, Ratio, Task, Timing
from gnnp_bench.report.text import number, plain, plural, wrapped

FS_PER_NS = 1e6
SECONDS_PER_DAY = 86_400
HEADS: dict[Task, str] = {
    "energy": "E",
    "forces": "E, F",
    "stress": "E, F, σ",
    "dynamics": "step",
    "neighbours": "list",
}


def print_bench(console: Console, bench: Bench) -> None:
    """Print a table for each potential, then which is faster, then what has to be known to read them."""
    for one in bench.potentials:
        console.print("")
        _about(console, one)
        console.print(_sizes(one, bench.timestep_fs))
        _laws(console, one)
        _batches(console, one)
        console.print(f"  {plain(one.stopped)}", soft_wrap=True)
    _comparison(console, bench)
    console.print("")
    _paragraph(console, f"{plain(bench.system)}. Medians; loading and the first call at each size are apart.")
    _paragraph(console, "±: half of what lies between the quartiles, of the noisiest column of E, F and σ.")
    if any(one.singles("neighbours") for one in bench.potentials):
        _paragraph(
            console,
            "list: what vesin takes for the same neighbours, over the time of E, F; not the potential's own list.",
        )
    if (said := company.remark(bench.busy_cores)) is not None:
        _paragraph(console, f"warning: {said}.")


def _paragraph(console: Console, text: str, indent: str = "") -> None:
    for line in wrapped(text, console.width - len(indent)):
        console.print(f"{indent}{line}", soft_wrap=True)


def _comparison(console: Console, bench: Bench) -> None:
    """Print which potential is faster, and both numbers."""
    found = against_the_fastest(bench)
    if found:
        console.print("")
        console.print("Which is faster?")
    elif len(bench.potentials) > 1:
        console.print("")
        console.print("Which is faster cannot be told: there is no size that two of them measured.")
    for ratio in found:
        _paragraph(console, verdict(ratio), "  ")
        for spec in (ratio.than, ratio.spec):
            if (timing := _timing(bench, spec, ratio)) is not None:
                console.print(f"    {plain(spec)}: {_with_quartiles(timing)}", soft_wrap=True)


def verdict(ratio: Ratio) -> str:
    """Return in a sentence which of two potentials is faster, and by how much."""
    task, spec, than = HEADS[ratio.task], plain(ratio.spec), plain(ratio.than)
    where = f"{task} of {plural(ratio.n_atoms, 'atom')}"
    span = f"{_factor(ratio.low)} to {_factor(ratio.high)}"
    few = f", of {plural(ratio.calls, 'call')} only" if ratio.calls < FEWEST_CALLS else ""
    if not told_apart(ratio):
        return (
            f"{where}: no difference that this run can tell: {spec} takes {_factor(ratio.value)} times"
            f" as long as {than} ({span}{few})"
        )
    if ratio.value < 1:
        spec, than = than, spec
        span = f"{_factor(1 / ratio.high)} to {_factor(1 / ratio.low)}"
    factor = _factor(max(ratio.value, 1 / ratio.value))
    return f"{where}: {than} is faster: {spec} takes {factor} times as long ({span}{few})"


def _factor(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _timing(bench: Bench, spec: str, ratio: Ratio) -> Timing | None:
    mine = (one for one in bench.potentials if one.spec == spec)
    return next((t for one in mine for t in one.singles(ratio.task) if t.n_atoms == ratio.n_atoms), None)


def _with_quartiles(timing: Timing) -> str:
    low, middle, high = (_milliseconds(seconds) for seconds in (timing.wall_low_s, timing.wall_s, timing.wall_high_s))
    return f"{middle} ms, quartiles {low} to {high} ms, {plural(timing.calls, 'call')}"


def ns_per_day(step_s: float, timestep_fs: float) -> float:
    """Return how much a simulation covers in a day, in ns.

    Examples
    --------
    >>> ns_per_day(0.0864, 1.0)
    1.0
    """
    return SECONDS_PER_DAY / step_s * timestep_fs / FS_PER_NS


def _about(console: Console, one: Measured) -> None:
    subject = one.subject
    details = [subject.dtype, subject.device]
    if subject.parameters is not None:
        details.append(f"{subject.parameters:,} parameters")
    if subject.cutoff is not None:
        details.append(f"cutoff {subject.cutoff:g} Å")
    details.append(f"loaded in {subject.loading_s:.1f} s, {_gigabytes(subject.loaded_bytes)}")
    console.print(f"{plain(one.spec)}: {', '.join(plain(text) for text in details if text)}", soft_wrap=True)


def _sizes(one: Measured, timestep_fs: float) -> Table:
    tasks = [task for task in TASKS if one.singles(task)]
    heads = ["atoms", *(f"{HEADS[task]}\nms" for task in tasks if task != "neighbours"), "per atom\nµs", "\n±"]
    heads += ["\nns/day"] if "dynamics" in tasks else []
    heads += ["list /\nE, F"] if "neighbours" in tasks else []
    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, 2))
    for head in (*heads, "first\nms", "memory\nGB"):
        table.add_column(head, justify="right", no_wrap=True)
    by_size = {task: {timing.n_atoms: timing for timing in one.singles(task)} for task in tasks}
    main: Task = "forces" if "forces" in tasks else "energy"
    for n_atoms in sorted(set().union(*by_size.values())):
        row = {task: timings[n_atoms] for task, timings in by_size.items() if n_atoms in timings}
        cells = [str(n_atoms)]
        cells += [_milliseconds(row[task].wall_s) if task in row else "" for task in tasks if task != "neighbours"]
        cells.append(_three(1e6 * row[main].wall_s / n_atoms) if main in row else "")
        cells.append(_noise(timing for task, timing in row.items() if task not in ("dynamics", "neighbours")))
        if "dynamics" in tasks:
            cells.append(_three(ns_per_day(row["dynamics"].wall_s, timestep_fs)) if "dynamics" in row else "")
        if "neighbours" in tasks:
            both = "neighbours" in row and main in row
            cells.append(f"{number(100 * row['neighbours'].wall_s / row[main].wall_s)} %" if both else "")
        cells.append(_milliseconds(row[main].first_s) if main in row else "")
        cells.append(_peak(row.values()))
        table.add_row(*cells)
    return table


def _noise(timings: Iterable[Timing]) -> str:
    """Return half of the distance of the quartiles, relative to the median, where it is largest."""
    found = [(one.wall_high_s - one.wall_low_s) / (2 * one.wall_s) for one in timings if one.calls > 1]
    return f"{number(100 * max(found))} %" if found else ""


def _peak(timings: object) -> str:
    found = list(timings)  # type: ignore[call-overload]
    device = [timing.device_peak_bytes for timing in found if timing.device_peak_bytes is not None]
    process = [timing.peak_bytes for timing in found if timing.peak_bytes is not None]
    words = [f"{max(process) / 1e9:.2f}"] if process else []
    return " + ".join([*words, *([f"{max(device) / 1e9:.2f} device"] if device else [])])


def _laws(console: Console, one: Measured) -> None:
    if not one.fits:
        console.print("  t = a + b·N^p is fitted to four sizes or more")
    for task in ("energy", "forces", "stress"):
        if (law := one.fits.get(task)) is not None:
            _paragraph(console, f"{HEADS[task]}: {_law(law)}", "  ")


def _law(law: Fit) -> str:
    if not law.determined:
        return f"t = a + b·N^p: these {law.points} sizes do not tell a, b and p"
    return (
        f"t = a + b·N^p, a = {_interval(law.a, 1e3)} ms, b = {_interval(law.b, 1e6)} µs, p = {_interval(law.p, 1.0)}"
        f" (95 %, {law.points} sizes, {100 * law.rms:.0f} % rms)"
    )


def _interval(value: Interval, unit: float) -> str:
    low = "0" if value.low is None else _three(unit * value.low)
    high = "?" if value.high is None else _three(unit * value.high)
    return f"{_three(unit * value.value)} [{low}, {high}]"


def _batches(console: Console, one: Measured) -> None:
    batches = one.batches()
    if not batches:
        return
    listed = ", ".join(f"{timing.n_structures}: {_three(timing.atoms_per_s)}" for timing in batches)
    _paragraph(console, f"E, F of {batches[0].n_atoms} atoms, atoms/s by batch: {listed}", "  ")
    if (enough := one.saturation) is not None:
        words = f"saturates at a batch of {enough.batch}" if enough.reached else "not saturated at the largest batch"
        _paragraph(console, f"{words}, {_three(enough.atoms_per_s)} atoms/s", "  ")


def _milliseconds(seconds: float) -> str:
    return _three(1e3 * seconds)


def _three(value: float) -> str:
    """Return three significant digits without an exponent, while that is readable."""
    if not 1e-4 <= abs(value) < 1e7:
        return number(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _gigabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.2f} GB"
