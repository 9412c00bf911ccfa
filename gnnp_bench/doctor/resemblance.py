"""Which mistake turns the right forces or the right stress into those that were given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from gnnp_bench.doctor.slopes import VOIGT
from gnnp_bench.potential import FloatArray

WORDS = ("xx", "yy", "zz", "yz", "xz", "xy")


@dataclass(frozen=True, slots=True)
class Resemblance:
    """The right values, changed by a mistake, times a constant.

    Attributes
    ----------
    mistake : str
        "" for none but the constant.
    detail : str
    factor : float
        What the changed values have to be multiplied by.
    misfit : float
        What then remains, relative to the values given.
    """

    mistake: str
    detail: str
    factor: float
    misfit: float


def resemblance(given: FloatArray, candidates: Iterator[tuple[str, str, FloatArray]], tolerance: float) -> Resemblance:
    """Return the first candidate that explains the given values up to a constant, else the best of them."""
    best = Resemblance("", "", np.nan, np.inf)
    size = float(np.linalg.norm(given))
    for mistake, detail, values in candidates:
        norm = float(np.vdot(values, values))
        if norm == 0.0 or size == 0.0:
            continue
        factor = float(np.vdot(given, values)) / norm
        misfit = float(np.linalg.norm(given - factor * values)) / size
        if misfit < best.misfit:
            best = Resemblance(mistake, detail, factor, misfit)
        if misfit <= tolerance:
            break
    return best


def wrong_forces(right: FloatArray, given: FloatArray) -> Iterator[tuple[str, str, FloatArray]]:
    """Yield what mistakes make of forces, the commonest first.

    Parameters
    ----------
    right, given : (n_atoms, 3) arrays
    """
    yield "", "", right
    n_atoms = len(right)
    for order in permutations(range(n_atoms)):
        yield "order", f"row k holds the force on atom {[atom + 1 for atom in order]}[k]", right[list(order)]
    yield "reshaped", "", right.T.reshape(n_atoms, 3)
    absent = np.abs(given).max(axis=1) <= 1e-6 * np.abs(given).max(initial=0.0)
    if absent.any():
        atoms = [k + 1 for k in np.flatnonzero(absent)]
        yield "zeroed", f"those on atom {', '.join(map(str, atoms))} are zero", np.where(absent[:, None], 0.0, right)
    for axes in permutations(range(3)):
        yield "axes", f"the columns hold {', '.join('xyz'[axis] for axis in axes)}", right[:, axes]
    # The rotation that turns one set of vectors best into the other (Kabsch, doi:10.1107/S0567739476001873).
    u, _, v = np.linalg.svd(right.T @ given)
    turn = u @ v
    cosine = (np.trace(turn) * np.sign(np.linalg.det(turn)) - 1) / 2
    yield "frame", f"they are turned by {np.degrees(np.arccos(np.clip(cosine, -1, 1))):.0f}°", right @ turn


def wrong_stress(
    right: FloatArray, given: FloatArray, cell: FloatArray, virial_of_positions: FloatArray
) -> Iterator[tuple[str, str, FloatArray]]:
    """Yield what mistakes make of stress, the commonest first.

    Parameters
    ----------
    right, given : (3, 3) arrays
    cell : (3, 3) array, Å, of row vectors
    virial_of_positions : (3, 3) array, eV/Å³
        Σ x ⊗ F / V, which the derivative by the cell at fixed Cartesian positions lacks.
    """
    yield "", "", right
    shear = 1.0 - np.eye(3)
    yield "shear-doubled", "", right * (1.0 + shear)
    yield "shear-halved", "", right * (1.0 - 0.5 * shear)
    yield "shear-missing", "", right * np.eye(3)
    yield "fixed-positions", "", right + _symmetric(virial_of_positions)
    yield "transposed", "", _symmetric(np.linalg.inv(cell).T @ right @ cell.T)
    voigt = np.array([right[i, j] for i, j in VOIGT])
    for order in sorted(permutations(range(6)), key=lambda p: sum(k != v for k, v in enumerate(p))):
        changed = np.zeros((3, 3))
        for k, (i, j) in enumerate(VOIGT):
            changed[i, j] = changed[j, i] = voigt[order[k]]
        yield "order", f"{', '.join(WORDS[k] for k in order)} stand where ASE has {', '.join(WORDS)}", changed
    axes = np.linalg.eigh(right)[1]
    own = np.linalg.eigh(given)[1]
    yield "frame", "its principal values are right, its axes are not", own @ axes.T @ right @ axes @ own.T


def _symmetric(tensor: FloatArray) -> FloatArray:
    half: FloatArray = (tensor + tensor.T) / 2
    return half
