"""How large a jump is, across an interval as short as can be, and where in it."""

from __future__ import annotations

import numpy as np

from gnnp_bench.checks.smoothness.line import KINK_SINGLE, NEAR, Line, is_single, noises
from gnnp_bench.numerics.breaks import at_edge, step_left
from gnnp_bench.potential import FloatArray

BESIDE = 1e-5
"""Å from a break, beyond which points tell the slope beside it."""
SCALE, SCALE_SINGLE = 10.0, 3.0
"""Between the widths of four intervals on which a step is looked at: up to 1e-5 Å, and 5e-4 Å in single precision."""


def sizes(line: Line, interval: int) -> dict[str, tuple[float, float]]:
    """Return the jump of each quantity across a short interval, and ν of it; slopes on either side are taken out."""
    a, b = interval, interval + 1
    width = float(line.t[b] - line.t[a])
    energies, powers, nu = line.energies(), line.powers(), noises(line)
    work = 0.0 if powers is None else 0.5 * width * float(powers[a] + powers[b])
    # Where forces jump, nobody knows which part of the work was done by which.
    unknown = 0.0 if powers is None else 0.5 * width * abs(float(powers[b] - powers[a]))
    missed = max(0.0, abs(float(energies[b] - energies[a]) + work) - unknown)
    found = {"energy": (missed, float(np.hypot(nu["energy"][a], nu["energy"][b])))}
    for name, rows in line.arrays().items():
        left, right = _slopes(line.t, rows, a)
        change = np.linalg.norm(rows[b] - rows[a] - 0.5 * width * (left + right), axis=1)
        # Where slopes jump, nobody knows how far each of them reaches.
        unknown = 0.5 * width * np.linalg.norm(right - left, axis=1)
        sizes_of_rows = np.maximum(0.0, change - unknown)
        worst = int(np.argmax(sizes_of_rows))
        size = min(float(sizes_of_rows[worst]), _left(line, rows[:, worst], a))
        found[name] = (size, float(np.hypot(nu[name][a], nu[name][b])))
        if name == "forces" and line.track.stiffness:
            kink = _kink(line, a)
            if kink is not None:
                found["stiffness"] = kink[:2]
    return found


def _left(line: Line, rows: FloatArray, a: int) -> float:
    """Return the step of one vector (n, d) that is left as the interval shrinks: see `step_left`."""
    middle, width = 0.5 * float(line.t[a] + line.t[a + 1]), float(line.t[a + 1] - line.t[a])
    scale = SCALE_SINGLE if is_single(line) else SCALE
    pairs = []
    for k in range(4):
        away = 0.5 * width * scale**k * (1.0 - 1e-6)
        i = int(np.searchsorted(line.t, middle - away, side="right")) - 1
        j = int(np.searchsorted(line.t, middle + away))
        if i < 0 or j == len(line.t):
            return float("inf")  # nothing is known of wider intervals
        pairs.append((min(i, a), max(j, a + 1)))
    first, last = np.array(pairs).T
    changes = np.linalg.norm(rows[last] - rows[first], axis=1)
    left, right = middle - line.t[first], line.t[last] - middle
    # Several jumps side by side may look like a power of the distance on three scales, and not on all.
    return max(step_left(changes[k : k + 3], left[k : k + 3], right[k : k + 3]) for k in (0, 1))


def kink_place(line: Line, interval: int) -> float:
    """Return where around an interval the lines meet that forces follow on both sides of it, Å."""
    kink = _kink(line, interval)
    return 0.5 * float(line.t[interval] + line.t[interval + 1]) if kink is None else kink[2]


def _kink(line: Line, interval: int) -> tuple[float, float, float] | None:
    """Return by how much the slope of forces jumps, the noise of that, and where; None where points are too few."""
    edge = 0.5 * float(line.t[interval] + line.t[interval + 1])
    sides = [_beside(line, edge, -1), _beside(line, edge, 1)]
    if any(len(t) < 3 for t, _, _ in sides):
        return None
    (left, left_slope, left_noise), (right, right_slope, right_noise) = (at_edge(*side, edge) for side in sides)
    near = KINK_SINGLE if is_single(line) else NEAR
    # What one point less makes of a slope is its error; and the edge may be off, to where curves lead on either side.
    unsure = np.zeros(len(left))
    for (t, forces, nu), slope in zip(sides, (left_slope, right_slope), strict=True):
        unsure += np.linalg.norm(at_edge(t[:-1], forces[:-1], nu, edge)[1] - slope, axis=1)
        unsure += near * _curvature(t, forces)
    change = right_slope - left_slope
    size = float(np.maximum(0.0, np.linalg.norm(change, axis=1) - 3.0 * unsure).max())
    most = np.unravel_index(int(np.argmax(np.abs(change))), change.shape)
    off = float((left - right)[most]) / float(change[most]) if change[most] else 0.0
    return size, float(np.hypot(left_noise, right_noise)), edge + float(np.clip(off, -near, near))


def _curvature(t: FloatArray, forces: FloatArray) -> FloatArray:
    """Return the second derivative of the forces on each atom at three points or more, eV/Å³, in norm."""
    order = np.argsort(t)
    t, forces = t[order], forces[order]
    slopes = np.diff(forces, axis=0) / np.diff(t)[:, None, None]
    curves = np.diff(slopes, axis=0) / (0.5 * (t[2:] - t[:-2]))[:, None, None]
    most: FloatArray = np.linalg.norm(curves, axis=2).max(axis=0)
    return most


def _beside(line: Line, edge: float, side: int) -> tuple[FloatArray, FloatArray, float]:
    """Return a few points on one side of a break, none near to the next, the forces there, and their noise.

    None beyond the next break, nor so near that they might be on the other side.
    """
    near = KINK_SINGLE if is_single(line) else NEAR
    others = [0.5 * float(line.t[b] + line.t[b + 1]) for b in line.breaks]
    stop = min((side * (t - edge) for t in others if side * (t - edge) > 2.0 * near), default=np.inf)
    away = side * (line.t - edge)
    chosen: list[int] = []
    for i in np.argsort(away):
        if near <= away[i] < stop and (not chosen or away[i] - away[chosen[-1]] >= near) and len(chosen) < 5:
            chosen.append(int(i))
    noise = float(noises(line)["forces"][chosen].max(initial=0.0))
    return line.t[chosen], line.arrays()["forces"][chosen], noise


def _slopes(t: FloatArray, rows: FloatArray, a: int) -> tuple[FloatArray, FloatArray]:
    """Return the slopes to the left and right of an interval; that of the other side where there are no points."""
    left, right = int(np.searchsorted(t, t[a] - BESIDE)) - 1, int(np.searchsorted(t, t[a + 1] + BESIDE))
    slopes = []
    if left >= 0:
        slopes.append((rows[a] - rows[left]) / (t[a] - t[left]))
    if right < len(t):
        slopes.append((rows[right] - rows[a + 1]) / (t[right] - t[a + 1]))
    zero = np.zeros_like(rows[0])
    return (slopes[0], slopes[-1]) if slopes else (zero, zero)


def changes(line: Line) -> bool:
    """Return whether energy or forces change along the line by more than their noise."""
    nu = noises(line)
    energies = line.energies()
    if np.ptp(energies) > 10.0 * nu["energy"].max():
        return True
    return any(np.ptp(rows, axis=0).max(initial=0.0) > 10.0 * nu[name].max() for name, rows in line.arrays().items())
