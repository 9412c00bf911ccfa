"""robustness/memory-growth: what an evaluation takes, it gives back."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual
from gnnp_bench.checks.common import displaced, on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY

WARM_UP = 16
"""Evaluations that caches, compilers and allocators may use to settle."""
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
    shape = case.structure.positions.shape
    held = []
    for block in range(BLOCKS + 1):
        for _ in range(WARM_UP if block == 0 else BLOCK):
            structure = displaced(case.structure, NUDGE * rng.normal(size=shape))
            yield Request([structure], ALL_PROPERTIES, together=True)
        gc.collect()
        held.append(_held())
    # The median, for memory is taken in large pieces now and then; and whole multiples of what matters, for the few
    # pages that come and go are no property of the potential.
    per_evaluation = float(np.median(np.diff(held, axis=0), axis=0).max()) / BLOCK / 1024.0
    growth = GROWTH_S * max(0.0, np.floor(per_evaluation / GROWTH_S))
    return Residual((Component("memory", growth, GROWTH_S, "KiB/evaluation", bound=0.0),))


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
        "takes a large piece now and then is not blamed. Memory of accelerators is not seen."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    cost=WARM_UP + BLOCKS * BLOCK,
    side_by_side=1,
)
