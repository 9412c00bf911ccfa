"""A relaxation: atoms, or atoms and cell, moved downhill by an optimiser of ASE, one request a step.

Along with the cell, the degrees of freedom are positions in the undeformed cell and the logarithm of the deformation
(`ase.filters.FrechetCellFilter`). Energy and forces belong together there, as line searches and BFGS need it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction, Property, periodicity_of
from gnnp_bench.properties.novalue import NoValue

OptimizerName: TypeAlias = Literal["BFGS", "FIRE", "LBFGS"]
BFGS_ATOMS = 60
"""Up to so many atoms BFGS is the default, which solves an eigenvalue problem per step; LBFGS beyond."""
SWELLING = 4.0
"""A volume that grows or shrinks by this factor has left the crystal that was to be relaxed."""
WITHOUT_STRESS = "its cell cannot be brought to rest, for there is no stress"
FALL = 50.0
"""eV/atom: an energy that falls by more has no minimum within reach."""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Where a relaxation ended.

    Attributes
    ----------
    structure : Atoms
    prediction : Prediction
        Of that structure: energy (eV), forces (eV/Å), stress (eV/Å³) where the cell was relaxed.
    steps : int
    converged : bool
    left : float
        The largest force that is left, eV/Å; that on the cell among them (virial per atom, eV) where it was relaxed.
    start : float
        The energy that it began with, eV.
    """

    structure: Atoms
    prediction: Prediction
    steps: int
    converged: bool
    left: float
    start: float


class _Answer:
    """Stands for the calculator of the structure that ASE's optimiser moves: it tells the answer that is there."""

    energy: float
    forces: FloatArray
    stress: FloatArray | None

    def get_potential_energy(self, atoms: Atoms, force_consistent: bool = False) -> float:
        return self.energy

    def get_forces(self, atoms: Atoms) -> FloatArray:
        return self.forces

    def get_stress(self, atoms: Atoms) -> FloatArray:
        from ase.stress import full_3x3_to_voigt_6_stress

        voigt: FloatArray = full_3x3_to_voigt_6_stress(self.stress)
        return voigt


def relaxed(
    structure: Atoms,
    *,
    cell: bool = True,
    fmax: float = 1e-3,
    steps: int = 500,
    optimizer: OptimizerName | None = None,
    symmetric: float | None = 1e-3,
    mask: FloatArray | None = None,
    pressure: float = 0.0,
    constant_volume: bool = False,
) -> Generator[Request, list[Prediction], Relaxed]:
    """Relax a structure.

    Parameters
    ----------
    structure : Atoms
        Is not changed.
    cell : bool
        Whether the cell is relaxed as well, of structures that repeat in three directions.
    fmax : float
        Where to end: largest force on an atom, eV/Å, and norm of a row of the virial per atom, eV.
    steps : int
        No more.
    optimizer : {"BFGS", "FIRE", "LBFGS"}, optional
    symmetric : float or None
        The tolerance, Å, within which the space group is found that the structure keeps; None lets symmetry break.
    mask : (3, 3) array of bool, optional
        Components of the strain that may change.
    pressure : float
        eV/Å³, of the surroundings.
    constant_volume : bool
        Whether the cell changes its shape alone.

    Returns
    -------
    Relaxed
        Not converged where the steps did not suffice.

    Raises
    ------
    NoValue
        If the crystal explodes or collapses, or there is no stress to relax a cell by.
    """
    from ase import optimize
    from ase.filters import FrechetCellFilter

    from gnnp_bench.properties.cellfilter import LogarithmicCell

    moving = structure.copy()
    moving.set_constraint()
    moving.calc = answer = _Answer()
    symmetrised = _symmetriser(moving, symmetric)
    cell = cell and periodicity_of(structure) == "periodic"
    wanted: frozenset[Property] = frozenset({"energy", "forces", "stress"} if cell else {"energy", "forces"})
    moved: Any = moving
    if cell and (mask is None or np.all(mask)):
        moved = LogarithmicCell(moving, pressure, constant_volume)
    elif cell:
        moved = FrechetCellFilter(moving, mask=mask, scalar_pressure=pressure, constant_volume=constant_volume)
    name = optimizer or ("BFGS" if len(structure) <= BFGS_ATOMS else "LBFGS")
    optimiser = getattr(optimize, name)(moved, logfile=None)
    start = np.nan
    for step in range(steps + 1):
        (prediction,) = yield Request([moving.copy()], wanted)
        if cell and prediction.stress is None:
            raise NoValue(WITHOUT_STRESS)
        answer.energy = float(prediction.energy)
        answer.forces, answer.stress = symmetrised(moving, prediction)
        start = answer.energy if step == 0 else start
        left = float(np.linalg.norm(moved.get_forces(), axis=1).max())
        if left < fmax or step == steps:
            break
        optimiser.step()
        _refuse_lost(structure, moving, answer.energy - start)
    end = moving.copy()
    end.calc = None
    return Relaxed(end, prediction, step, left < fmax, left, start)


def _refuse_lost(structure: Atoms, moving: Atoms, change: float) -> None:
    """Raise where what is left is not the crystal that was to be relaxed."""
    if not np.isfinite(moving.positions).all() or not np.isfinite(moving.cell.array).all():
        raise NoValue("the relaxation ran away: positions are not finite")
    periodic = periodicity_of(structure) == "periodic"
    ratio = abs(moving.cell.volume / structure.cell.volume) if periodic else 1.0
    if change < -FALL * len(structure):
        what = "expands" if ratio > 1 else "collapses"
        raise NoValue(f"it {what}: the energy fell by {-change / len(structure):.0f} eV/atom with no minimum in sight")
    if not 1 / SWELLING < ratio < SWELLING:
        what = "expands" if ratio > 1 else "collapses"
        raise NoValue(f"it {what} without a minimum: the volume is {ratio:.2g} of what it was")


def _symmetriser(
    structure: Atoms, tolerance: float | None
) -> Callable[[Atoms, Prediction], tuple[FloatArray, FloatArray | None]]:
    """Return a function that averages forces and stress over the space group of a structure."""

    def unchanged(atoms: Atoms, prediction: Prediction) -> tuple[FloatArray, FloatArray | None]:
        assert prediction.forces is not None  # which was asked for
        return np.asarray(prediction.forces, dtype=float), prediction.stress

    if tolerance is None or periodicity_of(structure) != "periodic":
        return unchanged
    from ase.spacegroup.symmetrize import prep_symmetry, symmetrize_rank1, symmetrize_rank2

    try:
        rotations, translations, places = prep_symmetry(structure, tolerance)
    except Exception as error:  # SpglibError, which older releases do not have
        raise NoValue(f"no space group is found: {error}") from error
    if len(rotations) == 1:
        return unchanged

    def averaged(atoms: Atoms, prediction: Prediction) -> tuple[FloatArray, FloatArray | None]:
        forces, stress = unchanged(atoms, prediction)
        lattice, inverse = atoms.cell.array, np.linalg.inv(atoms.cell.array)
        forces = symmetrize_rank1(lattice, inverse, forces, rotations, translations, places)
        return forces, None if stress is None else symmetrize_rank2(lattice, inverse, stress, rotations)

    return averaged
