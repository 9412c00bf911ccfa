"""Atoms in a cell that moves, with ASE's calculator of a model of OpenKIM: whether the enthalpy runs away, and where.

The equations of motion of Parrinello and Rahman (doi:10.1063/1.328693) are followed by Runge and Kutta's method of
fourth order, at two time steps. The structures on the way are joined by straight pieces, and on each the energy is put
beside the work of forces and stress. What an enthalpy gains is then what the energy jumps by, or work that forces or
stress do and no energy pays for; the piece that misses most is halved until it tells which. None of the laws of this
project is used, nor its integrator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.build import bulk

from benchmarks.openkim_lines import Line
from benchmarks.openkim_measures import calculator
from benchmarks.openkim_work import Asked, answers

TIME, STEPS = 40.0, (1.0, 0.5)
"""fs: how long, and the time steps."""
AGREE = 1e-6
"""eV, by which ΔE and the work of one piece may differ: Simpson's rule over 0.5 fs is better than that."""
HALVINGS = 24
"""Of a piece, some 0.005 Å: what is left then is no slope."""
BEFORE = 1.0 - 1e-10
"""The end of a piece, where the next one has not begun."""
KELVIN = 300.0
LIGHT = 0.25
"""Mass of the cell over that of all atoms."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A trajectory.

    Attributes
    ----------
    s : (n_points, n_atoms, 3) array
        Scaled positions: x = s h.
    h : (n_points, 3, 3) array, Å
    enthalpies : (n_points,) array, eV
    times : (n_points,) array, ps
    """

    s: np.ndarray
    h: np.ndarray
    enthalpies: np.ndarray
    times: np.ndarray


def at(atoms: Atoms, s: np.ndarray, h: np.ndarray) -> Atoms:
    """Return the crystal with these scaled positions and this cell."""
    found: Atoms = atoms.copy()
    found.set_cell(h)
    found.positions = s @ h
    return found


