"""dynamics/momentum: a structure in motion keeps its momentum, and an isolated one its angular momentum."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from ase import units

from gnnp_bench.certificate.result import Series
from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Residual,
    vacuous,
)
from gnnp_bench.checks.common import FORCES_S, SAME_INPUT, forces_vanish
from gnnp_bench.checks.dynamics.trajectories import (
    drawn,
    on_fewer_atoms,
    picked,
    run,
    set_in_motion_otherwise,
    settled,
    started,
)
from gnnp_bench.checks.symmetry.net_torque import TORQUE_S
from gnnp_bench.numerics.drawing import series
from gnnp_bench.numerics.verlet import Trajectory
from gnnp_bench.potential import FloatArray

STEPS = 24
KINDS = ("molecule", "crystal", "molecule", "slab", "molecule", "disordered")
"""Only molecules have an angular momentum to keep."""
SIMPLER = 12


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(rng, picked(rng, view, KINDS), STEPS)


def _simpler(case: Case) -> Iterator[Case]:
    return on_fewer_atoms(case, SIMPLER)


def _measure(case: Case) -> Measurement:
    structure = yield from settled(case.structure)
    if structure is None:
        return vacuous("the structure does not come to rest")
    (trajectory,) = yield from run([started(structure, int(case.parameters["seed"]), case)])
    if forces_vanish(trajectory.forces, case.nu):
        return vacuous("all forces vanish")
    elapsed = trajectory.timestep * (len(trajectory.energies) - 1)
    gained = (trajectory.momenta[-1] - trajectory.momenta[0]).sum(axis=0) / elapsed
    bound = SAME_INPUT * case.nu.forces * float(np.sqrt(len(structure)))
    components = [Component("momentum", float(np.abs(gained).max()), FORCES_S, "eV/Å", bound=bound)]
    if not structure.pbc.any():
        first, last = _angular_momentum(trajectory, 0), _angular_momentum(trajectory, -1)
        torque = float(np.abs(last - first).max()) / elapsed
        arms = float(np.linalg.norm(_arms(trajectory, 0)))
        components.append(
            Component("angular momentum", torque, TORQUE_S, "eV", bound=SAME_INPUT * case.nu.forces * max(arms, 1.0))
        )
    # Of isolated structures angular momentum, unless it is momentum that is gained.
    angular = len(components) > 1 and components[0].residual / FORCES_S <= max(1.0, components[1].residual / TORQUE_S)
    return Residual(tuple(components), series=_drawn(trajectory, angular=angular))


def _drawn(trajectory: Trajectory, *, angular: bool) -> tuple[Series, ...]:
    """Return what was gained about each axis, or along it, in the course of time, beside what matters."""
    points = range(len(trajectory.energies))
    totals = np.array([_angular_momentum(trajectory, k) for k in points]) if angular else trajectory.momenta.sum(axis=1)
    times: FloatArray = trajectory.timestep / units.fs * np.arange(len(totals), dtype=float)
    line = partial(
        series,
        "Angular momentum that was gained" if angular else "Momentum that was gained",
        x_name="time",
        x_unit="fs",
        unit="eV fs" if angular else "eV fs/Å",
    )
    gained: FloatArray = (totals - totals[0]) / units.fs
    word = "about" if angular else "along"
    lines = [line(f"{word} {axis}", times, gained[:, k]) for k, axis in enumerate("xyz")]
    return *lines, line("what matters", times, (TORQUE_S if angular else FORCES_S) * times)


def _arms(trajectory: Trajectory, point: int) -> FloatArray:
    """Return the positions (n_atoms, 3) about the centre of mass, Å."""
    positions = trajectory.positions[point]
    arms: FloatArray = positions - np.average(positions, axis=0, weights=trajectory.masses)
    return arms


def _angular_momentum(trajectory: Trajectory, point: int) -> FloatArray:
    total: FloatArray = np.cross(_arms(trajectory, point), trajectory.momenta[point]).sum(axis=0)
    return total


MOMENTUM = Check(
    id="dynamics/momentum",
    law="dP/dt = 0, and of isolated structures dL/dt = 0, along NVE trajectories",
    category="mandatory",
    needs=frozenset({"forces"}),
    source=(
        "homogeneity and isotropy of space; velocity Verlet keeps both momenta exactly: Hairer, Lubich and Wanner, "
        "Acta Numerica 12 (2003) 399, doi:10.1017/S0962492902000144"
    ),
    tolerance="s = 1 meV/Å of force and 1 meV of torque, as means over the trajectory",
    physics=(
        "Atoms that move feel each other and nothing else: the momentum of the whole stays what it was, and an "
        "isolated molecule or cluster turns on at the rate at which it was turning. Velocity Verlet keeps both to "
        "rounding whatever its step, so that what is gained comes from the forces. Where it fails, slabs drift, "
        "and clusters that prefer an axis spin up."
    ),
    draw=_draw,
    near=set_in_motion_otherwise,
    simpler=_simpler,
    measure=_measure,
    weight=4.0,
    cost=STEPS + 1,
    side_by_side=3,
)
