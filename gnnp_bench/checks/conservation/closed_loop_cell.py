"""conservation/closed-loop-cell: no work around a loop through positions and cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Measurement, PoolView, Request, base_prediction, on_structure, with_parameters
from gnnp_bench.checks.common import EXTREME, pressed
from gnnp_bench.checks.conservation.closed_loop import radius_for
from gnnp_bench.checks.conservation.loop_work import FEWEST_NODES, loop_work
from gnnp_bench.checks.conservation.samples import Powers
from gnnp_bench.checks.periodicity.supercell import crystals_only
from gnnp_bench.numerics.loops import angles, ellipse
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray
from gnnp_bench.structures.simpler import simpler_structures

STRAINS = (0.005, 0.03)
CELL_ALONE = 0.5
"""Share of loops on which the atoms only follow the cell: there the stress does all the work."""
SINGLE = 0.5
"""Share of loops through two components of strain alone: where one is wrong, others dilute it."""
PLAIN = {
    "a": [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    "b": [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
}
"""Stretching along x and shearing x with y."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, lambda s: bool(s.structure.pbc.all()), "periodic in three directions")
    u, v = rng.normal(size=(2, len(sample.structure), 3))
    a, b = rng.normal(size=(2, 3, 3)) / 3.0
    if rng.random() < SINGLE:
        a, b = _single_components(rng)
    strain = float(np.exp(rng.uniform(*np.log(STRAINS))))
    radius = 0.0 if rng.random() < CELL_ALONE else radius_for(sample.structure, rng)
    matrices = {"u": u.tolist(), "v": v.tolist(), "a": a.tolist(), "b": b.tolist()}
    return sample.case({**matrices, "radius": radius, "strain": strain})


def _single_components(rng: np.random.Generator) -> FloatArray:
    """Return two different components of strain, (2, 3, 3), each stretching one axis or shearing two."""
    pairs = np.triu_indices(3)
    chosen = rng.permutation(6)[:2]
    matrices = np.zeros((2, 3, 3))
    matrices[(0, 1), pairs[0][chosen], pairs[1][chosen]] = 1.0
    return matrices


def _near(rng: np.random.Generator, case: Case) -> Case:
    nudged = {}
    for key in "uvab":
        matrix = np.asarray(case.parameters[key])
        nudged[key] = (matrix + 0.4 * matrix.std() * rng.normal(size=matrix.shape)).tolist()
    return with_parameters(case, **nudged)


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["radius"] > 0.0:
        yield with_parameters(case, radius=0.0)
    if case.parameters["a"] != PLAIN["a"]:
        yield with_parameters(case, **PLAIN)
    for structure in simpler_structures(case.structure):
        if structure.pbc.all() and len(structure) == len(case.structure):
            yield on_structure(case, structure)
        elif structure.pbc.all():
            still = np.zeros((len(structure), 3)).tolist()
            yield on_structure(case, structure, u=still, v=still, radius=0.0)


def _measure(case: Case) -> Measurement:
    u, v, a, b = (np.asarray(case.parameters[key], dtype=float) for key in "uvab")
    radius, strain = float(case.parameters["radius"]), float(case.parameters["strain"])
    structure = case.structure

    def powers_at(t: FloatArray) -> Powers:
        deformations, velocities, rates = _motion(t, u, v, radius, a, b, strain)
        shifts, _ = ellipse(u, v, radius, t)
        points = [_moved(structure, shift, d) for shift, d in zip(shifts, deformations, strict=True)]
        predictions = yield Request(points, ALL_PROPERTIES)
        forces, stresses = np.array([p.forces for p in predictions]), np.array([p.stress for p in predictions])
        volumes = np.array([point.cell.volume for point in points])
        powers = (forces * velocities).sum(axis=(1, 2)) - volumes * (stresses * rates).sum(axis=(1, 2))
        variances = case.nu.forces**2 * (velocities**2).sum(axis=(1, 2))
        variances = variances + (case.nu.stress * volumes) ** 2 * (rates**2).sum(axis=(1, 2))
        return powers, variances

    def structure_at(t: float) -> Atoms:
        at = np.array([t])
        return _moved(structure, ellipse(u, v, radius, at)[0][0], _motion(at, u, v, radius, a, b, strain)[0][0])

    _, velocities, rates = _motion(angles(128), u, v, radius, a, b, strain)
    speeds = np.linalg.norm(velocities, axis=2).sum(axis=1)
    straining = np.linalg.norm(rates, axis=(1, 2)) * structure.cell.volume ** (1.0 / 3.0)
    base = yield from base_prediction(case)
    return (
        yield from loop_work(powers_at, structure_at, 2.0 * np.pi * float((speeds + straining).mean()), pressed(base))
    )


def _motion(
    t: FloatArray, u: FloatArray, v: FloatArray, radius: float, a: FloatArray, b: FloatArray, strain: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return D, (dx − x L)/dt = ẏ D (what atoms do beyond following the cell), and sym(L) with L = D⁻¹ Ḋ.

    The path is x = y D, h = h₀ D with D = I + ε(a cos t + b sin t) and y = x₀ + r(u cos t + v sin t).
    """
    cos, sin = np.cos(t)[:, None, None], np.sin(t)[:, None, None]
    deformations = np.eye(3) + strain * (a * cos + b * sin)
    changes = strain * (b * cos - a * sin)
    _, velocities = ellipse(u, v, radius, t)
    rates = np.linalg.solve(deformations, changes)
    return deformations, velocities @ deformations, (rates + rates.transpose(0, 2, 1)) / 2.0


def _moved(structure: Atoms, shift: FloatArray, deformation: FloatArray) -> Atoms:
    moved: Atoms = structure.copy()
    moved.set_cell(structure.cell.array @ deformation)
    moved.positions = (structure.positions + shift) @ deformation
    return moved


CLOSED_LOOP_CELL = Check(
    id="conservation/closed-loop-cell",
    law="∮ [F · (dx − x L) − V σ : sym L] = 0, L = h⁻¹ dh",
    category="mandatory",
    needs=frozenset({"forces", "stress"}),
    source="first law for a gradient field of positions and cell; Parrinello and Rahman, doi:10.1063/1.328693",
    tolerance=f"s = 0.1 meV/Å, work per length of all paths plus V^⅓ ∮‖sym L‖; {EXTREME}",
    physics=(
        "Deforming a crystal, moving its atoms, and undoing both must have cost nothing. This ties energy, forces and "
        "stress together: a stress that belongs to another energy than the forces drives variable-cell dynamics and "
        "relaxations around in circles and pumps heat through the barostat."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=crystals_only,
    claim="conservative",
    weight=8.0,
    cost=8 * FEWEST_NODES,
)
