"""What the laws of conserved energies share: slopes at ever shorter steps, and what of them no time step mends."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, Self, TypeAlias, TypeVar

import numpy as np
from ase import units

from gnnp_bench.certificate.result import Series
from gnnp_bench.check import Case, Component, Measurement, Request, Residual, with_parameters
from gnnp_bench.numerics.drawing import series
from gnnp_bench.numerics.drift import slope
from gnnp_bench.numerics.verlet import REACH
from gnnp_bench.potential import FloatArray, Prediction

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
MEV_PER_PS = 1e6 * units.fs
"""Of one eV per ASE's unit of time."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of an energy that runs away.

    Attributes
    ----------
    energy : str
        Its name.
    little : str
        What is wrong where it runs away by little at every step.
    """

    energy: str
    little: str


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


class _Start(Protocol):
    """Where a trajectory starts."""

    def finer(self, times: int) -> Self: ...


StartT = TypeVar("StartT", bound=_Start)
Followed: TypeAlias = tuple[list[FloatArray], list[float], float]
"""Shadow energies of trajectories, eV, what rounding makes of slopes per atom, and the time step in ASE's unit."""
Repetition: TypeAlias = Callable[[int], Generator[Request, list[Prediction], list[Drift]]]


def from_fresh_starts(
    case: Case,
    n_atoms: int,
    start: Callable[[int, Case], StartT],
    follow: Callable[[list[StartT]], Generator[Request, list[Prediction], Followed]],
) -> Repetition:
    """Return what sets a structure in motion from starts of its own each time, and returns the drifts.

    Parameters
    ----------
    case : Case
    n_atoms : int
    start : callable
        Returns a start, for a seed and the case with its number of steps.
    follow : callable
        Follows starts side by side.
    """
    seeds = iter(np.random.SeedSequence(case.parameters["seed"]).generate_state(REPETITIONS * STARTS))

    def repetition(steps: int) -> Generator[Request, list[Prediction], list[Drift]]:
        fresh = with_parameters(case, steps=steps)
        starts = [start(int(next(seeds)), fresh) for _ in range(STARTS)]

        def level(times: int) -> Generator[Request, list[Prediction], Drift]:
            shadows, rounding, timestep = yield from follow([one.finer(times) for one in starts])
            return drift_of(shadows, n_atoms, timestep, rounding, times)

        return (yield from at_ever_shorter_steps(level))

    return repetition


def drift_of(
    shadows: Sequence[FloatArray], n_atoms: int, timestep: float, rounding: Sequence[float], finer: int
) -> Drift:
    """Return the slopes of shadow energies, over the time for which the coarsest steps have one.

    Parameters
    ----------
    shadows : sequence of (n_points,) arrays, eV
    n_atoms : int
    timestep : float
        In ASE's unit of time.
    rounding : sequence of float
        Standard deviations of the slopes per atom that rounding makes, in ASE's units.
    finer : int
        How many times shorter the steps are than the coarsest.
    """
    ends = REACH * (finer - 1)
    found = [slope(shadow[ends : len(shadow) - ends] / n_atoms, timestep) for shadow in shadows]
    return Drift(
        MEV_PER_PS * np.array([s.value for s in found]),
        MEV_PER_PS * np.array([s.deviation for s in found]),
        MEV_PER_PS * np.array(rounding),
    )


def at_ever_shorter_steps(
    level: Callable[[int], Generator[Request, list[Prediction], Drift]],
) -> Generator[Request, list[Prediction], list[Drift]]:
    """Return the drifts at ever shorter steps, as long as anything stays the same."""
    levels: list[Drift] = []
    for times in FINER:
        levels.append((yield from level(times)))
        if _remains(levels) <= levels[-1].little:
            break
    return levels


