"""robustness/precision: what is declared float64 is computed in float64."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual
from gnnp_bench.checks.common import on_simpler_structures
from gnnp_bench.numerics.lines import scatter
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Capabilities, Prediction
from gnnp_bench.structures.lines import base_point, interleaved, line

PRECISION_B = 1e-11
PRECISION_S = 1e-9
LINES = 3
POINTS = 10
ORDER = 5
HALF_LENGTH = 1e-4
"""Å. A float32 coordinate takes many values on it, so that rounded input shows as well as rounded output."""


def _applies(capabilities: Capabilities) -> str | None:
    if capabilities.dtype == "float64":
        return None
    return f"the potential declares {capabilities.dtype or 'no precision'}"


def relative_roughness(structure: Atoms, seed: int) -> Generator[Request, list[Prediction], dict[str, float]]:
    """Measure noise relative to max(1, |X|) on lines long enough to cross the steps of a float32 input.

    The median of three lines: a kink is on one of them, rounding on all.

    Returns
    -------
    dict
        "energy" (of the total), "forces", "stress" as far as the potential has them; dimensionless.
    """
    rng = np.random.default_rng(seed)
    lines = [line(base_point(structure, rng), HALF_LENGTH, POINTS, rng) for _ in range(LINES)]
    predictions = yield Request(interleaved(lines), ALL_PROPERTIES)
    roughness = {}
    for quantity in ("energy", "forces", "stress"):
        if getattr(predictions[0], quantity) is None:
            continue
        values = np.array([getattr(p, quantity) for p in predictions])
        per_line = [values[i::LINES] for i in range(LINES)]
        relative = [scatter(v, ORDER).max() / max(1.0, float(np.abs(v).max())) for v in per_line]
        roughness[quantity] = float(np.median(relative))
    return roughness


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return view.pick(rng).case({"seed": int(rng.integers(2**31))})


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    roughness = yield from relative_roughness(case.structure, int(case.parameters["seed"]))
    components = [Component(q, r, PRECISION_S, "relative", bound=PRECISION_B) for q, r in roughness.items()]
    return Residual(tuple(components))


PRECISION = Check(
    id="robustness/precision",
    law="noise of X ≤ 1e-11 max(1, |X|) for a potential that declares float64",
    category="mandatory",
    needs=ENERGY,
    source="IEEE 754; float32 inside a float64 potential: mattersim issue 171",
    tolerance="b = 1e-11, s = 1e-9, relative to max(1, |X|)",
    physics=(
        "Float64 promises fifteen digits. A buffer, a cast or a neighbour list left in float32 keeps seven of them, "
        "silently: finite-difference phonons, tight relaxations and energy conservation are then limited by noise "
        "that the declared precision rules out."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
    weight=2.0,
    cost=LINES * POINTS,
)
