"""One line, from its structures to what is judged of it and what is said."""

from __future__ import annotations

from gnnp_bench.check import Case, Measurement, Residual, vacuous
from gnnp_bench.checks.smoothness.cause import told
from gnnp_bench.checks.smoothness.follow import explored
from gnnp_bench.checks.smoothness.judging import components
from gnnp_bench.checks.smoothness.line import Track
from gnnp_bench.checks.smoothness.paths import points_of
from gnnp_bench.checks.smoothness.sizes import changes


def judged_along(case: Case, track: Track, quantity: str | None = None) -> Measurement:
    """Follow a line to its jumps, and return those of all quantities, or of one."""
    line = yield from explored(track, points_of(track.length))
    if not changes(line):
        return vacuous("nothing that is known of the structure changes along the line")
    found = tuple(one for one in components(line) if quantity in (None, one.quantity))
    if not found:
        return vacuous(f"nothing is known of the {quantity} along the line")
    reach, cutoff = float(case.parameters["reach"]), case.parameters.get("cutoff")
    return Residual(found, note=told(line, reach, cutoff, quantity))
