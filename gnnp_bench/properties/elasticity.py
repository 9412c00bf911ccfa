"""The elastic tensor, from stresses of strained cells, for atoms that follow the strain and for atoms at rest.

Everything is asked for at once: stresses and forces at six strains of either sign and three amplitudes, and forces
with each atom moved along each axis. The stiffness of atoms that come to rest follows from these, as in Wu, Vanderbilt
and Hamann (doi:10.1103/PhysRevB.72.035105, equation 19): C = C̄ − Λᵀ K⁻¹ Λ/V, C̄ the stiffness of atoms that follow the
strain, Λ the forces per strain, K the force constants. Each is a central difference, whose error is even in the
amplitude and is extrapolated away. The error bar is the largest change on leaving out one amplitude, or what the
stress that is left of the relaxation makes of the tensor.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.lattice import Symmetry, symmetry_of
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.tensors import (
    Averages,
    averages,
    eigenvalues,
    rotated,
    symmetrised,
    to_voigt,
    unit_strain,
)
from gnnp_bench.structures.radii import IntArray
from gnnp_bench.structures.transform import strain, with_cell

STRAINS = np.array([0.0025, 0.005, 0.01])
SHIFTS = np.array([0.005, 0.01, 0.02])
"""Å: how far atoms are moved."""
PER_PRESSURE = 10.0
"""By how much a modulus changes per pressure, at most, in most crystals. A relaxation leaves some stress."""
FREE = 1e-6
"""A force constant below this share of the largest is none."""
TRUSTED = 0.02
"""Error of a component over the largest one up to which it is converged."""


@dataclass(frozen=True, slots=True)
class Elasticity:
    """A stiffness tensor, in axes of the standard conventional cell.

    Attributes
    ----------
    stiffness, errors : (6, 6) array, eV/Å³
        Atoms at rest, averaged over the point group; how far it is converged.
    clamped : (6, 6) array, eV/Å³
        Atoms that follow the strain.
    asymmetry : float, eV/Å³
        The largest component by which the tensor differs from its average over the point group.
    eigenvalues : (6,) array, eV/Å³
    smallest : float, eV/Å³
        The smallest eigenvalue on leaving out one amplitude, or with the stress that is left: the largest of these.
    averages : Averages or None
        eV/Å³; None where the crystal is unstable.
    average_errors : Averages or None
    softest : float, eV/Å²
        The smallest force constant of atoms against each other; infinite where there is none.
    follow : float, Å
        How far an atom moves against the others per strain, at most.
    symmetry : Symmetry
    converged : bool
    """

    stiffness: FloatArray
    errors: FloatArray
    clamped: FloatArray
    asymmetry: float
    eigenvalues: FloatArray
    smallest: float
    averages: Averages | None
    average_errors: Averages | None
    softest: float
    follow: float
    symmetry: Symmetry
    converged: bool


def elasticity(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], Elasticity]:
    """Measure the stiffness of a relaxed crystal.

    Raises
    ------
    NoValue
        If atoms of it have no restoring force, so that they come to rest nowhere.
    """
    symmetry = symmetry_of(crystal.structure, settings.symmetric)
    bare, coupling, springs = yield from _measured(crystal.structure)
    volume = float(crystal.structure.cell.volume)
    everything = np.arange(len(STRAINS))
    whole, clamped, softest, follow = _stiffness(bare, coupling, springs, volume, everything)
    standard = symmetry.to_standard
    rotations = standard @ symmetry.rotations @ standard.T
    raw, clamped = rotated(whole, standard), symmetrised(rotated(clamped, standard), rotations)
    stiffness = symmetrised(raw, rotations)
    others = [
        symmetrised(rotated(_stiffness(bare, coupling, springs, volume, keep)[0], standard), rotations)
        for keep in (everything[1:], everything[::2], everything[:-1])
    ]
    left = float(np.abs(np.asarray(crystal.prediction.stress)).max())
    if bulk := float(stiffness[:3, :3].sum() / 9):
        others.append(stiffness * (1.0 + PER_PRESSURE * left / bulk))
    errors = np.abs([other - stiffness for other in others]).max(axis=0)
    smallest = [float(eigenvalues(one)[0]) for one in (stiffness, *others)]
    stable = min(smallest) > 0.0
    return Elasticity(
        stiffness,
        errors,
        clamped,
        float(np.abs(raw - stiffness).max()),
        eigenvalues(stiffness),
        max(smallest[1:]),
        averages(stiffness) if stable else None,
        _largest_change(stiffness, others) if stable else None,
        softest,
        follow,
        symmetry,
        bool(errors.max() <= TRUSTED * np.abs(stiffness).max()),
    )


def _largest_change(stiffness: FloatArray, others: list[FloatArray]) -> Averages:
    best = averages(stiffness)
    moduli = [averages(other) for other in others]
    names = Averages.__dataclass_fields__
    return Averages(**{name: max(abs(getattr(m, name) - getattr(best, name)) for m in moduli) for name in names})


def _measured(structure: Atoms) -> Generator[Request, list[Prediction], tuple[FloatArray, FloatArray, FloatArray]]:
    """Return central differences at each amplitude.

    Returns
    -------
    (n, 6, 6) array, eV/Å³
        Stress per strain; the strain is the last index.
    (n, 3 * atoms, 6) array, eV/Å
        Force per strain.
    (n, 3 * atoms, 3 * atoms) array, eV/Å²
        −force per displacement.
    """
    atoms, n = len(structure), len(STRAINS)
    strained = [
        strain(structure, sign * amplitude * unit_strain(component))
        for amplitude in STRAINS
        for component in range(6)
        for sign in (1.0, -1.0)
    ]
    moved = [
        _moved(structure, place, sign * shift)
        for shift in SHIFTS
        for place in range(3 * atoms if atoms > 1 else 0)
        for sign in (1.0, -1.0)
    ]
    answers = yield Request(strained + moved, ALL_PROPERTIES)
    stresses = to_voigt(np.array([a.stress for a in answers[: len(strained)]], dtype=float))
    bare = _differences(stresses.reshape(n, 6, 2, 6), STRAINS)
    if not moved:
        return bare, np.zeros((n, 3, 6)), np.zeros((n, 3, 3))
    forces = np.array([a.forces for a in answers], dtype=float).reshape(len(answers), -1)
    coupling = _differences(forces[: len(strained)].reshape(n, 6, 2, -1), STRAINS)
    springs = -_differences(forces[len(strained) :].reshape(n, 3 * atoms, 2, -1), SHIFTS)
    return bare, coupling, springs


def _moved(structure: Atoms, place: int, shift: float) -> Atoms:
    positions = structure.positions.copy()
    positions[place // 3, place % 3] += shift
    return with_cell(structure, positions, structure.cell.array)


def _differences(answers: FloatArray, amplitudes: FloatArray) -> FloatArray:
    """Return derivatives (amplitude, answer, cause) by answers (amplitude, cause, sign, answer)."""
    slopes: FloatArray = (answers[:, :, 0] - answers[:, :, 1]) / (2.0 * amplitudes[:, None, None])
    return slopes.swapaxes(1, 2)


def _extrapolated(values: FloatArray, amplitudes: FloatArray) -> FloatArray:
    """Return the limit of small amplitudes: a line through values against the square, weighted against noise ∝ 1/h."""
    design = np.stack([np.ones_like(amplitudes), amplitudes**2], axis=1) * amplitudes[:, None]
    flat = values.reshape(len(amplitudes), -1) * amplitudes[:, None]
    limit: FloatArray = np.linalg.lstsq(design / amplitudes.max(), flat / amplitudes.max(), rcond=None)[0][0]
    return limit.reshape(values.shape[1:])


def _stiffness(
    bare: FloatArray, coupling: FloatArray, springs: FloatArray, volume: float, keep: IntArray
) -> tuple[FloatArray, FloatArray, float, float]:
    """Return the stiffness with atoms at rest, with atoms that follow, the softest force constant, `follow`."""
    clamped = _extrapolated(bare[keep], STRAINS[keep])
    forces = _extrapolated(coupling[keep], STRAINS[keep])
    constants = _extrapolated(springs[keep], SHIFTS[keep])
    constants = 0.5 * (constants + constants.T)
    together = np.tile(np.eye(3), (len(constants) // 3, 1)) / np.sqrt(len(constants) / 3)
    values, modes = np.linalg.eigh(constants - _along(constants, together))
    # Moving all atoms together costs nothing: of the modes, those three are left out.
    apart = np.argsort(np.linalg.norm(together.T @ modes, axis=0), kind="stable")[: len(values) - 3]
    values, modes = values[apart], modes[:, apart]
    if not len(values):
        return clamped, clamped, np.inf, 0.0
    if (free := np.abs(values) < FREE * np.abs(values).max()).any() or not np.abs(values).max():
        raise NoValue(f"{free.sum()} of the ways in which its atoms can move have no restoring force")
    pulled = modes.T @ forces
    moved = pulled / values[:, None]
    follow = float(np.abs(modes @ moved).max())
    return clamped - pulled.T @ moved / volume, clamped, float(values.min()), follow


def amplification(amplitudes: FloatArray) -> float:
    """Return the noise of a derivative at vanishing amplitude over that of the answers that it is taken from."""
    weights = _extrapolated(np.eye(len(amplitudes)), amplitudes)
    return float(np.linalg.norm(weights / (np.sqrt(2.0) * amplitudes)))


def _along(constants: FloatArray, together: FloatArray) -> FloatArray:
    """Return what a matrix has along some directions, on either side."""
    onto = together @ together.T
    part: FloatArray = onto @ constants + constants @ onto - onto @ constants @ onto
    return part
