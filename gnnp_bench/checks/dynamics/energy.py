"""dynamics/energy-conserved: a trajectory keeps its energy, whatever the time step."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial

import numpy as np

from gnnp_bench.check import Case, Check, Measurement, PoolView, Request, vacuous
from gnnp_bench.checks.dynamics.drifts import (
    STARTS,
    STEPS,
    Followed,
    Words,
    drift_left,
    from_fresh_starts,
)
from gnnp_bench.checks.dynamics.trajectories import (
    Start,
    drawn,
    on_fewer_atoms,
    picked,
    rounding_of,
    run,
    set_in_motion_otherwise,
    settled,
    started,
)
from gnnp_bench.numerics.verlet import shadow_energies
from gnnp_bench.potential import ENERGY_FORCES, Prediction

SIMPLER = 3
"""Structures that are tried for a simpler counterexample: each may take thousands of evaluations."""
WORDS = Words("energy", "the forces are not quite a gradient")


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(rng, picked(rng, view), STEPS)


def _simpler(case: Case) -> Iterator[Case]:
    return on_fewer_atoms(case, SIMPLER)


def _measure(case: Case) -> Measurement:
    structure = yield from settled(case.structure)
    if structure is None:
        return vacuous("the structure does not come to rest")

    def follow(starts: list[Start]) -> Generator[Request, list[Prediction], Followed]:
        trajectories = yield from run(starts)
        rounding = [rounding_of(trajectory, case.nu) for trajectory in trajectories]
        return [shadow_energies(trajectory) for trajectory in trajectories], rounding, trajectories[0].timestep

    repetition = from_fresh_starts(case, len(structure), partial(started, structure), follow)
    return (yield from drift_left(case, repetition, WORDS))


ENERGY_CONSERVED = Check(
    id="dynamics/energy-conserved",
    law="dH̃/dt = 0 along NVE trajectories as dt → 0, H̃ the shadow Hamiltonian of velocity Verlet",
    category="mandatory",
    needs=ENERGY_FORCES,
    source=(
        "shadow energies: Skeel and Hardy, SIAM J. Sci. Comput. 23 (2001) 1172, doi:10.1137/S106482750138318X; "
        "velocity Verlet: Swope et al., doi:10.1063/1.442716"
    ),
    tolerance="s = 0.02 meV/atom/ps, a temperature that rises by 0.1 K in a ps; b is five standard deviations",
    physics=(
        "Crystals, packings, slabs and molecules are set in motion at 300 K and left alone. The energy that the "
        "integrator conserves must not run away. Each trajectory is short: 48 steps, 10 fs with hydrogen, 50 fs with "
        "silicon, 96 fs with gold; a quick search follows eight of them or so, a standard one twice as many. One that "
        "gains or loses energy is run again at half and a quarter of the time step, and so are fresh starts, twice: "
        "work that is the same at all three belongs to no energy and fails; what shrinks or differs is told as a bound "
        "on the time step. Where it fails, simulations heat up or freeze, and a thermostat hides it."
    ),
    draw=_draw,
    near=set_in_motion_otherwise,
    simpler=_simpler,
    measure=_measure,
    weight=16.0,
    cost=STARTS * (STEPS + 1),
    side_by_side=2,  # for what stands out takes many evaluations, and one is enough
)
