"""What a law or a property wants drawn, as a certificate keeps it: few numbers, of few digits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnnp_bench.certificate.result import Kind, Series
from gnnp_bench.potential import FloatArray

MOST_POINTS = 64
"""Of a line: more are not told apart on a page, and make the certificate long."""
DIGITS = 6
ON_A_SPHERE = "Axes of rotation on the sphere"
"""The figure whose x and y are places in the projection of a hemisphere (`rotations.pole`); it has no axes."""


def series(
    figure: str,
    name: str,
    x: FloatArray | Sequence[float],
    y: FloatArray | Sequence[float],
    *,
    x_name: str,
    x_unit: str,
    unit: str,
    most: int = MOST_POINTS,
    keep: Sequence[int] = (),
    points: bool = False,
    logarithmic: bool = False,
    kind: Kind = "law",
    subject: str = "",
) -> Series:
    """Return numbers to be drawn.

    Parameters
    ----------
    figure, name, x_name, x_unit, unit
        See `Series`.
    x, y : (n,) arrays
    most : int
        Of more points, as many are kept, evenly by their places.
    keep : sequence of int
        Places that are kept in any case, such as those beside a jump.
    points, logarithmic, kind, subject
        See `Series`.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    places = np.arange(len(x))
    if len(x) > most:
        even = np.rint(np.linspace(0, len(x) - 1, most)).astype(int)
        places = np.unique([*even, *keep])
    return Series(
        figure=figure,
        name=name,
        x_name=x_name,
        x_unit=x_unit,
        unit=unit,
        x=tuple(map(short, x[places])),
        y=tuple(map(short, y[places])),
        points=points,
        logarithmic=logarithmic,
        kind=kind,
        subject=subject,
    )


def short(value: float) -> float | None:
    """Return a number with `DIGITS` digits, None if it is not finite."""
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
