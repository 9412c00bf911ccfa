"""One line, from its structures to what is judged of it and what is said."""

from __future__ import annotations

from functools import partial

from gnnp_bench.certificate.result import Series
from gnnp_bench.check import Case, Measurement, Residual, vacuous
from gnnp_bench.checks.smoothness.cause import told
from gnnp_bench.checks.smoothness.follow import explored
from gnnp_bench.checks.smoothness.judging import components
from gnnp_bench.checks.smoothness.line import Line, Track
from gnnp_bench.checks.smoothness.paths import points_of
from gnnp_bench.checks.smoothness.sizes import changes
from gnnp_bench.numerics.drawing import series

MOST_JUMPS = 16
"""Marked in a figure."""


def judged_along(case: Case, track: Track, quantity: str | None = None) -> Measurement:
    """Follow a line to its jumps, and return those of all quantities, or of one."""
    line = yield from explored(track, points_of(track.length))
    if not changes(line):
        return vacuous("nothing that is known of the structure changes along the line")
    found = tuple(one for one in components(line) if quantity in (None, one.quantity))
    if not found:
        return vacuous(f"nothing is known of the {quantity} along the line")
    reach, cutoff = float(case.parameters["reach"]), case.parameters.get("cutoff")
    return Residual(found, note=told(line, reach, cutoff, quantity), series=_drawn(line))


def _drawn(line: Line) -> tuple[Series, ...]:
    """Return the energy and its slope along the line, with the places where something jumps."""
    jumps = sorted(line.breaks)[:MOST_JUMPS]
    beside = [place for jump in jumps for place in (jump, jump + 1)]
    energies = line.energies()
    found = {"Energy along the line": (energies - energies.min(), "eV")}
    if (powers := line.powers()) is not None:
        found["Force along the line"] = (powers, "eV/Å")
    drawn = []
    for figure, (values, unit) in found.items():
        axes = partial(series, figure, x_name="way along the line", x_unit="Å", unit=unit)
        drawn.append(axes(figure.split()[0].lower(), line.t, values, keep=beside))
        if jumps:
            drawn.append(axes("something jumps here", line.t[jumps], values[jumps], points=True))
    return tuple(drawn)
