"""Energies on the ways on which atoms approach each other, and the rules by which they are judged."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import Case, Request
from gnnp_bench.checks.physics.approach import apart, nearness, pressed, radii_sum
from gnnp_bench.numerics.inward import Inward, Rules, inward
from gnnp_bench.potential import ENERGY, FloatArray, Prediction
from gnnp_bench.structures.apart import open_directions

LIMIT = 3.0
"""eV, or eV per atom where all move: collisions of radiation damage reach it, and 20,000 K."""
OF_PAIRS = Rules(LIMIT, soft=0.4, close=0.6, deep=0.7, barrier=0.5)
EVENLY = replace(OF_PAIRS, barrier=0.1, bond=1.0)
ALONG_AN_AXIS = replace(EVENLY, bond=np.inf)
S = 0.025
"""eV, or eV per atom: k_B T at room temperature. A hole that is less deep holds nothing."""
HIGH, HIGH_FOR_ALL = 30.0, 10.0
"""eV, and eV per atom where all move. A wall as high is the end of the way."""
OUTERMOST, CLOSEST = 1.5, 0.25
"""Distances over sums of radii at which pairs are looked at."""
EXPANDED, DENSEST = 1.15, 0.3
"""Of structures: beyond their own and beyond contact, and how close their atoms come."""
LONG, SHORT = 1.06, 0.2
"""Of the length along an axis."""
POINTS = 40
FIRST, FURTHER = 16, 4
"""Points of a way that are asked for at once, and as long as there is no wall: where atoms are close, each has many
neighbours."""
FELT = 10.0
"""ν. Energies that change by less do not change."""
FARTHEST = 10.0
"""Radii: larger than any distance that is told and not judged."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Energies on a way inwards.

    Attributes
    ----------
    name : str
        Who is on the way.
    closest, near : (n,) arrays
        See `approach.nearness`.
    places : sequence of str
        Where the points are, for a reader.
    pressures : array, GPa
        −dE/dV there; empty where there is no volume.
    energies : (n,) array
        In `unit`.
    unit : str
    rules : Rules
    noise : float
        Of a difference of two energies.
    zero : float or None
        Which barriers are counted from; None for the lowest energy so far.
    """

    name: str
    closest: FloatArray
    near: FloatArray
    places: Sequence[str]
    pressures: FloatArray
    energies: FloatArray
    unit: str
    rules: Rules
    noise: float
    zero: float | None = None

    def followed(self) -> Inward:
        """Return what the way shows."""
        return inward(self.energies, self.near, self.rules, closest=self.closest, zero=self.zero, least=S)

    @property
    def is_flat(self) -> bool:
        """Whether nothing happens on the way."""
        return bool(np.ptp(self.energies) <= FELT * self.noise)


def of_a_pair(case: Case) -> Generator[Request, list[Prediction], list[Scan]]:
    """Bring the second of the atoms of a case to the first; barriers count from where it was far away."""
    first, second = case.parameters["meeting"]
    touching, far = radii_sum(first, second), float(case.parameters["separated"])
    grid = _grid(OUTERMOST, CLOSEST, case.parameters["grid"])
    (separated,) = yield Request([apart(case.structure, far)], ENERGY)
    found = yield from _energies(lambda near: apart(case.structure, near * touching), grid, HIGH, separated.energy)
    near = np.array([far / touching, *grid[: len(found)]])
    beside = case.parameters["third"]
    name = f"{first}–{second}" + ("" if beside is None else f" beside {beside[0]}")
    places = [f"{x * touching:.2f} Å" for x in near]
    energies = np.array([separated.energy, *found])
    noise = 2.0 * case.nu.energy * len(case.structure)
    return [Scan(name, near, near, places, np.zeros(0), energies, "eV", OF_PAIRS, noise, separated.energy)]


def of_all(case: Case) -> Generator[Request, list[Prediction], list[Scan]]:
    """Press a structure evenly; then, from where that has its lowest energy, along an axis."""
    structure, axis, phase = case.structure, case.parameters["pressed_along"], case.parameters["grid"]
    start = nearness(structure)[1]
    factors = _grid(EXPANDED * max(start, EXPANDED), DENSEST, phase) / start
    evenly = yield from _pressing(case, structure, factors, None)
    valley = int(np.argmin(evenly.energies))
    if axis is None or valley == 0 or evenly.followed().hole is not None:
        return [evenly]
    relaxed = pressed(structure, float(factors[valley]), None)
    return [evenly, (yield from _pressing(case, relaxed, _grid(LONG, SHORT, phase), axis))]


def _pressing(
    case: Case, structure: Atoms, factors: FloatArray, axis: Sequence[float] | None
) -> Generator[Request, list[Prediction], Scan]:
    n = len(structure)
    found = yield from _energies(lambda factor: pressed(structure, factor, axis), factors, n * HIGH_FOR_ALL, None)
    factors = factors[: len(found)]
    closest, near = np.transpose([nearness(pressed(structure, float(factor), axis)) for factor in factors])
    places, pressures = [f"{x:.2f} of the radii" for x in near], np.zeros(0)
    if not open_directions(structure).any() and len(found) > 1:
        volumes = structure.cell.volume * factors ** (3 if axis is None else 1)
        pressures = -np.gradient(found, volumes) / units.GPa
    name = structure.get_chemical_formula() + (" along an axis" if axis is not None else "")
    rules, noise = EVENLY if axis is None else ALONG_AN_AXIS, 2.0 * case.nu.energy
    return Scan(name, closest, near, places, pressures, found / n, "eV/atom", rules, noise)


def rounded(value: float) -> str:
    """Return a number with two digits, written out unless it is beyond all measure."""
    return f"{float(f'{value:.2g}'):,.0f}" if 10.0 <= abs(value) < 1e6 else f"{value:.2g}"


def _grid(outermost: float, closest: float, phase: float) -> FloatArray:
    """Return `POINTS` numbers in equal proportions, from a part of a step below the first."""
    step = np.log(closest / outermost) / POINTS
    points: FloatArray = outermost * np.exp(step * (np.arange(POINTS) + phase))
    return points


def _energies(
    at: Callable[[float], Atoms], grid: FloatArray, high: float, zero: float | None
) -> Generator[Request, list[Prediction], FloatArray]:
    """Return energies along a way, eV, up to a wall that is high enough or where the potential says no more."""
    found: list[float] = []

    def height() -> float:
        return max(found) - (min(found) if zero is None else zero) if found else 0.0

    for part in np.split(grid, range(FIRST, len(grid), FURTHER)):
        try:
            answers = yield Request([at(float(x)) for x in part], ENERGY)
        except Exception:  # of somebody else's code, perhaps over atoms that lie in each other
            answers = []
            for x in part:
                try:
                    answers += yield Request([at(float(x))], ENERGY)
                except Exception:
                    found += [answer.energy for answer in answers]
                    if height() < high / 10.0:
                        raise
                    return np.array(found)
        found += [answer.energy for answer in answers]
        if height() >= high:
            break
    return np.array(found)
