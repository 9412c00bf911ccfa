"""symmetry/net-torque: no isolated structure sets itself spinning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gnnp_bench.check import Case, Component, Measurement, PoolView, Residual, Sample, vacuous, with_parameters
from gnnp_bench.checks.common import EXTREME, forces_vanish, pressed
from gnnp_bench.checks.symmetry.net_force import AMPLITUDES, NET_FORCE, displaced_prediction
from gnnp_bench.numerics.rotations import about, matrix, perturbed, random_quaternion
from gnnp_bench.potential import Capabilities, FloatArray
from gnnp_bench.structures.transform import rotate

IDENTITY = about((0, 0, 1), 0)
SMALL_TURN = 0.3
"""radian"""
TORQUE_S = 1e-3
"""eV"""


def _applies(capabilities: Capabilities) -> str | None:
    if capabilities.periodicity & {"isolated", "partial"}:
        return None
    return "the potential is for periodic structures only, where torque is not defined; rotation covers the law"


def _suitable(sample: Sample) -> bool:
    return len(sample.structure) > 1 and int(np.count_nonzero(sample.structure.pbc)) <= 1


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, _suitable, "isolated, or periodic in one direction, of two atoms or more")
    # A torque that comes from a preferred direction depends on how the structure is turned against it.
    rotation = random_quaternion(rng)
    return sample.case({"amplitude": float(rng.choice(AMPLITUDES)), "seed": _seed(rng), "rotation": rotation})


def _near(rng: np.random.Generator, case: Case) -> Case:
    rotation = perturbed(rng, case.parameters["rotation"], SMALL_TURN)
    return with_parameters(case, seed=_seed(rng), rotation=rotation)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["rotation"] != IDENTITY:
        yield with_parameters(case, rotation=IDENTITY)
    yield from NET_FORCE.simpler(case)


def _measure(case: Case) -> Measurement:
    turned = rotate(case.structure, matrix(case.parameters["rotation"]))
    structure, prediction = yield from displaced_prediction(replace(case, structure=turned, base=None))
    assert prediction.forces is not None
    if forces_vanish(prediction.forces, case.nu):
        return vacuous("all forces vanish")
    arms = structure.positions - structure.positions.mean(axis=0)
    torque = _about_allowed_axes(np.cross(arms, prediction.forces).sum(axis=0), structure.cell.array, structure.pbc)
    noise = case.nu.forces * float(np.linalg.norm(arms))
    significance = pressed(prediction) * TORQUE_S
    return Residual((Component("net torque", float(np.abs(torque).max()), significance, "eV", noise=noise),))


def _about_allowed_axes(torque: FloatArray, cell: FloatArray, pbc: FloatArray) -> FloatArray:
    """Return the torque, or of a wire the part along its axis: its images take up the rest."""
    if not pbc.any():
        return torque
    axis = cell[pbc][0] / np.linalg.norm(cell[pbc][0])
    along: FloatArray = np.array([torque @ axis])
    return along


NET_TORQUE = replace(
    NET_FORCE,
    id="symmetry/net-torque",
    law="Σᵢ (rᵢ − r̄) × Fᵢ = 0 for isolated structures; along its axis for a wire",
    source="isotropy of space (Noether); Landau and Lifshitz, Mechanics, section 9",
    tolerance=f"s = 1 meV; {EXTREME}",
    physics=(
        "The forces within a molecule cannot make it spin. A net torque spins molecules and clusters up from rest: "
        "angular momentum is not conserved, rotational temperatures drift, and relaxed molecules keep turning."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
)
