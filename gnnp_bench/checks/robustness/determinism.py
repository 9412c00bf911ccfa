"""robustness/determinism: asked twice, the potential answers the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gnnp_bench.check import Case, Check, Measurement, PoolView, Request, Residual
from gnnp_bench.checks.common import LADDER, difference, on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY

REPEATS = 3
FRESH_ONE_IN = 4
"""Loading a potential anew is dear, so only one case in so many asks for it."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return view.pick(rng).case({"fresh": bool(rng.integers(FRESH_ONE_IN) == 0)})


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    answers = []
    for repeat in range(REPEATS):
        # Alone each time, so that batch company cannot be the reason for a difference.
        fresh = bool(case.parameters["fresh"]) and repeat == REPEATS - 1
        answers += yield Request([case.structure.copy()], ALL_PROPERTIES, fresh=fresh, together=True)
    components = [c for other in answers[1:] for c in difference(answers[0], other, case.nu, len(case.structure))]
    return Residual(tuple(replace(component, bound=0.0) for component in components))


DETERMINISM = Check(
    id="robustness/determinism",
    law="X(x) = X(x), asked again and loaded anew, for X = E, F, σ",
    category="mandatory",
    needs=ENERGY,
    source="reproducibility; PyTorch documentation, Reproducibility",
    tolerance=LADDER,
    physics=(
        "One structure has one energy. A potential that answers differently when asked again (random numbers left on, "
        "dropout, races between threads, weights that are not all loaded) makes no two runs comparable and heats "
        "every simulation. Bit for bit the same is exact; differences below the significance are approximate."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    cost=REPEATS,
)
