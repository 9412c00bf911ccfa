"""Paths of a cell that are certain to cross right angles, and heights at which the number of its images changes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.geometry import contact_ratio
from gnnp_bench.structures.transform import strain, supercell

CLOSEST = 0.7
"""Of contact distances: how far a cell is pressed, unless it is pressed more already."""
SPANS = (0.1, 0.07, 0.05, 0.03)
"""Shear of a path, the first that the atoms allow: twice as much in radians."""
PLACES = (0.3, 0.45, 0.6)
"""Where on it the angles of the cell are right, one after the other, so that jumps do not cancel."""
TILTED = 0.3
"""Cosine of an angle up to which a path leads to 90°."""
SHORTEST, LONGEST, WIDEST = 0.73, 1.75, 1.65
"""A height at the ends of a path, in units of what it was, and its change along the path."""
BEYOND = 0.04
"""Of the counts of images, that a path goes on beyond them."""
APART, NARROW = 1e-3, 0.15
"""Of a height, by which two atoms have to be apart to be on different ones, and by which they differ little."""
USUAL = 1.7
"""Heights of the cell that make the cutoff, where a path is wanted across 3/2 and a whole number."""
SHAKEN = 0.1
"""Å, by which atoms on one height are moved."""
UNKNOWN = (0.9, 1.25)
"""The change of a height where no cutoff is declared."""
PAIRS = ((1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, slots=True)
class Path:
    """A structure whose cell is strained.

    Attributes
    ----------
    start : Atoms
    direction : (3, 3) array
        A symmetric strain, whose largest component is 1.
    size : float
        How far to go along it.
    """

    start: Atoms
    direction: FloatArray
    size: float


def closest(structure: Atoms) -> float:
    """Return the contact ratio below which a cell is not pressed."""
    return min(CLOSEST, 0.95 * contact_ratio(structure))


def squared(structure: Atoms, most: int) -> Atoms:
    """Return the crystal in a cell of at most so many atoms with as many angles near 90° as there can be."""
    matrices, volumes = _cells()
    usable = (volumes > 0) & (volumes * len(structure) <= max(most, len(structure)))
    matrices, volumes = matrices[usable], volumes[usable]
    cells = matrices @ structure.cell.array
    units = cells / np.linalg.norm(cells, axis=2, keepdims=True)
    cosines = np.abs(np.array([np.einsum("nc,nc->n", units[:, i], units[:, j]) for i, j in PAIRS]))
    best = np.lexsort((cosines.sum(axis=0), volumes, -(cosines < TILTED).sum(axis=0)))[0]
    if (matrices[best] == np.eye(3)).all():
        return structure
    return supercell(structure, matrices[best])[0]


@lru_cache(maxsize=1)
def _cells() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return small whole matrices (n, 3, 3), and their determinants."""
    rows = np.array([row for row in itertools.product((-1, 0, 1), repeat=3) if row > (0, 0, 0)])
    matrices = rows[np.array(list(itertools.permutations(range(len(rows)), 3)))]
    return matrices, np.rint(np.linalg.det(matrices)).astype(int)


def right_angles(structure: Atoms, most: int) -> int:
    """Return how many angles of the cell a path can lead across 90°."""
    return int(np.count_nonzero(np.abs(_cosines(squared(structure, most))) < TILTED))


def _cosines(structure: Atoms) -> FloatArray:
    units = structure.cell.array / structure.cell.lengths()[:, None]
    return np.array([units[i] @ units[j] for i, j in PAIRS])


def _sheared(structure: Atoms, shears: FloatArray) -> FloatArray:
    """Return the strain ε with uᵢ ε uⱼ = `shears` along the unit vectors u of the cell, and uᵢ ε uᵢ = 0.

    The cosine of their angle changes by twice as much.
    """
    wanted = np.zeros((3, 3))
    for (i, j), value in zip(PAIRS, shears, strict=True):
        wanted[i, j] = wanted[j, i] = value
    inverse = np.linalg.inv(structure.cell.array / structure.cell.lengths()[:, None])
    found: FloatArray = inverse @ wanted @ inverse.T
    return found


def across_right_angles(rng: np.random.Generator, structure: Atoms, most: int) -> Path | None:
    """Return a path on which each angle of the cell that is near 90° passes it, or None if none can."""
    structure = squared(structure, most)
    near = np.abs(_cosines(structure)) < TILTED
    if not near.any():
        return None
    signs, places = rng.choice([-1.0, 1.0], size=3), rng.permutation(PLACES)
    for span in SPANS:
        start = structure
        for _ in range(3):  # the cosine is linear in strain only where the strain is small
            missing = -0.5 * _cosines(start) - signs * places * span
            start = strain(start, _sheared(start, np.where(near, missing, 0.0)))
        rate = _sheared(start, np.where(near, signs * span, 0.0))
        size = float(np.abs(rate).max())
        ends = (start, strain(start, rate))
        if min(contact_ratio(end) for end in ends) >= closest(structure):
            return Path(start, rate / size, size)
    return None