def followed(calc: object, atoms: Atoms, step: float, seed: int) -> Followed:
    """Return the motion at 300 K under the pressure that the crystal has to begin with; step in fs."""
    rng, masses = np.random.default_rng(seed), atoms.get_masses()[:, None]
    own = LIGHT * float(masses.sum())
    h = atoms.cell.array.copy()
    s = atoms.positions @ np.linalg.inv(h)
    velocities = rng.normal(size=s.shape) * np.sqrt(units.kB * KELVIN / masses)
    velocities -= (masses * velocities).sum(axis=0) / masses.sum()
    s_rate = velocities @ np.linalg.inv(h)
    h_rate = rng.normal(size=(3, 3)) * np.sqrt(units.kB * KELVIN / own)
    pressed = answers(calc, atoms, 0.0)[2]
    assert pressed is not None  # crystals have a volume
    pressure = -float(np.trace(pressed)) / 3.0
    dt = step * units.fs

    def rates(y: tuple[np.ndarray, ...]) -> tuple[tuple[np.ndarray, ...], float]:
        """Return the time derivatives of s, h and their rates, and the enthalpy."""
        s, h, s_rate, h_rate = y
        energy, forces, stress = answers(calc, at(atoms, s, h), 0.0)
        assert stress is not None
        volume, metric = abs(np.linalg.det(h)), h @ h.T
        metric_rate = h_rate @ h.T + h @ h_rate.T
        s_accelerates = (forces @ h.T / masses - s_rate @ metric_rate) @ np.linalg.inv(metric)
        pulled = volume * np.linalg.inv(h).T @ (stress + pressure * np.eye(3))
        h_accelerates = (s_rate.T @ (masses * (s_rate @ h)) - pulled) / own
        kinetic = 0.5 * float((masses * (s_rate @ h) ** 2).sum()) + 0.5 * own * float((h_rate**2).sum())
        return (s_rate, h_rate, s_accelerates, h_accelerates), kinetic + energy + pressure * volume

    def later(y: tuple[np.ndarray, ...], slope: tuple[np.ndarray, ...], by: float) -> tuple[np.ndarray, ...]:
        return tuple(one + by * change for one, change in zip(y, slope, strict=True))

    y: tuple[np.ndarray, ...] = (s, h, s_rate, h_rate)
    points, enthalpies = [y], []
    for _ in range(round(TIME / step)):
        first, enthalpy = rates(y)
        second, _ = rates(later(y, first, dt / 2))
        third, _ = rates(later(y, second, dt / 2))
        fourth, _ = rates(later(y, third, dt))
        mean = tuple((a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(first, second, third, fourth, strict=True))
        y = later(y, mean, dt)
        points.append(y)
        enthalpies.append(enthalpy)
    enthalpies.append(rates(y)[1])
    times = step * np.arange(len(points)) / 1000.0
    return Followed(np.array([y[0] for y in points]), np.array([y[1] for y in points]), np.array(enthalpies), times)


def joined(atoms: Atoms, path: Followed) -> Line:
    """Return the line through the points of a trajectory, straight between them; t counts its steps."""
    last = len(path.s) - 2

    def there(t: float) -> tuple[np.ndarray, np.ndarray, int]:
        k = min(int(t), last)
        part = t - k
        return (1 - part) * path.s[k] + part * path.s[k + 1], (1 - part) * path.h[k] + part * path.h[k + 1], k

    def power(forces: np.ndarray, stress: np.ndarray | None, t: float) -> float:
        _, h, k = there(t)
        own, increment = (path.s[k + 1] - path.s[k]) @ h, np.linalg.solve(h, path.h[k + 1] - path.h[k])
        return float((forces * own).sum()) - abs(float(np.linalg.det(h))) * float((stress * increment).sum())

    return Line(lambda t: at(atoms, *there(t)[:2]), power, 0.0, float(last + 1), 1e-3 * len(atoms), "meV/atom")


def crystal_of(symbols: tuple[str, ...], a: float) -> Atoms:
    """Return an fcc crystal of four atoms, Å, of these elements in turn, a little shaken."""
    atoms: Atoms = bulk("Cu", "fcc", a=a, cubic=True)
    atoms.symbols = [symbols[k % len(symbols)] for k in range(len(atoms))]
    atoms.set_masses("defaults")
    atoms.positions += 0.05 * np.random.default_rng(0).normal(size=atoms.positions.shape)
    return atoms


def missed(asked: Asked) -> tuple[np.ndarray, float]:
    """Return what ΔE and the work of each piece miss of each other, eV; and what of the most remains at one place."""
    line = asked.line
    pieces = [[asked(k + part) for part in (0.0, 0.5, BEFORE)] for k in range(round(line.end))]
    found = np.array([c[0] - a[0] + (a[1] + 4 * b[1] + c[1]) / 6 for a, b, c in pieces])
    k = int(np.abs(found).argmax())
    low, high, ends = float(k), k + BEFORE, [pieces[k][0], pieces[k][2]]
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        there = asked(middle)
        halves = [b[0] - a[0] + 0.25 * (high - low) * (a[1] + b[1]) for a, b in ((ends[0], there), (there, ends[1]))]
        low, high = (low, middle) if abs(halves[0]) > abs(halves[1]) else (middle, high)
        ends = [ends[0], there] if high == middle else [there, ends[1]]
    return found, ends[1][0] - ends[0][0]


def enthalpy_drift(name: str, symbols: str, a: float, seed: int = 0) -> tuple[float, str]:
    """Return the smaller rate, of two time steps, at which the enthalpy goes off, meV/atom/ps, and where it does."""
    atoms = crystal_of(tuple(symbols.split(",")), a)
    calc, rates = calculator(name), []
    for step in STEPS:
        path = followed(calc, atoms, step, seed)
        rates.append(1e3 * float(np.polyfit(path.times, path.enthalpies / len(atoms), 1)[0]))
    line = joined(atoms, path)
    differences, jump = missed(Asked(calc, line, 0.0))
    apart = np.abs(differences) > AGREE
    gained = 1e3 * float(path.enthalpies[-1] - path.enthalpies[0]) / len(atoms)
    told = ", ".join(f"{rate:.2g} at {step} fs" for rate, step in zip(rates, STEPS, strict=True))
    words = (
        f"fcc {symbols}, {len(atoms)} atoms, {KELVIN:.0f} K, {TIME:.0f} fs: meV/atom/ps {told}; it gains {gained:.2g} "
        f"{line.unit} in all; in {apart.sum()} of {len(apart)} steps energies miss the work of forces and stress, by "
        f"{differences[apart].sum() / line.per:.2g} in all, in the others by "
        f"{np.abs(differences[~apart]).sum() / line.per:.1g}"
    )
    if apart.any():
        words += f"; of the most, {abs(differences).max() / line.per:.2g}, {abs(jump) / line.per:.2g} is a jump"
    return min(abs(rate) for rate in rates), words
