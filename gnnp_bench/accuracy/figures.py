"""Predictions against labels, and how errors are distributed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gnnp_bench.accuracy.errors import PER_DECADE, SMALLEST, Errors, Spread
from gnnp_bench.accuracy.measure import DRAWN, Found
from gnnp_bench.accuracy.results import MILLI, PER_GPA

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOUR = "#0072b2"
GROUPS = 25
"""Drawn at most: those whose errors are largest."""


def drawn(found: Found, kind: str) -> bytes:
    """Return a picture, of the kind that matplotlib calls "png", "svg" or "pdf"."""
    from matplotlib.figure import Figure  # not pyplot, which keeps figures alive and may look for a display

    panels = [
        ("energy", "eV/atom", 1.0, found.total.energy, MILLI, "meV/atom"),
        ("forces", "eV/Å", 1.0, found.total.forces, MILLI, "meV/Å"),
        ("stress", "GPa", PER_GPA, found.total.stress, PER_GPA, "GPa"),
    ]
    panels = [panel for panel in panels if panel[3].n]
    groups = _worst_first(found)
    rows = [3.75, 3.75, 0.6 + 0.22 * len(groups)][: 3 if groups else 2]
    figure = Figure(figsize=(4.2 * max(1, len(panels)), sum(rows)), layout="constrained")
    axes = figure.subplots(len(rows), max(1, len(panels)), squeeze=False, height_ratios=rows)
    for (above, below, *beneath), (name, unit, factor, spread, error_factor, error_unit) in zip(
        axes.T, panels, strict=True
    ):
        label, predicted = found.points[name].pairs * factor
        ends = [float(min(label.min(), predicted.min())), float(max(label.max(), predicted.max()))]
        above.plot(ends, ends, color="black", linewidth=0.6, zorder=0)
        above.plot(label[:DRAWN], predicted[:DRAWN], ".", color=COLOUR, markersize=3, alpha=0.5)
        above.set(xlabel=f"label, {unit}", ylabel=f"prediction, {unit}", title=name)
        edges, heights = _distribution(spread)
        below.stairs(heights, edges * error_factor, fill=True, color=COLOUR, alpha=0.7)
        below.set(xscale="log", xlabel=f"absolute error, {error_unit}", ylabel="share per decade")
        for value, line in ((spread.mae, "-"), (spread.rmse, "--")):
            if value:
                text = f"{'MAE' if line == '-' else 'RMSE'} {value * error_factor:.3g}"
                below.axvline(value * error_factor, linestyle=line, color="black", linewidth=0.8, label=text)
        below.legend(frameon=False, fontsize="small")
        for axis in beneath:
            _by_group(axis, [(group, getattr(errors, name)) for group, errors in groups], error_factor)
            axis.set(xscale="log", xlabel=f"absolute error, {error_unit}")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=150)
    return buffer.getvalue()


def _worst_first(found: Found) -> list[tuple[str, Errors]]:
    """Return the groups whose errors are largest, the largest first; none where all structures are one group."""
    if len(found.groups) < 2:
        return []

    def size(item: tuple[str, Errors]) -> float:
        return item[1].forces.rmse or item[1].energy.rmse or 0.0

    return sorted(found.groups.items(), key=size, reverse=True)[:GROUPS]


def _by_group(axis: Axes, spreads: Sequence[tuple[str, Spread]], factor: float) -> None:
    """Draw for each group from which to which error nine tenths of all lie, a tick at the median, a dot at the RMSE."""
    for row, (_, spread) in enumerate(spreads):
        low, middle, high = (factor * (spread.quantile(share) or SMALLEST) for share in (0.05, 0.5, 0.95))
        if spread.n:
            axis.plot([low, high], [row, row], color=COLOUR, linewidth=3, alpha=0.4, solid_capstyle="butt")
            axis.plot([middle], [row], "|", color="black", markersize=9)
            axis.plot([factor * (spread.rmse or SMALLEST)], [row], "o", color=COLOUR, markersize=4)
    axis.set_yticks(range(len(spreads)), [name if len(name) <= 24 else f"{name[:23]}…" for name, _ in spreads])
    axis.tick_params(axis="y", labelsize="small")
    axis.invert_yaxis()


def _distribution(spread: Spread) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of bins and the share of errors per decade, a tenth of a decade each, where there are any."""
    step = PER_DECADE // 10
    coarse = spread.bins[1:].reshape(-1, step).sum(axis=1)
    filled = np.flatnonzero(coarse)
    if not len(filled):
        return np.array([SMALLEST, 10.0 * SMALLEST]), np.ones(1)
    low, high = int(filled[0]), int(filled[-1]) + 1
    edges = SMALLEST * 10.0 ** (np.arange(low, high + 1) / 10.0)
    return edges, 10.0 * coarse[low:high] / spread.n
