"""conservation/closed-loop: forces do no work around a closed loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Measurement, PoolView, Request, base_prediction, on_structure, with_parameters
from gnnp_bench.checks.common import EXTREME, TWO_ATOMS, displaced, moves, pressed
from gnnp_bench.checks.conservation.loop_work import FEWEST_NODES, RADII, loop_work
from gnnp_bench.checks.conservation.samples import Powers
from gnnp_bench.checks.simplifying import fewer_and_as_many, rows_on
from gnnp_bench.numerics.loops import ellipse, path_lengths
from gnnp_bench.potential import ENERGY_FORCES, FloatArray
from gnnp_bench.structures.geometry import minimum_distance

LOCAL = 0.5
"""Share of loops that move one or two atoms only: a curl at one site is diluted where all move."""
LONGEST = 3.0
"""Å, taken for the shortest distance where atoms are further apart."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, moves, TWO_ATOMS)
    structure = sample.structure
    n_atoms = len(structure)
    u, v = rng.normal(size=(2, n_atoms, 3))
    if n_atoms > 2 and rng.random() < LOCAL:
        still = rng.permutation(n_atoms)[int(rng.integers(1, 3)) :]
        u[still] = v[still] = 0.0
    return sample.case({"u": u.tolist(), "v": v.tolist(), "radius": radius_for(structure, rng)})


def radius_for(structure: Atoms, rng: np.random.Generator) -> float:
    """Return a radius in Å that drives no two atoms into each other."""
    shortest = min(minimum_distance(structure), LONGEST)
    return shortest * float(np.exp(rng.uniform(*np.log(RADII))))


def _near(rng: np.random.Generator, case: Case) -> Case:
    u, v = np.asarray(case.parameters["u"]), np.asarray(case.parameters["v"])
    moving = (np.linalg.norm(u, axis=1) > 0.0)[:, None]
    u, v = (w + 0.4 * rng.normal(size=w.shape) * moving for w in (u, v))
    return with_parameters(case, u=u.tolist(), v=v.tolist())


def _simpler(case: Case) -> Iterator[Case]:
    structure, u, v = case.structure, case.parameters["u"], case.parameters["v"]
    fewer, as_many = fewer_and_as_many(structure)
    for simpler in fewer:
        if len(simpler) == 1:
            continue  # only ever moves as a whole
        rows = rows_on(structure, simpler, u), rows_on(structure, simpler, v)
        if rows[0] is not None and rows[1] is not None:
            yield on_structure(case, simpler, u=rows[0].tolist(), v=rows[1].tolist())
        else:
            yield on_structure(case, simpler, **_circle(len(simpler), 0))
    moving = np.flatnonzero(np.linalg.norm(u, axis=1))
    if len(moving) > 1 or np.count_nonzero(u) > 1:
        for atom in moving[:8]:
            yield with_parameters(case, **_circle(len(structure), int(atom)))
    yield from (on_structure(case, simpler) for simpler in as_many)


def _circle(n_atoms: int, atom: int) -> dict[str, list[list[float]]]:
    u, v = np.zeros((2, n_atoms, 3))
    u[atom, 0] = v[atom, 1] = 1.0
    return {"u": u.tolist(), "v": v.tolist()}


def _measure(case: Case) -> Measurement:
    u: FloatArray = np.asarray(case.parameters["u"], dtype=float)
    v: FloatArray = np.asarray(case.parameters["v"], dtype=float)
    radius = float(case.parameters["radius"])

    def powers_at(t: FloatArray) -> Powers:
        shifts, velocities = ellipse(u, v, radius, t)
        predictions = yield Request([displaced(case.structure, shift) for shift in shifts], ENERGY_FORCES)
        forces = np.array([p.forces for p in predictions])
        variances: FloatArray = case.nu.forces**2 * (velocities**2).sum(axis=(1, 2))
        return (forces * velocities).sum(axis=(1, 2)), variances

    def structure_at(t: float) -> Atoms:
        return displaced(case.structure, ellipse(u, v, radius, np.array([t]))[0][0])

    base = yield from base_prediction(case)
    return (yield from loop_work(powers_at, structure_at, float(path_lengths(u, v, radius).sum()), pressed(base)))


CLOSED_LOOP = Check(
    id="conservation/closed-loop",
    law="∮ F · dx = 0",
    category="mandatory",
    needs=frozenset({"forces"}),
    source=(
        "Stokes' theorem for a gradient field; periodic trapezoid rule, Trefethen and Weideman, "
        "doi:10.1137/130932132; non-conservative forces, Bigi et al., arXiv:2412.11569"
    ),
    tolerance=f"s = 0.1 meV/Å, work per length of all paths; {EXTREME}",
    physics=(
        "Atoms that are moved around and put back must have cost nothing. Work around a loop means that no energy "
        "belongs to these forces: dynamics heat or cool steadily along cyclic motion (rattling, diffusion, rotation), "
        "however small the time step, and free energies depend on the path."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="conservative",
    weight=8.0,
    cost=8 * FEWEST_NODES,
)
