"""symmetry/inversion: a structure and its mirror image have one energy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import Case, Check, Measurement, PoolView, with_parameters
from gnnp_bench.checks.common import LADDER, on_simpler_structures
from gnnp_bench.checks.symmetry.isometry import compare_turned
from gnnp_bench.numerics.rotations import about, matrix, perturbed, random_quaternion
from gnnp_bench.potential import ENERGY

INVERSION = about((0, 0, 1), 0)
MIRRORS = tuple(about(axis, 180) for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
SMALL_TURN = 0.3
"""radian"""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    kind = rng.random()
    # Inversion times a rotation: none gives inversion itself, half a turn a mirror, any other a rotary reflection.
    rotation = INVERSION if kind < 0.3 else MIRRORS[int(rng.integers(3))] if kind < 0.6 else random_quaternion(rng)
    start = random_quaternion(rng) if 0.3 <= kind < 0.45 else None
    return sample.case({"rotation": rotation, "start": start})


def _near(rng: np.random.Generator, case: Case) -> Case:
    return with_parameters(case, rotation=perturbed(rng, case.parameters["rotation"], SMALL_TURN))


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["start"] is not None:
        yield with_parameters(case, start=None)
    if case.parameters["rotation"] != INVERSION:
        yield with_parameters(case, rotation=INVERSION)
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    start = case.parameters["start"]
    return compare_turned(case, -matrix(case.parameters["rotation"]), None if start is None else matrix(start))


INVERSION_CHECK = Check(
    id="symmetry/inversion",
    law="E(Qx) = E(x), F(Qx) = Q F(x), σ(Qx) = Q σ(x) Qᵀ for inversion, mirrors and rotary reflections Q",
    category="mandatory",
    needs=ENERGY,
    source="parity is conserved by electromagnetism; Landau and Lifshitz, Quantum Mechanics, section 30",
    tolerance=LADDER,
    physics=(
        "The forces that hold matter together do not tell left from right: mirror images have the same energy and "
        "mirrored forces. A potential that violates this (cross products left unpaired, pseudo-scalars taken for "
        "scalars) prefers one enantiomer, twists chiral molecules, and gives centrosymmetric crystals a polarisation."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="equivariant",
)
