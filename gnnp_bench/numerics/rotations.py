"""Rotations as unit quaternions, which survive a JSON file, and as matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from gnnp_bench.potential import FloatArray


def random_quaternion(rng: np.random.Generator) -> list[float]:
    """Return a rotation drawn uniformly (Haar measure), as x, y, z, w."""
    return _canonical(rng.normal(size=4))


def perturbed(rng: np.random.Generator, quaternion: Sequence[float], angle: float) -> list[float]:
    """Return the rotation followed by a random one whose angle is of order `angle`, radian."""
    nudge = Rotation.from_rotvec(rng.normal(size=3) * angle / np.sqrt(3.0))
    return _canonical((nudge * Rotation.from_quat(list(quaternion))).as_quat())


def about(axis: Sequence[float], degrees: float) -> list[float]:
    """Return the rotation about an axis."""
    direction = np.asarray(axis, dtype=float)
    return _canonical(Rotation.from_rotvec(np.deg2rad(degrees) * direction / np.linalg.norm(direction)).as_quat())


def matrix(quaternion: Sequence[float]) -> FloatArray:
    """Return the (3, 3) matrix R of a rotation, x' = R x; quarter turns about the axes come out exact."""
    rotation: FloatArray = Rotation.from_quat(list(quaternion)).as_matrix()
    rounded = np.rint(rotation)
    return rounded if np.allclose(rotation, rounded, atol=1e-12) else rotation


def _canonical(quaternion: FloatArray) -> list[float]:
    unit = quaternion / np.linalg.norm(quaternion)
    return [float(x) for x in (unit if unit[3] >= 0 else -unit)]
