"""Energies beside the work of forces along a line, with ASE's calculator: where they differ, and whether there alone.

None of the laws of this project is used. Intervals over which ΔE and the trapezoidal rule over forces or stress differ
are halved until they agree or are 1e-9 of the line: what is left there is a jump of the energy.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress

from benchmarks.openkim_lines import Line

POINTS = 513
"""Of a line to begin with."""
MOST = 30_000
"""Evaluations along one line."""
SHORTEST = 1e-9
"""Of the line: intervals that are halved no more."""
TOLERANCE = 1e-9
"""eV: by which ΔE and the work may differ in an interval."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is seen along a line.

    Attributes
    ----------
    t : (n,) array
    energies : (n,) array, eV
    differences : (n - 1,) array, eV
        E(t₊) − E(t) + ∫ power dt of each interval.
    jumps : (n - 1,) array of bool
        Intervals that are halved no more.
    """

    t: np.ndarray
    energies: np.ndarray
    differences: np.ndarray
    jumps: np.ndarray

    def between(self, start: float, end: float) -> tuple[float, float, int]:
        """Return what is missed between two of the points, eV, what of it outside of jumps, and how many jumps."""
        inside = (self.t[:-1] >= start) & (self.t[1:] <= end)
        at_jumps = inside & self.jumps
        elsewhere = float(np.abs(self.differences[inside & ~self.jumps]).sum())
        return float(self.differences[inside].sum()), elsewhere, self._places(at_jumps)

    def _places(self, chosen: np.ndarray) -> int:
        places = self.t[:-1][chosen]
        return int(1 + (np.diff(places) > 1e-6 * (self.t[-1] - self.t[0])).sum()) if len(places) else 0


class Asked:
    """A calculator that is asked along a line; structures that are not periodic in all directions get a box."""

    def __init__(self, calculator: Any, line: Line, reach: float) -> None:
        self.calculator, self.line, self.reach, self.count = calculator, line, reach, 0

    def __call__(self, t: float) -> tuple[float, float]:
        """Return energy and power."""
        energy, forces, stress = self.all(t)
        return energy, self.line.power(forces, stress, t)

    def all(self, t: float) -> tuple[float, np.ndarray, np.ndarray | None]:
        """Return energy, forces and stress."""
        self.count += 1
        return answers(self.calculator, self.line.at(t), self.reach)


def answers(calculator: Any, atoms: Atoms, reach: float) -> tuple[float, np.ndarray, np.ndarray | None]:
    """Return energy, forces and, where anything is periodic, the stress: the virial by the volume of the cell given.

    Atoms are put where kimpy finds all their neighbours.
    """
    asked = boxed(atoms, reach)
    asked.calc = calculator
    energy, forces = float(asked.get_potential_energy()), np.array(asked.get_forces())
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise FloatingPointError("the answer is not finite")
    if not atoms.pbc.any():
        return energy, forces, None
    stress = np.array(voigt_6_to_full_3x3_stress(asked.get_stress()))
    return energy, forces, stress * asked.get_volume() / atoms.get_volume()


def boxed(atoms: Atoms, reach: float) -> Atoms:
    """Return the structure with all atoms inside the cell; slabs and wires as crystals, images beyond the reach (Å)."""
    found: Atoms = atoms.copy()
    if found.pbc.any() and not found.pbc.all():
        for axis in np.flatnonzero(~found.pbc):
            found.center(vacuum=reach + 1.0, axis=int(axis))
        found.pbc = True
    if found.pbc.any():
        found.wrap()
    return found


def along(asked: Asked, borders: Sequence[float] = (), points: int = POINTS, tolerance: float = TOLERANCE) -> Found:
    """Return energies beside work on a line, whose points hold `borders`."""
    line = asked.line
    shortest = SHORTEST * (line.end - line.start)
    first = np.union1d(np.linspace(line.start, line.end, points), np.asarray(borders, float))
    known = {float(t): asked(float(t)) for t in first}
    waiting = [(float(a), float(b)) for a, b in itertools.pairwise(first)]
    jumps: dict[float, bool] = {}
    while waiting:
        # The worst first, for evaluations may run out.
        waiting.sort(key=lambda pair: abs(_difference(known, *pair)))
        a, b = waiting.pop()
        if abs(_difference(known, a, b)) <= tolerance or asked.count >= MOST:
            jumps[a] = False
        elif b - a <= shortest:
            jumps[a] = True
        else:
            middle = 0.5 * (a + b)
            known[middle] = asked(middle)
            waiting += [(a, middle), (middle, b)]
    t = np.array(sorted(known))
    differences = np.array([_difference(known, float(a), float(b)) for a, b in itertools.pairwise(t)])
    return Found(t, np.array([known[float(x)][0] for x in t]), differences, np.array([jumps[float(x)] for x in t[:-1]]))


def _difference(known: dict[float, tuple[float, float]], a: float, b: float) -> float:
    (energy, power), (later, power_later) = known[a], known[b]
    return later - energy + 0.5 * (b - a) * (power + power_later)
