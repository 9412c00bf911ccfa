"""Figures as plotly draws them: plain values from a certificate, put into the page as JSON.

Colours and fonts are the page's own: its script adds them, for dark and light.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from gnnp_bench.certificate.result import Score, Series
from gnnp_bench.checks.symmetry.sphere import STEPS
from gnnp_bench.numerics.drawing import ON_A_SPHERE
from gnnp_bench.report.html.markup import joined, put, script_data
from gnnp_bench.report.text import plain

MOST_SUBJECTS = 25
"""Bars drawn at most: those whose errors are largest. The table holds all."""
ROW = 26
"""Pixels of a bar."""
DOTS = dict(zip((name for name, _ in STEPS), (4, 7, 11, 15), strict=True))
"""Pixels of a dot on a sphere: the more was missed, the larger."""
FEW_DECADES = 2.5
"""Of an axis on which 2 and 5 are written as well."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: traces and layout as plotly takes them, and the same in words.

    Attributes
    ----------
    title : str
    words : str
        Read out in the place of the figure.
    traces : list of dict
    x, y : str
        Titles of the axes.
    layout : dict
    """

    title: str
    words: str
    traces: list[dict[str, Any]]
    x: str = ""
    y: str = ""
    layout: dict[str, Any] = field(default_factory=dict)


def drawn(figures: Iterable[Figure]) -> Markup:
    """Return figures as the page's script draws them."""
    return joined(_figure(one) for one in figures)


def _figure(one: Figure) -> Markup:
    layout: dict[str, Any] = dict(one.layout)
    for axis, title in (("xaxis", one.x), ("yaxis", one.y)):
        layout[axis] = {"title": {"text": text(title)}, **layout.get(axis, {})}
    return put(
        '<figure class="plot"><figcaption>{}</figcaption><div class="canvas" role="img" aria-label="{}"'
        ' style="height:{}px"></div><script type="application/json">{}</script>'
        '<p class="nojs">Drawn where scripts run. {}</p></figure>',
        one.title,
        one.words,
        layout.get("height", 320),
        script_data({"data": one.traces, "layout": layout}),
        one.words,
    )


def text(words: str) -> str:
    """Return foreign text as plotly shows it as it stands: it reads some HTML in its texts."""
    return str(escape(plain(words)))


def of_series(series: Sequence[Series]) -> Iterator[Figure]:
    """Yield a figure of each group of series that share one."""
    for (title, subject), group in itertools.groupby(series, key=lambda one: (one.figure, one.subject)):
        lines = list(group)
        if title == ON_A_SPHERE:
            yield _sphere(lines)
            continue
        first = lines[0]
        x_axis, y_axis = (
            logarithmic([v for one in lines for v in getattr(one, name)]) if first.logarithmic else {}
            for name in ("x", "y")
        )
        names = ", ".join(one.name for one in lines)
        yield Figure(
            f"{subject}: {title}" if subject else title,
            f"{title}: {names} against {first.x_name}; {_extremes(lines)}.",
            [
                {
                    "type": "scatter",
                    "mode": "markers" if one.points else "lines+markers" if len(one.x) <= 40 else "lines",
                    "name": text(one.name),
                    # Lines of one name are one thing, such as bands.
                    "legendgroup": text(one.name),
                    "x": list(one.x),
                    "y": list(one.y),
                    "marker": {"size": 5},
                }
                for one in lines
            ],
            _with_unit(first.x_name, first.x_unit),
            first.unit,
            {"xaxis": x_axis, "yaxis": y_axis, "showlegend": len({one.name for one in lines}) > 1},
        )


def _sphere(lines: Sequence[Series]) -> Figure:
    """Return axes of rotation on the upper half of their sphere, seen from above, in a projection that keeps areas."""
    counts = [f"{len(one.x)} {one.name}" for one in lines if one.points]
    hidden = {"visible": False, "range": [-1.15, 1.15]}
    marks = {"x": 0, "y": 0, "xanchor": "left", "showarrow": False}
    return Figure(
        ON_A_SPHERE,
        f"Rotations by their axes; the larger a dot, the more was missed: {', '.join(counts)}. The centre is the axis"
        " z, the right of the edge x, its top y.",
        [
            {
                "type": "scatter",
                "mode": "markers" if one.points else "lines",
                "name": text(one.name),
                "x": list(one.x),
                "y": list(one.y),
                "marker": {"size": DOTS.get(one.name, 7), "opacity": 0.75},
                "hoverinfo": "name" if one.points else "skip",
                "showlegend": one.points,
                "meta": "--accent" if one.points else "--soft",
            }
            for one in lines
        ],
        layout={
            "height": 360,
            "xaxis": hidden,
            "yaxis": {**hidden, "scaleanchor": "x"},
            "annotations": [
                {**marks, "text": "z", "xshift": 4},
                {**marks, "text": "x", "x": 1, "xshift": 4},
                {**marks, "text": "y", "y": 1, "yshift": 9, "xanchor": "center"},
            ],
        },
    )


