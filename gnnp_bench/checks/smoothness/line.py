"""A line of structures on which jumps are looked for: where points are taken, and what is found between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.check import Noise, Request
from gnnp_bench.checks.common import ENERGY_S, EXTREME_FORCES, EXTREME_STRESS, FORCES_S, STRESS_S
from gnnp_bench.numerics.breaks import CERTAIN, Bounds, kink_bounds, least, slope_bounds, step_bounds, surroundings
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction, Property

FINE = 1e-3
"""Share of s below which a jump is not followed further."""
SHORTEST, SHORTEST_SINGLE = 1e-8, 2e-5
"""Å, of intervals: what positions of some ten Å resolve in double precision, and in single precision."""
SINGLE = 1e-9
"""ν of the energy per atom relative to the larger of the energy and 1 eV, above which arithmetic is single."""
QUARTERED = 1e-2
"""Å. An interval shorter than this in which something may jump is cut into four: most likely it does."""
BESIDE = 1e-5
"""Å from a break, beyond which points tell the slope beside it."""
ROUGH, AROUND, ENOUGH_ROUGH = 0.02, 10, 8
"""In single precision the scatter of intervals shorter than this, Å, so many to either side, tells the noise there;
at least so many."""
MOST_POINTS, MANY_POINTS, AT_ONCE = 480, 150, 4
ENOUGH_BREAKS = 3
"""Breaks after which a line is not searched any further, if no other can decide anything."""
STIFFNESS_S = 0.1
"""eV/Å²: it changes a force by 1 meV/Å over 0.01 Å, the displacement that is usual for phonons."""
UNITS = {"energy": "eV", "forces": "eV/Å", "stress": "eV/Å³", "stiffness": "eV/Å²"}


@dataclass(frozen=True, slots=True)
class Track:
    """Structures along a line, and what changes along it.

    Attributes
    ----------
    at : callable
        Returns the structure at t, Å.
    power : callable
        Returns −dE/dt, eV/Å, of a prediction at t, or None where forces or stress are missing.
    length : float, Å
        t goes from 0 to here.
    noise : Noise
        ν of the structure.
    n_atoms : int
    per : float
        Energies are judged as this part of them: 1 for the total, 1/n_atoms per atom.
    properties : frozenset
    lever : float
        How much larger the noise of the power is than that of forces, or of the stress.
    stiffness : bool
        Jumps of the slope of forces are looked for too.
    """

    at: Callable[[float], Atoms]
    power: Callable[[Prediction, float], float | None]
    length: float
    noise: Noise
    n_atoms: int
    per: float = 1.0
    properties: frozenset[Property] = ENERGY_FORCES
    lever: float = 2.0
    stiffness: bool = False


@dataclass(slots=True)
class Line:
    """What is known of a line.

    Attributes
    ----------
    track : Track
    t : (n,) array, Å, ascending
    found : list of Prediction
    breaks : set of int
        Intervals, each by its first point, that are as short as can be and in which something jumps.
    bounds : dict of str to Bounds
        How large a jump of each quantity may be in each interval, where it does not hold a break.
    open : (n - 1,) array of bool
        Intervals that may hold a jump that matters.
    settled : bool
        All other intervals hold no jump that matters.
    """

    track: Track
    t: FloatArray
    found: list[Prediction]
    breaks: set[int] = field(default_factory=set)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    open: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    settled: bool = False

    def energies(self) -> FloatArray:
        """Return the energies, eV, as they are judged."""
        return np.array([p.energy for p in self.found]) * self.track.per

    def powers(self) -> FloatArray | None:
        """Return −dE/dt, eV/Å, as it is judged, or None where it is not known."""
        powers = [self.track.power(p, float(t)) for p, t in zip(self.found, self.t, strict=True)]
        known = [p for p in powers if p is not None]
        return np.array(known) * self.track.per if len(known) == len(powers) else None

    def arrays(self) -> dict[str, FloatArray]:
        """Return forces (n, n_atoms, 3) and stress (n, 9, 1), where there are any."""
        rows: dict[str, FloatArray] = {}
        if all(p.forces is not None for p in self.found):
            rows["forces"] = np.array([np.asarray(p.forces) for p in self.found])
        if "stress" in self.track.properties and all(p.stress is not None for p in self.found):
            rows["stress"] = np.array([np.ravel(np.asarray(p.stress)) for p in self.found])[..., None]
        return rows

    def pressed(self) -> FloatArray:
        """Return the factor on s at each point: see `checks.common.pressed`."""
        rows = self.arrays()
        factor = np.ones(len(self.t))
        for name, limit in (("forces", EXTREME_FORCES), ("stress", EXTREME_STRESS)):
            if name in rows:
                factor = np.maximum(factor, np.abs(rows[name]).max(axis=(1, 2), initial=0.0) / limit)
        return factor


def significances(line: Line) -> dict[str, FloatArray]:
    """Return s of each quantity in each interval."""
    factor = line.pressed()
    factor = np.maximum(factor[1:], factor[:-1])
    values = {"energy": ENERGY_S, "forces": FORCES_S, "stress": STRESS_S, "stiffness": STIFFNESS_S}
    return {name: value * factor for name, value in values.items()}


def noises(line: Line) -> dict[str, FloatArray]:
    """Return ν of each quantity at each point: it grows with forces and energies, which are larger up a wall."""
    nu, n_atoms = line.track.noise, line.track.n_atoms
    energies = np.array([p.energy for p in line.found])
    sizes = np.abs(energies)
    rows = line.arrays()
    steep = np.ones(len(line.t))
    if "forces" in rows:
        forces = np.abs(rows["forces"]).max(axis=(1, 2), initial=0.0)
        steep = np.maximum(1.0, forces / max(1.0, float(np.median(forces))))
    high = np.maximum(steep, sizes / max(1.0, float(np.median(sizes))))
    ulp = np.spacing(sizes)
    energy, found = nu.energy * n_atoms * high, {"forces": nu.forces * steep, "stress": nu.stress * steep}
    # Coordinates are rounded as well: half a spacing of them, times the slope.
    extent = np.abs(line.track.at(line.track.length).positions).max(initial=1.0)
    half = 0.5 * float(np.spacing(np.float32(extent) if is_single(line) else np.float64(extent)))
    for name, values in rows.items():
        found[name] = np.maximum(found[name], half * _steepness(line.t, values))
    energy = np.maximum(energy, half * _steepness(line.t, energies[:, None, None]))
    return {"energy": np.maximum(energy, ulp) * line.track.per, **found}


def _steepness(t: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the smaller of the slopes to either side of each point, of the number that changes most."""
    slopes = np.linalg.norm(np.diff(rows, axis=0), axis=2).max(axis=1) / np.diff(t)
    smaller: FloatArray = np.minimum(np.append(slopes, slopes[-1]), np.append(slopes[0], slopes))
    return smaller


