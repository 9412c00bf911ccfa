"""Errors of all weightings against each other, two at a time and all three, with the frontier of each."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gnnp_bench.potential import FloatArray
from reference_model.pareto.frontier import non_dominated
from reference_model.train.files import write_whole

FRONT, OTHER, OWN = "#0072b2", "#999999", "#d55e00"
"""Colours that are told apart by the colour-blind: on the frontier of all errors, not on it, the recipe's own."""


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Draw the content of a result file as PNG: a panel for each pair of errors, and one in space for three.

    A point is the mean over seeds, its bars are one standard deviation. The line is the frontier of the two errors.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    from matplotlib.figure import Figure  # not pyplot, which keeps figures alive and may look for a display

    units = dict(found["objectives"])
    names = list(units)
    rows = [one for one in found["weightings"] if one["errors"] is not None]
    means = np.array([[one["errors"][name]["mean"] for name in names] for one in rows])
    spreads = np.array([[one["errors"][name]["standard_deviation"] or 0.0 for name in names] for one in rows])
    pairs = list(itertools.combinations(range(len(names)), 2))
    solid = len(names) == 3
    panels = len(pairs) + solid
    if not panels:
        return
    columns = 2 if panels > 1 else 1
    lines = -(-panels // columns)
    figure = Figure(figsize=(5.0 * columns, 4.2 * lines + 0.5), layout="constrained")
    colours = [OWN if one["name"] == "w00" else FRONT if one["on_frontier"] else OTHER for one in rows]
    labels = [one["name"][1:] for one in rows]
    kind = str(found["asked"]["error"]).upper()
    for place, (i, j) in enumerate(pairs):
        axes = figure.add_subplot(lines, columns, place + 1)
        for mean, spread, colour, label in zip(means, spreads, colours, labels, strict=True):
            axes.errorbar(mean[i], mean[j], spread[j], spread[i], fmt="o", ms=4, lw=0.8, color=colour)
            axes.annotate(label, (mean[i], mean[j]), (3, 3), textcoords="offset points", fontsize=7)
        edge = _in_order(means[:, [i, j]])
        axes.plot(edge[:, 0], edge[:, 1], color=FRONT, lw=0.8, drawstyle="steps-post", zorder=0)
        axes.set(xlabel=f"{names[i]}, {kind}, {units[names[i]]}", ylabel=f"{names[j]}, {kind}, {units[names[j]]}")
        axes.grid(linewidth=0.4, alpha=0.4)
    if solid:
        space: Any = figure.add_subplot(lines, columns, panels, projection="3d")
        space.scatter(*means.T, c=colours, depthshade=False)
        floor = means[:, 2].min() - 0.05 * np.ptp(means[:, 2])
        for mean, colour in zip(means, colours, strict=True):  # where in the plane below each one stands
            space.plot(*zip(mean, (*mean[:2], floor), strict=True), color=colour, lw=0.6)
        space.set_box_aspect(None, zoom=0.82)  # or the upright axis loses its name
        for mean, label in zip(means, labels, strict=True):
            space.text(*mean, f" {label}", fontsize=7)
        for axis, name in zip("xyz", names, strict=True):
            getattr(space, f"set_{axis}label")(f"{name}, {units[name]}")
    seeds = len(found["seeds_compared"])
    figure.suptitle(
        f"{len(rows)} weightings, {seeds} seed{'s' if seeds > 1 else ''}; blue: on the frontier of all errors;"
        " orange: the recipe's own",
        fontsize=10,
    )
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    write_whole(path, content.getvalue())


def _in_order(points: FloatArray) -> FloatArray:
    """Return the non-dominated ones of (n, 2) points, by the first coordinate."""
    edge = points[non_dominated(points)]
    ordered: FloatArray = edge[np.argsort(edge[:, 0], kind="stable")]
    return ordered
