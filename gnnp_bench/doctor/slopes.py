"""Derivatives of the energy by central differences, extrapolated, with an estimate of their error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.doctor.patient import Patient
from gnnp_bench.potential import FloatArray

STEP = 0.02
"""Å. Long enough for the rounding of float32, short enough for two terms of the series."""
STRAIN_STEP = 0.006
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, slots=True)
class Slopes:
    """What forces and stress have to be.

    Attributes
    ----------
    forces : (n_atoms, 3) array, eV/Å
        −dE/dx.
    stress : (3, 3) array, eV/Å³, or None
        dE/dε / V; None without a volume.
    forces_error, stress_error : float
        How far they may be off: what the shorter step changed.
    """

    forces: FloatArray
    stress: FloatArray | None
    forces_error: float
    stress_error: float


def slopes(patient: Patient, structure: Atoms) -> Slopes:
    """Measure the derivatives of the energy at a structure of a few atoms."""
    moves = np.eye(3 * len(structure)).reshape(-1, len(structure), 3)
    by_position, position_error = _derivatives(patient, [_move(structure, move) for move in moves], STEP)
    forces = -by_position.reshape(-1, 3)
    if not patient.periodic:
        return Slopes(forces, None, position_error, 0.0)
    strains = []
    for i, j in VOIGT:
        strain = np.zeros((3, 3))
        strain[i, j] += 0.5
        strain[j, i] += 0.5
        strains.append(_strain(structure, strain))
    by_strain, strain_error = _derivatives(patient, strains, STRAIN_STEP)
    volume = structure.get_volume()
    stress = np.zeros((3, 3))
    for (i, j), slope in zip(VOIGT, by_strain, strict=True):
        stress[i, j] = stress[j, i] = slope / volume
    return Slopes(forces, stress, position_error, strain_error / volume)


def _derivatives(patient: Patient, paths: Sequence[_Path], step: float) -> tuple[FloatArray, float]:
    """Return dE/dt at t = 0 along paths, by Richardson's extrapolation of two central differences."""
    times = (step, -step, step / 2, -step / 2)
    energies = patient.energies([path.at(t) for path in paths for t in times]).reshape(-1, 4)
    long = (energies[:, 0] - energies[:, 1]) / (2 * step)
    short = (energies[:, 2] - energies[:, 3]) / step
    return (4 * short - long) / 3, float(np.abs(short - long).max())


@dataclass(frozen=True, slots=True)
class _Path:
    """x → (x + t u)(1 + t ε)."""

    structure: Atoms
    displacement: FloatArray
    strain: FloatArray

    def at(self, t: float) -> Atoms:
        moved: Atoms = self.structure.copy()
        moved.positions += t * self.displacement
        moved.set_cell(moved.cell.array @ (np.eye(3) + t * self.strain), scale_atoms=True)
        return moved


def _move(structure: Atoms, displacement: FloatArray) -> _Path:
    return _Path(structure, displacement, np.zeros((3, 3)))


def _strain(structure: Atoms, strain: FloatArray) -> _Path:
    return _Path(structure, np.zeros((len(structure), 3)), strain)
