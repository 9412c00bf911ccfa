"""A line of structures on which jumps are looked for: where points are taken, and what is found between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.check import Noise
from gnnp_bench.checks.common import ENERGY_S, EXTREME_FORCES, EXTREME_STRESS, FORCES_S, STRESS_S
from gnnp_bench.numerics.breaks import (
    CERTAIN,
    Bounds,
)
from gnnp_bench.numerics.rounding import representable_in_float32
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction, Property

FINE = 1e-3
"""Share of s below which a jump is not followed further."""
SINGLE = 1e-9
"""ν of the energy per atom relative to the larger of the energy and 1 eV, above which arithmetic is single."""
KINK, KINK_SINGLE = 1e-7, 1e-3
"""Å, of intervals in which nothing but the slope of forces jumps."""
NEAR = 1e-6
"""Å, within which there is one jump of a slope."""
STIFFNESS_S = 0.1
"""eV/Å²: it changes a force by 1 meV/Å over 0.01 Å, the displacement that is usual for phonons."""
UNITS = {"energy": "eV", "forces": "eV/Å", "stress": "eV/Å³", "stiffness": "eV/Å²"}


@dataclass(frozen=True, slots=True)
class Track:
    """Structures along a line, and what changes along it.

    Attributes
    ----------
    at : callable
        Returns the structure at t, Å.
    power : callable
        Returns −dE/dt, eV/Å, of a prediction at t, or None where forces or stress are missing.
    length : float, Å
        t goes from 0 to here.
    noise : Noise
        ν of the structure.
    n_atoms : int
    per : float
        Energies are judged as this part of them: 1 for the total, 1/n_atoms per atom.
    properties : frozenset
    lever : float
        How much larger the noise of the power is than that of forces, or of the stress.
    stiffness : bool
        Jumps of the slope of forces are looked for too.
    """

    at: Callable[[float], Atoms]
    power: Callable[[Prediction, float], float | None]
    length: float
    noise: Noise
    n_atoms: int
    per: float = 1.0
    properties: frozenset[Property] = ENERGY_FORCES
    lever: float = 2.0
    stiffness: bool = False


@dataclass(slots=True)
class Line:
    """What is known of a line.

    Attributes
    ----------
    track : Track
    t : (n,) array, Å, ascending
    found : list of Prediction
    breaks : set of int
        Intervals, each by its first point, that are as short as can be and in which something jumps.
    bounds : dict of str to Bounds
        How large a jump of each quantity may be in each interval, where it does not hold a break.
    open : (n - 1,) array of bool
        Intervals that may hold a jump that matters.
    settled : bool
        All other intervals hold no jump that matters.
    """

    track: Track
    t: FloatArray
    found: list[Prediction]
    breaks: set[int] = field(default_factory=set)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    open: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    settled: bool = False

    def energies(self) -> FloatArray:
        """Return the energies, eV, as they are judged."""
        return np.array([p.energy for p in self.found]) * self.track.per

    def powers(self) -> FloatArray | None:
        """Return −dE/dt, eV/Å, as it is judged, or None where it is not known."""
        powers = [self.track.power(p, float(t)) for p, t in zip(self.found, self.t, strict=True)]
        known = [p for p in powers if p is not None]
        return np.array(known) * self.track.per if len(known) == len(powers) else None

    def arrays(self) -> dict[str, FloatArray]:
        """Return forces (n, n_atoms, 3) and stress (n, 9, 1), where there are any."""
        rows: dict[str, FloatArray] = {}
        if all(p.forces is not None for p in self.found):
            rows["forces"] = np.array([np.asarray(p.forces) for p in self.found])
        if "stress" in self.track.properties and all(p.stress is not None for p in self.found):
            rows["stress"] = np.array([np.ravel(np.asarray(p.stress)) for p in self.found])[..., None]
        return rows

    def pressed(self) -> FloatArray:
        """Return the factor on s at each point: see `checks.common.pressed`."""
        rows = self.arrays()
        factor = np.ones(len(self.t))
        for name, limit in (("forces", EXTREME_FORCES), ("stress", EXTREME_STRESS)):
            if name in rows:
                factor = np.maximum(factor, np.abs(rows[name]).max(axis=(1, 2), initial=0.0) / limit)
        return factor


def significances(line: Line) -> dict[str, FloatArray]:
    """Return s of each quantity in each interval."""
    factor = line.pressed()
    factor = np.maximum(factor[1:], factor[:-1])
    values = {"energy": ENERGY_S, "forces": FORCES_S, "stress": STRESS_S, "stiffness": STIFFNESS_S}
    return {name: value * factor for name, value in values.items()}


def noises(line: Line) -> dict[str, FloatArray]:
    """Return ν of each quantity at each point: it grows with forces and energies, which are larger up a wall."""
    nu, n_atoms = line.track.noise, line.track.n_atoms
    energies = np.array([p.energy for p in line.found])
    sizes = np.abs(energies)
    rows = line.arrays()
    steep = np.ones(len(line.t))
    if "forces" in rows:
        forces = np.abs(rows["forces"]).max(axis=(1, 2), initial=0.0)
        steep = np.maximum(1.0, forces / max(1.0, float(np.median(forces))))
    high = np.maximum(steep, sizes / max(1.0, float(np.median(sizes))))
    in_single = is_single(line) and representable_in_float32(energies)
    ulp = np.spacing(sizes.astype(np.float32)).astype(float) if in_single else np.spacing(sizes)
    energy, found = nu.energy * n_atoms * high, {"forces": nu.forces * steep, "stress": nu.stress * steep}
    # Coordinates are rounded as well: half a spacing of them, times the slope.
    extent = np.abs(line.track.at(line.track.length).positions).max(initial=1.0)
    half = 0.5 * float(np.spacing(np.float32(extent) if is_single(line) else np.float64(extent)))
    for name, values in rows.items():
        found[name] = np.maximum(found[name], half * _steepness(line.t, values))
    energy = np.maximum(energy, half * _steepness(line.t, energies[:, None, None]))
    return {"energy": np.maximum(energy, ulp) * line.track.per, **found}


def _steepness(t: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the smaller of the slopes to either side of each point, of the number that changes most."""
    slopes = np.linalg.norm(np.diff(rows, axis=0), axis=2).max(axis=1) / np.diff(t)
    smaller: FloatArray = np.minimum(np.append(slopes, slopes[-1]), np.append(slopes[0], slopes))
    return smaller


def tolerances(line: Line) -> dict[str, FloatArray]:
    """Return what is not followed further, per quantity and interval."""
    s = significances(line)
    return {name: np.maximum(FINE * s[name], CERTAIN * b.noise) for name, b in line.bounds.items()}


def is_single(line: Line) -> bool:
    """Return whether the noise is that of single precision."""
    size = max(1.0, abs(line.found[0].energy) / line.track.n_atoms)
    return line.track.noise.energy > SINGLE * size
