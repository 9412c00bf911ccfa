"""The noise floor ν: what a potential's own rounding does to its energy, forces and stress on one structure.

At base points (the structure jittered, rotated and translated, so that an ideal crystal does not cancel its own
rounding) the potential is evaluated along a short line through positions and cell; what no parabola explains is noise.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Generator, Mapping, Sequence

import numpy as np
from ase import Atoms
from scipy.special import chdtri

from gnnp_bench.check import Noise, Request
from gnnp_bench.checks.robustness.precision import SUSPECT
from gnnp_bench.numerics.lines import scatter
from gnnp_bench.numerics.rounding import representable_in_float32, ulp
from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, Prediction, Property
from gnnp_bench.structures.lines import base_point, interleaved, line

BASE_POINTS = 3
LINE_POINTS = 6
ORDER = 2
EVALUATIONS = BASE_POINTS * LINE_POINTS
HALF_LENGTH = {True: 1e-4, False: 1e-7}
"""Å, in float32 and float64: many roundings of the input, yet too short for a cubic term to rise above the noise."""
SMALLEST = float(np.finfo(float).eps)
"""eV, eV/Å, eV/Å³: what terms of order one leave of themselves where they cancel to nothing."""
VANISHING = 1e-6
TERMS = 100
"""Neighbours within a usual cutoff, whose forces and energies are summed."""


def measure_noise(
    structure: Atoms, *, single: bool, base_points: int = BASE_POINTS
) -> Generator[Request, list[Prediction], Noise]:
    """Measure ν of a structure.

    Parameters
    ----------
    structure : Atoms
    single : bool
        Float32 is declared, or seen in the predictions for the pool.
    base_points : int
        The median over base points is taken: noise is there at each, a kink is not.
    """
    rng = np.random.default_rng(_seed_of(structure))
    half_length = HALF_LENGTH[single]
    lines = [line(base_point(structure, rng), half_length, LINE_POINTS, rng) for _ in range(base_points)]
    predictions = yield Request(interleaved(lines), ALL_PROPERTIES)
    grouped = [predictions[i::base_points] for i in range(base_points)]

    def floor(quantity: Property) -> float:
        if getattr(predictions[0], quantity) is None:
            return 0.0
        values = np.array([[getattr(p, quantity) for p in points] for points in grouped])
        measured = upper_limit(base_points) * float(np.median([scatter(points, ORDER).max() for points in values]))
        one_ulp = ulp(float(np.abs(values).max()), single=representable_in_float32(values))
        return max(measured, one_ulp, SMALLEST)

    n_atoms = len(structure)
    energy, forces, stress = floor("energy") / n_atoms, floor("forces"), floor("stress")
    # An ideal crystal at rest repeats one rounding in every term; its energy is off by more than jittered ones scatter.
    # Where repulsion and attraction cancel, as in a compressed crystal, the terms are larger than the energy.
    energies = np.array([p.energy for p in predictions])
    scale = max(float(np.abs(energies).max()) / n_atoms, _virial_per_atom(structure, predictions))
    per_atom = ulp(scale, single=representable_in_float32(energies))
    energy = max(energy, math.sqrt(TERMS / n_atoms) * per_atom)
    if predictions[0].forces is not None:
        # Terms of one atom's own images cancel to the last bit, and do so in no larger description of the crystal.
        forces = max(forces, math.sqrt(TERMS) * ulp(_force_scale(structure, predictions), single=single))
    return Noise(energy, forces, stress)


def _force_scale(structure: Atoms, predictions: list[Prediction]) -> float:
    """Return the size of the terms of a force, eV/Å: the virial per atom, and the energy where forces vanish."""
    scale = _virial_per_atom(structure, predictions)
    per_atom = max(abs(p.energy) for p in predictions) / len(structure)
    largest = max(float(np.abs(p.forces).max()) for p in predictions if p.forces is not None)
    return max(scale, per_atom) if largest < VANISHING * per_atom else scale


def _virial_per_atom(structure: Atoms, predictions: list[Prediction]) -> float:
    """Return the largest component of stress × volume, eV per atom; 0 where there is no stress."""
    stress = max((float(np.abs(p.stress).max()) for p in predictions if p.stress is not None), default=0.0)
    return stress * float(structure.cell.volume) / len(structure) if stress else 0.0


def upper_limit(base_points: int) -> float:
    """Return the ratio of the upper 95 % confidence limit of a standard deviation to its estimate.

    √(k/χ²₀.₀₅(k)) with k degrees of freedom: ν comes from few numbers, and one that is too small makes false alarms.
    """
    freedom = base_points * (LINE_POINTS - ORDER - 1)
    return math.sqrt(freedom / chdtri(freedom, 0.95))


def looks_single(capabilities: Capabilities, roughness: Sequence[Mapping[str, float]]) -> bool:
    """Return whether a potential computes in float32: it says so, or rounds like that wherever it was looked at."""
    if capabilities.dtype == "float32":
        return True
    seen = [max(quantities.values(), default=0.0) for quantities in roughness]
    return bool(seen) and float(np.median(seen)) > SUSPECT


def _seed_of(structure: Atoms) -> list[int]:
    """Return a seed that depends on the structure alone, so that ν is the same wherever it is measured."""
    return [zlib.crc32(np.ascontiguousarray(a).tobytes()) for a in (structure.numbers, structure.positions)]
