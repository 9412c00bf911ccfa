"""What is said of a stiffness that depends on the step: numbers, which atoms moved, and what is special about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.checks.common import FORCES_S, stands_out
from gnnp_bench.numerics.stiffness import Limit, Sides, lasting_kink, stiffnesses
from gnnp_bench.potential import FloatArray

CHANGES = 0.1
"""Of the largest stiffness: a change of k between the steps in use that is told."""
IN_USE = 0.023
"""Å, up to which phonons by displacements take their steps."""
LEGAL = 0.01
"""Of the largest stiffness: a difference between both sides that is told."""
NEAREST = 1.25
"""Shortest distances of an atom, within which others are bonded to it."""
EXACTLY = 0.1
"""Degrees within which an angle is what it is nearly."""


def told(
    structure: Atoms,
    modes: Sequence[FloatArray],
    measured: Sequence[Sides],
    jumps: Sequence[Limit],
    largest: float,
    noise: float,
) -> str | None:
    """Return what a reader should know of the case, or None where the stiffness is one."""
    sizes = [float(jump.values.max(initial=0.0)) for jump in jumps]
    worst = int(np.argmax(sizes))
    size, jump = sizes[worst], jumps[worst]
    if size > 0.1 * FORCES_S and stands_out(size, jump.error, jump.noise * noise):
        values = stiffnesses(measured[worst], modes[worst])
        return (
            f"the force jumps by {1e3 * size:.3g} meV/Å {_where(structure, modes[worst])}: "
            f"{_numbers(measured[worst].steps, values)}"
        )
    for rows, sides in zip(modes, measured, strict=True):
        slopes = lasting_kink(sides, noise, LEGAL * largest)
        bent = float(np.abs(slopes.values).max(initial=0.0))
        if bent > LEGAL * largest and stands_out(bent, slopes.error, slopes.noise * noise):
            return f"the stiffness differs by {bent:.3g} eV/Å² between both sides {_where(structure, rows)}"
        values = stiffnesses(sides, rows)
        small = values[sides.steps <= IN_USE]
        # ν of a difference over two steps, at the smallest.
        blurred = 10.0 * noise * np.sqrt(rows.size) / float(sides.steps[0] * np.linalg.norm(rows))
        if np.ptp(small) > max(CHANGES * largest, blurred):
            return f"the stiffness depends on the step {_where(structure, rows)}: {_numbers(sides.steps, values)}"
    return None


def _numbers(steps: FloatArray, values: FloatArray) -> str:
    pairs = [f"{values[i]:.3g} eV/Å² at {steps[i]:.2g} Å" for i in (0, len(steps) // 2, len(steps) - 1)]
    return "k = " + ", ".join(pairs)


def _where(structure: Atoms, rows: FloatArray) -> str:
    """Return which atoms move, and what is special about the angles between their bonds."""
    moving = np.flatnonzero(np.linalg.norm(rows, axis=1) > 1e-9)
    formula = structure.get_chemical_formula()
    if len(moving) == 1:
        which = f"where a {structure.symbols[int(moving[0])]} atom of {formula} moves"
    else:
        which = f"where {len(moving)} of {len(structure)} atoms of {formula} move"
    special = special_angles(structure)
    return f"{which} ({special})" if special else which


def special_angles(structure: Atoms) -> str:
    """Return which special angles there are between bonds of one atom, in words; empty if there are none."""
    from ase.neighborlist import neighbor_list  # slow to import, and needed only where there is something to tell

    reach = 1.3 * _longest_shortest(structure)
    if reach <= 0.0:
        return ""
    centres, distances, vectors = neighbor_list("idD", structure, reach)
    found: set[int] = set()
    for atom in range(len(structure)):
        mine = centres == atom
        if np.count_nonzero(mine) < 2:
            continue
        bonded = mine & (distances <= NEAREST * distances[mine].min())
        units = vectors[bonded] / distances[bonded][:, None]
        first, second = np.triu_indices(len(units), 1)
        angles = np.degrees(np.arccos(np.clip(np.sum(units[first] * units[second], axis=1), -1.0, 1.0)))
        found |= {special for special in (90, 180) if np.any(np.abs(angles - special) < EXACTLY)}
    return " and ".join(f"angles of {angle}°" for angle in sorted(found))


def _longest_shortest(structure: Atoms) -> float:
    """Return the largest distance, Å, from an atom to its nearest neighbour, images included."""
    from gnnp_bench.structures.geometry import shortest_vectors

    vectors, lattice = shortest_vectors(structure.positions, structure.cell.array, structure.pbc)
    n_atoms = len(structure)
    if n_atoms < 2:
        return lattice if np.isfinite(lattice) else 0.0
    nearest = np.full(n_atoms, lattice)
    first, second = np.triu_indices(n_atoms, 1)
    distances = np.linalg.norm(vectors, axis=1)
    np.minimum.at(nearest, first, distances)
    np.minimum.at(nearest, second, distances)
    return float(nearest.max())
