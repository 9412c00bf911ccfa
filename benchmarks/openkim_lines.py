"""Lines of structures that counterexamples of certificates speak of, rebuilt from their parameters alone.

A counterexample is a structure and what was done with it: atoms moved along a path, around a loop, a cell strained.
`line_of` says the same in formulas of its own; nothing of `gnnp_bench` is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

LARGEST_STEP, LARGEST_STRAIN, SMALL_LOOP = 0.064, 0.05, 0.03
"""Å, none and Å: how far `force-gradient`, `stress-strain` and `jacobian` go."""

OF_AN_ATOM = 20.0
"""Å³ at most, of slabs and wires: their cells hold vacuum."""


@dataclass(frozen=True, slots=True)
class Line:
    """Structures along a line.

    Attributes
    ----------
    at : callable
        Returns the structure at t.
    power : callable
        Returns −dE/dt from forces (n, 3), stress (3, 3) and t; eV per unit of t.
    start, end : float
    per : float
        What the work that is missed is divided by, for a law to judge it.
    unit : str
        Of that.
    """

    at: Callable[[float], Atoms]
    power: Callable[[np.ndarray, np.ndarray | None, float], float]
    start: float
    end: float
    per: float
    unit: str


def structure_of(told: Mapping[str, Any]) -> Atoms:
    """Return the structure of a counterexample."""
    return Atoms(told["numbers"], told["positions"], cell=told["cell"], pbc=told["pbc"])


def deformed(atoms: Atoms, deformation: np.ndarray) -> Atoms:
    """Return the crystal with all its vectors (rows) multiplied by a matrix."""
    found: Atoms = atoms.copy()
    found.set_cell(atoms.cell.array @ deformation)
    found.positions = atoms.positions @ deformation
    return found


def moved(atoms: Atoms, shifts: np.ndarray) -> Atoms:
    """Return the structure with its atoms moved, Å."""
    found: Atoms = atoms.copy()
    found.positions += shifts
    return found


def straight(atoms: Atoms, path: np.ndarray, start: float, end: float, per: float) -> Line:
    """Return the line on which atoms move along a straight path."""
    return Line(lambda t: moved(atoms, t * path), lambda f, s, t: float((f * path).sum()), start, end, per, "eV/Å")


def strained(atoms: Atoms, rate: np.ndarray, start: float, end: float, per: float) -> Line:
    """Return the line on which a crystal is deformed by D = 1 + t·rate; the stress does the work −V σ : D⁻¹ rate."""

    def power(forces: np.ndarray, stress: np.ndarray | None, t: float) -> float:
        deformation = np.eye(3) + t * rate
        volume = float(atoms.get_volume() * np.linalg.det(deformation))
        return -volume * float((stress * np.linalg.solve(deformation, rate)).sum())

    return Line(lambda t: deformed(atoms, np.eye(3) + t * rate), power, start, end, per, "eV/Å³")


def around(atoms: Atoms, u: np.ndarray, v: np.ndarray) -> Line:
    """Return the loop x + u cos t + v sin t; what is missed is divided by the length of the atoms' ways."""
    t = np.linspace(0.0, 2.0 * np.pi, 1441)[:-1, None, None]
    length = float(np.linalg.norm(v * np.cos(t) - u * np.sin(t), axis=2).sum(axis=1).mean()) * 2.0 * np.pi
    return Line(
        lambda t: moved(atoms, u * np.cos(t) + v * np.sin(t)),
        lambda f, s, t: float((f * (v * np.cos(t) - u * np.sin(t))).sum()),
        0.0,
        2.0 * np.pi,
        length,
        "eV/Å",
    )


def around_with_cell(atoms: Atoms, u: np.ndarray, v: np.ndarray, a: np.ndarray, b: np.ndarray) -> Line:
    """Return the loop through positions, (x + u cos t + v sin t) D, and the cell, D = 1 + a cos t + b sin t."""

    def deformation(t: float) -> np.ndarray:
        found: np.ndarray = np.eye(3) + a * np.cos(t) + b * np.sin(t)
        return found

    def rates(t: float) -> tuple[np.ndarray, np.ndarray]:
        own = (v * np.cos(t) - u * np.sin(t)) @ deformation(t)
        increment = np.linalg.solve(deformation(t), b * np.cos(t) - a * np.sin(t))
        return own, 0.5 * (increment + increment.T)

    def power(forces: np.ndarray, stress: np.ndarray | None, t: float) -> float:
        own, increment = rates(t)
        volume = float(atoms.get_volume() * np.linalg.det(deformation(t)))
        return float((forces * own).sum()) - volume * float((stress * increment).sum())

    length, edge = 0.0, float(atoms.get_volume()) ** (1.0 / 3.0)
    for t in np.linspace(0.0, 2.0 * np.pi, 721)[:-1]:
        own, increment = rates(t)
        length += (np.linalg.norm(own, axis=1).sum() + edge * np.linalg.norm(increment)) * 2.0 * np.pi / 720

    def at(t: float) -> Atoms:
        return deformed(moved(atoms, u * np.cos(t) + v * np.sin(t)), deformation(t))

    return Line(at, power, 0.0, 2.0 * np.pi, float(length), "eV/Å")


def line_of(law: str, atoms: Atoms, given: Mapping[str, Any]) -> Line:
    """Return the line that a counterexample of a law speaks of.

    Raises
    ------
    KeyError
        The law has none.
    """
    arrays = {key: np.asarray(value, float) for key, value in given.items() if isinstance(value, list)}
    what = law.partition("/")[2]
    if what == "force-gradient":
        direction = arrays["direction"]
        moving = int(np.count_nonzero(np.linalg.norm(direction, axis=1)))
        reach = LARGEST_STEP * moving**0.5
        return straight(atoms, direction, -reach, reach, 1.0)
    if what == "path-work":
        path = arrays["displacement"]
        return straight(atoms, path, 0.0, 1.0, float(np.linalg.norm(path, axis=1).sum()))
    if what == "stress-strain":
        volume = float(atoms.get_volume())
        matter = volume if atoms.pbc.all() else min(volume, OF_AN_ATOM * len(atoms))
        return strained(atoms, arrays["strain"], -LARGEST_STRAIN, LARGEST_STRAIN, matter)
    if what == "closed-loop":
        return around(atoms, given["radius"] * arrays["u"], given["radius"] * arrays["v"])
    if what == "closed-loop-cell":
        u, v = given["radius"] * arrays["u"], given["radius"] * arrays["v"]
        return around_with_cell(atoms, u, v, given["strain"] * arrays["a"], given["strain"] * arrays["b"])
    if what == "continuity":
        path = np.zeros((len(atoms), 3))
        path[given["atoms"]] = arrays["direction"]
        return straight(atoms, path, 0.0, given["length"], 1.0)
    if what == "continuity-cell":
        return strained(atoms, arrays["strain"] / given["reach"], 0.0, given["length"], float(len(atoms)))
    raise KeyError(law)