def drift_left(case: Case, repetition: Repetition, words: Words) -> Measurement:
    """Return what of the drift no time step mends, as several starts of their own find it.

    Parameters
    ----------
    case : Case
    repetition : callable
        Returns the drifts of fresh starts, for a number of steps, at ever shorter ones.
    words : Words
    """
    steps = int(case.parameters["steps"])
    levels = yield from repetition(steps)
    if len(levels) == 1:
        # Blocks of a trajectory scatter by what an integrator does as well: that hides nothing, as rounding may.
        bound = min(SIGMAS * levels[0].error, max(DRIFT_S, levels[0].rounds))
        return Residual((_component(levels[0].size, bound),))
    found = levels
    for _ in range(REPETITIONS - 1):  # by trajectories that did not choose the case
        if _remains(found) <= found[-1].little:
            break
        hidden = found[-1].rounds > DRIFT_S
        levels = yield from repetition(steps * (LONGER if hidden else 1))
        found = min(found, levels, key=_remains)
    return _judged(case, found, words)


def _root_mean_square(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _remains(levels: Sequence[Drift]) -> float:
    """Return what of the slopes is the same at every time step: their size less the largest change to a coarser one.

    What an integrator does where stiffness jumps, or rounding, differs from step to step; work that belongs to no
    energy is done again.
    """
    finest = levels[-1]
    changed = max((_root_mean_square(level.slopes - finest.slopes) for level in levels[:-1]), default=0.0)
    return max(0.0, finest.size - changed)


def _judged(case: Case, levels: Sequence[Drift], words: Words) -> Residual:
    """Return what is the same at every step, with what is to be said of it."""
    remains, bound = _remains(levels), levels[-1].rounds
    coarse, fine = (_root_mean_square(level.slopes) for level in (levels[0], levels[-1]))
    timestep = float(case.parameters["timestep"])
    finest = timestep / FINER[len(levels) - 1]
    component, figure = _component(max(remains, NOTICED), max(bound, NOTICED)), _figure(levels, timestep, words)
    if remains > max(DRIFT_S, bound):
        return Residual((component,), note=_remains_note(words, timestep, finest, coarse, fine), series=figure)
    if coarse <= levels[0].rounds:
        return Residual((component,), series=figure)
    told = _little_note(words, fine) if remains > 0.5 * fine else _falls_note(words, timestep, finest, coarse, fine)
    return Residual((component,), note=told, series=figure)


def _figure(levels: Sequence[Drift], timestep: float, words: Words) -> tuple[Series, ...]:
    """Return how fast an energy runs away at each time step, and what rounding explains of it."""
    steps = timestep / np.array(FINER[: len(levels)], dtype=float)
    figure = f"Drift of the {words.energy} at ever shorter time steps"
    line = partial(series, figure, x_name="time step", x_unit="fs", unit=UNIT)
    return (
        line("measured", steps, [_root_mean_square(level.slopes) for level in levels]),
        line("what rounding explains", steps, [level.rounds for level in levels]),
    )


def _component(residual: float, bound: float) -> Component:
    return Component("drift", residual, DRIFT_S, UNIT, bound=bound)


def _remains_note(words: Words, timestep: float, finest: float, coarse: float, fine: float) -> str:
    return (
        f"the {words.energy} runs away by {coarse:.2g} {UNIT} at {timestep:g} fs and by {fine:.2g} at {finest:.3g} fs: "
        "no time step mends it"
    )


def _little_note(words: Words, fine: float) -> str:
    return f"the {words.energy} runs away by {fine:.2g} {UNIT} at every time step: {words.little}"


def _falls_note(words: Words, timestep: float, finest: float, coarse: float, fine: float) -> str:
    ran = f"{coarse:.2g} {UNIT} at {timestep:g} fs"
    if fine <= DRIFT_S:
        return f"the {words.energy} runs away by {ran}, not {finest:.3g}: take shorter steps"
    return (
        f"the {words.energy} wanders by {ran} and by {fine:.2g} at {finest:.3g} fs, another way at each step: it takes "
        "still shorter ones (rough forces, or kinks: see dynamics/order and smoothness)"
    )
