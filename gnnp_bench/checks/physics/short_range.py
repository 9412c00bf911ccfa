"""physics/short-range: atoms that are pushed into each other are pushed back."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Json,
    Measurement,
    PoolView,
    Request,
    Residual,
    Sample,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.locality.adding_up import nearest_far
from gnnp_bench.checks.physics.approach import apart, meeting, nearness, pressed, radii_sum
from gnnp_bench.numerics.inward import Inward, Rules, inward
from gnnp_bench.potential import ENERGY, FloatArray, Prediction
from gnnp_bench.structures.apart import open_directions
from gnnp_bench.structures.carried import is_neutral
from gnnp_bench.structures.palette import Palette, palette, pairs
from gnnp_bench.structures.simpler import simpler_structures

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
TOLD = 10.0
"""Radii: larger than any distance that is told and not judged."""
KINDS = ("pair", "pressed", "pair", "third")
MOST_ATOMS = 8
AXES = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
ANGLES = (60.0, 90.0, 120.0, 180.0)
"""°, between the way of the second atom and the direction to the third."""
BESIDE = (0.9, 1.3)
"""Distances of the third atom over the sum of radii."""
MOST_SIMPLER = 12


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    turn = view.next_of(range(10**9))
    rounds, place = divmod(turn, len(KINDS))
    phase = round(float(rng.random()), 3)
    if KINDS[place] == "pressed" and any(map(_is_small, view.samples)):
        return view.pick(rng, _is_small).case({"axis": AXES[int(rng.integers(len(AXES)))], "phase": phase})
    known = palette(tuple(view.capabilities.species), tuple(view.capabilities.combinations))
    every = _pairs(known, view)
    turn = 2 * rounds + place // 2
    third = KINDS[place] == "third" or turn >= len(every)
    pair = every[(rounds if third else turn) % len(every)]
    parameters = {
        "pair": list(pair),
        "beside": _beside(rng, known, pair) if third else None,
        "far": nearest_far(view.capabilities),
        "free": "isolated" in view.capabilities.periodicity,
        "phase": phase,
    }
    return Case(_meeting(parameters), None, parameters)


def _is_small(sample: Sample) -> bool:
    """Return whether a structure is a small crystal or molecule, all of which can be compressed."""
    structure = sample.structure
    opened = open_directions(structure)
    crystal = bool(structure.pbc.all()) and not opened.any()
    few = (1 if crystal else 2) <= len(structure) <= MOST_ATOMS
    return few and is_neutral(structure) and (crystal or bool(opened.all()))


def _pairs(known: Palette, view: PoolView) -> list[tuple[str, str]]:
    """Return all pairs of species, in an order that comes from the seed, as the pool does."""
    every = [*((symbol, symbol) for symbol in known.species), *pairs(known)]
    seed = zlib.crc32(b"".join(sample.structure.positions.tobytes() for sample in view.samples))
    return [every[k] for k in np.random.default_rng(seed).permutation(len(every))]


def _beside(rng: np.random.Generator, known: Palette, pair: tuple[str, str]) -> list[Json]:
    """Return a species that may stand beside a pair, its distance over the sum of radii, and its angle."""
    fitting = [symbol for symbol in known.species if known.allows(frozenset({symbol, *pair}))]
    distance = round(float(rng.uniform(*BESIDE)), 3)
    return [fitting[int(rng.integers(len(fitting)))], distance, ANGLES[int(rng.integers(len(ANGLES)))]]


def _meeting(parameters: Mapping[str, Json]) -> Atoms:
    first, second = parameters["pair"]
    return meeting(first, second, parameters["beside"], parameters["far"], free=parameters["free"])


def _simpler(case: Case) -> Iterator[Case]:
    if "pair" in case.parameters:
        yield from (Case(_meeting(changed), None, changed) for changed in _simpler_meetings(case.parameters))
        return
    if case.parameters["axis"] is not None:
        yield with_parameters(case, axis=None)
    for _, structure in zip(range(MOST_SIMPLER), simpler_structures(case.structure), strict=False):
        yield on_structure(case, structure)


def _simpler_meetings(parameters: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Yield fewer atoms, fewer species, a rounder place of the third atom, a rounder grid."""
    pair, beside = parameters["pair"], parameters["beside"]
    changes: list[dict[str, Json]] = [{"pair": [symbol] * 2} for symbol in dict.fromkeys(pair)]
    if beside is not None:
        changes = [{"beside": None}, *changes]
        places = [[symbol, *beside[1:]] for symbol in pair] + [[beside[0], 1.0, beside[2]], [*beside[:2], 90.0]]
        changes += [{"beside": place} for place in places]
    for change in [*changes, {"phase": 0.0}]:
        changed = {**parameters, **change}
        if changed != dict(parameters):
            yield changed


