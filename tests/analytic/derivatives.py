"""Central differences of eighth order of a potential's own energy."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from gnnp_bench.potential import ENERGY, FloatArray, Potential

WEIGHTS = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])
"""f'(0) = Σ_k w_k (f(kh) − f(−kh))/h + O(h⁸) (Fornberg, doi:10.1090/S0025-5718-1988-0935077-0)."""
STEP = 5e-3
"""Å for displacements; a fifth of it, as a fraction, for strains."""

_OFFSETS = np.concatenate([np.arange(1, 5), -np.arange(1, 5)])
_SIGNED_WEIGHTS = np.concatenate([WEIGHTS, -WEIGHTS])


def _energies(potential: Potential, structures: list[Atoms]) -> FloatArray:
    return np.array([prediction.energy for prediction in potential.evaluate(structures, ENERGY)])


def numerical_forces(potential: Potential, structure: Atoms, step: float = STEP) -> FloatArray:
    """Return −∂E/∂x, (n_atoms, 3), eV/Å."""
    displaced = []
    for atom in range(len(structure)):
        for axis in range(3):
            for offset in _OFFSETS:
                moved = structure.copy()
                moved.positions[atom, axis] += offset * step
                displaced.append(moved)
    energies = _energies(potential, displaced).reshape(len(structure), 3, 8)
    gradient: FloatArray = energies @ _SIGNED_WEIGHTS / step
    return -gradient


def numerical_stress(potential: Potential, structure: Atoms, step: float = STEP / 5) -> FloatArray:
    """Return ∂E/∂ε/V for symmetric strains of the positions as they are and of the cell, (3, 3), eV/Å³."""
    stress = np.zeros((3, 3))
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5
        strain[b, a] += 0.5
        deformed = [deform(structure, np.eye(3) + offset * step * strain) for offset in _OFFSETS]
        derivative = _energies(potential, deformed) @ _SIGNED_WEIGHTS / step
        stress[a, b] = stress[b, a] = derivative / abs(np.linalg.det(structure.cell.array))
    return stress


def deform(structure: Atoms, gradient: FloatArray) -> Atoms:
    """Return the structure with positions and cell multiplied by a deformation gradient from the right."""
    deformed: Atoms = structure.copy()
    deformed.set_cell(structure.cell.array @ gradient)
    deformed.positions = structure.positions @ gradient
    return deformed