def logarithmic(values: Iterable[float | None]) -> dict[str, Any]:
    """Return a logarithmic axis with as many ticks as can be read."""
    known = [v for v in values if v is not None and v > 0.0]
    decades = math.log10(max(known) / min(known)) if known else 0.0
    ticks: dict[str, Any] = {"dtick": "D2"} if decades < FEW_DECADES else {"nticks": 7}
    return {"type": "log", "exponentformat": "power", **ticks}


def _extremes(lines: Sequence[Series]) -> str:
    numbers = [y for one in lines for y in one.y if y is not None]
    return f"from {min(numbers):.4g} to {max(numbers):.4g} {lines[0].unit}" if numbers else "no numbers"


def _with_unit(name: str, unit: str) -> str:
    return f"{name}, {unit}" if unit else name


def of_scores(scores: Sequence[Score]) -> dict[str, list[Figure]]:
    """Return figures of the numbers beside the laws, by their kind."""
    return {
        "accuracy": list(_errors([s for s in scores if s.kind == "accuracy" and s.value is not None])),
        "bench": list(_times([s for s in scores if s.kind == "bench" and s.value is not None])),
        "properties": list(_properties([s for s in scores if s.kind == "properties" and s.value is not None])),
    }


def _errors(scores: Sequence[Score]) -> Iterator[Figure]:
    """Yield a figure of bars for each quantity: mean absolute and root-mean-square errors of each group."""
    quantities = dict.fromkeys(score.name.rpartition(", ")[0] for score in scores if score.name.endswith("MAE"))
    for quantity in quantities:
        chosen = {kind: {s.subject: s for s in scores if s.name == f"{quantity}, {kind}"} for kind in ("MAE", "RMSE")}
        subjects = list(dict.fromkeys(chosen["MAE"]))
        if len(subjects) > MOST_SUBJECTS:
            subjects = sorted(subjects, key=lambda s: -(chosen["MAE"][s].value or 0.0))[:MOST_SUBJECTS]
        unit = chosen["MAE"][subjects[0]].unit
        worst = max(subjects, key=lambda s: chosen["MAE"][s].value or 0.0)
        yield Figure(
            f"Errors of {quantity} against reference data",
            f"Mean absolute error of {quantity} of {len(subjects)} groups, the largest"
            f" {chosen['MAE'][worst].value:.3g} {unit} of {worst}.",
            [
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": kind,
                    "y": [text(s) for s in subjects],
                    "x": [found[s].value if s in found else None for s in subjects],
                }
                for kind, found in chosen.items()
            ],
            unit,
            "",
            {
                "height": 120 + 2 * ROW * len(subjects),
                "yaxis": {"autorange": "reversed", "automargin": True},
                "barmode": "group",
            },
        )


def _times(scores: Sequence[Score]) -> Iterator[Figure]:
    """Yield the time per call against the number of atoms."""
    timed = [
        (int(found[1]), s) for s in scores if "time" in s.name and (found := re.fullmatch(r"(\d+) atoms", s.subject))
    ]
    if not timed:
        return
    atoms = [n for n, _ in timed]
    times = [1e-3 * n * (s.value or 0.0) for n, s in timed]
    yield Figure(
        "Time against size",
        f"Time per call from {min(atoms)} to {max(atoms)} atoms.",
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": text(timed[0][1].name),
                "x": atoms,
                "y": times,
                "error_y": {"array": [1e-3 * n * (s.uncertainty or 0.0) for n, s in timed], "type": "data"},
            }
        ],
        "atoms",
        "ms per call",
        {"xaxis": logarithmic(atoms), "yaxis": logarithmic(times), "showlegend": False},
    )


def _properties(scores: Sequence[Score]) -> Iterator[Figure]:
    """Yield how far each property is from its reference, in per cent of it."""
    known = [s for s in scores if s.reference and s.value is not None]
    if not known:
        return
    spread = [100.0 * (s.uncertainty or 0.0) / abs(s.reference or 1.0) for s in known]
    named = [f"{s.subject}, {s.name}" for s in known]
    deviations = [100.0 * ((s.value or 0.0) / (s.reference or 1.0) - 1.0) for s in known]
    worst = max(range(len(known)), key=lambda k: abs(deviations[k]))
    yield Figure(
        "Properties against references",
        f"{len(known)} properties; furthest from its reference, by {deviations[worst]:+.3g} %, is {named[worst]}.",
        [
            {
                "type": "scatter",
                "mode": "markers",
                "name": "deviation",
                "x": deviations,
                "y": [text(name) for name in named],
                "marker": {"size": 9},
                "error_x": {"type": "data", "array": spread},
                "customdata": [[f"{s.value:.4g} {text(s.unit)}", f"{s.reference:.4g}", text(s.remark)] for s in known],
                "hovertemplate": "%{y}<br>%{customdata[0]}, reference %{customdata[1]}<br>%{customdata[2]}"
                "<extra></extra>",
            }
        ],
        "deviation from the reference, %",
        "",
        {
            "height": 110 + ROW * len(known),
            "yaxis": {"autorange": "reversed", "automargin": True},
            "showlegend": False,
            "shapes": [{"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper", "line": {"width": 1}}],
        },
    )
