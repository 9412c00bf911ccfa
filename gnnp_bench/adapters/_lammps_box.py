"""Any structure as a box that LAMMPS accepts: the same lattice, turned.

LAMMPS wants the first cell vector along x, the second in the xy plane, a right-handed cell that is not too skewed, and
no tilt in directions that are not periodic. The Minkowski-reduced cell of the periodic directions is all of that, once
it is turned; of a left-handed one all vectors change their sign, which leaves the lattice as it is. Directions that
are not periodic are filled up by perpendicular ones. Nothing is mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.adapters._padding import reduced
from gnnp_bench.potential import FloatArray

MARGIN = 1.0
"""Å around the atoms where directions are not periodic: nothing is there, and no atom stands on the border."""


@dataclass(frozen=True, slots=True)
class Box:
    """A structure in the frame of LAMMPS.

    Attributes
    ----------
    low, high : (3,) array, Å
    tilt : (3,) array, Å
        xy, xz, yz
    periodic : int
        How many directions are periodic: the first ones.
    positions : (n_atoms, 3) array, Å
    turn : (3, 3) array
        The rotation: rows are the axes of LAMMPS in those of the structure.
    """

    low: FloatArray
    high: FloatArray
    tilt: FloatArray
    periodic: int
    positions: FloatArray
    turn: FloatArray

    @property
    def volume(self) -> float:
        """Volume in Å³."""
        return float(np.prod(self.high - self.low))

    def vectors_back(self, values: FloatArray) -> FloatArray:
        """Return vectors, (n, 3), in the axes of the structure."""
        return values @ self.turn

    def tensor_back(self, values: FloatArray) -> FloatArray:
        """Return a tensor, (3, 3), in the axes of the structure."""
        return self.turn.T @ values @ self.turn


def boxed(structure: Atoms) -> Box:
    """Return the box of a structure.

    Raises
    ------
    ValueError
        Positions or periodic cell vectors are not finite.
    Unsupported
        The periodic cell vectors span no volume (area, length).
    """
    positions = np.asarray(structure.positions, np.float64)
    periodic = int(np.count_nonzero(structure.pbc))
    if not np.isfinite(positions).all() or not np.isfinite(structure.cell.array[structure.pbc]).all():
        raise ValueError("positions and cell must be finite numbers")
    vectors = reduced(structure) if periodic else np.zeros((0, 3))
    if periodic:
        scaled = positions @ np.linalg.pinv(vectors)
        positions = positions - np.floor(scaled) @ vectors
    # Perpendicular vectors of unit length complete the cell.
    cell = np.vstack([vectors, np.linalg.svd(vectors)[2][periodic:]]) if periodic else np.eye(3)
    if np.linalg.det(cell) < 0:
        cell = -cell if periodic == 3 else cell * np.array([1.0, 1.0, -1.0])[:, None]
    q, r = np.linalg.qr(cell.T)
    signs = np.where(np.diag(r) < 0, -1.0, 1.0)
    lower, turn = (r * signs[:, None]).T, (q * signs).T
    turned = positions @ turn.T
    low, high = np.zeros(3), np.diag(lower).copy()
    for k in range(periodic, 3):
        low[k], high[k] = turned[:, k].min() - MARGIN, turned[:, k].max() + MARGIN
    tilt = np.array([lower[1, 0], lower[2, 0], lower[2, 1]])
    tilt[np.array([periodic < 2, periodic < 3, periodic < 3])] = 0.0
    return Box(low, high, tilt, periodic, turned, turn)
