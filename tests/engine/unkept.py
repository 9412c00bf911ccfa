"""A sound pair potential as an ASE calculator, and ways in which it does not deliver what it declares."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    CalculatorSetupError,
    PropertyNotImplementedError,
    all_changes,
)
from ase.stress import full_3x3_to_voigt_6_stress

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES
from tests.analytic import smooth_pair

Spoil = Callable[[dict[str, Any], Atoms], object]


class Pair(Calculator):
    """Energy, forces, and stress where the cell has a volume."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012  # ASE's own form

    def __init__(self, spoil: Spoil = lambda results, atoms: None) -> None:
        super().__init__()
        self.sound = smooth_pair(3.5, species=("H", "C", "N", "O", "Cu", "Au"))
        self.spoil = spoil

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        structure = self.atoms.copy()
        stressed = structure.pbc.any() and structure.cell.rank == 3
        (found,) = self.sound.evaluate([structure], ALL_PROPERTIES if stressed else ENERGY_FORCES)
        self.results = {"energy": found.energy, "free_energy": found.energy, "forces": np.array(found.forces)}
        if found.stress is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(found.stress)
        self.spoil(self.results, structure)


def partly_periodic(atoms: Atoms) -> bool:
    return bool(atoms.pbc.any() and not atoms.pbc.all())


def triclinic(atoms: Atoms) -> bool:
    return bool(atoms.pbc.all() and np.abs(atoms.cell.angles() - 90.0).max() > 1.0)


def lonely(atoms: Atoms) -> bool:
    """Return whether no atom has a neighbour, so that a graph would hold no edge."""
    distances = atoms.get_all_distances(mic=True) + 1e9 * np.eye(len(atoms))
    return bool(distances.min() > 5.0) and not (atoms.pbc.any() and atoms.cell.lengths()[atoms.pbc].min() < 5.0)


def where(when: Callable[[Atoms], bool], deed: Spoil) -> Callable[[], Pair]:
    """Return what makes a calculator that is spoiled on some structures."""
    return lambda: Pair(lambda results, atoms: deed(results, atoms) if when(atoms) else None)


def put(name: str, change: Callable[[Any], Any]) -> Spoil:
    """Return a deed that replaces one result."""

    def deed(results: dict[str, Any], atoms: Atoms) -> None:
        if name in results:
            results[name] = change(results[name])

    return deed


def drop(name: str) -> Spoil:
    return lambda results, atoms: results.pop(name, None)


def both_energies(change: Callable[[Any], Any]) -> Spoil:
    def deed(results: dict[str, Any], atoms: Atoms) -> None:
        results["energy"] = results["free_energy"] = change(results["energy"])

    return deed


def always(atoms: Atoms) -> bool:
    return True


def infinite_on_one_atom(forces: Any) -> Any:
    spoiled = np.array(forces)
    spoiled[-1, 2] = np.inf
    return spoiled


def hidden(values: Any) -> Any:
    mask = np.zeros(np.shape(values), bool)
    mask.flat[0] = True
    return np.ma.masked_array(values, mask)


