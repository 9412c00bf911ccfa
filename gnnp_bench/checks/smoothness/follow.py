"""Where points of a line are taken: nearer and nearer to what may be a jump."""

from __future__ import annotations

import itertools
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from gnnp_bench.check import Request
from gnnp_bench.checks.smoothness.line import (
    KINK,
    KINK_SINGLE,
    NEAR,
    Line,
    Track,
    is_single,
    noises,
    significances,
    tolerances,
)
from gnnp_bench.checks.smoothness.sizes import sizes
from gnnp_bench.numerics.breaks import CERTAIN, Bounds, kink_bounds, least, slope_bounds, step_bounds, surroundings
from gnnp_bench.potential import FloatArray, Prediction

SHORTEST, SHORTEST_SINGLE = 1e-8, 2e-5
"""Å, of intervals: what positions of some ten Å resolve in double precision, and in single precision."""
QUARTERED = 1e-2
"""Å. An interval shorter than this in which something may jump is cut into four: most likely it does."""
ROUGH, AROUND, ENOUGH_ROUGH = 0.02, 10, 8
"""In single precision the scatter of intervals shorter than this, Å, so many to either side, tells the noise there;
at least so many."""
BESIDE = 2
"""Intervals to either side of the one that stands out most, among which the jump is."""
MOST_POINTS, MANY_POINTS, AT_ONCE = 960, 150, 4
UNDECIDED_POINTS, MANY_AT_ONCE = 3840, 64
"""As long as it is not decided whether a jump matters. A table has a kink at each of its thousands of knots, and around
each of them a jump can only be excluded from near by."""
MATTERS = 0.5
"""Of s: what is followed beyond `MOST_POINTS`."""
ENOUGH_BREAKS = 3
"""Breaks after which a line is not searched any further, if no other can decide anything."""


def explored(track: Track, n_points: int) -> Generator[Request, list[Prediction], Line]:
    """Take points along a line until each interval holds no jump that matters, or is as short as can be."""
    t = np.linspace(0.0, track.length, n_points)
    found = yield Request([track.at(float(x)) for x in t], track.properties)
    line = Line(track, t, list(found), open=np.ones(n_points - 1, bool))
    shortest = SHORTEST_SINGLE if is_single(line) else SHORTEST
    while True:
        look(line)
        allowed = tolerances(line)
        excess = np.max([b.jumps / allowed[name] for name, b in line.bounds.items()], axis=0)
        line.open &= excess > 1.0
        short = np.diff(line.t) <= shortest
        if track.stiffness:  # where slopes jump is found out from both sides
            others = np.max([b.jumps / allowed[n] for n, b in line.bounds.items() if n != "stiffness"], axis=0)
            short |= (np.diff(line.t) <= (KINK_SINGLE if is_single(line) else KINK)) & (others <= 1.0)
        broken = np.flatnonzero(line.open & short)
        if len(broken):  # the worst first: those beside it may be innocent once it is known
            worst = int(broken[np.argmax(excess[broken])])
            line.breaks.add(worst)
            done = np.arange(len(short)) == worst
            if track.stiffness and others[worst] <= 1.0:
                near = KINK_SINGLE if is_single(line) else NEAR
                done |= (np.abs(line.t[:-1] - line.t[worst]) < near) & (others <= 1.0)
            line.open &= ~done
            for bound in line.bounds.values():
                bound.jumps[done] = bound.noise[done] = 0.0
            continue
        if not line.open.any():
            line.settled = True
            return line
        if _enough(line):
            return line
        at_once = AT_ONCE
        if len(line.t) >= MOST_POINTS:
            at_once = MANY_AT_ONCE
            line.open &= _matters(line)
            if not line.open.any() or len(line.t) >= UNDECIDED_POINTS:
                return line
        added = _new_points(line.t, np.where(line.open, excess, 0.0), at_once)
        found = yield Request([track.at(float(x)) for x in added], track.properties)
        _insert(line, added, found)


def _enough(line: Line) -> bool:
    """Return whether some breaks are known and no other decides anything: more than matters, or less, for certain."""
    if len(line.breaks) < ENOUGH_BREAKS:
        return False
    s = significances(line)
    if all((bound.jumps <= s[name])[line.open].all() for name, bound in line.bounds.items()):
        return True
    large = [b for b in line.breaks if any(size > s[name][b] for name, (size, _) in sizes(line, b).items())]
    return len(large) >= ENOUGH_BREAKS


def _matters(line: Line) -> NDArray[np.bool_]:
    """Return which intervals may hold a jump that matters; those of stiffness alone take no more points."""
    s = significances(line)
    limits = {name: np.maximum(MATTERS * s[name], CERTAIN * bound.noise) for name, bound in line.bounds.items()}
    over = [bound.jumps > limits[name] for name, bound in line.bounds.items() if name != "stiffness"]
    matters: NDArray[np.bool_] = np.any(over, axis=0)
    return matters


def _new_points(t: FloatArray, excess: FloatArray, at_once: int) -> FloatArray:
    """Return points in the intervals with the largest excess around: a jump is suspected in all whose windows hold it.

    Where there are many points already, a few of the worst are followed to their end, narrow ones first.
    """
    around = np.array([excess[max(0, i - 3) : i + 4].max() for i in range(len(excess))])
    chosen = np.flatnonzero((excess > 0.0) & (excess >= 0.2 * around))
    widths = np.diff(t)
    if len(t) > MANY_POINTS and len(chosen) > at_once:
        chosen = chosen[np.lexsort((widths[chosen], -np.rint(np.log10(excess[chosen]))))][:at_once]
    points: list[float] = []
    for i in chosen:
        shares = (0.25, 0.5, 0.75) if widths[i] < QUARTERED else (0.5,)
        points += [t[i] + share * widths[i] for share in shares]
    return np.sort(points)


