"""Rotations as unit quaternions, which survive a JSON file, and as matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gnnp_bench.potential import FloatArray

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation


def random_quaternion(rng: np.random.Generator) -> list[float]:
    """Return a rotation drawn uniformly (Haar measure), as x, y, z, w."""
    return _canonical(rng.normal(size=4))


def perturbed(rng: np.random.Generator, quaternion: Sequence[float], angle: float) -> list[float]:
    """Return the rotation followed by a random one whose angle is of order `angle`, radian."""
    nudge = _rotations().from_rotvec(rng.normal(size=3) * angle / np.sqrt(3.0))
    return _canonical((nudge * _rotations().from_quat(list(quaternion))).as_quat())


def about(axis: Sequence[float], degrees: float) -> list[float]:
    """Return the rotation about an axis."""
    direction = np.asarray(axis, dtype=float)
    half = np.deg2rad(degrees) / 2.0
    return _canonical(np.append(np.sin(half) * direction / np.linalg.norm(direction), np.cos(half)))


def matrix(quaternion: Sequence[float]) -> FloatArray:
    """Return the (3, 3) matrix R of a rotation, x' = R x; quarter turns about the axes come out exact."""
    rotation: FloatArray = _rotations().from_quat(list(quaternion)).as_matrix()
    rounded = np.rint(rotation)
    return rounded if np.allclose(rotation, rounded, atol=1e-12) else rotation


def axis_angle(quaternion: Sequence[float]) -> tuple[FloatArray, float]:
    """Return about which axis a rotation turns, in the upper half space, and by which angle, 0 to 180 degrees.

    The identity has no axis: it has that of z.
    """
    vector = np.asarray(quaternion[:3], dtype=float)
    length = float(np.linalg.norm(vector))
    angle = float(np.rad2deg(2.0 * np.arctan2(length, abs(quaternion[3]))))
    axis = vector / length if length > 0.0 else np.array([0.0, 0.0, 1.0])
    return (axis if axis[2] >= 0.0 else -axis), angle


def pole(axis: FloatArray) -> FloatArray:
    """Return where the Lambert azimuthal projection, which keeps areas, puts an axis of the upper half space.

    The disc has radius 1: z is its centre, and axes in the plane of x and y are its edge.

    Parameters
    ----------
    axis : (3,) array
        Of length 1.
    """
    place: FloatArray = axis[:2] / np.sqrt(1.0 + axis[2])
    return place


def _rotations() -> type[Rotation]:
    from scipy.spatial.transform import Rotation  # takes half a second to import, in every new process

    return Rotation


def _canonical(quaternion: FloatArray) -> list[float]:
    unit = quaternion / np.linalg.norm(quaternion)
    return [float(x) for x in (unit if unit[3] >= 0 else -unit)]
