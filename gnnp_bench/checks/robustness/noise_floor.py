"""robustness/noise-floor: the potential's own rounding is small enough to matter to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gnnp_bench.check import Case, Check, Component, InvalidPrediction, Measurement, PoolView, Residual, base_prediction
from gnnp_bench.checks.common import ENERGY_S, EXTREME, FORCES_S, STRESS_S, on_simpler_structures, pressed
from gnnp_bench.potential import ENERGY, Periodicity

KINDS: Mapping[Periodicity, str] = {
    "periodic": "periodic in three directions",
    "partial": "periodic in some directions only",
    "isolated": "not periodic",
}
MOST_REFUSED = 0.75
"""Share of the pool: what is left after more than that is not what the potential says it is for. Cells of twice the
cutoff are among the pool, for those who refuse smaller ones."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    told, way_out = str(view.lacking()).rstrip("."), _restriction(view)
    if view.failures:  # ν is unknown there, and no other check has seen these structures
        raise InvalidPrediction(told + way_out)
    if not view.refused:
        return view.pick(rng).case({})
    if len(view.refused) > MOST_REFUSED * view.size:
        raise InvalidPrediction(told + (way_out or "; restrict its species, or declare for which periodicity it is"))
    return view.pick(rng).case({"refused": told + way_out})


def _restriction(view: PoolView) -> str:
    """Return how to ask for less, where a whole kind of structures has no answer while others have one."""
    if not view.unhandled:
        return ""
    left = ",".join(kind for kind in KINDS if kind in view.capabilities.periodicity - set(view.unhandled))
    none = " and ".join(KINDS[kind] for kind in view.unhandled)
    return f"; no answer for those that are {none}: if it is not for these, add ?periodicity={left} to its spec"


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    prediction = yield from base_prediction(case)
    scale = pressed(prediction)
    components = [_floor("energy", case.nu.energy / (scale * ENERGY_S))]
    if prediction.forces is not None:
        components.append(_floor("forces", case.nu.forces / (scale * FORCES_S)))
    if prediction.stress is not None:
        components.append(_floor("stress", case.nu.stress / (scale * STRESS_S)))
    return Residual(tuple(components), note=case.parameters.get("refused"))


def _floor(quantity: str, residual: float) -> Component:
    return Component(quantity, residual, 10.0, "× significance", bound=1.0)


NOISE_FLOOR = Check(
    id="robustness/noise-floor",
    law="ν ≤ significance, for energy, forces and stress",
    category="mandatory",
    needs=ENERGY,
    source="docs/design.md, section 4; Higham, Accuracy and Stability of Numerical Algorithms, chapter 1",
    tolerance=f"exact up to ν = significance (1 meV/Å, …; {EXTREME}), violated above ten times that",
    physics=(
        "Every potential rounds; this measures what its rounding does to energy, forces and stress. Noise above the "
        "significance drowns differences that people compute: vacancy and phonon energies, finite-difference force "
        "constants, small elastic strains. It also limits every other law, for no law can be seen to hold below it."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    cost=0,
)
