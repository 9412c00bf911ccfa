"""robustness/processes: the answer is the same in every process."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import Case, Check, Measurement, PoolView, Request, Residual
from gnnp_bench.checks.common import LADDER, on_simpler_structures, same_input
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return view.pick(rng).case({})


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    (here,) = yield Request([case.structure.copy()], ALL_PROPERTIES, together=True)
    elsewhere = yield Request([case.structure], ALL_PROPERTIES, elsewhere=True)
    return Residual(tuple(c for found in elsewhere for c in same_input(here, found, case.nu, len(case.structure))))


PROCESSES = Check(
    id="robustness/processes",
    law="X(x) in a new process = X(x) in this one, for X = E, F, σ",
    category="mandatory",
    needs=ENERGY,
    source="reproducibility; Python documentation, PYTHONHASHSEED: the order of sets differs from process to process",
    tolerance=LADDER,
    physics=(
        "A potential loaded by two processes at the same time, each with its own random seeds and its own order of "
        "sets, is the potential of this process. Species numbered in the order of a set, weights drawn at random "
        "where a file lacks them, a scratch file that two processes write, or what an earlier import left behind make "
        "every job of a campaign compute with another potential, each of them sound by itself."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    cost=3,
)
