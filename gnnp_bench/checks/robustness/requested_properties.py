"""robustness/requested-properties: every answer is the same whatever else is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    InvalidPrediction,
    Measurement,
    PoolView,
    Request,
    Residual,
    vacuous,
)
from gnnp_bench.checks.common import LADDER, on_simpler_structures, same_input
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Capabilities, Property

FEWER: tuple[frozenset[Property], ...] = (ENERGY, ENERGY_FORCES, frozenset({"energy", "stress"}))
"""All sets with an energy but the full one."""


def _applies(capabilities: Capabilities) -> str | None:
    return None if len(capabilities.properties) > 1 else "the potential has nothing but an energy"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return view.pick(rng).case({})


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    (all_,) = yield Request([case.structure.copy()], ALL_PROPERTIES, together=True)
    available = {name for name in ALL_PROPERTIES if getattr(all_, name) is not None}
    fewer = [properties for properties in FEWER if properties < available]
    if not fewer:
        return vacuous("nothing but an energy can be asked for")
    components: list[Component] = []
    note = None
    for properties in fewer:
        unusable = 0.0
        try:
            (found,) = yield Request([case.structure.copy()], properties, together=True)
            components += same_input(all_, found, case.nu, len(case.structure))
        except InvalidPrediction as error:  # which came with all of them
            unusable, note = 1.0, f"asked for {' and '.join(sorted(properties))} alone: {error}"
        components.append(Component("unusable answers", unusable, 0.0, "", bound=0.0))
    return Residual(tuple(components), note=note)


REQUESTED_PROPERTIES = Check(
    id="robustness/requested-properties",
    law="X asked with some of E, F, σ = X asked with all of them, for X = E, F, σ",
    category="mandatory",
    needs=ENERGY,
    source="the contract of evaluate; docs/design.md, section 3",
    tolerance=LADDER,
    physics=(
        "Energy, forces and stress describe one surface. Where the energy depends on what else is computed (another "
        "branch of the code, another precision, a strained copy of the cell) energies of relaxations and of single "
        "points cannot be compared, and Monte Carlo and dynamics sample different ensembles. Where the stress depends "
        "on whether forces are asked for, the same crystal has two equilibrium volumes."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
    weight=1.25,
    cost=4,
)
