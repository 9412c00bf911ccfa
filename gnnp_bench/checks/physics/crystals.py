"""Which crystals the laws of this family look at."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.formula import Formula

from gnnp_bench.binding import Binding
from gnnp_bench.check import Case, Json, NothingLeft, PoolView, Unanswered, with_parameters
from gnnp_bench.checks.physics.studying import KnownCrystal
from gnnp_bench.potential import Capabilities
from gnnp_bench.properties.known_stable import as_measured, known_of, known_stable
from gnnp_bench.structures.palette import palette

SIMPLEST = "fcc"
"""The prototype of species of which no crystal is known: laws that hold for any crystal are looked at there."""
MOST_TOLD = 8
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


def drawn(view: PoolView, *, once: bool = False, **parameters: Json) -> Case:
    """Return a case on the next crystal: of those that were looked at with the pool, else of all.

    Parameters
    ----------
    view : PoolView
    once : bool
        Nothing of a case is left to chance, so that a second one on a crystal would find the same.
    **parameters : Json

    Raises
    ------
    NothingLeft
        If the crystals are to be looked at once, and all were.
    """
    known: tuple[KnownCrystal, ...] = view.crystals
    names = [one.name for one in known] or _in_their_order(view)
    turn = view.next_of(range(10**9))
    if once and turn >= len(names):
        raise NothingLeft("every crystal was looked at")
    name = names[turn % len(names)]
    parameters = {"crystal": name, "held_stable": name in held_stable(view.capabilities), **parameters}
    if not known:
        return Case(measured(name), None, parameters)
    one = known[turn % len(names)]
    if isinstance(one.noise, Unanswered):
        return Case(one.structure, None, parameters, known=replace(one.noise, message=f"{name}: {one.noise.message}"))
    return Case(one.structure, one.noise, parameters, known=one)


def _in_their_order(view: PoolView) -> list[str]:
    """Return all crystals in an order that comes from the seed, as the pool does."""
    names = crystals_for(view.capabilities)
    seed = zlib.crc32(b"".join(sample.structure.positions.tobytes() for sample in view.samples))
    return [names[k] for k in np.random.default_rng(seed).permutation(len(names))]


def measured(name: str) -> Atoms:
    """Return a crystal by its name, with the measured lattice constants, off the origin."""
    structure: Atoms = as_measured(name)
    structure.positions += OFF_CENTRE
    return structure


def rounder(case: Case, plain: Collection[tuple[str, Json]]) -> Iterator[Case]:
    """Yield a case with each of some parameters at its plainest; a crystal with few atoms is as simple as it gets."""
    for name, value in plain:
        if case.parameters[name] != value:
            yield with_parameters(case, **{name: value})


def tell(told: Sequence[Mapping[str, Json]]) -> str | None:
    """Return what was found on each crystal, once: the `said` of the first case on it."""
    said: dict[str, str] = {}
    for one in told:
        said.setdefault(one["crystal"], one["said"])
    more = f"; and {len(said) - MOST_TOLD} more" if len(said) > MOST_TOLD else ""
    return "; ".join(list(said.values())[:MOST_TOLD]) + more or None
