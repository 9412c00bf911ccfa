"""dynamics/time-reversal: with all momenta turned round, a trajectory goes back to where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from ase import units

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    Noise,
    PoolView,
    Residual,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import forces_vanish
from gnnp_bench.checks.dynamics.trajectories import (
    Start,
    drawn,
    on_fewer_atoms,
    picked,
    run,
    set_in_motion_otherwise,
    settled,
    started,
)

STEPS, FEW_STEPS = 100, 10
KINDS = ("molecule", "slab", "disordered", "crystal")
"""Where atoms go furthest first: a quick search affords one case."""
RETURN_S = 1e-4
"""Å: what a force of 1 meV/Å moves a light atom by in 10 fs."""
DIVERGENCE = 10.0
"""Bound, in units of how far two runs come apart that started ν apart."""
SIMPLER = 6


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(rng, picked(rng, view, KINDS), STEPS)


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["steps"] > FEW_STEPS:
        yield with_parameters(case, steps=FEW_STEPS)
    yield from on_fewer_atoms(case, SIMPLER)


def _measure(case: Case) -> Measurement:
    structure = yield from settled(case.structure)
    if structure is None:
        return vacuous("the structure does not come to rest")
    start = started(structure, int(case.parameters["seed"]), case)
    out, beside = yield from run([start, _nearby(start, case.nu)])
    if forces_vanish(out.forces, case.nu):
        return vacuous("all forces vanish")
    (back,) = yield from run([start.turned(out)])
    missed = float(np.linalg.norm(back.positions[-1] - out.positions[0], axis=1).max())
    apart = float(np.linalg.norm(beside.positions - out.positions, axis=2).max())
    return Residual((Component("way back", missed, RETURN_S, "Å", bound=DIVERGENCE * apart),))


def _nearby(start: Start, noise: Noise) -> Start:
    """Return a start as far from another as rounding takes a trajectory: errors of n steps add up as √n."""
    rng = np.random.default_rng(0)
    steps = float(np.sqrt(start.steps))
    nearby = start.structure.copy()
    rounded = np.finfo(float).eps * max(1.0, float(np.abs(nearby.positions).max()))
    nearby.positions += steps * rounded * rng.normal(size=start.momenta.shape)
    impulse = noise.forces * start.timestep * units.fs
    return replace(
        start, structure=nearby, momenta=start.momenta + steps * impulse * rng.normal(size=nearby.positions.shape)
    )


TIME_REVERSAL = Check(
    id="dynamics/time-reversal",
    law="x(t) → x(0) after t steps with all momenta reversed",
    category="mandatory",
    needs=frozenset({"forces"}),
    source=(
        "invariance of motion under reversal of time; velocity Verlet has it exactly: Hairer, Lubich and Wanner, "
        "Acta Numerica 12 (2003) 399, doi:10.1017/S0962492902000144"
    ),
    tolerance="s = 1e-4 Å after 100 steps out and back; b is 10 times how far runs come apart that start ν apart",
    physics=(
        "Forces that depend on where the atoms are, and on nothing else, take a trajectory back along the way it "
        "came. What remembers earlier calls, counts them, or reads momenta does not find back: a trajectory that is "
        "restarted goes another way, and what looks like friction has no temperature."
    ),
    draw=_draw,
    near=set_in_motion_otherwise,
    simpler=_simpler,
    measure=_measure,
    weight=9.0,
    cost=3 * (STEPS + 1),
    side_by_side=2,
)