def look(line: Line) -> None:
    """Find out how large a jump of each quantity may be in each interval of which that is not known yet."""
    energies, powers, rows, nu = line.energies(), line.powers(), line.arrays(), noises(line)
    names = ["energy", *rows, *(["stiffness"] if line.track.stiffness and "forces" in rows else [])]
    n = len(line.t) - 1
    if not line.bounds:
        line.bounds = {name: Bounds(np.zeros(n), np.zeros(n)) for name in names}
    for begin, end in _stretches(line):
        which = np.flatnonzero(line.open[begin : end - 1])
        if not len(which):
            continue
        part = slice(begin, end)
        t = line.t[part]
        around = surroundings(t, which)
        for name in names:
            if name == "energy" and powers is not None:
                slope_noise = _power_noise(line)[part]
                found = slope_bounds(t, around, energies[part], -powers[part], nu["energy"][part], slope_noise)
                # Forces that are not the gradient miss work on every step; that is no jump.
                alone = step_bounds(t, around, energies[part][:, None], nu["energy"][part])
                found = least(found, alone)
            elif name == "energy":
                found = step_bounds(t, around, energies[part][:, None], nu["energy"][part])
            elif name == "stiffness":
                found = kink_bounds(t, around, rows["forces"][part], nu["forces"][part])
            else:
                found = step_bounds(t, around, rows[name][part], nu[name][part])
            line.bounds[name].jumps[begin + which] = found.jumps
            line.bounds[name].noise[begin + which] = found.noise
    if is_single(line):
        line.bounds = {name: _as_rough(line.t, b) for name, b in line.bounds.items()}


