"""From a line to components: the worst jump of each quantity, and what rounding explains of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnp_bench.check import Component
from gnnp_bench.checks.smoothness.line import UNITS, Line, significances, tolerances
from gnnp_bench.checks.smoothness.sizes import sizes
from gnnp_bench.numerics.breaks import CERTAIN

SEEN = 0.1
"""Of s: what is told of a jump that rounding may hide, where nothing beyond rounding is seen."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A jump of one quantity between two points.

    Attributes
    ----------
    interval : int
        Its first point.
    size, significance, noise : float
    """

    interval: int
    size: float
    significance: float
    noise: float

    @property
    def stands_out(self) -> float:
        """How far it exceeds both what matters and what noise explains."""
        return self.size / max(self.significance, CERTAIN * self.noise)


def jumps(line: Line) -> dict[str, list[Jump]]:
    """Return the jumps of each quantity, largest first, that are more than noise and not followed any further."""
    s = significances(line)
    found: dict[str, list[Jump]] = {}
    for interval in line.breaks:
        for name, (size, noise) in sizes(line, interval).items():
            limit = float(s[name][interval])
            if size > max(1e-3 * limit, CERTAIN * noise):
                found.setdefault(name, []).append(Jump(interval, size, limit, noise))
    return {name: sorted(many, key=lambda jump: -jump.stands_out) for name, many in found.items()}


def harmless(line: Line, only: str | None = None) -> bool:
    """Return whether what may still jump, of all quantities or of one, would be less than what matters."""
    s = significances(line)
    return all((bound.jumps <= s[name]).all() for name, bound in line.bounds.items() if only in (None, name))


def components(line: Line) -> tuple[Component, ...]:
    """Return one component per quantity."""
    s, allowed = significances(line), tolerances(line)
    broken = jumps(line)
    found = []
    for name, bound in line.bounds.items():
        if name in broken:
            jump = broken[name][0]
            found.append(Component(name, jump.size, jump.significance, UNITS[name], noise=jump.noise))
            continue
        over = bound.jumps / np.maximum(s[name], CERTAIN * bound.noise)
        worst = int(np.argmax(over))
        size, limit, noise = float(bound.jumps[worst]), float(s[name][worst]), float(bound.noise[worst])
        settled = size <= float(allowed[name][worst])
        if settled and CERTAIN * noise > limit:  # nothing beyond rounding is seen
            size = min(size, SEEN * limit)
        # What interpolation misses on a smooth line is its error. Where points ran out it bounds a jump all the same.
        error = 0.0 if size <= CERTAIN * noise else size if settled else 0.1 * size
        found.append(
            Component(name, size, limit, UNITS[name], noise=noise, error=error, converged=settled or size <= limit)
        )
    return tuple(found)
