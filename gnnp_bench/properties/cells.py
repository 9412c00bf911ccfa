"""Cells of a crystal: its primitive cell as it lies in space, and how large its supercells are."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.carried import ARRAYS, is_neutral
from gnnp_bench.structures.transform import change_cell

TOLERANCE = 1e-3
"""Å, within which spglib takes atoms for equivalent, as relaxations do (`Settings.symmetric`)."""
Repeats = tuple[int, int, int]


def spglib_cell(structure: Atoms) -> tuple[list[list[float]], list[list[float]], list[int]]:
    """Return a structure as spglib takes it; atoms of other charges or moments count as other species."""
    told = [structure.arrays[name] for name in ARRAYS.values() if name in structure.arrays]
    rows = np.column_stack([structure.numbers, *(np.reshape(values, (len(structure), -1)) for values in told)])
    kinds = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    return structure.cell.array.tolist(), structure.get_scaled_positions().tolist(), kinds.tolist()


def primitive(structure: Atoms) -> Atoms:
    """Return the primitive cell of a crystal, right-handed, turned and shifted by nothing.

    Parameters
    ----------
    structure : Atoms
        Periodic in three directions.

    Returns
    -------
    Atoms
        With what the atoms carry. A copy of the whole where that is primitive already, or has a charge or a spin, of
        which a part would have a fraction.
    """
    import spglib

    found = None
    if is_neutral(structure):
        cell = spglib_cell(structure)
        found = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=TOLERANCE)
    part: Atoms = structure.copy()
    if found is not None and len(found[2]) < len(structure):
        vectors, scaled, kinds = found
        part = structure[[cell[2].index(kind) for kind in kinds]]
        part.set_cell(vectors)
        part.set_scaled_positions(scaled)
    return part if part.cell.handedness > 0 else change_cell(part, np.diag([1, 1, -1]), wrapped=True)


def repeats(cell: FloatArray, length: float) -> Repeats:
    """Return how often each vector of a cell (3, 3) is repeated so that none is shorter than `length`, Å."""
    n = np.ceil(length / np.linalg.norm(cell, axis=1) - 1e-6).astype(int)
    return max(1, int(n[0])), max(1, int(n[1])), max(1, int(n[2]))


def smaller(sizes: Repeats) -> Repeats | None:
    """Return the supercell that shows how far one is converged: one repeat less each way; None where there is none."""
    less = max(1, sizes[0] - 1), max(1, sizes[1] - 1), max(1, sizes[2] - 1)
    return None if less == sizes else less