def _insert(line: Line, added: FloatArray, found: list[Prediction]) -> None:
    """Put new points in their places; the intervals that they divide are looked at again."""
    order = np.argsort(np.concatenate([line.t, added]), kind="stable")
    everything = [*line.found, *found]
    parent = np.searchsorted(line.t, added) - 1
    t = np.concatenate([line.t, added])[order]
    # Each interval gets what is known of the one that it was part of.
    of = np.searchsorted(line.t, 0.5 * (t[1:] + t[:-1])) - 1
    line.breaks = {int(np.searchsorted(t, line.t[b])) for b in line.breaks}
    line.open = (line.open | np.isin(np.arange(len(line.open)), parent))[of]
    line.bounds = {name: Bounds(b.jumps[of], b.noise[of]) for name, b in line.bounds.items()}
    line.t, line.found = t, [everything[i] for i in order]


def look(line: Line) -> None:
    """Find out how large a jump of each quantity may be in each interval of which that is not known yet."""
    found = _bounds(line, line.open, line.breaks)
    line.bounds = {
        name: Bounds(np.where(line.open, b.jumps, old.jumps), np.where(line.open, b.noise, old.noise))
        for (name, b), old in zip(found.items(), (line.bounds or found).values(), strict=True)
    }
    if is_single(line):
        _count_as_rough(line)


def _bounds(line: Line, chosen: NDArray[np.bool_], cuts: set[int]) -> dict[str, Bounds]:
    """Return how large a jump of each quantity may be in each of some intervals; zero in others.

    No difference is taken across any of `cuts`, intervals that are given by their first points.
    """
    energies, powers, rows, nu = line.energies(), line.powers(), line.arrays(), noises(line)
    names = ["energy", *rows, *(["stiffness"] if line.track.stiffness and "forces" in rows else [])]
    agreed = is_single(line)
    n = len(line.t) - 1
    bounds = {name: Bounds(np.zeros(n), np.zeros(n)) for name in names}
    for begin, end in _stretches(line, cuts):
        which = np.flatnonzero(chosen[begin : end - 1])
        if not len(which):
            continue
        part = slice(begin, end)
        t = line.t[part]
        around = surroundings(t, which)
        for name in names:
            if name == "energy" and powers is not None:
                slope_noise = _power_noise(line)[part]
                found = slope_bounds(
                    t, around, energies[part], -powers[part], nu["energy"][part], slope_noise, agreed=agreed
                )
                # Forces that are not the gradient miss work on every step; that is no jump.
                alone = step_bounds(t, around, energies[part][:, None], nu["energy"][part], agreed=agreed)
                found = least(found, alone)
            elif name == "energy":
                found = step_bounds(t, around, energies[part][:, None], nu["energy"][part], agreed=agreed)
            elif name == "stiffness":
                found = kink_bounds(t, around, rows["forces"][part], nu["forces"][part])
            else:
                found = step_bounds(t, around, rows[name][part], nu[name][part], agreed=agreed)
            bounds[name].jumps[begin + which] = found.jumps
            bounds[name].noise[begin + which] = found.noise
    return bounds


def _count_as_rough(line: Line) -> None:
    """Count as noise, in intervals of which nothing is known yet, what short intervals around them scatter by.

    That is the median of what they may hold. Noise is in all of them, a jump in one; but the others near it are bounded
    by differences across it, and may hold as much. So none is taken across the one that stands out most among so many,
    nor across those beside it, one of which may hold what it is suspected of: where there is a jump, the others hold
    nothing, and where there is noise, they hold as much as before.
    """
    short = np.diff(line.t) < ROUGH
    suspects: set[int] = set()
    for bound in line.bounds.values():
        for worst in _standing_out(bound, short & line.open):
            suspects |= set(range(max(0, worst - BESIDE), min(len(short), worst + BESIDE + 1)))
    for name, found in _bounds(line, short, line.breaks | suspects).items():
        innocent = np.flatnonzero(short & (found.noise > 0.0))
        ratio = found.jumps[innocent] / found.noise[innocent]
        noise = line.bounds[name].noise
        for i in np.flatnonzero(short & line.open):
            k = int(np.searchsorted(innocent, i))
            around = ratio[max(0, k - AROUND) : k + AROUND + 1]
            if len(around) >= ENOUGH_ROUGH:
                noise[i] *= max(1.0, float(np.median(around)))


def _standing_out(bound: Bounds, chosen: NDArray[np.bool_]) -> set[int]:
    """Return those of the chosen intervals that stand out of the noise, and more than any within `AROUND` of them."""
    which = np.flatnonzero(chosen & (bound.noise > 0.0))
    ratio = bound.jumps[which] / bound.noise[which]
    return {
        int(which[k])
        for k in np.flatnonzero(ratio > CERTAIN).tolist()
        if k - max(0, k - AROUND) == int(np.argmax(ratio[max(0, k - AROUND) : k + AROUND + 1]))
    }


def _power_noise(line: Line) -> FloatArray:
    """Return ν of −dE/dt: of the force on the few atoms that move, or of V σ : ε."""
    of_cell = "stress" in line.track.properties
    return np.asarray(noises(line)["stress" if of_cell else "forces"] * line.track.lever * line.track.per)


def _stretches(line: Line, cuts: set[int]) -> list[tuple[int, int]]:
    """Return first and last + 1 of the points of each stretch between some intervals, given by their first points."""
    ends = [0, *(b + 1 for b in sorted(cuts)), len(line.t)]
    return list(itertools.pairwise(ends))
