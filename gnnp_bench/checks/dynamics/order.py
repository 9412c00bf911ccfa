"""dynamics/order: with half the time step the energy swings a quarter as much, or it is told why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Residual,
    vacuous,
)
from gnnp_bench.checks.dynamics.trajectories import (
    drawn,
    on_fewer_atoms,
    picked,
    run,
    set_in_motion_otherwise,
    settled,
    started,
)
from gnnp_bench.numerics.verlet import REACH, Trajectory, shadow_energies, total_energies
from gnnp_bench.potential import ENERGY_FORCES, FloatArray

STEPS, FINER = 24, (1, 2, 4)
ORDER_S = 1e-3
"""meV/atom, a hundredth of a kelvin: over a nanosecond a walk that makes it in 30 fs makes 0.2 meV/atom."""
SIGMAS = 5.0
SAME = 0.3
"""Share of what is left that may differ from one time step to another where it is the same work done again."""
SLACK = 1.25
"""On (dt₁/dt₂)²: higher powers of dt."""
SIMPLER = 4


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(rng, picked(rng, view), STEPS)


def _simpler(case: Case) -> Iterator[Case]:
    return on_fewer_atoms(case, SIMPLER)


def _measure(case: Case) -> Measurement:
    structure = yield from settled(case.structure)
    if structure is None:
        return vacuous("the structure does not come to rest")
    start = started(structure, int(case.parameters["seed"]), case)
    runs = yield from run([start.finer(times) for times in FINER])
    swings = [_swing(total_energies(trajectory), len(structure)) for trajectory in runs]
    walk = case.nu.forces * float(np.sqrt((runs[0].speeds ** 2).sum(axis=(1, 2)).mean())) * runs[-1].timestep
    floor = 1e3 * (case.nu.energy + walk * np.sqrt(len(runs[-1].energies)) / len(structure))
    excess = max(0.0, swings[-1] - SLACK * swings[0] / FINER[-1] ** 2)
    component = Component("swing", excess, ORDER_S, "meV/atom", bound=SIGMAS * floor)
    told = None if excess <= max(ORDER_S, SIGMAS * floor) else _reason(runs, swings, start.timestep)
    return Residual((component,), note=told)


def _swing(energies: FloatArray, n_atoms: int) -> float:
    """Return the standard deviation of an energy, meV/atom."""
    return 1e3 * float(np.std(energies)) / n_atoms


def _reason(runs: Sequence[Trajectory], swings: Sequence[float], timestep: float) -> str:
    """Return why the energy does not swing less in proportion to dt²."""
    steps = ", ".join(f"{swing:.2g}" for swing in swings)
    told = f"the energy swings by {steps} meV/atom at {timestep:g} fs, a half and a quarter of it: "
    # What is left once the powers of dt are taken out, at the times that two of them have in common.
    middle, finest = (shadow_energies(run) for run in runs[-2:])
    changed = float(np.std(middle - finest[REACH::2][: len(middle)]))
    size = float(np.std(finest))
    if changed <= SAME * size:
        return told + "the same work is done at each, the forces are no gradient of the energy (see conservation)"
    if swings[-1] < 0.5 * swings[0] / FINER[-1]:
        return told + f"{timestep:g} fs is too long for the stiffest mode"
    return told + "it walks at random, the forces are rough (see smoothness and robustness/noise-floor)"


ORDER = Check(
    id="dynamics/order",
    law="std H ∝ dt² along NVE trajectories, above a floor of rounding",
    category="informational",
    needs=ENERGY_FORCES,
    source=(
        "velocity Verlet is of second order: Hairer, Lubich and Wanner, Acta Numerica 12 (2003) 399, "
        "doi:10.1017/S0962492902000144"
    ),
    tolerance="s = 1 µeV/atom more at a quarter of the time step than a sixteenth of what it was",
    physics=(
        "An integrator lets the energy swing in proportion to the square of its time step. Where a quarter of the "
        "step does not take the swing to a sixteenth, the remark says why: forces that are rough on the scale of a "
        "step, forces that are no gradient, or a step too long for the stiffest mode."
    ),
    draw=_draw,
    near=set_in_motion_otherwise,
    simpler=_simpler,
    measure=_measure,
    weight=8.0,
    cost=(STEPS + 1) * sum(FINER),
    side_by_side=2,
)
