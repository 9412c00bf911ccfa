"""symmetry/net-force: no structure pulls itself along."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import EXTREME, FORCES_S, displaced, forces_vanish, on_simpler_structures, pressed
from gnnp_bench.potential import ALL_PROPERTIES, Prediction

AMPLITUDES = (0.0, 0.01, 0.05)
"""Å. Small enough for ν of the undisplaced structure to hold, large enough for forces on an ideal crystal."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    return sample.case({"amplitude": float(rng.choice(AMPLITUDES)), "seed": int(rng.integers(2**31))})


def _near(rng: np.random.Generator, case: Case) -> Case:
    return with_parameters(case, amplitude=AMPLITUDES[-1], seed=int(rng.integers(2**31)))


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)
    if case.parameters["amplitude"] > 0.0:
        yield with_parameters(case, amplitude=0.0)


def displaced_prediction(case: Case) -> Generator[Request, list[Prediction], tuple[Atoms, Prediction]]:
    """Return the structure with its atoms displaced as the case's parameters say, and what is predicted for it."""
    structure, amplitude = case.structure, case.parameters["amplitude"]
    if amplitude == 0.0:
        prediction = yield from base_prediction(case)
        return structure, prediction
    rng = np.random.default_rng(case.parameters["seed"])
    moved = displaced(structure, rng.normal(scale=amplitude, size=structure.positions.shape))
    (prediction,) = yield Request([moved], ALL_PROPERTIES)
    return moved, prediction


def _measure(case: Case) -> Measurement:
    structure, prediction = yield from displaced_prediction(case)
    assert prediction.forces is not None
    if forces_vanish(prediction.forces, case.nu):
        return vacuous("all forces vanish")
    net = float(np.abs(prediction.forces.sum(axis=0)).max())
    noise = case.nu.forces * float(np.sqrt(len(structure)))
    return Residual((Component("net force", net, pressed(prediction) * FORCES_S, "eV/Å", noise=noise),))


NET_FORCE = Check(
    id="symmetry/net-force",
    law="Σᵢ Fᵢ = 0",
    category="mandatory",
    needs=frozenset({"forces"}),
    source="homogeneity of space (Noether); Landau and Lifshitz, Mechanics, section 7",
    tolerance=f"s = 1 meV/Å; {EXTREME}",
    physics=(
        "Forces among the atoms of a structure cancel, for shifting everything costs nothing. A net force sets the "
        "centre of mass in motion: momentum is not conserved, slabs and molecules drift, and thermostats that remove "
        "the drift hide that heat is being pumped in."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="equivariant",
)
