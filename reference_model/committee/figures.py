"""Reliability diagrams: errors against calibrated spreads."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reference_model.train.files import write_whole

UNITS = {"energy": (1e3, "meV/atom"), "forces": (1e3, "meV/Å")}


def draw(found: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw as PNG a panel for energies and one for forces, with a line for each set: on the diagonal, spread is error.

    Parameters
    ----------
    found : mapping
        By set ("valid", "test"), then by quantity, what `reliability` returns.
    path : Path
    """
    from matplotlib.figure import Figure  # not pyplot, which keeps figures alive and may look for a display
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(9.0, 4.4), layout="constrained")
    for axes, (name, (factor, unit)) in zip(figure.subplots(1, 2), UNITS.items(), strict=True):
        values: list[float] = []
        for (use, of_set), colour in zip(found.items(), ("#0072b2", "#d55e00"), strict=False):
            bins = of_set[name]["bins"]
            x, y = ([factor * one[key] for one in bins] for key in ("spread", "error"))
            values += [*x, *y]
            rank = of_set[name]["rank_correlation"]
            told = "" if rank is None else f", ρ = {rank:.2f}"
            axes.plot(x, y, "o-", color=colour, ms=4, lw=0.9, label=f"{use}{told}")
        positive = [value for value in values if value > 0.0]
        if positive:
            ends = [0.8 * min(positive), 1.25 * max(positive)]
            axes.plot(ends, ends, color="black", lw=0.6)
            axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=[1.0, 2.0, 5.0]))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.set_minor_formatter(NullFormatter())
            axes.legend(frameon=False, fontsize="small")
        axes.set(title=name, xlabel=f"calibrated spread, {unit}", ylabel=f"error, {unit}")
    figure.suptitle("root mean squares of values of about the same spread", fontsize=10)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    write_whole(path, content.getvalue())
