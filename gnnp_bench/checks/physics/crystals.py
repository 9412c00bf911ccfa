"""Which crystals the laws of this family look at."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.formula import Formula

from gnnp_bench.binding import Binding
from gnnp_bench.check import Case, Json, PoolView, Request
from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, Prediction
from gnnp_bench.properties.known_stable import as_measured, known_of, known_stable
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import Relaxed, relaxed
from gnnp_bench.structures.palette import palette

SIMPLEST = "fcc"
"""The prototype of species of which no crystal is known: laws that hold for any crystal are looked at there."""
MOST_TOLD = 8
FMAX = 1e-5
"""eV/Å, where relaxations end, or at some multiple of the noise of forces and stress."""
ABOVE_NOISE = 10.0
STEPS = 60
WITHOUT_STRESS = "its cell cannot be brought to rest, for there is no stress"
OFF_CENTRE = (0.37, 0.53, 0.71)
"""Å, by which crystals are moved off the origin, where what depends on it may cancel."""
WHERE_STABLE = Binding(
    "mandatory",
    lambda capabilities: bool(held_stable(capabilities)),
    "was made for crystals that are known to be stable, as its adapter or `--stable` says",
)


def held_stable(capabilities: Capabilities) -> list[str]:
    """Return the crystals whose stability binds: the potential was made for them, and they are known to be stable."""
    return list(dict.fromkeys(known for name in capabilities.stable for known in known_of(name)))


def crystals_for(capabilities: Capabilities) -> list[str]:
    """Return the names of the crystals to look at: those that bind; else all that are known; else the simplest."""
    if held := held_stable(capabilities):
        return held
    may = palette(tuple(capabilities.species), tuple(capabilities.combinations))
    known = [name for name in known_stable() if may.allows(frozenset(Formula(name.partition(":")[0]).count()))]
    return known or [f"{symbol}:{SIMPLEST}" for symbol in may.species]


def applies(capabilities: Capabilities) -> str | None:
    """Return why no crystal can be looked at."""
    return None if "periodic" in capabilities.periodicity else "the potential is for isolated structures only"


def drawn(view: PoolView, **parameters: Json) -> Case:
    """Return a case on the next crystal, in an order that comes from the seed, as the pool does."""
    names = crystals_for(view.capabilities)
    seed = zlib.crc32(b"".join(sample.structure.positions.tobytes() for sample in view.samples))
    order = np.random.default_rng(seed).permutation(len(names))
    name = names[order[view.next_of(range(10**9)) % len(names)]]
    return of_name(name, {"crystal": name, "held_stable": name in held_stable(view.capabilities), **parameters})


def of_name(name: str, parameters: dict[str, Json]) -> Case:
    """Return a case on a crystal by its name; its ν is measured there."""
    structure: Atoms = as_measured(name)
    structure.positions += OFF_CENTRE
    return Case(structure, None, parameters)


def at_rest(case: Case) -> Generator[Request, list[Prediction], Relaxed | str]:
    """Relax the cell and the atoms of a crystal under its own symmetry, or say why that came to no end.

    Each law does so for itself: it takes about ten evaluations of a few atoms.
    """
    (still,) = yield Request([case.structure], ALL_PROPERTIES)
    if still.stress is None:
        return WITHOUT_STRESS
    nu, space = case.nu, case.structure.cell.volume / len(case.structure)
    fmax = max(FMAX, ABOVE_NOISE * nu.forces, ABOVE_NOISE * nu.stress * space)
    try:
        end = yield from relaxed(case.structure, fmax=fmax, steps=STEPS)
    except NoValue as why:
        return str(why)
    return end if end.converged else f"it does not come to rest in {STEPS} steps: {end.left:.2g} eV/Å are left"


def rounder(case: Case, plain: Collection[tuple[str, Json]]) -> Iterator[Case]:
    """Yield a case with each of some parameters at its plainest; a crystal with few atoms is as simple as it gets."""
    for name, value in plain:
        if case.parameters[name] != value:
            yield Case(case.structure, case.noise, {**case.parameters, name: value}, case.base)


def tell(told: Sequence[Mapping[str, Json]]) -> str | None:
    """Return what was found on each crystal, once: the `said` of the first case on it."""
    said: dict[str, str] = {}
    for one in told:
        said.setdefault(one["crystal"], one["said"])
    more = f"; and {len(said) - MOST_TOLD} more" if len(said) > MOST_TOLD else ""
    return "; ".join(list(said.values())[:MOST_TOLD]) + more or None
