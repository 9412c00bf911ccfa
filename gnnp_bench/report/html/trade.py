"""Accuracy against cost, of potentials whose certificates hold errors and times."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from gnnp_bench.certificate.result import Certificate, Score
from gnnp_bench.report.html.figures import Figure, logarithmic, text
from gnnp_bench.report.text import number, plain, plural

Cost: TypeAlias = tuple[str, str]
"""Subject and name of a time: "512 atoms", "energy and forces, time"."""
MOST_FIGURES = 6


def size(score: Score) -> int | None:
    """Return of how many atoms a score is the time, None if it is none."""
    found = re.fullmatch(r"(\d+) atoms", score.subject)
    timed = score.kind == "bench" and "time" in score.name and score.value is not None
    return int(found[1]) if timed and found else None


def common_cost(certificates: Sequence[Certificate]) -> Cost | None:
    """Return the time that most certificates have measured; of those, at the largest size."""
    known = [score for one in certificates for score in one.scores if size(score) is not None]
    counts = Counter((score.subject, score.name) for score in known)
    sizes = {(score.subject, score.name): size(score) or 0 for score in known}
    return max(counts, key=lambda key: (counts[key], sizes[key], key), default=None)


def cost(certificate: Certificate, wanted: Cost | None) -> Score | None:
    """Return a time of a certificate, None where it was not measured."""
    found = (s for s in certificate.scores if s.kind == "bench" and (s.subject, s.name) == wanted)
    return next((score for score in found if score.value is not None), None)


def figures(labels: Sequence[str], certificates: Sequence[Certificate]) -> Iterator[Figure]:
    """Yield a figure for each error that at least two certificates have, against the time at a common size.

    Errors of all structures of a file, not of groups of them; forces first.
    """
    wanted = common_cost(certificates)
    timed = [(label, one, cost(one, wanted)) for label, one in zip(labels, certificates, strict=True)]
    found = 0
    for subject, name in _errors(certificates):
        points = [
            (label, time, error)
            for label, one, time in timed
            for error in one.scores
            if time is not None and error.kind == "accuracy" and (error.subject, error.name) == (subject, name)
            if error.value is not None
        ]
        if len(points) < 2 or wanted is None:
            continue
        found += 1
        if found > MOST_FIGURES:
            return
        yield _figure(f"{subject}: {name}", wanted, points)


def _of(scores: Sequence[Score]) -> str:
    return " and ".join(dict.fromkeys(score.remark or "not told" for score in scores if score.value is not None))


def _errors(certificates: Sequence[Certificate]) -> list[tuple[str, str]]:
    keys = {(s.subject, s.name) for one in certificates for s in one.scores if s.kind == "accuracy" and "MAE" in s.name}
    files = {subject for subject, _ in keys}
    whole = [key for key in keys if key[0].partition(": ")[0] not in files - {key[0]}]
    return sorted(whole, key=lambda key: (not key[1].startswith("forces"), key))


def _figure(title: str, wanted: Cost, points: Sequence[tuple[str, Score, Score]]) -> Figure:
    points = sorted(points, key=lambda point: point[1].value or 0.0)
    times = [time.value or 0.0 for _, time, _ in points]
    errors = [error.value or 0.0 for *_, error in points]
    unit = points[0][2].unit
    told = "; ".join(
        f"{label}: {number(error.value)} {plain(unit)} at {number(time.value)} {plain(time.unit)}"
        for label, time, error in points
    )
    return Figure(
        title,
        f"{told}. Further left is faster, further down is more accurate.",
        [
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": text(label),
                "text": [text(label)],
                "textposition": "bottom center" if k % 2 else "top center",  # of points that lie close
                "cliponaxis": False,
                "x": [x],
                "y": [y],
                "marker": {"size": 11},
                "error_x": {"type": "data", "array": [time.uncertainty or 0.0]},
            }
            for k, ((label, time, _), x, y) in enumerate(zip(points, times, errors, strict=True))
        ],
        f"{wanted[1]} at {wanted[0]}, {points[0][1].unit}",
        unit,
        {
            "xaxis": _axis(times),
            "yaxis": _axis(errors),
            "showlegend": False,
            "margin": {"l": 60, "r": 45, "t": 30, "b": 45},
        },
    )


def _axis(values: Sequence[float]) -> dict[str, Any]:
    """Return an axis on logarithms where values differ tenfold, else one from zero."""
    known = [value for value in values if value > 0.0]
    return logarithmic(values) if known and max(known) > 10.0 * min(known) else {"rangemode": "tozero"}


def remarks(certificates: Sequence[Certificate]) -> list[str]:
    """Return what makes times hard to compare, and what is missing."""
    wanted = common_cost(certificates)
    timed = [(one, time) for one in certificates if (time := cost(one, wanted)) is not None]
    told = []
    for subject, name in _errors(certificates):
        scores = [s for one in certificates for s in one.scores if (s.subject, s.name) == (subject, name)]
        if name.startswith("forces") and len({score.remark for score in scores if score.value is not None}) > 1:
            told.append(f"Errors on {subject} are not of the same structures: {_of(scores)}.")
    if len(timed) < len(certificates):
        missing = len(certificates) - len(timed)
        told.append(f"{plural(missing, 'certificate')} without a time at a common size (certify --with bench).")
    if len({str(one.environment.get("cpu")) for one, _ in timed}) > 1 or len({t.remark for _, t in timed}) > 1:
        told.append("Times were measured on different machines or materials: they are no comparison of potentials.")
    elif len(timed) > 1:
        told.append("Times that were stored differ by some 10 % from day to day; gnnp-bench bench compares in one run.")
    return told
