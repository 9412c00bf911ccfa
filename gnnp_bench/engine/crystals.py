"""Crystals that several laws look at: which, and what is found out about them with the pool.

One crystal makes one shard at each stage. So its numbers depend neither on how many processes there are nor on which
other crystals there are, and a law that is replayed alone finds out the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from ase import Atoms

from gnnp_bench.binding import Studied
from gnnp_bench.check import Check, Noise, Unanswered
from gnnp_bench.checks.physics.crystals import crystals_for, measured
from gnnp_bench.checks.physics.studying import KnownCrystal, repeats_for, where
from gnnp_bench.engine.settings import LARGEST, Budget
from gnnp_bench.engine.shards import Answers, Shard
from gnnp_bench.potential import Capabilities
from gnnp_bench.structures.carried import completed

MOST: dict[Budget, int] = {"quick": 3, "standard": 6, "thorough": 48}
"""Crystals: as many as the laws can afford to look at."""
LEVELS: tuple[Studied, ...] = get_args(Studied)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the laws of a certificate want to know of crystals.

    Attributes
    ----------
    crystals : tuple of (str, Atoms)
        By their names, as measured.
    studied : "", "noise", "rest" or "waves"
    times : int
        How often they are repeated for their force constants.
    """

    crystals: tuple[tuple[str, Atoms], ...] = ()
    studied: Studied = ""
    times: int = 1


NO_CRYSTALS = Wanted()


def wanted_by(checks: Sequence[Check], capabilities: Capabilities, budget: Budget, seed: int) -> Wanted:
    """Return what laws that apply to a potential want to know of crystals, in an order that comes from the seed."""
    studied = LEVELS[max((LEVELS.index(check.studied) for check in checks), default=0)]
    if not studied:
        return NO_CRYSTALS
    names = crystals_for(capabilities)
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(b"crystals")]))
    chosen = [names[k] for k in rng.permutation(len(names))[: MOST[budget]]]
    crystals = tuple((name, completed(measured(name), capabilities.reads)) for name in chosen)
    return Wanted(crystals, studied, repeats_for(LARGEST[budget]))


def known_crystals(
    wanted: Wanted, *, single: bool, finer_energy: bool
) -> Generator[list[Shard], list[Answers], tuple[KnownCrystal, ...]]:
    """Yield the shards of one stage after the other, be sent their answers, and return what is known."""
    structures = [structure for _, structure in wanted.crystals]
    noises = yield from _each([Shard("noise", (one,), single, finer_energy) for one in structures])
    known = [KnownCrystal(name, one, noise) for (name, one), noise in zip(wanted.crystals, noises, strict=True)]
    if wanted.studied not in ("rest", "waves"):
        return tuple(known)
    floors = {k: noise for k, noise in enumerate(noises) if isinstance(noise, Noise)}
    ends = yield from _each([Shard("rest", (structures[k],), noise=noise) for k, noise in floors.items()])
    for k, end in zip(floors, ends, strict=True):
        known[k] = replace(known[k], end=end)
    if wanted.studied == "rest":
        return tuple(known)
    still = {
        k: where(structures[k], end) for k, end in zip(floors, ends, strict=True) if not isinstance(end, Unanswered)
    }
    waves = yield from _each([Shard("waves", (one,), times=wanted.times) for one in still.values()])
    for k, found in zip(still, waves, strict=True):
        known[k] = replace(known[k], waves=found)
    return tuple(known)


def _each(shards: list[Shard]) -> Generator[list[Shard], list[Answers], Answers]:
    """Yield shards of one structure each, if there are any, and return their answers."""
    if not shards:
        return []
    answered = yield shards
    return [answer for (answer,) in answered]
