"""The work along a closed loop, with more points until it settles."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
from ase import Atoms

from gnnp_bench.certificate.result import Series
from gnnp_bench.check import Component, Request, Residual, vacuous
from gnnp_bench.checks.common import conclusive, converged, out_of_points, stands_out, worth_more_points
from gnnp_bench.checks.conservation.places import rough_place
from gnnp_bench.checks.conservation.samples import Path, Powers, settled_work
from gnnp_bench.numerics.convergence import ALLOWANCE, remaining_error
from gnnp_bench.numerics.drawing import series
from gnnp_bench.numerics.loops import angles, interleaved_spread, jumps_around
from gnnp_bench.numerics.panels import Samples
from gnnp_bench.potential import FloatArray, Prediction

LOOP_S = 1e-4
"""eV/Å, mean non-conservative force: 0.1 meV gained per Å that an atom travels."""
FEWEST_NODES = 8
MANY_NODES, MOST_NODES = 128, 256
"""Twice as many where they are expected to settle it, or what is missed has not been confirmed."""
RADII = (0.02, 0.08)
"""Of loops, in units of the shortest distance in the structure."""


def loop_work(
    powers_at: Callable[[FloatArray], Powers], structure_at: Callable[[float], Atoms], length: float, scale: float
) -> Generator[Request, list[Prediction], Residual]:
    """Integrate dW/dt over t from 0 to 2π by the trapezoid rule, doubling the nodes (16 or more) until they settle it.

    Parameters
    ----------
    powers_at : callable
        Takes nodes t, (n,).
    structure_at : callable
        Takes one node.
    length : float, Å
        Sum of the paths, by which the work is divided.
    scale : float
        Factor on s: see `common.pressed`.
    """
    significance = scale * LOOP_S
    t = angles(FEWEST_NODES)
    powers, variances = yield from powers_at(t)
    work = 2.0 * np.pi * float(powers.mean())
    changes: list[float] = []
    note = None
    settled = False
    while True:
        added = angles(2 * len(t), odd_only=True)
        more_powers, more_variances = yield from powers_at(added)
        powers, variances = np.concatenate([powers, more_powers]), np.concatenate([variances, more_variances])
        t = np.concatenate([t, added])
        previous, work = work, 2.0 * np.pi * float(powers.mean())
        noise = 2.0 * np.pi * float(np.sqrt(variances.mean() / len(t)))
        # The old nodes are half of the new: the change has the same standard deviation as the new sum.
        changes.append(work - previous)
        spread = float(interleaved_spread(powers, t))
        # A quarter of the nodes: twice the noise.
        error = remaining_error(changes, noise, max(0.0, spread - 2.0 * ALLOWANCE * noise))
        # Two coarse estimates may agree by accident; noise is the one reason to believe a single change.
        believed = len(changes) > 1 or error == 0.0
        before, settled = settled, believed and converged(error, noise, significance * length)
        confirmed = before or not stands_out(work, error, noise)
        if (settled and confirmed) or len(t) >= MOST_NODES:
            break
        if len(t) >= MANY_NODES and not (
            settled or worth_more_points(work, changes, error, noise, significance * length)
        ):
            break
    if not (settled and confirmed):
        cautious = max(spread / 6.0, float(jumps_around(powers, t)))
        error, settled = out_of_points(work, error, noise, significance * length, cautious)
        if not settled or stands_out(work, error, noise):
            path = Path(
                powers_at, [(0.0, 2.0 * np.pi)], noise, significance * length, lambda panels: stands_out(*panels.total)
            )
            panels = yield from settled_work(path, _around(t, powers, variances))
            if panels.total[1] < error:
                work, error, noise = panels.total
                settled = converged(error, noise, significance * length) or conclusive(error, significance * length)
            if not settled:
                place = yield from rough_place(structure_at, *panels.roughest)
                note = f"rough along the loop, {len(panels.samples.t)} points do not settle it: {place}"
    if 2.0 * np.pi * np.abs(powers).mean() <= 10.0 * noise:
        return vacuous("nothing does work anywhere on the loop")
    component = Component(
        "mean non-conservative force",
        abs(work) / length,
        significance,
        "eV/Å",
        noise=noise / length,
        error=error / length,
        converged=settled,
    )
    return Residual((component,), note=note, series=_drawn(_around(t, powers, variances)))


def _drawn(loop: Samples) -> tuple[Series, ...]:
    """Return the work done on the way around, which is none at the end."""
    t, powers = loop.t, loop.values
    done = np.append(0.0, np.cumsum(0.5 * (powers[1:] + powers[:-1]) * np.diff(t)))
    angle = np.degrees(t)
    return (series("Work around the loop", "work", angle, done, x_name="way around", x_unit="°", unit="eV"),)


def _around(t: FloatArray, powers: FloatArray, variances: FloatArray) -> Samples:
    """Return the samples of a loop in order, the first once more at its end."""
    order = np.append(np.argsort(t), np.argmin(t))
    return Samples(np.append(np.sort(t), 2.0 * np.pi), powers[order], variances[order])
