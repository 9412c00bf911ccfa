"""Predictions against labels, and how errors are distributed."""

from __future__ import annotations

import io

import numpy as np

from gnnp_bench.accuracy.errors import PER_DECADE, SMALLEST, Spread
from gnnp_bench.accuracy.measure import DRAWN, Found
from gnnp_bench.accuracy.results import MILLI, PER_GPA

COLOUR = "#0072b2"


def drawn(found: Found, kind: str) -> bytes:
    """Return a picture, of the kind that matplotlib calls "png", "svg" or "pdf"."""
    from matplotlib.figure import Figure  # not pyplot, which keeps figures alive and may look for a display

    panels = [
        ("energy", "eV/atom", 1.0, found.total.energy, MILLI, "meV/atom"),
        ("forces", "eV/Å", 1.0, found.total.forces, MILLI, "meV/Å"),
        ("stress", "GPa", PER_GPA, found.total.stress, PER_GPA, "GPa"),
    ]
    panels = [panel for panel in panels if panel[3].n]
    figure = Figure(figsize=(4.2 * max(1, len(panels)), 7.5), layout="constrained")
    axes = figure.subplots(2, max(1, len(panels)), squeeze=False)
    for (above, below), (name, unit, factor, spread, error_factor, error_unit) in zip(axes.T, panels, strict=True):
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
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=150)
    return buffer.getvalue()


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
