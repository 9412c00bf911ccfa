"""The laws of dynamics, each measured directly, with momenta that the structures carry."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from ase import Atoms, units
from ase.data import covalent_radii

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, FloatArray, Potential, Prediction
from tests.analytic.geometries import alloy, cluster, molecule
from tests.analytic.values import forces_of, stress_of
from tests.mutants.laws import FORCE_SCALE, Law, Make, largest

DRIFT_SCALE = 2e-5
"""eV/atom/ps; `SWING_SCALE` in eV/atom, `TORQUE_SCALE` in eV and `WAY_SCALE` in Å (docs/design.md, section 4)."""
SWING_SCALE = 1e-6
TORQUE_SCALE = 1e-3
WAY_SCALE = 1e-4
HOLE_SCALE = 0.1
"""eV/atom"""
HOT_STEPS = 160
State: TypeAlias = tuple[FloatArray, FloatArray, float, float]
"""Positions, momenta, the length of a cell and its momentum; or how fast they change."""
FEMTOSECOND = units.fs
PICOSECOND = 1000.0 * units.fs


def _answer(potential: Potential, structure: Atoms, x: FloatArray, p: FloatArray) -> tuple[float, FloatArray]:
    moved = structure.copy()
    moved.positions = x
    moved.set_momenta(p)
    (found,) = potential.evaluate([moved], ENERGY_FORCES)
    return found.energy, forces_of(found)


def _momenta(structure: Atoms, temperature: float = 300.0) -> FloatArray:
    """Return those of a temperature, K, without drift."""
    masses = structure.get_masses()[:, None]
    momenta = np.random.default_rng(5).normal(size=(len(structure), 3)) * np.sqrt(masses * units.kB * temperature)
    without_drift: FloatArray = momenta - masses * momenta.sum(axis=0) / masses.sum()
    return without_drift


def energy_conserved(make: Make) -> float:
    """The fourth order of Runge and Kutta, in steps so short that it conserves the energy of a sound potential."""
    potential, structure, dt, steps = make(), alloy(), 0.25 * FEMTOSECOND, 40
    masses, x, p = structure.get_masses()[:, None], structure.positions.copy(), _momenta(structure)

    def total() -> float:
        return _answer(potential, structure, x, p)[0] + float((0.5 * p * p / masses).sum())

    before = total()
    for _ in range(steps):
        slopes: list[tuple[FloatArray, FloatArray]] = []
        for ahead in (0.0, 0.5, 0.5, 1.0):
            at_x, at_p = (x + ahead * dt * slopes[-1][0], p + ahead * dt * slopes[-1][1]) if slopes else (x, p)
            slopes.append((at_p / masses, _answer(potential, structure, at_x, at_p)[1]))
        x, p = (
            one + dt / 6.0 * (slopes[0][k] + 2.0 * slopes[1][k] + 2.0 * slopes[2][k] + slopes[3][k])
            for k, one in enumerate((x, p))
        )
    return abs(total() - before) / len(structure) / (dt * steps / PICOSECOND) / DRIFT_SCALE


def _verlet(
    potential: Potential, structure: Atoms, x: FloatArray, p: FloatArray, timestep: float, steps: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return where steps of so many fs end, and the total energies on the way."""
    masses, dt = structure.get_masses()[:, None], timestep * FEMTOSECOND
    energy, forces = _answer(potential, structure, x, p)
    energies = [energy + float((0.5 * p * p / masses).sum())]
    for _ in range(steps):
        p = p + 0.5 * dt * forces
        x = x + dt * p / masses
        energy, forces = _answer(potential, structure, x, p)
        p = p + 0.5 * dt * forces
        energies.append(energy + float((0.5 * p * p / masses).sum()))
    return x, p, np.array(energies)


