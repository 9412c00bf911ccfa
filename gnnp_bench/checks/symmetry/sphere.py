"""By how much turning about each axis was missed, drawn on the sphere of axes.

A potential with a preferred direction misses nothing while it is turned about that direction, and most about axes
across it: a place on the sphere around which nothing is missed shows which direction that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from gnnp_bench.check import Component, Json
from gnnp_bench.numerics.drawing import ON_A_SPHERE, series
from gnnp_bench.numerics.rotations import axis_angle, pole

if TYPE_CHECKING:
    from gnnp_bench.certificate.result import Series

STEPS = (
    ("at most 1 % of the worst", 0.01),
    ("at most 10 % of the worst", 0.1),
    ("at most half of the worst", 0.5),
    ("up to the worst", 1.0),
)
"""By how much a law was missed. Whether that matters stands beside the figure; the worst shows where to look."""
EDGE = np.linspace(0.0, 2.0 * np.pi, 49)
MOST_AXES = 48
"""Of each step."""


def axis_told(quaternion: Sequence[float], components: Sequence[Component]) -> dict[str, Json]:
    """Return about which axis a case turned, and by how much it was missed relative to what matters, at worst."""
    axis, _ = axis_angle(quaternion)
    missed = np.max([part.residual / part.significance for part in components])  # NaN where one is
    return {"axis": [float(x) for x in axis], "missed": float(missed) if np.isfinite(missed) else None}


def on_the_sphere(told: Sequence[Mapping[str, Json]]) -> tuple[Series, ...]:
    """Return the axes as points in a disc, in steps of how much was missed; none where there were none."""
    if not told:
        return ()
    line = partial(series, ON_A_SPHERE, x_name="axis", x_unit="", unit="", most=MOST_AXES)
    found = [line("edge of the upper half", np.cos(EDGE), np.sin(EDGE), most=len(EDGE))]
    missed = np.array([np.inf if one["missed"] is None else one["missed"] for one in told])
    worst = missed.max() or 1.0  # where nothing was missed, nothing is
    share = np.where(missed == worst, 1.0, missed / worst if np.isfinite(worst) else 0.0)
    places = np.array([pole(np.asarray(one["axis"], dtype=float)) for one in told])
    least = -1.0
    for name, most in STEPS:
        here = (share > least) & (share <= most)
        if here.any():
            found.append(line(name, *places[here].T, points=True))
        least = most
    return tuple(found)
