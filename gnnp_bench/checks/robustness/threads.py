"""robustness/threads: evaluations that run at the same time do not meet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Measurement,
    PoolView,
    Request,
    Residual,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, displaced, on_simpler_structures, same_input
from gnnp_bench.checks.simplifying import in_turn
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY
from gnnp_bench.structures.serialise import from_json, to_json
from gnnp_bench.structures.simpler import simpler_structures

REPEATS = 2
NUDGE = 0.1
"""Å, by which a copy of the structure itself is displaced when it is its own company."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    others = [s for s in view.samples if s.index != sample.index]
    if others and (len(sample.structure) == 1 or rng.random() < 0.5):
        company = others[int(rng.integers(len(others)))].structure
    else:  # as large as the structure, so that mixed-up numbers fit and no shape gives them away
        company = displaced(sample.structure, NUDGE * rng.normal(size=sample.structure.positions.shape))
    return sample.case({"company": to_json(company)})


def _simpler(case: Case) -> Iterator[Case]:
    company = simpler_structures(from_json(case.parameters["company"]))
    yield from in_turn(
        on_simpler_structures(case), (with_parameters(case, company=to_json(structure)) for structure in company)
    )


def _measure(case: Case) -> Measurement:
    company = from_json(case.parameters["company"])
    (alone,) = yield Request([case.structure.copy()], ALL_PROPERTIES, together=True)
    (other,) = yield Request([company.copy()], ALL_PROPERTIES, together=True)
    if abs(alone.energy / len(case.structure) - other.energy / len(company)) <= 10.0 * case.nu.energy:
        return vacuous("what runs at the same time has the same energy")
    at_once = yield Request([case.structure, company] * REPEATS, ALL_PROPERTIES, at_once=True)
    answers = at_once[::2]
    return Residual(tuple(c for found in answers for c in same_input(alone, found, case.nu, len(case.structure))))


THREADS = Check(
    id="robustness/threads",
    law="X(x) in a thread beside others = X(x) alone, for X = E, F, σ",
    category="mandatory",
    needs=ENERGY,
    source="evaluation is a function of one structure, without a state to share; Python documentation, threading",
    tolerance=LADDER,
    physics=(
        "Two evaluations at the same time, each in a thread of its own, give what each gives alone. Work space that "
        "calls share (a buffer, a neighbour list, the structure of a calculator) is overwritten by one while the "
        "other reads it, and a screening on several threads returns energies of structures that nobody asked for. "
        "Such errors come and go with the load of the machine: passing is evidence, not proof."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    cost=2 + 2 * REPEATS,
)
