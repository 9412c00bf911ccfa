"""robustness/memory-growth: what an evaluation takes, it gives back."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual
from gnnp_bench.checks.common import displaced, on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Prediction

WARM_UP = 16
"""Evaluations that caches, compilers and allocators may use to settle."""
LONG_WARM_UP = 512
"""Where memory grows after so few, it has to grow after as many as a cache of a sensible size holds, too."""
BLOCKS = 9
BLOCK = 8
"""Evaluations per block."""
GROWTH_S = 8.0
"""KiB per evaluation: 8 GiB in a million steps, a nanosecond of dynamics."""
SMALL_OBJECT = 64
"""Bytes. Python's own allocator counts objects of up to 512 bytes, and tells their number only."""
MOST_ATOMS = 64
NUDGE = 0.02
"""Å. No two structures are the same, so that what remembers answers remembers all of them."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, lambda s: len(s.structure) <= MOST_ATOMS, f"of {MOST_ATOMS} atoms or fewer")
    return sample.case({"seed": int(rng.integers(2**31))})


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    rng = np.random.default_rng(int(case.parameters["seed"]))
    growth = yield from _growth(case.structure, rng, WARM_UP)
    if growth > 0.0:  # a cache that has a limit is full after a while
        growth = yield from _growth(case.structure, rng, LONG_WARM_UP)
    return Residual((Component("memory", growth, GROWTH_S, "KiB/evaluation", bound=0.0),))


def _growth(structure: Atoms, rng: np.random.Generator, warm_up: int) -> Generator[Request, list[Prediction], float]:
    """Return the growth in KiB per evaluation after so many evaluations."""
    held = []
    gc.collect()
    gc.freeze()  # what is there already need not be looked through after each block
    try:
        for block in range(BLOCKS + 1):
            for _ in range(warm_up if block == 0 else BLOCK):
                moved = displaced(structure, NUDGE * rng.normal(size=structure.positions.shape))
                yield Request([moved], ALL_PROPERTIES, together=True)
            gc.collect()
            held.append(_held())
    finally:
        gc.unfreeze()
    # The median, for memory is taken in large pieces now and then; and whole multiples of what matters, for the few
    # pages that come and go are no property of the potential.
    per_evaluation = float(np.median(np.diff(held, axis=0), axis=0).max()) / BLOCK / 1024.0
    return GROWTH_S * max(0.0, float(np.floor(per_evaluation / GROWTH_S)))


def _held() -> tuple[int, int]:
    """Return the bytes of memory in use, as the allocators count them and as the operating system does.

    What a leak takes may lie in memory that was given back to the allocator before and never left the process, which
    the operating system cannot see; and what was not taken from the allocators, these cannot see.
    """
    import psutil

    allocated = SMALL_OBJECT * sys.getallocatedblocks()
    try:
        heap = psutil.heap_info()
        psutil.heap_trim()
        allocated += heap.heap_used + heap.mmap_used
    except AttributeError:  # an operating system or C library that does not tell
        pass
    return allocated, int(psutil.Process().memory_info().rss)


MEMORY_GROWTH = Check(
    id="robustness/memory-growth",
    law="memory(n evaluations) does not grow with n",
    category="mandatory",
    needs=ENERGY,
    source="heap and resident set size: psutil documentation; 8 KiB an evaluation are 8 GiB in a million steps",
    tolerance="s = 8 KiB per evaluation, in whole multiples of it: 16 KiB fail",
    physics=(
        "Dynamics call a potential millions of times. A graph of derivatives that stays alive, a list of results that "
        "is never emptied, or a cache without a limit ends a simulation after hours for want of memory, usually at "
        "night. The median growth over blocks of evaluations after a warm-up is reported, so that an allocator that "
        "takes a large piece now and then is not blamed; what grows is given 512 evaluations more to stop. Memory of "
        "accelerators is not seen."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    cost=WARM_UP + BLOCKS * BLOCK,
    side_by_side=1,
)
