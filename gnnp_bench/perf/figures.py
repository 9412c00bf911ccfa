"""Figures of a benchmark: time per atom against size, and accuracy against cost where errors are given."""

from __future__ import annotations

import io
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gnnp_bench.certificate.io import replace_file
from gnnp_bench.perf import company
from gnnp_bench.perf.ratios import common_size, common_task
from gnnp_bench.perf.results import Bench, Measured, Task, Timing

MARKERS = "osD^vP*X"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Told apart by the colour-blind too (Okabe and Ito). With a marker each: 56 potentials before a pair repeats."""
FAR = 0.15
"""rms of ln(t / fit): beyond it the law misses its own points, and is not drawn through them."""
NARROW, WIDE = 7.0, 12.0
"""Inches: of one panel, of two."""


def check_drawable(path: str | os.PathLike[str]) -> str:
    """Return the kind of picture that a file is to be, before an hour is spent on computing it.

    Raises
    ------
    ValueError
        Matplotlib is not installed, or the suffix is none of those known.
    """
    if find_spec("matplotlib") is None:
        raise ValueError("figures need matplotlib: pip install matplotlib")
    suffix = Path(path).suffix.lstrip(".").lower()
    if suffix not in ("png", "svg", "pdf"):
        raise ValueError(f"cannot draw {os.fspath(path)}: let its name end in .png, .svg or .pdf")
    return suffix


def draw(bench: Bench, path: str | os.PathLike[str]) -> None:
    """Write the figures into one file, whose kind follows from its suffix.

    Each potential has one colour and one marker in all panels.

    Raises
    ------
    ValueError
        See `check_drawable`; or the file cannot be written.
    """
    suffix = check_drawable(path)
    from matplotlib.figure import Figure  # not pyplot, which keeps figures alive and may look for a display

    with_errors = any(one.error is not None for one in bench.potentials)
    figure = Figure(figsize=(WIDE if with_errors else NARROW, 5.0), layout="constrained")
    left, *right = figure.subplots(1, 2 if with_errors else 1, squeeze=False)[0]
    _time_per_atom(left, bench)
    if right:
        _accuracy_against_cost(right[0], bench)
    figure.supxlabel("\n".join(_conditions(bench, 110 if with_errors else 70)), fontsize=8, color="0.3")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix, dpi=150)
    replace_file(path, buffer.getvalue())


def _time_per_atom(axes: Any, bench: Bench) -> None:
    drawn: set[Task] = set()
    for one, style in zip(bench.potentials, _styles(), strict=False):
        task: Task = "forces" if one.singles("forces") else "energy"
        timings = one.singles(task)
        if not timings:
            continue
        drawn.add(task)
        sizes = [timing.n_atoms for timing in timings]
        axes.plot(sizes, [1e6 * t.wall_s / t.n_atoms for t in timings], ls="", ms=5, label=_name(one), **style)
        axes.vlines(
            sizes,
            [1e6 * t.wall_low_s / t.n_atoms for t in timings],
            [1e6 * t.wall_high_s / t.n_atoms for t in timings],
            color=style["color"],
            lw=1.5,
        )
        law = one.fits.get(task)
        if law is not None and law.determined and law.rms < FAR:
            smooth = [sizes[0] * (sizes[-1] / sizes[0]) ** (k / 100) for k in range(101)]
            curve = [1e6 * (law.a.value + law.b.value * n**law.p.value) / n for n in smooth]
            axes.plot(smooth, curve, color=style["color"], lw=0.9)
        else:  # nothing but the points is known
            axes.plot(sizes, [1e6 * t.wall_s / t.n_atoms for t in timings], ":", color=style["color"], lw=0.9)
    axes.set(xlabel="atoms", ylabel="time per atom, µs")
    what = "Energy alone" if drawn == {"energy"} else "Energy and forces"
    axes.set_title(f"{what}: medians and quartiles\nline: fit of a + b·N$^p$; dotted: no fit", fontsize=10)
    _logarithmic(axes)
    axes.legend(fontsize=8)


def _accuracy_against_cost(axes: Any, bench: Bench) -> None:
    known = [one for one in bench.potentials if one.error is not None]
    n_atoms, task = common_size(bench, known), common_task(bench)
    for one, style in zip(bench.potentials, _styles(), strict=False):
        timing = _at(one, task, n_atoms)
        if one.error is None or timing is None:
            continue
        axes.plot(1e6 * timing.wall_s / timing.n_atoms, one.error, ls="", ms=8, **style)
        low, high = (1e6 * seconds / timing.n_atoms for seconds in (timing.wall_low_s, timing.wall_high_s))
        axes.hlines(one.error, low, high, color=style["color"], lw=1.5)
    if n_atoms is None:
        axes.set_title("Accuracy against cost: no size was measured for all", fontsize=10)
        return
    axes.set(xlabel=f"time per atom, µs, in {n_atoms} atoms", ylabel=f"error, {bench.error_unit or 'as given'}")
    axes.set_title(f"Accuracy against cost, all at {n_atoms} atoms", fontsize=10)
    _logarithmic(axes)


def _at(one: Measured, task: Task, n_atoms: int | None) -> Timing | None:
    return next((timing for timing in one.singles(task) if timing.n_atoms == n_atoms), None)


def _name(one: Measured) -> str:
    return one.spec if one.subject.device == "cpu" else f"{one.spec} ({one.subject.device})"


def _conditions(bench: Bench, width: int) -> list[str]:
    """Return in a few lines where, on what and when the times were measured."""
    import textwrap

    where = bench.environment
    threads = where.get("threads", {}).get("OMP_NUM_THREADS")
    told = [
        bench.system,
        str(where.get("cpu") or where.get("platform") or "unknown machine"),
        f"{where['cores']} cores" if where.get("cores") else "",
        "one thread" if threads == "1" else f"{threads} threads" if threads else "threads not limited",
        str(where.get("date", ""))[:10],
    ]
    lines = textwrap.wrap(" · ".join(part for part in told if part), width)
    busy = company.remark(bench.busy_cores)
    return lines + ([] if busy is None else textwrap.wrap(busy, width))


def _logarithmic(axes: Any) -> None:
    """Give both axes a logarithmic scale with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(xscale="log", yscale="log")
    axes.margins(0.15)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        # Powers of ten alone would leave a short axis with a number or two.
        steps = range(1, 10) if high < 5 * low else (1, 2, 5) if high < 100 * low else (1,)
        axis.set_major_locator(LogLocator(subs=steps))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3, which="both", lw=0.4)


def _styles() -> list[dict[str, str]]:
    count = len(MARKERS) * len(COLOURS)
    return [{"marker": MARKERS[n % len(MARKERS)], "color": COLOURS[n % len(COLOURS)]} for n in range(count)]
