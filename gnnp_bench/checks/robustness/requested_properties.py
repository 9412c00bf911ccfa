"""robustness/requested-properties: the energy is the same whatever else is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual
from gnnp_bench.checks.common import LADDER, energy, forces, on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Capabilities


def _applies(capabilities: Capabilities) -> str | None:
    return None if len(capabilities.properties) > 1 else "the potential has nothing but an energy"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return view.pick(rng).case({})


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    answers = []
    for properties in (ENERGY, ENERGY_FORCES, ALL_PROPERTIES):
        answers += yield Request([case.structure.copy()], properties, together=True)
    alone, some, all_ = answers
    n_atoms = len(case.structure)
    components: list[Component] = [energy(other.energy - alone.energy, case.nu, n_atoms) for other in (some, all_)]
    if some.forces is not None and all_.forces is not None:
        components.append(forces(all_.forces - some.forces, case.nu))
    return Residual(tuple(components))


REQUESTED_PROPERTIES = Check(
    id="robustness/requested-properties",
    law="E asked alone = E asked with F = E asked with F and σ; F asked with σ = F asked without",
    category="mandatory",
    needs=ENERGY,
    source="the contract of evaluate; docs/design.md, section 3",
    tolerance=LADDER,
    physics=(
        "Energy, forces and stress describe one surface. Where the energy depends on what else is computed (another "
        "branch of the code, another precision, a strained copy of the cell) energies of relaxations and of single "
        "points cannot be compared, and Monte Carlo and dynamics sample different ensembles."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=0.75,
    cost=3,
)
