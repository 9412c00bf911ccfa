"""Trajectories in which the cell moves with the atoms: where they start, and how they go on, one request a step."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import Case, Noise, Request
from gnnp_bench.checks.dynamics.trajectories import GENTLE, SETTLING_STEPS, STEEP, TEMPERATURE, thermal
from gnnp_bench.numerics import nph
from gnnp_bench.numerics.drift import rounding
from gnnp_bench.numerics.nph import Barostat, Kick, Path, State
from gnnp_bench.numerics.verlet import REACH
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import Relaxed, relaxed

LIGHT = 0.25
"""W over the mass of all atoms: the cell of a metal then takes 130 fs to breathe, as long as its atoms to vibrate."""


@dataclass(frozen=True, slots=True)
class CellStart:
    """Where a trajectory with a cell starts, and how it goes on.

    Attributes
    ----------
    structure : Atoms
    state : State
    barostat : Barostat
    timestep : float, fs
    steps : int
    """

    structure: Atoms
    state: State
    barostat: Barostat
    timestep: float
    steps: int

    def finer(self, times: int) -> CellStart:
        """Return the start of a trajectory as long, with steps so many times shorter."""
        return replace(self, timestep=self.timestep / times, steps=self.steps * times)


def settled_with_cell(structure: Atoms) -> Generator[Request, list[Prediction], Relaxed | None]:
    """Return a structure a few steps downhill with its cell, or None where it stands on a wall or falls."""
    try:
        found = yield from relaxed(structure, fmax=GENTLE, steps=SETTLING_STEPS, optimizer="FIRE", symmetric=None)
    except NoValue:
        return None
    return found if found.left <= STEEP else None


def started_with_cell(rest: Relaxed, seed: int, case: Case) -> CellStart:
    """Return a start at 300 K, of atoms and cell, under the pressure that is there at rest."""
    structure = rest.structure
    cell, masses = structure.cell.array, structure.get_masses()
    stress = np.zeros((3, 3)) if rest.prediction.stress is None else np.asarray(rest.prediction.stress)
    evenly = case.parameters["cell_moves"] == "evenly"
    directions = (cell / np.linalg.norm(cell))[None] if evenly else np.eye(9).reshape(9, 3, 3)
    barostat = Barostat(directions, LIGHT * float(masses.sum()), -float(np.trace(stress)) / 3.0, masses)
    speed = np.sqrt(barostat.mass * units.kB * TEMPERATURE)
    state = State(
        structure.positions @ np.linalg.inv(cell),
        thermal(structure, seed, TEMPERATURE) @ cell.T,
        barostat.along(cell),
        speed * np.random.default_rng([seed, 1]).normal(size=len(directions)),
    )
    return CellStart(structure, state, barostat, float(case.parameters["timestep"]), int(case.parameters["steps"]))


def run_with_cell(starts: Sequence[CellStart]) -> Generator[Request, list[Prediction], list[Path]]:
    """Return trajectories side by side. The structures that are sent carry momenta, half a kick behind."""
    runs = [_Run(start) for start in starts]
    while going := [one for one in runs if len(one.states) <= one.start.steps]:
        predictions = yield Request([one.ahead() for one in going], ALL_PROPERTIES)
        for one, prediction in zip(going, predictions, strict=True):
            one.arrive(prediction)
    return [one.path() for one in runs]


class _Run:
    """A trajectory on its way."""

    def __init__(self, start: CellStart) -> None:
        self.start, self.timestep = start, start.timestep * units.fs
        self.state = start.state
        self.states: list[State] = []
        self.kicks: list[Kick] = []
        self.between: list[tuple[FloatArray, FloatArray]] = []

    def ahead(self) -> Atoms:
        """Return the structure a step later, or where it starts."""
        barostat = self.start.barostat
        if self.states:
            half = nph.kicked(self.states[-1], self.kicks[-1], self.timestep)
            self.state, between = nph.moved(barostat, half, self.timestep)
            self.between.append(between)
        sent: Atoms = self.start.structure.copy()
        cell = barostat.cell(self.state.y)
        sent.set_cell(cell)
        sent.positions = self.state.s @ cell
        sent.set_momenta(nph.real_momenta(barostat, self.state))
        return sent

    def arrive(self, prediction: Prediction) -> None:
        """Complete the step with what is predicted there."""
        kick = nph.kick_of(
            self.start.barostat,
            self.state.y,
            prediction.energy,
            np.asarray(prediction.forces, dtype=float),
            np.asarray(prediction.stress, dtype=float),
        )
        self.states.append(nph.kicked(self.state, kick, self.timestep) if self.states else self.state)
        self.kicks.append(kick)

    def path(self) -> Path:
        """Return the points so far."""
        return Path(self.start.barostat, self.timestep, tuple(self.states), tuple(self.kicks), tuple(self.between))


def rounding_with_cell(path: Path, noise: Noise) -> float:
    """Return the standard deviation, per atom, that rounding gives the slope of a shadow, in ASE's units.

    Errors of forces and stress do work at the speeds of atoms and cell.
    """
    barostat = path.barostat
    powers = []
    for state in path.states:
        cell = barostat.cell(state.y)
        rate = np.linalg.inv(cell) @ barostat.cell(state.cell_momenta / barostat.mass)
        of_atoms = noise.forces * np.linalg.norm(nph.real_momenta(barostat, state) / barostat.masses[:, None])
        of_cell = noise.stress * abs(np.linalg.det(cell)) * np.linalg.norm(rate)
        powers.append(of_atoms**2 + of_cell**2)
    n_atoms, n_points = len(barostat.masses), len(path.states) - 2 * REACH
    power = float(np.sqrt(np.mean(powers)))
    return rounding(noise.energy * n_atoms, power, 1.0, n_points, path.timestep) / n_atoms
