"""A potential with a mistake of its adapter taken back, to see which laws hold without it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, FloatArray, Potential, Prediction, Property

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
Mended: TypeAlias = Callable[[Atoms, Prediction], Prediction]
Way: TypeAlias = Literal["as it is", "copies", "copied results", "one by one", "everything asked", "built anew"]


@dataclass(frozen=True, slots=True)
class Correction:
    """How a mistake is taken back.

    Attributes
    ----------
    mended : callable or None
        Makes of a structure and what was said about it what should have been said.
    given : callable or None
        Makes of a structure what has to be handed over.
    way : str
        How `evaluate` is to be called.
    """

    mended: Mended | None = None
    given: Callable[[Atoms], Atoms] | None = None
    way: Way = "as it is"

    def applied(self, potential: Potential, reload: Callable[[], Potential]) -> Potential:
        """Return the potential without the mistake."""
        return _Corrected(potential, reload, self)


@dataclass(frozen=True, slots=True)
class _Corrected:
    potential: Potential
    reload: Callable[[], Potential]
    correction: Correction

    @property
    def name(self) -> str:
        return self.potential.name

    @property
    def capabilities(self) -> Capabilities:
        return self.potential.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        given, mended = self.correction.given, self.correction.mended
        asked = list(structures) if given is None else [given(structure) for structure in structures]
        with _unchanged(asked, kept=self.correction.way == "copies"):
            found = self._evaluated(asked, properties)
        return found if mended is None else [mended(s, p) for s, p in zip(structures, found, strict=True)]

    def _evaluated(self, structures: list[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        way = self.correction.way
        if way == "one by one":
            return [self.potential.evaluate([s], properties)[0] for s in structures]
        if way == "built anew":
            return [self.reload().evaluate([s.copy()], properties)[0] for s in structures]
        if way == "copies":
            return self.potential.evaluate([s.copy() for s in structures], properties)
        if way == "everything asked":
            has_stress = all(s.pbc.all() for s in structures)
            everything = self.capabilities.properties & (ALL_PROPERTIES if has_stress else ALL_PROPERTIES - {"stress"})
            return self.potential.evaluate(structures, properties | everything)
        found = self.potential.evaluate(structures, properties)
        if way == "copied results":
            return [
                replace(p, forces=_copied(p.forces), stress=_copied(p.stress), energies=_copied(p.energies))
                for p in found
            ]
        return found


@contextmanager
def _unchanged(structures: list[Atoms], *, kept: bool) -> Iterator[None]:
    """Give a list that is emptied or turned round back its structures."""
    before = list(structures)
    yield
    if kept:
        structures[:] = before


def _copied(array: FloatArray | None) -> FloatArray | None:
    return None if array is None else np.array(array)


def scaled(what: Literal["energy", "forces", "stress"], factor: Callable[[Atoms], float]) -> Correction:
    """Return the correction that multiplies one quantity by a factor that may depend on the structure."""

    def mended(structure: Atoms, found: Prediction) -> Prediction:
        by = factor(structure)
        if what == "energy":
            each = None if found.energies is None else by * np.asarray(found.energies, np.float64)
            return replace(found, energy=by * found.energy, energies=each)
        if what == "forces":
            return found if found.forces is None else replace(found, forces=by * np.asarray(found.forces, np.float64))
        return found if found.stress is None else replace(found, stress=by * np.asarray(found.stress, np.float64))

    return Correction(mended)


def forces_correction(mistake: str, detail: str, numbers: NDArray[np.int_]) -> Correction | None:
    """Return what takes a mistake of `resemblance.wrong_forces` back, where it is known for any structure.

    Parameters
    ----------
    mistake, detail : str
        As `wrong_forces` names them.
    numbers : (n_atoms,) array
        Atomic numbers of the structure on which it was seen.
    """
    if mistake == "order":
        order = [int(number) - 1 for number in re.findall(r"\d+", detail)]
        for sort in (_by_number, _by_number_downwards, _backwards):
            if order == sort(numbers).tolist():
                return _forces(partial(_put_back, sort))
    if mistake == "reshaped":
        return _forces(lambda s, f: f.reshape(3, len(s)).T)
    if mistake == "axes":
        axes = ["xyz".index(axis) for axis in detail.removeprefix("the columns hold ").split(", ")]
        return _forces(lambda s, f: f[:, np.argsort(axes)])
    return None


def _put_back(sort: Callable[[NDArray[np.int_]], NDArray[np.int_]], structure: Atoms, forces: FloatArray) -> FloatArray:
    return forces[np.argsort(sort(structure.numbers))]


def _by_number(numbers: NDArray[np.int_]) -> NDArray[np.int_]:
    return np.argsort(numbers, kind="stable")


def _by_number_downwards(numbers: NDArray[np.int_]) -> NDArray[np.int_]:
    return np.argsort(-numbers, kind="stable")


def _backwards(numbers: NDArray[np.int_]) -> NDArray[np.int_]:
    return np.arange(len(numbers))[::-1]


def _forces(change: Callable[[Atoms, FloatArray], FloatArray]) -> Correction:
    def mended(structure: Atoms, found: Prediction) -> Prediction:
        if found.forces is None:
            return found
        return replace(found, forces=change(structure, np.asarray(found.forces, np.float64)))

    return Correction(mended)


def stress_correction(wrong: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]) -> Correction:
    """Return what takes a mistake of `resemblance.wrong_stress` back: the inverse of what it does, σ → A σ + b.

    Parameters
    ----------
    wrong : callable
        Takes the right stress, the cell and Σ x⊗F/V, and returns what the mistake makes of it.
    """

    def mended(structure: Atoms, found: Prediction) -> Prediction:
        if found.stress is None or structure.cell.rank < 3:
            return found
        cell, forces = structure.cell.array, found.forces
        virial = np.zeros((3, 3)) if forces is None else structure.positions.T @ forces / structure.get_volume()
        offset = _six(wrong(np.zeros((3, 3)), cell, virial))
        columns = [_six(wrong(_tensor(unit), cell, virial)) - offset for unit in np.eye(6)]
        given = _six(np.asarray(found.stress, np.float64)) - offset
        right = np.asarray(np.linalg.lstsq(np.array(columns).T, given, rcond=None)[0], np.float64)
        return replace(found, stress=_tensor(right))

    return Correction(mended)


def _six(tensor: FloatArray) -> FloatArray:
    return np.array([tensor[i, j] for i, j in VOIGT])


def _tensor(six: FloatArray) -> FloatArray:
    tensor = np.zeros((3, 3))
    for value, (i, j) in zip(six, VOIGT, strict=True):
        tensor[i, j] = tensor[j, i] = value
    return tensor


def cell_transposed(structure: Atoms) -> Atoms:
    """Return the structure as who reads cell vectors from columns wants it."""
    changed: Atoms = structure.copy()
    changed.set_cell(structure.cell.array.T)
    return changed
