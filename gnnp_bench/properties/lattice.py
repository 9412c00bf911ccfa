"""The relaxed lattice of a crystal: parameters, volume, energy, space group.

How far it is converged is seen by relaxing once more, from a cell that is too large: the difference is the error bar.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import relaxed
from gnnp_bench.properties.values import Array, Quantity, Summary

GAP = 8.0
"""Å. Planes of atoms of no crystal are further apart: graphite's 3.4, those of caesium in a simple cubic lattice 6."""
STRETCHED = 1.01
"""By how much longer the edges are of the cell from which the second relaxation starts."""
CLOSE = 1e-3
"""Relative difference of lengths up to which the two are one minimum."""
NAMES = ("a", "b", "c", "alpha", "beta", "gamma")


@dataclass(frozen=True, slots=True)
class Symmetry:
    """The space group of a crystal, as spglib finds it.

    Attributes
    ----------
    number : int
    symbol : str
        Hermann-Mauguin.
    point_group : str
    rotations : (n, 3, 3) array
        Cartesian, of the point group, each once.
    to_standard : (3, 3) array
        The rotation of vectors (columns) into the axes of the standard conventional cell.
    conventional : (3, 3) array, Å
        Rows; the lattice of that cell, as idealised by spglib.
    """

    number: int
    symbol: str
    point_group: str
    rotations: FloatArray
    to_standard: FloatArray
    conventional: FloatArray


@dataclass(frozen=True, slots=True)
class Lattice:
    """A relaxed crystal.

    Attributes
    ----------
    parameters, errors : (6,) array, Å and degrees
        a, b, c, α, β, γ of the conventional cell; by how much a second relaxation differs.
    volume, volume_error : float, Å³/atom
    energy, energy_error : float, eV/atom
    before, after : Symmetry
        Of the crystal as it was given, and relaxed.
    left : float
        The largest force that is left, eV/Å; see `relaxation.Relaxed`.
    converged : bool
        Both relaxations ended, in the same place.
    """

    parameters: FloatArray
    errors: FloatArray
    volume: float
    volume_error: float
    energy: float
    energy_error: float
    before: Symmetry
    after: Symmetry
    left: float
    converged: bool


def symmetry_of(structure: Atoms, tolerance: float) -> Symmetry:
    """Return the space group of a crystal.

    Raises
    ------
    NoValue
        If spglib finds none, as for atoms on top of each other.
    """
    from ase.spacegroup.symmetrize import check_symmetry

    try:
        found = check_symmetry(structure, symprec=tolerance)
    except Exception as error:  # SpglibError, which older releases do not have
        raise NoValue(f"no space group is found: {error}") from error
    if found is None:
        raise NoValue("no space group is found: atoms may lie on top of each other")
    lattice = structure.cell.array.T
    unique = np.unique(found.rotations, axis=0)
    return Symmetry(
        int(found.number),
        str(found.international),
        str(found.pointgroup),
        lattice @ unique @ np.linalg.inv(lattice),
        np.asarray(found.std_rotation_matrix, dtype=float),
        np.asarray(found.std_lattice, dtype=float),
    )


def relaxed_crystal(
    name: str, structure: Atoms, settings: Settings, prototype: str | None = None
) -> Generator[Request, list[Prediction], Crystal]:
    """Relax cell and atoms of a crystal, keeping its symmetry.

    Raises
    ------
    NoValue
        If it explodes, collapses, does not come to rest, or is no crystal but a slab, a wire or a molecule in a box.
    """
    given = structure.copy()
    given.set_constraint()
    if (gap := largest_gap(given)) > GAP:
        raise NoValue(
            f"it has a gap of {gap:.3g} Å without atoms and is no crystal: a slab, a wire or a molecule in a box has no"
            " lattice to relax"
        )
    end = yield from relaxed(given, fmax=settings.fmax, steps=settings.steps, symmetric=settings.symmetric)
    if not end.converged:
        raise NoValue(
            f"the relaxation did not come to rest within {settings.steps} steps: {end.left:.2g} eV/Å of"
            f" {settings.fmax:g} are left"
        )
    return Crystal(name, end.structure, end.prediction, given, end.left, prototype)


def largest_gap(structure: Atoms) -> float:
    """Return the largest distance between neighbouring planes of atoms along a cell vector's normal, Å."""
    heights = np.sort(structure.get_scaled_positions(wrap=True), axis=0)
    gaps = np.diff(np.concatenate([heights, heights[:1] + 1.0]), axis=0).max(axis=0)
    spacings = 1.0 / np.linalg.norm(structure.cell.reciprocal().array, axis=1)
    return float((gaps * spacings).max())


def lattice(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], Lattice]:
    """Measure a relaxed crystal, and relax it again from a cell that is too large."""
    after = symmetry_of(crystal.structure, settings.symmetric)
    larger = crystal.structure.copy()
    larger.set_cell(larger.cell.array * STRETCHED, scale_atoms=True)
    again = yield from relaxed(larger, fmax=settings.fmax, steps=settings.steps, symmetric=settings.symmetric)
    n = len(larger)
    parameters = _parameters(after)
    errors = np.abs(_parameters(symmetry_of(again.structure, settings.symmetric)) - parameters)
    return Lattice(
        parameters,
        errors,
        crystal.structure.cell.volume / n,
        abs(again.structure.cell.volume - crystal.structure.cell.volume) / n,
        crystal.prediction.energy / n,
        abs(again.prediction.energy - crystal.prediction.energy) / n,
        symmetry_of(crystal.given, settings.symmetric),
        after,
        crystal.left,
        again.converged and bool((errors[:3] < CLOSE * parameters[:3]).all()),
    )


def _parameters(symmetry: Symmetry) -> FloatArray:
    from ase.geometry import cell_to_cellpar

    parameters: FloatArray = np.asarray(cell_to_cellpar(symmetry.conventional), dtype=float)
    return parameters


def summary(found: Lattice) -> Summary:
    """Return parameters that symmetry does not fix, volume and energy."""
    quantities = [
        Quantity(NAMES[k], float(found.parameters[k]), "Å" if k < 3 else "deg", float(found.errors[k]), found.converged)
        for k in free_parameters(found.after.number)
    ]
    quantities += [
        Quantity("volume", found.volume, "Å³/atom", found.volume_error, found.converged),
        Quantity("energy", found.energy, "eV/atom", found.energy_error, found.converged),
    ]
    before, after = found.before, found.after
    changed = before.number != after.number
    notes = [
        f"space group {before.symbol} ({before.number}){f' before, {after.symbol} ({after.number}) after' * changed}"
    ]
    if not found.converged:
        notes.append("a second relaxation, from a cell 1 % larger, ends elsewhere: the error bar says how far")
    return Summary(tuple(quantities), {"conventional_cell": Array(after.conventional, "Å")}, tuple(notes))


def free_parameters(number: int) -> tuple[int, ...]:
    """Return which of a, b, c, α, β, γ the crystal system of a space group leaves free, in spglib's settings."""
    if number >= 195:
        return (0,)
    if number >= 75:  # tetragonal, trigonal and hexagonal, in hexagonal axes
        return (0, 2)
    if number >= 16:
        return (0, 1, 2)
    return (0, 1, 2, 4) if number >= 3 else (0, 1, 2, 3, 4, 5)
