"""robustness/batch: the company in a batch, and the place in it, mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import Case, Check, Measurement, PoolView, Request, Residual, on_structure, with_parameters
from gnnp_bench.checks.common import LADDER, difference, displaced
from gnnp_bench.checks.simplifying import in_turn
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY
from gnnp_bench.structures.serialise import from_json, to_json
from gnnp_bench.structures.simpler import simpler_structures

MOST_COMPANIONS = 4
CROWD = 20
"""Companions, now and then: an index or a buffer may be right for a few structures and wrong for many."""
CROWDED = 0.25
"""Share of cases with a crowd; of those without, as many keep company with a displaced copy of the structure itself."""
ALIKE = 0.7
"""Share of cases whose companions are periodic in three directions if the structure itself is, and are not if it is
not."""
NUDGE = 0.05
"""Å, by which a copy of the structure itself is displaced when it keeps itself company."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    others = [s for s in view.samples if s.index != sample.index]
    if rng.random() < ALIKE:  # then their stresses are compared, too
        others = [s for s in others if s.structure.pbc.all() == sample.structure.pbc.all()]
    count = min(len(others), int(rng.integers(1, MOST_COMPANIONS + 1)))
    chosen = [others[int(i)].structure for i in rng.choice(len(others), size=count, replace=False)] if count else []
    kind = rng.random()
    if chosen and kind < CROWDED:
        chosen = [chosen[k % len(chosen)] for k in range(CROWD)]
    elif not chosen or kind < 2.0 * CROWDED:
        # The same species and cell, so that only the numbers in the batch tell them apart.
        chosen.append(displaced(sample.structure, NUDGE * rng.normal(size=sample.structure.positions.shape)))
    place = int(rng.integers(len(chosen) + 1))
    return sample.case({"company": [to_json(s) for s in chosen], "place": place})


def _near(rng: np.random.Generator, case: Case) -> Case:
    company = list(case.parameters["company"])
    order = rng.permutation(len(company))
    return with_parameters(case, company=[company[int(i)] for i in order], place=int(rng.integers(len(company) + 1)))


def _simpler(case: Case) -> Iterator[Case]:
    company, place = case.parameters["company"], case.parameters["place"]
    if len(company) > 1:
        # A crowd holds the same few structures many times.
        for index, companion in enumerate(company[:MOST_COMPANIONS]):
            yield with_parameters(case, company=[companion], place=int(place > index))
        if len(company) > MOST_COMPANIONS + 1:
            fewer = len(company) // 2
            yield with_parameters(case, company=company[:fewer], place=min(place, fewer))
    itself = (on_structure(case, structure) for structure in simpler_structures(case.structure))
    yield from in_turn(itself, *(_simpler_company(case, index) for index in range(min(len(company), MOST_COMPANIONS))))


def _simpler_company(case: Case, index: int) -> Iterator[Case]:
    company = case.parameters["company"]
    for structure in simpler_structures(from_json(company[index])):
        yield with_parameters(case, company=[*company[:index], to_json(structure), *company[index + 1 :]])


def _measure(case: Case) -> Measurement:
    company = [from_json(companion) for companion in case.parameters["company"]]
    place = int(case.parameters["place"])
    (alone,) = yield Request([case.structure.copy()], ALL_PROPERTIES, together=True)
    batch = [*company[:place], case.structure.copy(), *company[place:]]
    together = yield Request(batch, ALL_PROPERTIES, together=True)
    return Residual(difference(alone, together[place], case.nu, len(case.structure)))


BATCH = Check(
    id="robustness/batch",
    law="X(x) in a batch = X(x) alone, in any company and at any place, for X = E, F, σ",
    category="mandatory",
    needs=ENERGY,
    source="evaluation is a function of one structure; leakage between graphs: orb-models issue 159",
    tolerance=LADDER,
    physics=(
        "Structures evaluated together share a call, not a world. If one structure feels another (an index that is "
        "not offset, a statistic over the batch, padding that counts as atoms) then screening, training and batched "
        "dynamics give results that depend on what else happened to be computed at the time."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    weight=1.5,
    cost=6,
)
