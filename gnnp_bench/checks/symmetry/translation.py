"""symmetry/translation: it does not matter where a structure is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, SAME, difference, grown, on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, FloatArray
from gnnp_bench.structures.transform import translate

ISOLATED_SHIFT = 5.0
"""Å, along directions without a cell vector."""
FAR = 1000.0
SIMPLE = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
"""Å"""


def _within_a_cell(rng: np.random.Generator, cell: FloatArray, pbc: FloatArray) -> FloatArray:
    fractions = np.where(pbc, rng.uniform(-1.0, 1.0, size=3), 0.0)
    free = np.where(pbc.all(), 0.0, rng.uniform(-ISOLATED_SHIFT, ISOLATED_SHIFT, size=3))
    shift: FloatArray = fractions @ cell + free
    return shift


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    shift = _within_a_cell(rng, sample.structure.cell.array, sample.structure.pbc)
    return sample.case({"shift": shift.tolist()})


def _draw_far(rng: np.random.Generator, view: PoolView) -> Case:
    direction = rng.normal(size=3)
    return view.pick(rng).case({"shift": (FAR * direction / np.linalg.norm(direction)).tolist()})


def _near(rng: np.random.Generator, case: Case) -> Case:
    shift = np.asarray(case.parameters["shift"])
    return with_parameters(case, shift=(shift + 0.3 * rng.normal(size=3)).tolist())


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)
    if case.parameters["shift"] not in SIMPLE:
        for shift in SIMPLE:
            yield with_parameters(case, shift=shift)


def _measure(case: Case) -> Measurement:
    shift = np.asarray(case.parameters["shift"], dtype=float)
    if np.abs(shift).max() < SAME:
        return vacuous("the shift is nothing")
    moved = translate(case.structure, shift)
    before = yield from base_prediction(case)
    (after,) = yield Request([moved], ALL_PROPERTIES)
    return Residual(difference(before, after, grown(case.nu, case.structure, moved), len(moved)))


TRANSLATION = Check(
    id="symmetry/translation",
    law="E(x + a) = E(x), F(x + a) = F(x), σ(x + a) = σ(x) for shifts of up to a cell",
    category="mandatory",
    needs=ENERGY,
    source="homogeneity of space; Landau and Lifshitz, Mechanics, section 7",
    tolerance=LADDER,
    physics=(
        "Space is the same everywhere, so moving a structure as a whole changes nothing. A potential that knows where "
        "the origin is puts its atoms into a field of no physical cause: momentum is not conserved, and energies "
        "change when a code wraps or recentres the cell."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="equivariant",
)

FAR_TRANSLATION = replace(
    TRANSLATION,
    id="symmetry/far-translation",
    law=f"E(x + a) = E(x), F(x + a) = F(x), σ(x + a) = σ(x) for |a| = {FAR:g} Å",
    category="informational",
    source="rounding of coordinates; Goldberg, doi:10.1145/103162.103163",
    physics=(
        "Atoms that diffuse out of the cell of an unwrapped trajectory have large coordinates, whose rounding in "
        "float32 is coarse. This reports what is left of the law far from the origin; wrap trajectories if it matters."
    ),
    draw=_draw_far,
    weight=0.25,
)
