"""dynamics/energy-conserved: a trajectory keeps its energy, whatever the time step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

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
"""Of a search."""
FRESH_STARTS, FINER = 3, (1, 2, 4)
"""Of each of two repetitions, which run for the same time with steps so many times shorter."""
MORE_STARTS, LONGER = (8, 16), 4
"""What rounding hides is averaged over more of them, and over trajectories so many times longer."""
SIMPLER = 3
"""Structures that are tried for a simpler counterexample: each may take thousands of evaluations."""
SEEDS = STARTS + max(2 * FRESH_STARTS, sum(MORE_STARTS))
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
    def mean(self) -> float:
        """What all starts have in common."""
        return abs(float(self.slopes.mean()))

    @property
    def error(self) -> float:
        """The standard deviation of the mean."""
        variances = np.maximum(self.deviations, self.rounding) ** 2
        return float(np.sqrt(variances.sum())) / len(variances)

    @property
    def stands_out(self) -> bool:
        """Whether it is more than rounding does: the mean, or the slopes whatever their signs."""
        of_each = SIGMAS * _root_mean_square(self.rounding)
        of_mean = of_each / np.sqrt(len(self.rounding))
        return self.mean > max(of_mean, NOTICED) or _root_mean_square(self.slopes) > max(of_each, NOTICED)


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


def _together(drifts: Sequence[Drift]) -> Drift:
    return Drift(*(np.concatenate([getattr(d, name) for d in drifts]) for name in ("slopes", "deviations", "rounding")))


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
    seeds = iter(np.random.SeedSequence(case.parameters["seed"]).generate_state(SEEDS))
    (found,) = yield from _drifts(case, structure, seeds, STARTS)
    if found.stands_out:
        return (yield from _fresh_verdict(case, structure, seeds))
    drifts: list[Drift] = []
    longer = with_parameters(case, steps=LONGER * int(case.parameters["steps"]))
    for more in MORE_STARTS:
        if found.mean <= DRIFT_S:
            break
        drifts += yield from _drifts(longer, structure, seeds, more)
        found = _together(drifts)
    return Residual((_component(found.mean, SIGMAS * found.error),))


def _fresh_verdict(case: Case, structure: Atoms, seeds: Iterator[int]) -> Measurement:
    """Judge by trajectories that did not choose the case, twice."""
    repetitions = []
    for _ in range(2):
        levels = yield from _drifts(case, structure, seeds, FRESH_STARTS, FINER)
        repetitions.append(levels)
    remains = min(_remains(levels) for levels in repetitions)
    bound = SIGMAS * max(_root_mean_square(levels[-1].rounding) for levels in repetitions)
    coarse, fine = (max(_root_mean_square(levels[k].slopes) for levels in repetitions) for k in (0, -1))
    timestep = float(case.parameters["timestep"])
    drawn = _drawn(repetitions, timestep)
    if max(coarse, fine) <= NOTICED:  # what led here was an exception, and is no more than the step does
        return Residual((_component(remains, max(bound, coarse)),), series=drawn)
    if remains > DRIFT_S:
        lasts = timestep * int(case.parameters["steps"])
        return Residual((_component(remains, bound),), note=_remains_note(timestep, lasts, coarse, fine), series=drawn)
    told = _little_note(fine) if remains > 0.5 * fine else _falls_note(timestep, coarse, fine)
    return Residual((_component(max(remains, NOTICED), bound),), note=told, series=drawn)


def _drawn(repetitions: Sequence[Sequence[Drift]], timestep: float) -> tuple[Series, ...]:
    """Return how fast the energy runs away at each time step, from either half of the starts."""
    steps = timestep / np.array(FINER, dtype=float)
    return tuple(
        series(
            "Drift of the energy at three time steps",
            f"fresh starts, {which} time",
            steps,
            [_root_mean_square(level.slopes) for level in levels],
            x_name="time step",
            x_unit="fs",
            unit=UNIT,
        )
        for which, levels in zip(("first", "second"), repetitions, strict=True)
    )


def _drifts(
    case: Case, structure: Atoms, seeds: Iterator[int], n_starts: int, finer: Sequence[int] = (1,)
) -> Generator[Request, list[Prediction], list[Drift]]:
    """Return the drifts of as many fresh starts, for each number of times that steps are shorter."""
    starts = [started(structure, int(next(seeds)), case) for _ in range(n_starts)]
    trajectories = yield from run([start.finer(times) for times in finer for start in starts])
    return [_drift_of(trajectories[k * n_starts : (k + 1) * n_starts], case.nu, times) for k, times in enumerate(finer)]


def _remains(levels: Sequence[Drift]) -> float:
    """Return what of the slopes is the same at every time step: their size less the largest change to a coarser one.

    What an integrator does where stiffness jumps, or rounding, differs from step to step; work that belongs to no
    energy is done again.
    """
    finest = levels[-1].slopes
    changed = max(_root_mean_square(level.slopes - finest) for level in levels[:-1])
    return max(0.0, _root_mean_square(finest) - changed)


def _component(residual: float, bound: float) -> Component:
    return Component("drift", residual, DRIFT_S, UNIT, bound=bound)


def _remains_note(timestep: float, lasts: float, coarse: float, fine: float) -> str:
    return (
        f"within {lasts:.3g} fs the energy runs away by {coarse:.2g} {UNIT} at {timestep:g} fs and by {fine:.2g} at "
        f"{timestep / FINER[-1]:.3g} fs: no time step mends it"
    )


def _little_note(fine: float) -> str:
    return f"the energy runs away by {fine:.2g} {UNIT} at every time step: the forces are not quite a gradient"


def _falls_note(timestep: float, coarse: float, fine: float) -> str:
    finest = f"{timestep / FINER[-1]:.3g} fs"
    if fine <= DRIFT_S:
        return f"the energy runs away by {coarse:.2g} {UNIT} at {timestep:g} fs, not at {finest}: take shorter steps"
    return (
        f"the energy wanders by {coarse:.2g} {UNIT} at {timestep:g} fs and by {fine:.2g} at {finest}, another way at "
        "each step: it takes still shorter ones (rough forces, or kinks: see dynamics/order and smoothness)"
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
        "integrator conserves must not run away. What does is run again from fresh starts, twice, at the same time "
        "step, half and a quarter of it: work that is the same at all three belongs to no energy and fails; what "
        "shrinks or differs is told as a bound on the time step. Where it fails, simulations heat up or freeze, and "
        "a thermostat hides it."
    ),
    draw=_draw,
    near=set_in_motion_otherwise,
    simpler=_simpler,
    measure=_measure,
    weight=20.0,
    cost=STARTS * (STEPS + 1),
    side_by_side=2,  # for a verdict takes many evaluations, and one is enough
)
