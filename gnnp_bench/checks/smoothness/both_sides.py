"""Forces on both sides of a structure, and which jumps of them and of their slopes last where they have to."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.checks.common import displaced, stands_out
from gnnp_bench.numerics.stiffness import Limit, Sides, joined, jump, kink, lasting_kink
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction
from gnnp_bench.structures.transform import strain

STEPS = 1e-3 * 50.0 ** (np.arange(6) / 5.0)
"""Å, 0.001 to 0.05."""
FINER = 1e-3 * 50.0 ** (np.arange(-3, 0) / 5.0)
"""Å, where the forces have not settled with the others and nothing stands out, or stiffness seems to differ."""
EXPANDED = 5e-3
"""Strain at which a jump has to be there as well."""


def sides_along(
    structure: Atoms, base: Prediction, modes: Sequence[FloatArray], ladders: Sequence[FloatArray]
) -> Generator[Request, list[Prediction], list[Sides]]:
    """Return the forces along all modes, at the steps of a ladder each, asked for at once."""
    asked = [
        displaced(structure, sign * step * rows)
        for steps, rows in zip(ladders, modes, strict=True)
        for sign in (1.0, -1.0)
        for step in steps
    ]
    found = yield Request(asked, ENERGY_FORCES)
    forces = np.array([forces_of(prediction) for prediction in found])
    measured, done = [], 0
    for steps in ladders:
        n = len(steps)
        plus, minus = forces[done : done + n], forces[done + n : done + 2 * n]
        measured.append(Sides(steps, forces_of(base), plus, minus))
        done += 2 * n
    return measured


def lasting_jumps(
    structure: Atoms, jumps: Sequence[Limit], modes: Sequence[FloatArray], noise: float, significance: float
) -> Generator[Request, list[Prediction], list[Limit]]:
    """Return the jumps of all modes, those that matter as they are in the expanded structure if they are less there."""
    lasting = list(jumps)
    for index, rows in enumerate(modes):
        if size_of(lasting[index]) > significance:
            lasting[index] = yield from _lasting(structure, lasting[index], rows, noise)
    return lasting


def _lasting(
    structure: Atoms, limit: Limit, rows: FloatArray, noise: float
) -> Generator[Request, list[Prediction], Limit]:
    """Return the jump that is there in the expanded structure as well: the smaller of the two.

    A legal kink, where a pair crosses some distance within the smallest steps by accident, looks like a force that
    changes at once; in an evenly expanded structure it is elsewhere, and angles and equal distances are what they were.
    """
    expanded = strain(structure, EXPANDED * np.eye(3))
    (base,) = yield Request([expanded], ENERGY_FORCES)
    (sides,) = yield from sides_along(expanded, base, [rows], [STEPS])
    again = jump(sides, noise)
    return min(limit, again, key=size_of)


def lasting_kinks(
    structure: Atoms,
    base: Prediction,
    measured: Sequence[Sides],
    modes: Sequence[FloatArray],
    noise: float,
    significance: float,
) -> Generator[Request, list[Prediction], tuple[list[Sides], list[Limit]]]:
    """Return the differences of stiffness between both sides, and the forces that tell them.

    Those that stand out are looked at with smaller steps as well: a stiffness that bends at a distance that atoms have
    here differs less and less, one that jumps does not.
    """
    known, found = list(measured), []
    for index, (sides, rows) in enumerate(zip(measured, modes, strict=True)):
        limit = kink(sides, noise)
        if known_to_differ(limit, noise):
            if sides.steps[0] > FINER[0]:
                (finer,) = yield from sides_along(structure, base, [rows], [FINER])
                known[index] = joined(finer, sides)
            limit = min(limit, lasting_kink(known[index], noise, significance), key=size_of)
        found.append(limit)
    return known, found


def known_to_differ(limit: Limit, noise: float) -> bool:
    """Return whether neither rounding nor the estimated error explains a limit that should vanish."""
    return stands_out(size_of(limit), limit.error, limit.noise * noise)


def size_of(limit: Limit) -> float:
    """Return the largest of the values, in their unit."""
    return float(np.abs(limit.values).max(initial=0.0))


def forces_of(prediction: Prediction) -> FloatArray:
    """Return the forces, (n_atoms, 3), eV/Å, that were asked for."""
    assert prediction.forces is not None
    return prediction.forces
