"""The volume that a stress is divided by."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Unsupported


def volume_of(structure: Atoms) -> float:
    """Return the volume of a cell, Å³.

    Raises
    ------
    Unsupported
        There is none, so that stress has no meaning.
    """
    if not structure.pbc.any():
        raise Unsupported("stress has no meaning for a structure without periodic directions")
    cell = structure.cell.array
    volume = abs(float(np.linalg.det(cell)))
    # Written so that a cell of NaN goes through to the calculator.
    if volume <= 1e-12 * np.prod(np.linalg.norm(cell, axis=1)):
        raise Unsupported("stress needs a cell of non-zero volume")
    return volume
