"""Figures of a benchmark: time per atom against size, and accuracy against cost where errors are given."""

from __future__ import annotations

import io
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gnnp_bench.certificate.io import replace_file
from gnnp_bench.perf.results import Bench, Measured, Task

MARKERS = "osD^vP*X"


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

    Raises
    ------
    ValueError
        See `check_drawable`; or the file cannot be written.
    """
    suffix = check_drawable(path)
    from matplotlib.figure import Figure  # not pyplot, which keeps figures alive and may look for a display

    with_errors = any(one.error is not None for one in bench.potentials)
    figure = Figure(figsize=(11 if with_errors else 6, 4.5), layout="constrained")
    left, *right = figure.subplots(1, 2 if with_errors else 1, squeeze=False)[0]
    _time_per_atom(left, bench)
    if right:
        _accuracy_against_cost(right[0], bench)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix, dpi=150)
    replace_file(path, buffer.getvalue())


def _time_per_atom(axes: Any, bench: Bench) -> None:
    for marker, one in zip(_markers(), bench.potentials, strict=False):
        task: Task = "forces" if one.singles("forces") else "energy"
        timings = one.singles(task)
        sizes = [timing.n_atoms for timing in timings]
        (line,) = axes.plot(sizes, [1e6 * t.wall_s / t.n_atoms for t in timings], marker, ms=5, label=one.spec)
        axes.vlines(
            sizes,
            [1e6 * t.wall_low_s / t.n_atoms for t in timings],
            [1e6 * t.wall_high_s / t.n_atoms for t in timings],
            color=line.get_color(),
            lw=1,
        )
        if (law := one.fits.get(task)) is not None:
            smooth = [sizes[0] * (sizes[-1] / sizes[0]) ** (k / 100) for k in range(101)]
            curve = [1e6 * (law.a.value + law.b.value * n**law.p.value) / n for n in smooth]
            axes.plot(smooth, curve, color=line.get_color(), lw=0.8)
        else:  # too few sizes for a fit
            axes.plot(sizes, [1e6 * t.wall_s / t.n_atoms for t in timings], ":", color=line.get_color(), lw=0.8)
    axes.set(xlabel="atoms", ylabel="time per atom, µs")
    axes.set_title("Energy and forces: median, quartiles, fit of a + b·N$^p$", fontsize=10)
    _logarithmic(axes)


def _accuracy_against_cost(axes: Any, bench: Bench) -> None:
    for marker, one in zip(_markers(), bench.potentials, strict=False):
        cost = cost_per_atom(one)
        if one.error is not None and cost is not None:
            axes.plot(1e6 * cost, one.error, marker, ms=7, label=one.spec)
    axes.set(xlabel="time per atom at the largest size, µs", ylabel="error, as given")
    axes.set_title("Accuracy against cost", fontsize=10)
    _logarithmic(axes)


def _logarithmic(axes: Any) -> None:
    """Give both axes a logarithmic scale with plain numbers, and the legend a place."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(xscale="log", yscale="log")
    axes.margins(0.12)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        # Powers of ten alone would leave a short axis with a number or two.
        steps = range(1, 10) if high < 5 * low else (1, 2, 5) if high < 100 * low else (1,)
        axis.set_major_locator(LogLocator(subs=steps))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3, which="both", lw=0.4)
    axes.legend(fontsize=8)


def cost_per_atom(measured: Measured) -> float | None:
    """Return seconds per atom for energy and forces at the largest size measured; for energies without."""
    timings = measured.singles("forces") or measured.singles("energy")
    return timings[-1].wall_s / timings[-1].n_atoms if timings else None


def _markers() -> list[str]:
    return list(MARKERS) * 8
