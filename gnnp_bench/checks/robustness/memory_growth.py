"""robustness/memory-growth: what an evaluation takes, it gives back."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Generator, Iterator, Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual, with_parameters
from gnnp_bench.checks.common import displaced, on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Prediction
from gnnp_bench.structures.serialise import from_json, to_json
from gnnp_bench.structures.transform import strain

WARM_UP = 24
"""Calls that caches, compilers and allocators may use to settle."""
LONG_WARM_UP = 2048
"""Where memory grows after so few, it has to grow after as many as a cache of a sensible size holds, too."""
BLOCKS = 9
WAYS = ("all", "energy", "batch", "other cell")
"""Of asking: any of them may leave something behind."""
BATCH = 3
STRETCH = 1e-3
"""Strain of another cell, as in dynamics at constant pressure."""
MOST_STRUCTURES = 3
BLOCK = len(WAYS) * MOST_STRUCTURES
"""Calls per block: in each, each way on each structure."""
GROWTH_S = 8.0
"""KiB per call: 8 GiB in a million steps, a nanosecond of dynamics."""
MOST_ATOMS = 64
NUDGE = 0.02
"""Å. No two structures are the same, so that what remembers answers remembers all of them."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    # A potential that refuses small cells has none of a few atoms.
    most = max(MOST_ATOMS, min((len(s.structure) for s in view.samples), default=0))
    sample = view.pick(rng, lambda s: len(s.structure) <= most)
    others = [s.structure for s in view.samples if s.index != sample.index and len(s.structure) <= most]
    # The largest of those that are periodic alike, and of those that are not: codes treat them apart.
    alike = [[o for o in others if o.pbc.all() == whole][-1:] for whole in (True, False)]
    company = [to_json(other) for found in alike for other in found]
    return sample.case({"seed": int(rng.integers(2**31)), "company": company})


def _simpler(case: Case) -> Iterator[Case]:
    """Yield the case without company, then one structure of fewer atoms: a candidate that fails costs 2000 calls."""
    if case.parameters.get("company"):
        yield with_parameters(case, company=[])
    yield from itertools.islice((c for c in on_simpler_structures(case) if len(c.structure) < len(case.structure)), 1)


def _measure(case: Case) -> Measurement:
    rng = np.random.default_rng(int(case.parameters["seed"]))
    structures = [case.structure, *map(from_json, case.parameters.get("company", ()))]
    growth, files = yield from _growth(structures, rng, WARM_UP)
    if growth > 0.0:  # a cache that has a limit is full after a while
        growth, _ = yield from _growth(structures, rng, LONG_WARM_UP)
    memory = Component("memory", growth, GROWTH_S, "KiB/call", bound=0.0)
    return Residual((memory, Component("open files", files, 0.0, "per call", bound=0.0)))


def _growth(
    structures: Sequence[Atoms], rng: np.random.Generator, warm_up: int
) -> Generator[Request, list[Prediction], tuple[float, float]]:
    """Return the growth per call after so many calls: of memory in KiB, and of the number of open files."""
    told: list[tuple[int, int, int]] = []
    gc.collect()
    gc.freeze()  # what is there already need not be looked through after each block
    try:
        for block in range(BLOCKS + 1):
            for call in range(warm_up if block == 0 else BLOCK):
                yield _asked(structures[call % len(structures)], WAYS[call // len(structures) % len(WAYS)], rng)
            yield Request([], ENERGY, held=told.append)
    finally:
        gc.unfreeze()
    # The median, for memory is taken in large pieces now and then; and whole multiples of what matters, for the few
    # pages that come and go are no property of the potential.
    *memory, open_files = np.median(np.diff(told, axis=0), axis=0)
    per_call = float(max(memory)) / BLOCK / 1024.0
    files = max(0.0, float(open_files)) / BLOCK
    return GROWTH_S * max(0.0, float(np.floor(per_call / GROWTH_S))), files


def _asked(structure: Atoms, way: str, rng: np.random.Generator) -> Request:
    def moved() -> Atoms:
        return displaced(structure, NUDGE * rng.normal(size=structure.positions.shape))

    if way == "batch":
        return Request([moved() for _ in range(BATCH)], ALL_PROPERTIES, together=True)
    if way == "energy":
        return Request([moved()], ENERGY, together=True)
    if way == "other cell":
        return Request([strain(moved(), STRETCH * rng.normal() * np.eye(3))], ALL_PROPERTIES, together=True)
    return Request([moved()], ALL_PROPERTIES, together=True)


MEMORY_GROWTH = Check(
    id="robustness/memory-growth",
    law="memory and open files after n calls do not grow with n",
    category="mandatory",
    needs=ENERGY,
    source=(
        "heap, resident set size and file descriptors: psutil documentation; 8 KiB a call are 8 GiB in a million steps"
    ),
    tolerance="s = 8 KiB per call, averaged over ways of calling, in whole multiples: 16 KiB fail; no file stays open",
    physics=(
        "Dynamics call a potential millions of times. A graph of derivatives that stays alive, a list of results that "
        "is never emptied, or a cache without a limit ends a simulation after hours for want of memory, usually at "
        "night. Calls in turn are for one structure, for several, for energies alone and for another cell. The median "
        "growth over blocks of calls after a warm-up is reported, so that an allocator that takes a large piece now "
        "and then is not blamed; what grows is given 2048 calls more to stop. Memory of accelerators is not seen."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    cost=(WARM_UP + BLOCKS * BLOCK) * (len(WAYS) - 1 + BATCH) // len(WAYS),
    side_by_side=1,
)
