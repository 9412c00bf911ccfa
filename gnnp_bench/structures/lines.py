"""Short lines of structures, along which rounding shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.numerics.rotations import matrix, random_quaternion

JITTER = 1e-3
"""Å"""
STRAIN_PER_ANGSTROM = 0.1


def base_point(structure: Atoms, rng: np.random.Generator) -> Atoms:
    """Return the structure jittered, rotated and translated: an ideal crystal would cancel its own rounding."""
    base: Atoms = structure.copy()
    rotation = matrix(random_quaternion(rng))
    jittered = base.positions + rng.normal(scale=JITTER, size=base.positions.shape)
    base.set_cell(base.cell.array @ rotation.T)
    base.positions = jittered @ rotation.T + rng.uniform(-1.0, 1.0, size=3)
    return base


def interleaved(lines: Sequence[Sequence[Atoms]]) -> list[Atoms]:
    """Return the first points of all lines, then their second points, and so on.

    A potential that lets a structure feel the one before it in a batch must not pass its defect off as noise: here the
    one before changes as smoothly as the point itself, but for the first point of the first line.
    """
    return [point for points in zip(*lines, strict=True) for point in points]


def line(base: Atoms, half_length: float, n_points: int, rng: np.random.Generator) -> list[Atoms]:
    """Return equally spaced structures along a random direction in positions and cell.

    Parameters
    ----------
    base : Atoms
        In the middle.
    half_length : float, Å
        By which atoms move at most, for a displacement of unit root mean square.
    n_points : int
    """
    direction = rng.normal(size=base.positions.shape)
    # The cell moves too: rounding a cell to float32 strains the crystal, which stress and forces feel.
    strain = rng.normal(size=(3, 3)) * STRAIN_PER_ANGSTROM
    strain = (strain + strain.T) / 2.0
    points = []
    for t in np.linspace(-half_length, half_length, n_points):
        point = base.copy()
        deformation = np.eye(3) + t * strain
        point.set_cell(base.cell.array @ deformation)
        point.positions = (base.positions + t * direction) @ deformation
        points.append(point)
    return points