@dataclass(frozen=True, slots=True)
class _Scan:
    """Energies on a way inwards.

    Attributes
    ----------
    name : str
        Who is on the way.
    closest, near : (n,) arrays
        See `approach.nearness`.
    places : sequence of str
        Where the points are, for a reader.
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


def _measure(case: Case) -> Measurement:
    of_pair = "pair" in case.parameters
    scans = yield from (_of_a_pair(case) if of_pair else _of_all(case))
    if scans[0].is_flat:
        return vacuous("the atoms feel nothing of each other")
    found = [scan.followed() for scan in scans]
    kind, unit, noise = "between atoms" if of_pair else "under pressure", scans[0].unit, scans[0].noise
    behind = [float(scan.near[one.behind.top]) for scan, one in zip(scans, found, strict=True) if one.behind]
    components = (
        Component(f"hole {kind}", max(one.hole.depth if one.hole else 0.0 for one in found), S, unit, noise=noise),
        Component(f"wall {kind} too low", max(one.short for one in found), S, unit, noise=noise),
        Component(f"hole {kind} behind a high wall", max(behind, default=0.0), TOLD, "radii", bound=TOLD),
    )
    return Residual(components, told="; ".join(_words(scan, one) for scan, one in zip(scans, found, strict=True)))


def _of_a_pair(case: Case) -> Generator[Request, list[Prediction], list[_Scan]]:
    first, second = case.parameters["pair"]
    touching, far = radii_sum(first, second), float(case.parameters["far"])
    grid = _grid(OUTERMOST, CLOSEST, case.parameters["phase"])
    (separated,) = yield Request([apart(case.structure, far)], ENERGY)
    found = yield from _energies(lambda near: apart(case.structure, near * touching), grid, HIGH, separated.energy)
    near = np.array([far / touching, *grid[: len(found)]])
    beside = case.parameters["beside"]
    name = f"{first}–{second}" + ("" if beside is None else f" beside {beside[0]}")
    places = [f"{x * touching:.2f} Å" for x in near]
    energies = np.array([separated.energy, *found])
    noise = 2.0 * case.nu.energy * len(case.structure)
    return [_Scan(name, near, near, places, energies, "eV", OF_PAIRS, noise, separated.energy)]


def _of_all(case: Case) -> Generator[Request, list[Prediction], list[_Scan]]:
    structure, axis, phase = case.structure, case.parameters["axis"], case.parameters["phase"]
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
) -> Generator[Request, list[Prediction], _Scan]:
    n = len(structure)
    found = yield from _energies(lambda factor: pressed(structure, factor, axis), factors, n * HIGH_FOR_ALL, None)
    factors = factors[: len(found)]
    closest, near = np.transpose([nearness(pressed(structure, float(factor), axis)) for factor in factors])
    places = [f"{x:.2f} radii" for x in near]
    if not open_directions(structure).any():
        volumes = structure.cell.volume * factors ** (3 if axis is None else 1)
        pressures = -np.gradient(found, volumes) / units.GPa if len(found) > 1 else np.zeros(1)
        places = [f"{_rounded(p)} GPa ({place})" for p, place in zip(pressures, places, strict=True)]
    name = structure.get_chemical_formula() + (" along an axis" if axis is not None else "")
    return _Scan(name, closest, near, places, found / n, "eV/atom", EVENLY if axis is None else ALONG_AN_AXIS, 2.0 * case.nu.energy)


def _rounded(value: float) -> str:
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


def _words(scan: _Scan, found: Inward) -> str:
    """Return in words what a way inwards shows."""
    unit, places = scan.unit, scan.places
    said = []
    if found.wall is not None:
        said.append(f"3 {unit} at {places[found.wall]}")
    if found.short:
        said.append(f"{found.short:.2g} short of 3 {unit} at {scan.rules.soft:g} of the radii")
    for fall in (found.hole, found.behind):
        if fall is not None:
            top, bottom = places[fall.top], places[fall.bottom]
            barrier = f"behind {_rounded(fall.height)} {unit} at {top}" if fall.height > S else "behind no barrier"
            said.append(f"falls by {fall.depth:.3g} {unit} at {bottom}, {barrier}")
    if found.hole is None and found.behind is None:
        said.append(f"no hole as far as {places[-1]}")
    return f"{scan.name}: {', '.join(said)}"


SHORT_RANGE = Check(
    id="physics/short-range",
    law="E rises without a fall as two atoms, two beside a third, or all of a structure are pushed together, past 3 eV",
    category="mandatory",
    needs=ENERGY,
    source=(
        "the repulsion of nuclei: Ziegler, Biersack and Littmark, The Stopping and Range of Ions in Solids (1985); holes "
        "of learnt potentials at short range: Wang, Wang, Zhang, Dai and Wang, doi:10.1063/1.5111045; docs/adr/0022"
    ),
    tolerance="s = 25 meV, per atom where all move: k_B T at room temperature, below which a hole holds nothing",
    physics=(
        "Nuclei repel each other, so that atoms that collide are thrown back. Training sets hold few structures with "
        "atoms in each other, and what was learnt elsewhere may say that they attract there: a run that gets so far, "
        "from a bad start, in a hot spot or under pressure, collapses and does not come back. Pairs of species, a third "
        "atom beside them, and crystals and molecules as a whole, evenly and along one axis, are pushed together. Up to "
        "3 eV (3 eV per atom where all move), counted from separated atoms or from the lowest energy on the way, "
        "nothing may fall below what is outside, closer than 0.6 of the sum of radii energies only rise, and 3 eV are "
        "reached before 0.4 of it, or atoms walk through each other. Radii are covalent, or metallic where these are "
        "smaller. Holes behind higher walls, up to 30 eV (10 eV per atom), are told with distance and pressure, and fail nothing."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=12.0,
    cost=POINTS,
    side_by_side=6,
)
