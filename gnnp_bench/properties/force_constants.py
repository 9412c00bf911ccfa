"""Force constants of a crystal, Φ_ij = −∂F_j/∂u_i, by phonopy's finite displacements of a supercell.

Togo and Tanaka, doi:10.1016/j.scriptamat.2015.07.021; Parlinski, Li and Kawazoe, doi:10.1103/PhysRevLett.78.4063.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.cells import Repeats
from gnnp_bench.structures.carried import multiply

if TYPE_CHECKING:
    from phonopy import Phonopy

ComplexArray: TypeAlias = NDArray[np.complex128]
DISPLACEMENT = 0.01
"""Å. Central differences of forces then miss curvatures by some 1e-5 of them: see `phonons`, which measures it."""


@dataclass(frozen=True, slots=True)
class ForceConstants:
    """Force constants of a crystal in one supercell.

    Attributes
    ----------
    unit : Atoms
        The cell that was repeated.
    repeats : tuple of three int
    displacement : float
        Å.
    evaluated : int
        Supercells with a displaced atom.
    phonopy : Phonopy
        phonopy's own object, of which anything can be asked. Its force constants (eV/Å²) obey the acoustic sum rule and
        Φ_ij = Φ_jiᵀ, which were imposed.
    sum_rule : float
        max |Σ_j Φ_ij|, eV/Å², before anything was imposed: what a shift of the whole crystal costs.
    asymmetry : float
        max |Φ_ij − Φ_jiᵀ|, eV/Å², before anything was imposed.
    net_force : float
        max |Σ_j F_j|, eV/Å, half the difference of a displacement and its opposite. Divided by the displacement it
        is what rows that were measured miss of the sum rule, exactly; columns are put together by symmetry, and hold
        what is not linear besides.
    """

    unit: Atoms
    repeats: Repeats
    displacement: float
    evaluated: int
    phonopy: Phonopy
    sum_rule: float
    asymmetry: float
    net_force: float

    def frequencies(self, q: FloatArray) -> FloatArray:
        """Return frequencies (n, 3 atoms), THz, at wave vectors (n, 3) of the reciprocal cell; imaginary ones < 0."""
        found: FloatArray = self.phonopy.run_qpoints(q).frequencies
        return found

    def modes(self, q: FloatArray) -> tuple[FloatArray, ComplexArray]:
        """Return ω²/4π² (n, 3 atoms), THz², and eigenvectors (n, 3 atoms, 3 atoms) as columns, at wave vectors (n, 3).

        Atom j at r_j moves along Re e_j exp(2πi q·r_j)/√m_j, r_j in units of the vectors of the cell.
        """
        found = self.phonopy.run_qpoints(q, with_eigenvectors=True)
        return np.sign(found.frequencies) * found.frequencies**2, np.asarray(found.eigenvectors)

    @property
    def commensurate(self) -> FloatArray:
        """The wave vectors (n, 3) that fit into the supercell, where nothing is interpolated."""
        grid = np.indices(self.repeats).reshape(3, -1).T / np.array(self.repeats)
        folded: FloatArray = grid - np.rint(grid - 1e-9)
        return folded


def force_constants(
    unit: Atoms, repeats: Repeats, displacement: float = DISPLACEMENT
) -> Generator[Request, list[Prediction], ForceConstants]:
    """Displace each distinct atom of a supercell back and forth, all in one request.

    Parameters
    ----------
    unit : Atoms
        A relaxed crystal, its primitive cell.
    repeats : tuple of three int
    displacement : float
        Å.
    """
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(
        numbers=unit.numbers,
        scaled_positions=unit.get_scaled_positions(),
        cell=unit.cell.array,
        masses=unit.get_masses(),
    )
    phonopy = Phonopy(cell, np.diag(repeats), primitive_matrix=np.eye(3))
    phonopy.generate_displacements(distance=displacement, is_plusminus=True)
    base = phonopy.supercell.u2u_map
    images = [base[int(index)] for index in phonopy.supercell.s2u_map]
    structures = []
    for displaced in phonopy.supercells_with_displacements or []:
        structure = unit[images]
        multiply(structure, len(images) // len(unit))
        structure.set_cell(displaced.cell)
        structure.set_positions(displaced.positions)
        structures.append(structure)
    predictions = yield Request(structures, frozenset({"energy", "forces"}))
    phonopy.forces = np.array([prediction.forces for prediction in predictions])
    phonopy.produce_force_constants(show_drift=False)
    raw = np.array(phonopy.force_constants)
    sums = np.stack([raw.sum(axis=0), raw.sum(axis=1)])
    asymmetry = np.abs(raw - raw.transpose(1, 0, 3, 2)).max()
    phonopy.symmetrize_force_constants(show_drift=False)
    whole = np.array(phonopy.forces).sum(axis=1)
    return ForceConstants(
        unit,
        repeats,
        displacement,
        len(structures),
        phonopy,
        float(np.abs(sums).max()),
        float(asymmetry),
        0.5 * float(np.abs(whole[::2] - whole[1::2]).max()),
    )
