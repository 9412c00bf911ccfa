"""dynamics/energy-conserved: a trajectory keeps its energy, whatever the time step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from ase import Atoms, units

from gnnp_bench.certificate.result import Series
from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    Noise,
    PoolView,
    Request,
    Residual,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.dynamics.trajectories import (
    drawn,
    on_fewer_atoms,
    picked,
    rounding_of,
    run,
    set_in_motion_otherwise,
    settled,
    started,
)
from gnnp_bench.numerics.drawing import series
from gnnp_bench.numerics.drift import slope
from gnnp_bench.numerics.verlet import REACH, Trajectory, shadow_energies
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction

DRIFT_S = 0.02
"""meV/atom/ps: 0.1 K per ps (3kT per atom), and 20 meV/atom in a nanosecond."""
NOTICED = 1e-3
"""meV/atom/ps: what is looked at again; less is not told from nothing by the strictest."""
UNIT = "meV/atom/ps"
SIGMAS = 5.0
STARTS, STEPS = 2, 48
FINER = (1, 2, 4)
"""Steps that are so many times shorter, over the same time."""
REPETITIONS, LONGER = 3, 4
"""The first goes on with the starts that chose the case; where rounding hides what matters, the others are longer."""
SIMPLER = 3
"""Structures that are tried for a simpler counterexample: each may take thousands of evaluations."""
MEV_PER_PS = 1e6 * units.fs
"""Of one eV per ASE's unit of time."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Slopes of the shadow energy, one a start.

    Attributes
    ----------
    slopes, deviations, rounding : (n_starts,) arrays, meV/atom/ps
        Slopes, their standard deviations by blocks, and those that rounding explains.
    """

    slopes: FloatArray
    deviations: FloatArray
    rounding: FloatArray

    @property
    def error(self) -> float:
        """The standard deviation of the mean."""
        variances = np.maximum(self.deviations, self.rounding) ** 2
        return float(np.sqrt(variances.sum())) / len(variances)

    @property
    def rounds(self) -> float:
        """What rounding explains of a slope."""
        return SIGMAS * _root_mean_square(self.rounding)

    @property
    def size(self) -> float:
        """The slopes whatever their signs; where rounding explains them, what they have in common."""
        size = _root_mean_square(self.slopes)
        return size if size > self.rounds else abs(float(self.slopes.mean()))

    @property
    def little(self) -> float:
        """What need not be looked at again, for it holds by the strictest profile, or as far as rounding lets see."""
        return NOTICED if _root_mean_square(self.slopes) > self.rounds else DRIFT_S


def _drift_of(trajectories: Sequence[Trajectory], noise: Noise, finer: int) -> Drift:
    """Return the slopes of the shadow energies, over the time for which the coarsest steps have one."""
    ends = REACH * (finer - 1)
    found = [
        slope(shadow_energies(t)[ends : len(t.energies) - 2 * REACH - ends] / len(t.masses), t.timestep)
        for t in trajectories
    ]
    return Drift(
        MEV_PER_PS * np.array([s.value for s in found]),
        MEV_PER_PS * np.array([s.deviation for s in found]),
        MEV_PER_PS * np.array([rounding_of(t, noise) for t in trajectories]),
    )


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(rng, picked(rng, view), STEPS)


def _simpler(case: Case) -> Iterator[Case]:
    return on_fewer_atoms(case, SIMPLER)


def _measure(case: Case) -> Measurement:
    structure = yield from settled(case.structure)
    if structure is None:
        return vacuous("the structure does not come to rest")
    seeds = iter(np.random.SeedSequence(case.parameters["seed"]).generate_state(REPETITIONS * STARTS))
    levels = yield from _repetition(case, structure, seeds)
    if len(levels) == 1:
        return Residual((_component(levels[0].size, SIGMAS * levels[0].error),))
    found = levels
    for _ in range(REPETITIONS - 1):  # by trajectories that did not choose the case
        if _remains(found) <= found[-1].little:
            break
        hidden = found[-1].rounds > DRIFT_S
        steps = int(case.parameters["steps"]) * (LONGER if hidden else 1)
        levels = yield from _repetition(with_parameters(case, steps=steps), structure, seeds)
        found = min(found, levels, key=_remains)
    return _judged(case, found)


def _repetition(
    case: Case, structure: Atoms, seeds: Iterator[int]
) -> Generator[Request, list[Prediction], list[Drift]]:
    """Return the drifts from starts of their own at ever shorter steps, as long as anything stays the same."""
    starts = [started(structure, int(next(seeds)), case) for _ in range(STARTS)]
    levels: list[Drift] = []
    for times in FINER:
        trajectories = yield from run([start.finer(times) for start in starts])
        levels.append(_drift_of(trajectories, case.nu, times))
        if _remains(levels) <= levels[-1].little:
            break
    return levels


def _remains(levels: Sequence[Drift]) -> float:
    """Return what of the slopes is the same at every time step: their size less the largest change to a coarser one.

    What an integrator does where stiffness jumps, or rounding, differs from step to step; work that belongs to no
    energy is done again.
    """
    finest = levels[-1]
    changed = max((_root_mean_square(level.slopes - finest.slopes) for level in levels[:-1]), default=0.0)
    return max(0.0, finest.size - changed)


def _judged(case: Case, levels: Sequence[Drift]) -> Residual:
    """Return what is the same at every step, with what is to be said of it."""
    remains, bound = _remains(levels), levels[-1].rounds
    coarse, fine = (_root_mean_square(level.slopes) for level in (levels[0], levels[-1]))
    timestep = float(case.parameters["timestep"])
    finest = timestep / FINER[len(levels) - 1]
    component, figure = _component(max(remains, NOTICED), bound), _figure(levels, timestep)
    if remains > max(DRIFT_S, bound):
        return Residual((component,), note=_remains_note(timestep, finest, coarse, fine), series=figure)
    if coarse <= levels[0].rounds:
        return Residual((component,), series=figure)
    told = _little_note(fine) if remains > 0.5 * fine else _falls_note(timestep, finest, coarse, fine)
    return Residual((component,), note=told, series=figure)


def _figure(levels: Sequence[Drift], timestep: float) -> tuple[Series, ...]:
    """Return how fast the energy runs away at each time step, and what rounding explains of it."""
    steps = timestep / np.array(FINER[: len(levels)], dtype=float)
    figure = "Drift of the energy at ever shorter time steps"
    line = partial(series, figure, x_name="time step", x_unit="fs", unit=UNIT)
    return (
        line("measured", steps, [_root_mean_square(level.slopes) for level in levels]),
        line("what rounding explains", steps, [level.rounds for level in levels]),
    )


def _component(residual: float, bound: float) -> Component:
    return Component("drift", residual, DRIFT_S, UNIT, bound=bound)


def _remains_note(timestep: float, finest: float, coarse: float, fine: float) -> str:
    return (
        f"the energy runs away by {coarse:.2g} {UNIT} at {timestep:g} fs and by {fine:.2g} at {finest:.3g} fs: "
        "no time step mends it"
    )


def _little_note(fine: float) -> str:
    return f"the energy runs away by {fine:.2g} {UNIT} at every time step: the forces are not quite a gradient"


def _falls_note(timestep: float, finest: float, coarse: float, fine: float) -> str:
    if fine <= DRIFT_S:
        return f"the energy runs away by {coarse:.2g} {UNIT} at {timestep:g} fs, not {finest:.3g}: take shorter steps"
    return (
        f"the energy wanders by {coarse:.2g} {UNIT} at {timestep:g} fs and by {fine:.2g} at {finest:.3g} fs, another "
        "way at each step: it takes still shorter ones (rough forces, or kinks: see dynamics/order and smoothness)"
    )


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