def _as_rough(t: FloatArray, found: Bounds) -> Bounds:
    """Return the bounds with the noise that short intervals show: the median, so that a jump is no noise."""
    short = np.flatnonzero((np.diff(t) < ROUGH) & (found.noise > 0.0))
    noise = found.noise.copy()
    if len(short) >= ENOUGH_ROUGH:
        ratio = found.jumps[short] / found.noise[short]
        for k, i in enumerate(short):
            around = ratio[max(0, k - AROUND) : k + AROUND + 1]
            if len(around) >= ENOUGH_ROUGH:
                noise[i] *= max(1.0, float(np.median(around)))
    return Bounds(found.jumps, noise)


def _power_noise(line: Line) -> FloatArray:
    """Return ν of −dE/dt: of the force on the few atoms that move, or of V σ : ε."""
    of_cell = "stress" in line.track.properties
    return np.asarray(noises(line)["stress" if of_cell else "forces"] * line.track.lever * line.track.per)


def _stretches(line: Line) -> list[tuple[int, int]]:
    """Return first and last + 1 of the points of each stretch between breaks."""
    cuts = [0, *(b + 1 for b in sorted(line.breaks)), len(line.t)]
    return list(itertools.pairwise(cuts))


def tolerances(line: Line) -> dict[str, FloatArray]:
    """Return what is not followed further, per quantity and interval."""
    s = significances(line)
    return {name: np.maximum(FINE * s[name], CERTAIN * b.noise) for name, b in line.bounds.items()}


def is_single(line: Line) -> bool:
    """Return whether the noise is that of single precision."""
    size = max(1.0, abs(line.found[0].energy) / line.track.n_atoms)
    return line.track.noise.energy > SINGLE * size


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
        broken = np.flatnonzero(line.open & short)
        if len(broken):  # the worst first: those beside it may be innocent once it is known
            worst = int(broken[np.argmax(excess[broken])])
            line.breaks.add(worst)
            line.open[worst] = False
            for bound in line.bounds.values():
                bound.jumps[worst] = bound.noise[worst] = 0.0
            continue
        if not line.open.any():
            line.settled = True
            return line
        if len(line.t) >= MOST_POINTS or _enough(line):
            return line
        added = _new_points(line.t, np.where(line.open, excess, 0.0))
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


def _new_points(t: FloatArray, excess: FloatArray) -> FloatArray:
    """Return points in the intervals with the largest excess around: a jump is suspected in all whose windows hold it.

    Where there are many points already, a few of the worst are followed to their end, narrow ones first.
    """
    around = np.array([excess[max(0, i - 3) : i + 4].max() for i in range(len(excess))])
    chosen = np.flatnonzero((excess > 0.0) & (excess >= 0.2 * around))
    widths = np.diff(t)
    if len(t) > MANY_POINTS and len(chosen) > AT_ONCE:
        chosen = chosen[np.lexsort((widths[chosen], -np.rint(np.log10(excess[chosen]))))][:AT_ONCE]
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
        found[name] = (float(np.maximum(0.0, change - unknown).max()), float(np.hypot(nu[name][a], nu[name][b])))
    return found


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