def _seam(structure: Atoms, axis: int) -> tuple[float, float]:
    """Return the middle of the narrowest gap between heights of atoms in a cell, and its width, as parts of the cell.

    Half way between, and 1, where all atoms are on one.
    """
    heights = np.sort(structure.get_scaled_positions(wrap=True)[:, axis])
    gaps = np.diff(np.append(heights, heights[0] + 1.0))
    narrowest = int(np.argmin(np.where(gaps > APART, gaps, np.inf)))
    return float(heights[narrowest] + 0.5 * gaps[narrowest]), float(gaps[narrowest])


def _cut(rng: np.random.Generator, structure: Atoms, axis: int) -> Atoms:
    """Return a crystal with faces of the cell between atoms whose heights differ little.

    They are then almost a whole cell apart: an image that is missing from a list is missed most. Where there are no
    such atoms they are shaken, and the cell is doubled along another axis.
    """
    cut: Atoms = structure.copy()
    lengths = np.where(np.arange(3) == axis, np.inf, cut.cell.lengths())
    doubled = np.where(np.arange(3) == int(np.argmin(lengths)), 2, 1)
    for repeat in (np.ones(3, int), doubled):
        if _seam(cut, axis)[1] > NARROW:
            cut, _ = supercell(cut, np.diag(repeat))
            cut.positions += SHAKEN * rng.uniform(-1.0, 1.0, size=cut.positions.shape)
    cut.positions -= np.array([_seam(cut, k)[0] for k in range(3)]) @ cut.cell.array
    cut.wrap()
    return cut


def _higher(structure: Atoms, axis: int, parts: float | None, most: int) -> tuple[Atoms, float | None]:
    """Return the crystal with a height that fits once or twice into the cutoff, and how often it does.

    The fewer images there are, the nearer and the more important is one that is missing.
    """
    if parts is None:
        return structure, None
    times = max(1, min(round(parts / USUAL), most // len(structure)))
    repeat = np.where(np.arange(3) == axis, times, 1)
    return (structure if times == 1 else supercell(structure, np.diag(repeat))[0]), parts / times


def across_heights(
    rng: np.random.Generator, structure: Atoms, axis: int, cutoff: float | None, most: int
) -> Path | None:
    """Return a path on which a height of the cell is both a whole part of the cutoff and half way between two.

    The number of images within the cutoff changes at the first; who rounds it to the nearest changes it at the second.
    Where the height would have to change too much, it is one of both, and None where that is too far as well.
    """
    normal = np.linalg.inv(structure.cell.array)[:, axis]
    height = 1.0 / float(np.linalg.norm(normal))
    across = np.outer(normal, normal) * height**2
    structure, parts = _higher(structure, axis, None if cutoff is None else cutoff / height, most)
    for low, high in _changes(rng, parts):
        ends = [strain(structure, (factor - 1.0) * across) for factor in (low, high)]
        if min(contact_ratio(end) for end in ends) >= closest(structure):
            start = strain(_cut(rng, structure, axis), (low - 1.0) * across)
            largest = float(np.abs(across).max())
            return Path(start, across / largest, (high / low - 1.0) * largest)
    return None


def _changes(rng: np.random.Generator, parts: float | None) -> list[tuple[float, float]]:
    """Return by which factors a height may change, the best first: `parts` of them make the cutoff."""
    if parts is None:
        return [UNKNOWN]
    halves = 0.5 * np.arange(2, max(4, int(4 * parts)))
    both = [(parts / (count + 0.5 + BEYOND), parts / (count - BEYOND)) for count in halves]
    one = [(parts / (count + BEYOND), parts / (count - BEYOND)) for count in halves]

    def best(changes: list[tuple[float, float]]) -> list[tuple[float, float]]:
        usable = [(a, b) for a, b in changes if a >= SHORTEST and b <= LONGEST and b / a <= WIDEST]
        # Half way between one and two is where a missing image is nearest.
        return sorted(usable, key=lambda ends: (parts / ends[1] > 1.5, max(-np.log(ends[0]), np.log(ends[1]))))

    single = best(one)[:2]
    return [*best(both), *(single[k] for k in rng.permutation(len(single)))]


def part_of_cutoff(structure: Atoms, cutoff: float | None, same: float) -> tuple[float, str] | None:
    """Return a height of the cell that is a whole part of the cutoff, or half way between two, and which part."""
    if cutoff is None:
        return None
    heights = 1.0 / np.linalg.norm(np.linalg.inv(structure.cell.array), axis=0)
    halves = np.maximum(1.0, np.rint(2.0 * cutoff / heights))
    off = np.abs(heights - 2.0 * cutoff / halves)
    axis = int(np.argmin(off))
    count = int(halves[axis])
    part = "twice" if count == 1 else f"1/{count // 2} of" if count % 2 == 0 else f"2/{count} of"
    return (float(heights[axis]), part) if off[axis] < same else None


def turns_right(structure: Atoms, beside: Atoms, same: float) -> bool:
    """Return whether an angle of a cell is 90° here and not beside: one that stays there causes nothing."""
    angles = structure.cell.angles()
    right, turns = np.abs(angles - 90.0) < np.degrees(same), np.abs(beside.cell.angles() - angles) > 1e-4
    return bool((right & turns).any())
