"""What rotations and reflections have in common: how energy, forces and stress turn with the structure."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Measurement, Request, Residual, base_prediction, vacuous
from gnnp_bench.checks.common import SAME, difference
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction
from gnnp_bench.structures.transform import rotate


def compare_turned(case: Case, turn: FloatArray, start: FloatArray | None) -> Measurement:
    """Compare a structure with itself turned by an orthogonal matrix.

    Parameters
    ----------
    case : Case
    turn : (3, 3) array
        Orthogonal, of determinant ±1.
    start : (3, 3) array or None
        A rotation by which the structure is turned beforehand, in both.
    """
    first = case.structure
    if start is None:
        before = yield from base_prediction(case)
        second = _turn(first, turn)
        (after,) = yield Request([second], ALL_PROPERTIES)
    else:
        first = rotate(first, start)
        second = _turn(first, turn)
        before, after = yield Request([first, second], ALL_PROPERTIES)
    if _same(first, second):
        return vacuous("the structure is where it was")
    return Residual(difference(turned(before, turn), after, case.nu, len(first)))


def _turn(structure: Atoms, turn: FloatArray) -> Atoms:
    image = rotate(structure, turn)
    if np.linalg.det(turn) < 0.0:
        # -h spans the same lattice as h and has the other handedness. What a potential makes of left-handed cells is
        # a law of its own, periodicity/cell-choice.
        image.set_cell(-image.cell.array)
    return image


def turned(prediction: Prediction, turn: FloatArray) -> Prediction:
    """Return the prediction as it must be for the structure turned by R: F → R F, σ → R σ Rᵀ."""
    forces, stress = prediction.forces, prediction.stress
    return Prediction(
        prediction.energy,
        None if forces is None else forces @ turn.T,
        None if stress is None else turn @ stress @ turn.T,
    )


def _same(first: Atoms, second: Atoms) -> bool:
    moved = np.abs(second.positions - first.positions).max(initial=0.0)
    shifted = np.abs(second.cell.array - first.cell.array).max()
    return bool(max(moved, shifted) < SAME)