def stress_in_motion(make: Make) -> float:
    """Andersen's cell of one length L, by Runge and Kutta's fourth order in r, p, L and its momentum.

    dr/dt = p/m + r L'/L, dp/dt = F − p L'/L, W L'' = (Σp²/m − V tr σ)/L − 3PL²: of H = Σp²/2m + U + PL³ + W L'²/2.
    """
    potential, structure, dt, steps = make(), alloy(), 0.25 * FEMTOSECOND, 40
    masses, sizes = structure.get_masses()[:, None], structure.cell.array / structure.get_volume() ** (1.0 / 3.0)
    mass, pressure = 0.75 * float(masses.sum()), 0.02

    def answer(x: FloatArray, p: FloatArray, length: float) -> Prediction:
        moved = structure.copy()
        moved.set_cell(length * sizes)
        moved.positions = x
        moved.set_momenta(p)
        (found,) = potential.evaluate([moved], ALL_PROPERTIES)
        return found

    def rates(state: State) -> State:
        x, p, length, push = state
        found, rate = answer(x, p, length), push / mass
        pull = float((p * p / masses).sum()) - length**3 * float(np.trace(stress_of(found)))
        slope = pull / length - 3.0 * pressure * length**2
        return p / masses + x * rate / length, forces_of(found) - p * rate / length, rate, slope

    def total(state: State) -> float:
        x, p, length, push = state
        kinetic = 0.5 * float((p * p / masses).sum()) + 0.5 * push**2 / mass
        return answer(x, p, length).energy + kinetic + pressure * length**3

    cell_push = float(np.sqrt(mass * units.kB * 300.0))
    state = (structure.positions.copy(), _momenta(structure), structure.get_volume() ** (1.0 / 3.0), cell_push)
    before = total(state)
    for _ in range(steps):
        slopes: list[State] = []
        for ahead in (0.0, 0.5, 0.5, 1.0):
            slopes.append(rates(_along(state, slopes[-1], ahead * dt) if slopes else state))
        for weight, one in zip((1.0, 2.0, 2.0, 1.0), slopes, strict=True):
            state = _along(state, one, weight * dt / 6.0)
    return abs(total(state) - before) / len(structure) / (dt * steps / PICOSECOND) / DRIFT_SCALE


def _along(state: State, slopes: State, dt: float) -> State:
    (x, p, length, push), (dx, dp, dlength, dpush) = state, slopes
    return x + dt * dx, p + dt * dp, length + dt * dlength, push + dt * dpush


def order(make: Make) -> float:
    potential, structure = make(), alloy()
    coarse, fine = (
        float(np.std(_verlet(potential, structure, structure.positions, _momenta(structure), dt, steps)[2]))
        for dt, steps in ((1.0, 40), (0.25, 160))
    )
    return max(0.0, fine - 1.25 * coarse / 16.0) / len(structure) / SWING_SCALE


def momentum(make: Make) -> float:
    potential, structure, steps = make(), cluster(), 15
    p = _momenta(structure)
    x_end, p_end, _ = _verlet(potential, structure, structure.positions, p, 1.0, steps)
    before, after = (
        np.cross(x - np.average(x, axis=0, weights=structure.get_masses()), q).sum(axis=0)
        for x, q in ((structure.positions, p), (x_end, p_end))
    )
    gained = max(largest((p_end - p).sum(axis=0)) / FORCE_SCALE, largest(after - before) / TORQUE_SCALE)
    return gained / (steps * FEMTOSECOND)


def time_reversal(make: Make) -> float:
    potential, structure, steps = make(), alloy(), 60
    x_end, p_end, _ = _verlet(potential, structure, structure.positions, _momenta(structure), 1.0, steps)
    back, _, _ = _verlet(potential, structure, x_end, -p_end, 1.0, steps)
    return largest(back - structure.positions) / WAY_SCALE


def no_blow_up(make: Make) -> float:
    """A molecule with hydrogen, hot: nobody falls to where no two atoms belong, and the energy stays."""
    potential, structure, dt, temperature = make(), molecule(), 0.2 * FEMTOSECOND, 4000.0
    masses, x, p = structure.get_masses()[:, None], structure.positions.copy(), _momenta(structure, 2.0 * temperature)
    radii = covalent_radii[structure.numbers]
    i, j = np.triu_indices(len(structure), 1)
    energy, forces = _answer(potential, structure, x, p)
    first, total, worst = energy, energy + float((0.5 * p * p / masses).sum()), 0.0
    for _ in range(HOT_STEPS):
        p = p + 0.5 * dt * forces
        x = x + dt * p / masses
        energy, forces = _answer(potential, structure, x, p)
        p = p + 0.5 * dt * forces
        if (np.linalg.norm(x[i] - x[j], axis=1) / (radii[i] + radii[j])).min() < 0.6:
            worst = max(worst, (first - energy) / len(structure) / HOLE_SCALE)
        missed = abs(energy + float((0.5 * p * p / masses).sum()) - total) / len(structure)
        worst = max(worst, missed / (units.kB * temperature) - 1.0)
    return worst


MOTION_LAWS: dict[str, Law] = {
    "dynamics/energy-conserved": energy_conserved,
    "dynamics/order": order,
    "dynamics/momentum": momentum,
    "dynamics/time-reversal": time_reversal,
    "dynamics/no-blow-up": no_blow_up,
    "dynamics/stress-in-motion": stress_in_motion,
}
