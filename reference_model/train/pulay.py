"""Stresses that are not the derivative of the energies beside them: too few plane waves make them so.

At a fixed cutoff energy, the number of plane waves changes with the cell, and the energy with it, which the stress of a
fixed set does not know: Pulay stress, a pressure that is much the same for all structures of one material [1]_. A
network whose stress is the derivative of its energy can fit one of the two; the energies decide which structure is
stable.

References
----------
.. [1] G. P. Francis and M. C. Payne, J. Phys.: Condens. Matter 2, 4395 (1990), doi:10.1088/0953-8984/2/19/007
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gnnp_bench.accuracy.frames import Frame, Group, group
from gnnp_bench.potential import FloatArray

SAME, GRID = 1e-3, 1000
"""Two structures are one crystal, strained, if no atom is further, in Å, from where the strain would take it. They are
looked for among structures whose atoms are in the same places of a grid of so many points along each vector."""
LARGEST_STRAIN, LEAST_CHANGE = 0.03, 1e-3
"""Between two structures: beyond the first the trapezoid rule is off, below the second of volume nothing is seen."""
LEAST_SHARE = 0.5
"""Change of volume over the largest component of the strain: shears tell of pressure only by their third order."""
FEWEST = 6
"""Pairs that an offset is taken from."""
SCATTER = 0.3
"""Median deviation of single pairs from the offset, over the offset: more, and it is no constant pressure."""
MATTERS, PLAUSIBLE = 2e-3, 0.06
"""eV/Å³; 0.3 and 10 GPa. More is not missing plane waves but something else."""
CANDIDATES = 300
"""Structures of one crystal that are compared with each other."""


def pressure_offsets(frames: Iterable[Frame]) -> dict[Group, float]:
    """Return by how much isotropic stresses lie above the derivative of the energies, eV/Å³.

    From pairs of structures that are one crystal in two states of strain: ΔE = ½ (V_a σ_a + V_b σ_b) : ε to third
    order in ε, for the two cells h_b = h_a (1 + …), ε = sym 2 (h_a + h_b)⁻¹ (h_b − h_a). An offset p adds p ΔV.

    Parameters
    ----------
    frames : iterable of Frame

    Returns
    -------
    dict
        For each `group` with enough such pairs. Zero where stresses agree with energies, or a constant pressure does
        not explain how they disagree.
    """
    alike: dict[tuple[Group, bytes], list[Frame]] = {}
    for frame in frames:
        if frame.stress is not None and frame.structure.cell.rank == 3:
            alike.setdefault((group(frame), _fingerprint(frame)), []).append(frame)
    found: dict[Group, list[float]] = {}
    for (name, _), members in alike.items():
        pairs = [_disagreement(a, b) for a, b in itertools.combinations(members[:CANDIDATES], 2)]
        found.setdefault(name, []).extend(pair for pair in pairs if pair is not None)
    return {name: _common(pairs) for name, pairs in found.items() if len(pairs) >= FEWEST}


def offset_of(frame: Frame, offsets: Mapping[Group, float]) -> float:
    """Return the offset of a frame's group, or that on which all other groups of its elements agree, or 0."""
    here = group(frame)
    if here in offsets:
        return offsets[here]
    others = [offset for name, offset in offsets.items() if name[1] == here[1]]
    mean = float(np.mean(others)) if others else 0.0
    return mean if all(abs(other - mean) <= SCATTER * abs(mean) for other in others) else 0.0


def without(frame: Frame, offset: float) -> Frame:
    """Return a frame with a pressure, eV/Å³, taken off its stress."""
    if frame.stress is None or offset == 0.0:
        return frame
    return dataclasses.replace(frame, stress=frame.stress - offset * np.eye(3))


def _fingerprint(frame: Frame) -> bytes:
    """Return what strain does not change: elements, and the places of atoms in units of the cell, on a grid."""
    atoms = frame.structure
    scaled: FloatArray = atoms.get_scaled_positions(wrap=False)
    # Between the points of the grid, where atoms of crystals do not stand.
    places = np.floor((scaled - scaled[0]) * GRID + 0.37).astype(np.int64) % GRID
    return bytes(atoms.numbers.tobytes() + places.tobytes())


def _disagreement(a: Frame, b: Frame) -> float | None:
    """Return (work of the stresses − change of energy)/(change of volume) between two states of strain, eV/Å³."""
    first, second = a.structure.cell.array, b.structure.cell.array
    try:
        strain: FloatArray = np.linalg.solve(first + second, 2.0 * (second - first))
    except np.linalg.LinAlgError:  # mirror images of each other
        return None
    if np.abs(strain).max() > LARGEST_STRAIN:
        return None
    volumes = abs(np.linalg.det(first)), abs(np.linalg.det(second))
    if abs(volumes[1] - volumes[0]) < max(LEAST_CHANGE, LEAST_SHARE * np.abs(strain).max()) * volumes[0]:
        return None
    moved = b.structure.get_scaled_positions(wrap=False) - a.structure.get_scaled_positions(wrap=False)
    moved -= moved[0]
    if np.abs((moved - np.round(moved)) @ first).max() > SAME:
        return None
    assert a.stress is not None
    assert b.stress is not None
    mean = 0.5 * (volumes[0] * a.stress + volumes[1] * b.stress)
    work = (mean * 0.5 * (strain + strain.T)).sum()
    return float((work - (b.energy - a.energy)) / (volumes[1] - volumes[0]))


def _common(pairs: Sequence[float]) -> float:
    """Return the pressure that pairs agree on, or 0 where they do not, or it does not matter, or is not plausible."""
    offset = float(np.median(pairs))
    agreed = float(np.median(np.abs(np.array(pairs) - offset))) <= SCATTER * abs(offset)
    return offset if agreed and MATTERS <= abs(offset) <= PLAUSIBLE else 0.0
