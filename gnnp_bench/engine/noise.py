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

from gnnp_bench.check import Noise, Request
from gnnp_bench.checks.robustness.precision import SUSPECT
from gnnp_bench.numerics.lines import scatter
from gnnp_bench.numerics.rounding import distinct, representable_in_float32, ulp
from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, FloatArray, Prediction, Property
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
BOUND = 32.0
"""eV per atom. No solid is bound by more than 9 (Kittel, Introduction to Solid State Physics, chapter 3, table 1); an
energy beyond some times that is a reference energy, which is added once and says nothing about the terms of a sum."""
SEVERAL = 4
"""Different values that float32 can hold, before they are taken for results of float32. A float64 number is one by
accident with a probability of 2⁻²⁹; a constant, such as a reference energy, may be round on purpose."""


def measure_noise(
    structure: Atoms, *, single: bool, finer_energy: bool = False, base_points: int = BASE_POINTS
) -> Generator[Request, list[Prediction], Noise]:
    """Measure ν of a structure.

    Parameters
    ----------
    structure : Atoms
    single : bool
        Float32 is declared, or seen in the predictions for the pool.
    finer_energy : bool
        Energies have more digits than float32 can hold, on other structures: references are added in float64, and an
        energy that is nothing but references is not rounded to float32, however round it is.
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
        finer = quantity == "energy" and finer_energy
        one_ulp = ulp(float(np.abs(values).max()), single=_rounded_to_float32(values, single=single and not finer))
        return max(measured, one_ulp, SMALLEST)

    n_atoms = len(structure)
    energy, forces, stress = floor("energy") / n_atoms, floor("forces"), floor("stress")
    # An ideal crystal at rest repeats one rounding in every term; its energy is off by more than jittered ones scatter.
    # Where repulsion and attraction cancel, as in a compressed crystal, the terms are larger than the energy.
    energies = np.array([p.energy for p in predictions])
    in_float32 = _rounded_to_float32(energies, single=single and not finer_energy)
    per_atom = float(np.abs(energies).max()) / n_atoms
    bound = 0.0 if _free(predictions) else min(per_atom, BOUND)
    virial = _virial_per_atom(structure, predictions)
    of_terms = math.sqrt(TERMS / n_atoms) * ulp(max(bound, virial), single=in_float32)
    energy = max(energy, of_terms, ulp(per_atom, single=in_float32))  # the latter for references, added atom by atom
    if predictions[0].forces is not None:
        # Terms of one atom's own images cancel to the last bit, and do so in no larger description of the crystal.
        largest = max(float(np.abs(p.forces).max()) for p in predictions if p.forces is not None)
        scale = max(virial, bound) if largest < VANISHING * bound else virial
        forces = max(forces, math.sqrt(TERMS) * ulp(scale, single=single))
    return Noise(energy, forces, stress)


def _rounded_to_float32(values: FloatArray, *, single: bool) -> bool:
    """Return whether outputs are numbers of float32: several different ones are, or nothing says otherwise.

    One that is not is proof to the contrary. Zeros and constants prove nothing, so that `single` decides.
    """
    return representable_in_float32(values) and (single or distinct(values) >= SEVERAL)


def _free(predictions: Sequence[Prediction]) -> bool:
    """Return whether no atom feels another: on all lines nothing changes and nothing pulls."""
    if any(p.energy != predictions[0].energy for p in predictions):
        return False
    return not any(array is not None and array.any() for p in predictions for array in (p.forces, p.stress))


def _virial_per_atom(structure: Atoms, predictions: list[Prediction]) -> float:
    """Return the largest component of stress × volume, eV per atom; 0 where there is no stress."""
    stress = max((float(np.abs(p.stress).max()) for p in predictions if p.stress is not None), default=0.0)
    return stress * float(structure.cell.volume) / len(structure) if stress else 0.0


def upper_limit(base_points: int) -> float:
    """Return the ratio of the upper 95 % confidence limit of a standard deviation to its estimate.

    √(k/χ²₀.₀₅(k)) with k degrees of freedom: ν comes from few numbers, and one that is too small makes false alarms.
    """
    from scipy.special import chdtri  # slow to import, and needed where a pool is evaluated alone

    freedom = base_points * (LINE_POINTS - ORDER - 1)
    return math.sqrt(freedom / chdtri(freedom, 0.95))


def looks_single(capabilities: Capabilities, roughness: Sequence[Mapping[str, float]]) -> bool:
    """Return whether a potential computes in float32: it says so, or rounds like that wherever it was looked at.

    Where nothing is rounded at all, nothing has changed along the lines, and nothing was seen.
    """
    if capabilities.dtype == "float32":
        return True
    seen = [worst for quantities in roughness if (worst := max(quantities.values(), default=0.0)) > 0.0]
    return bool(seen) and float(np.median(seen)) > SUSPECT


def _seed_of(structure: Atoms) -> list[int]:
    """Return a seed that depends on the structure alone, so that ν is the same wherever it is measured."""
    return [zlib.crc32(np.ascontiguousarray(a).tobytes()) for a in (structure.numbers, structure.positions)]
