"""symmetry/rotation: energy, forces and stress turn with the structure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gnnp_bench.check import Case, Check, Measurement, PoolView, with_parameters
from gnnp_bench.checks.common import LADDER, on_simpler_structures
from gnnp_bench.checks.symmetry.isometry import compare_turned
from gnnp_bench.checks.symmetry.sphere import axis_told, on_the_sphere
from gnnp_bench.numerics.rotations import about, matrix, perturbed, random_quaternion
from gnnp_bench.potential import ENERGY

SPECIAL = tuple(
    about(axis, angle)
    for axis, angle in (((0, 0, 1), 90), ((1, 0, 0), 90), ((1, 0, 0), 180), ((1, 1, 1), 120), ((0, 0, 1), 45))
)
SMALL_TURN = 0.3
"""radian"""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    special = rng.random() < 0.25
    rotation = SPECIAL[int(rng.integers(len(SPECIAL)))] if special else random_quaternion(rng)
    # A defect tied to the axes may vanish on the aligned original, another may show there alone.
    start = random_quaternion(rng) if special or rng.random() < 0.25 else None
    return sample.case({"rotation": rotation, "start": start})


def _near(rng: np.random.Generator, case: Case) -> Case:
    return with_parameters(case, rotation=perturbed(rng, case.parameters["rotation"], SMALL_TURN))


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)
    if case.parameters["start"] is not None:
        yield with_parameters(case, start=None)
    if case.parameters["rotation"] not in SPECIAL:
        for rotation in SPECIAL:
            yield with_parameters(case, rotation=rotation)


def _measure(case: Case) -> Measurement:
    rotation, start = case.parameters["rotation"], case.parameters["start"]
    found = yield from compare_turned(case, matrix(rotation), None if start is None else matrix(start))
    return found if found.vacuous else replace(found, told=axis_told(rotation, found.components))


ROTATION = Check(
    id="symmetry/rotation",
    law="E(Rx) = E(x), F(Rx) = R F(x), σ(Rx) = R σ(x) Rᵀ",
    category="mandatory",
    needs=ENERGY,
    source="isotropy of space; e.g. Thomas et al., arXiv:1802.08219 (2018)",
    tolerance=LADDER,
    physics=(
        "Space has no preferred direction: turning a structure as a whole changes no energy, and turns forces and "
        "stress with it. Where this fails, a crystal has a favourite orientation in the laboratory, molecules are "
        "aligned by nothing, angular momentum is not conserved, and relaxations end in different places for the same "
        "input written in other axes."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    pictures=on_the_sphere,
    claim="equivariant",
)
