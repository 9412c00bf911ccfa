"""physics/short-range: atoms that are pushed into each other are pushed back."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Json,
    Measurement,
    PoolView,
    Residual,
    Sample,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.locality.adding_up import nearest_far
from gnnp_bench.checks.physics.approach import meeting
from gnnp_bench.checks.physics.ways import FARTHEST, FELT, POINTS, S, Scan, of_a_pair, of_all, rounded
from gnnp_bench.numerics.inward import Fall, Inward
from gnnp_bench.potential import ENERGY
from gnnp_bench.structures.apart import open_directions
from gnnp_bench.structures.carried import is_neutral
from gnnp_bench.structures.palette import Palette, pairs, palette
from gnnp_bench.structures.simpler import simpler_structures

KINDS = ("pair", "pair", "pair", "pressed", "third")
MOST_ATOMS = 8
AXES = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
ANGLES = (60.0, 90.0, 120.0, 180.0)
"""°, between the way of the second atom and the direction to the third."""
BESIDE = (0.9, 1.3)
"""Distances of the third atom over the sum of radii."""
MOST_SIMPLER = 12
MOST_TOLD = 8
"""Pairs, and falls, that are named."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    turn = view.next_of(range(10**9))
    rounds, place = divmod(turn, len(KINDS))
    phase = round(float(rng.random()), 3)
    if KINDS[place] == "pressed" and any(map(_is_small, view.samples)):
        return view.pick(rng, _is_small).case({"pressed_along": AXES[int(rng.integers(len(AXES)))], "grid": phase})
    known = palette(tuple(view.capabilities.species), tuple(view.capabilities.combinations))
    every = _pairs(known, view)
    turn = KINDS.count("pair") * rounds + place
    third = KINDS[place] == "third" or turn >= len(every)
    pair = every[(rounds if third else turn) % len(every)]
    parameters = {
        "meeting": list(pair),
        "third": _beside(rng, known, pair) if third else None,
        "separated": nearest_far(view.capabilities),
        "boxless": "isolated" in view.capabilities.periodicity,
        "grid": phase,
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
    first, second = parameters["meeting"]
    return meeting(first, second, parameters["third"], parameters["separated"], free=parameters["boxless"])


def _simpler(case: Case) -> Iterator[Case]:
    if "meeting" in case.parameters:
        yield from (Case(_meeting(changed), None, changed) for changed in _simpler_meetings(case.parameters))
        return
    if case.parameters["pressed_along"] is not None:
        yield with_parameters(case, pressed_along=None)
    for _, structure in zip(range(MOST_SIMPLER), simpler_structures(case.structure), strict=False):
        yield on_structure(case, structure)


def _simpler_meetings(parameters: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Yield fewer atoms, fewer species, a rounder place of the third atom, a rounder grid."""
    pair, beside = parameters["meeting"], parameters["third"]
    changes: list[dict[str, Json]] = [{"meeting": [symbol] * 2} for symbol in dict.fromkeys(pair)]
    if beside is not None:
        changes = [{"third": None}, *changes]
        places = [[symbol, *beside[1:]] for symbol in pair] + [[beside[0], 1.0, beside[2]], [*beside[:2], 90.0]]
        changes += [{"third": place} for place in places]
    for change in [*changes, {"grid": 0.0}]:
        changed = {**parameters, **change}
        if changed != dict(parameters):
            yield changed


def _measure(case: Case) -> Measurement:
    of_pair = "meeting" in case.parameters
    scans = yield from (of_a_pair(case) if of_pair else of_all(case))
    if scans[0].is_flat:
        return vacuous("the atoms feel nothing of each other")
    found = [scan.followed() for scan in scans]
    kind, unit, bound = "between atoms" if of_pair else "under pressure", scans[0].unit, FELT * scans[0].noise
    behind = [float(scan.near[one.behind.top]) for scan, one in zip(scans, found, strict=True) if one.behind]
    components = (
        Component(f"hole {kind}", max(one.hole.depth if one.hole else 0.0 for one in found), S, unit, bound=bound),
        Component(f"wall {kind} too low", max(one.short for one in found), S, unit, bound=bound),
        Component(f"hole {kind} behind a high wall", max(behind, default=0.0), FARTHEST, "radii", bound=FARTHEST),
    )
    ways = [_told(scan, one) for scan, one in zip(scans, found, strict=True)]
    return Residual(components, told={"of": "pairs" if of_pair else "all", "ways": ways})


def _told(scan: Scan, found: Inward) -> Json:
    """Return up to where a way can be trusted, and where it falls."""
    falls = [fall for fall in (found.hole, found.behind) if fall is not None]
    end = min((fall.top for fall in falls), default=len(scan.near) - 1)
    return {
        "name": scan.name,
        "near": float(scan.near[end]),
        "pressure": float(scan.pressures[end]) if len(scan.pressures) else None,
        "falls": [_words(scan, fall) for fall in falls]
        + ([f"{scan.name} lacks {rounded(found.short)} {scan.unit} of a wall"] if found.short > S else []),
    }


def _words(scan: Scan, fall: Fall) -> str:
    barrier = f"behind {rounded(fall.height)} {scan.unit}" if fall.height > S else "behind no barrier"
    return f"{scan.name} by {rounded(fall.depth)} {scan.unit} at {scan.places[fall.bottom]}, {barrier}"


def _tell(told: Sequence[Mapping[str, Json]]) -> str:
    """Return up to which distance and pressure the potential can be trusted, who was looked at, and where it falls."""
    ways = [way for one in told for way in one["ways"]]
    pairs_of_atoms = [way for one in told if one["of"] == "pairs" for way in one["ways"]]
    under = [way["pressure"] for way in ways if way["pressure"] is not None]
    said = []
    if pairs_of_atoms:
        names = list(dict.fromkeys(way["name"] for way in pairs_of_atoms))
        shown = ", ".join(names[:MOST_TOLD]) + (f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else "")
        said.append(f"down to {max(way['near'] for way in pairs_of_atoms):.2f} of the sum of radii ({shown})")
    if under:
        said.append(f"up to {rounded(min(under))} GPa")
    falls = list(dict.fromkeys(fall for way in ways for fall in way["falls"]))
    more = f" and {len(falls) - MOST_TOLD} more" if len(falls) > MOST_TOLD else ""
    lower = f"; falls: {'; '.join(falls[:MOST_TOLD])}{more}" if falls else ""
    return f"energies rise {' and '.join(said)}{lower}"


SHORT_RANGE = Check(
    id="physics/short-range",
    law="E rises without a fall as two atoms, two beside a third, or all of a structure are pushed together, past 3 eV",
    category="mandatory",
    needs=ENERGY,
    source=(
        "the repulsion of nuclei: Ziegler, Biersack and Littmark, The Stopping and Range of Ions in Solids (1985), "
        "and its place in learnt potentials: Wang et al., doi:10.1063/1.5111045; docs/adr/0022"
    ),
    tolerance="s = 25 meV, per atom where all move: k_B T at room temperature, below which a hole holds nothing",
    physics=(
        "Nuclei repel each other, so that atoms that collide are thrown back. Training sets hold few structures with "
        "atoms in each other, and what was learnt elsewhere may say that they attract there: a run that gets so far, "
        "from a bad start, in a hot spot or under pressure, collapses and does not come back. Pairs of species, a "
        "third atom beside them, and crystals and molecules as a whole, evenly and along one axis, are pushed "
        "together. Up to 3 eV (3 eV per atom where all move), counted from separated atoms or from the lowest energy "
        "on the way, nothing may fall below what is outside; closer than 0.6 of the sum of radii energies only rise; "
        "and 3 eV are reached before 0.4 of it, or atoms walk through each other. Radii are covalent, or metallic "
        "where these are smaller. Up to which distance and pressure energies rise is told. Holes behind walls of 3 to "
        "30 eV (10 eV per atom) are told too, and fail nothing."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    tell=_tell,
    weight=12.0,
    cost=POINTS,
    side_by_side=6,
)
