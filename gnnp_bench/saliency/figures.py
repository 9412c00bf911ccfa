"""Saliency on a periodic table, and against the electronegativity."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

from gnnp_bench.saliency.tables import place, table


def drawn(result: Mapping[str, Any], kind: str) -> bytes:
    """Return a picture, of the kind that matplotlib calls "png", "svg" or "pdf"."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure  # not pyplot, which keeps figures alive and may look for a display
    from matplotlib.patches import Rectangle

    layer = result["drawn"]
    values = {symbol: one["saliency_ev"][layer] for symbol, one in result["species"].items()}
    positive = [value for value in values.values() if value > 0.0] or [1.0]
    low, high = min(positive), max(positive)
    norm = LogNorm(low, high if high > low else 1.01 * low)
    colours = colormaps["viridis"]
    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.4, 1.0))
    for symbol, value in values.items():
        row, column = place(symbol)
        level = float(norm(max(value, low)))
        left.add_patch(Rectangle((column, -row), 0.94, 0.94, facecolor=colours(level), edgecolor="none"))
        ink = "black" if level > 0.55 else "white"
        left.text(column + 0.47, -row + 0.6, symbol, ha="center", va="center", color=ink, fontsize=9)
        left.text(column + 0.47, -row + 0.22, f"{value:.2g}", ha="center", va="center", color=ink, fontsize=6.5)
    left.set(xlim=(0.8, 19.2), ylim=(-10.3, 0.3), aspect="equal")
    left.set_axis_off()
    left.set_title(f"saliency of {result['potential']['name']}, eV; {layer}, l = 0", fontsize=10)
    figure.colorbar(ScalarMappable(norm, colours), ax=left, shrink=0.6, label="eV")
    for symbol, value in values.items():
        electronegativity = table(symbol)["electronegativity"]
        if math.isfinite(electronegativity) and value > 0.0:
            right.errorbar(
                electronegativity,
                value,
                yerr=result["species"][symbol]["standard_error_ev"][layer] or 0.0,
                fmt="o",
                color="#0072b2",
                markersize=3,
                linewidth=0.7,
            )
            right.annotate(symbol, (electronegativity, value), (2, 2), textcoords="offset points", fontsize=6)
    found = result["correlations"][layer]["electronegativity"]
    right.set(yscale="log", xlabel="electronegativity, Pauling's scale", ylabel="saliency, eV")
    right.set_title(_said(found), fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=150)
    return buffer.getvalue()


def _said(found: Mapping[str, Any]) -> str:
    if found["rho"] is None:
        return "the same for all species"
    text = f"ρ = {found['rho']:+.2f}"
    return text if found["p_corrected"] is None else f"{text}, p = {found['p_corrected']:.2g}"