UNKEPT: dict[str, Callable[[], Pair]] = {
    "energy NaN for gold": where(lambda a: "Au" in a.symbols, both_energies(lambda e: np.nan)),
    "force infinite on one atom": where(lambda a: len(a) > 4, put("forces", infinite_on_one_atom)),
    "no forces of single atoms": where(lambda a: len(a) == 1, drop("forces")),
    "no forces without neighbours": where(lonely, drop("forces")),
    "no stress of triclinic cells": where(triclinic, drop("stress")),
    "stress None in triclinic cells": where(triclinic, put("stress", lambda s: None)),
    "infinite stress of slabs and wires": where(partly_periodic, put("stress", lambda s: np.full(6, np.inf))),
    "NaN stress of slabs and wires": where(partly_periodic, put("stress", lambda s: np.full((3, 3), np.nan))),
    "nine numbers of stress": where(always, put("stress", lambda s: np.zeros(9))),
    "nine numbers of stress of slabs": where(partly_periodic, put("stress", lambda s: np.zeros(9))),
    "one force too many": where(lambda a: len(a) > 4, put("forces", lambda f: np.vstack([f, f[:1]]))),
    "masked forces": where(lambda a: len(a) > 2, put("forces", hidden)),
    "complex forces": where(lambda a: len(a) > 2, put("forces", lambda f: f + 0j)),
    "complex stress": where(triclinic, put("stress", lambda s: s + 0j)),
    "complex energy": where(always, both_energies(lambda e: complex(e, 1.0))),
    "objects for forces": where(lambda a: len(a) > 2, put("forces", lambda f: np.array(f, dtype=object))),
    "None among the forces": where(
        lambda a: len(a) > 2, put("forces", lambda f: np.array([*f[:-1].tolist(), [None] * 3], dtype=object))
    ),
    "text for an energy": where(lambda a: len(a) == 1, both_energies(lambda e: str(e))),
    "an energy of each atom": where(lambda a: len(a) > 1, both_energies(lambda e: np.full(2, e / 2))),
    "no energy of single atoms": where(lambda a: len(a) == 1, both_energies(lambda e: None)),
    "ends the program": where(triclinic, lambda results, atoms: sys.exit("box skew is too large")),
}
"""What a user would meet in the middle of a simulation, each on structures that the calculator is declared for."""

KEPT: dict[str, Callable[[], Pair]] = {
    "sound": Pair,
    "an energy in an array": where(always, both_energies(lambda e: np.array([e]))),
    "float32 forces": where(always, put("forces", lambda f: f.astype(np.float32))),
    "zeros of integers": where(lambda a: len(a) == 1, put("forces", lambda f: np.zeros((1, 3), int))),
    "no stress of slabs and wires": where(partly_periodic, drop("stress")),
    "a list for the forces": where(always, put("forces", lambda f: f.tolist())),
}
"""Sound ones: what is unusual harms nobody."""


def refuses(when: Callable[[Atoms], bool], error: type[Exception]) -> Callable[[], Pair]:
    """Return what makes a calculator that refuses some structures in its own words."""

    def deed(results: dict[str, Any], atoms: Atoms) -> None:
        raise error("this potential is not for such structures")

    return where(when, deed)


REFUSING: dict[str, Callable[[], Pair]] = {
    "not implemented": refuses(lambda a: len(a) == 1, NotImplementedError),
    "property not implemented": refuses(lambda a: len(a) == 1, PropertyNotImplementedError),
    "set-up refused": refuses(lambda a: len(a) == 1, CalculatorSetupError),
}
"""Clear refusals, which are told and fail nothing."""


def raises(when: Callable[[Atoms], bool], error: type[Exception], message: str) -> Callable[[], Pair]:
    """Return what makes a calculator that breaks on some structures."""

    def deed(results: dict[str, Any], atoms: Atoms) -> None:
        raise error(message)

    return where(when, deed)


def three_or_none() -> Pair:
    """Raise as kimpy does where some directions only are periodic."""
    return raises(partly_periodic, RuntimeError, "Calling 'kimpy.neighlist.build' function failed.")()


def closed_shells_only() -> Pair:
    """Refuse an odd number of electrons, and moments that do not go with their number."""

    def counted(results: dict[str, Any], atoms: Atoms) -> None:
        unpaired = round(abs(atoms.get_initial_magnetic_moments().sum()))
        if atoms.has("initial_magmoms") and atoms.numbers.sum() % 2 != unpaired % 2:
            raise CalculationFailed(f"{atoms.numbers.sum()} electrons and {unpaired} unpaired ones are not compatible")
        if atoms.numbers.sum() % 2:
            raise CalculatorSetupError("open shells are not supported")

    return Pair(counted)
