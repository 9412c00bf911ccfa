"""The energy that it takes to remove an atom of an element from its crystal and put it back on at a kink.

E_f = E(n − 1 atoms, relaxed at the volume of n) − (n − 1) E(crystal) / n. Gillan, doi:10.1088/0953-8984/1/4/005.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.cells import TOLERANCE, Repeats, primitive, repeats, smaller, spglib_cell
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import Relaxed, relaxed
from gnnp_bench.properties.values import Quantity, Summary
from gnnp_bench.structures.transform import supercell

CONVERGED = 0.1
"""eV, by which the energy may change from one supercell to the next: experiments are not better."""
SHAKEN = 0.01
"""Å, by which atoms are moved at random, lest they be held by a symmetry that costs energy (Jahn and Teller)."""


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A vacancy at one kind of site.

    Attributes
    ----------
    site : int
        Of the primitive cell.
    atoms : tuple of int
        Of the perfect supercells, from the smallest to the largest.
    energies : (n,) array, eV
        Of formation, atoms relaxed.
    unrelaxed : (n,) array, eV
    left : float
        The largest force that is left in the largest supercell, eV/Å.
    converged : bool
        All relaxations ended in time.
    """

    site: int
    atoms: tuple[int, ...]
    energies: FloatArray
    unrelaxed: FloatArray
    left: float
    converged: bool


def applies(crystal: Crystal) -> str | None:
    """Return why a crystal has no vacancy energy of its own."""
    if len(set(crystal.structure.numbers.tolist())) > 1:
        return "in a compound the energy of a vacancy depends on chemical potentials, which are not known here"
    return None


def vacancy(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], tuple[Vacancy, ...]]:
    """Remove an atom of each kind of site from two supercells, and relax the atoms around.

    Raises
    ------
    NoValue
        If it is a compound, or the crystal around the vacancy collapses.
    """
    import spglib

    if (reason := applies(crystal)) is not None:
        raise NoValue(reason)
    unit = primitive(crystal.structure)
    dataset = spglib.get_symmetry_dataset(spglib_cell(unit), symprec=TOLERANCE)
    kinds = range(len(unit)) if dataset is None else dataset.equivalent_atoms
    sites = sorted({int(kind) for kind in kinds})
    largest = repeats(unit.cell.array, settings.supercell)
    sizes = [size for size in (smaller(largest), largest) if size]
    holes = [(site, _without(unit, size, site)) for site in sites for size in sizes]
    perfect = crystal.prediction.energy / len(crystal.structure)
    first = yield Request([hole for _, hole in holes], frozenset({"energy"}))
    ends = yield from abreast(
        [
            relaxed(_shaken(hole), cell=False, fmax=settings.fmax, steps=settings.steps, symmetric=None)
            for _, hole in holes
        ]
    )
    found = []
    for site in sites:
        chosen = [i for i, (other, _) in enumerate(holes) if other == site]
        relaxations: list[Relaxed] = []
        for end in (ends[i] for i in chosen):
            if isinstance(end, NoValue):
                raise NoValue(f"around the vacancy {end}")
            relaxations.append(end)
        counts = [len(holes[i][1]) for i in chosen]
        found.append(
            Vacancy(
                site,
                tuple(count + 1 for count in counts),
                np.array([end.prediction.energy for end in relaxations]) - perfect * np.array(counts),
                np.array([first[i].energy for i in chosen]) - perfect * np.array(counts),
                relaxations[-1].left,
                all(end.converged for end in relaxations),
            )
        )
    return tuple(found)


def _without(unit: Atoms, size: Repeats, site: int) -> Atoms:
    structure, _ = supercell(unit, size)
    del structure[site]
    return structure


def _shaken(structure: Atoms) -> Atoms:
    shaken: Atoms = structure.copy()
    shaken.positions += np.random.default_rng(0).uniform(-SHAKEN, SHAKEN, (len(structure), 3))
    return shaken


def summary(values: tuple[Vacancy, ...]) -> Summary:
    """Return what is told of vacancies."""
    quantities, notes = [], []
    for number, one in enumerate(values, start=1):
        several = len(one.energies) > 1
        error = float(abs(one.energies[-1] - one.energies[-2])) if several else None
        settled = one.converged and error is not None and error <= CONVERGED
        name = "vacancy_energy" if len(values) == 1 else f"vacancy_energy_{number}"
        quantities.append(Quantity(name, float(one.energies[-1]), "eV", error, settled))
        told = ", ".join(
            f"{energy:.4g} eV in {n} atoms ({unrelaxed:.4g} eV unrelaxed)"
            for n, energy, unrelaxed in zip(one.atoms, one.energies, one.unrelaxed, strict=True)
        )
        notes.append(f"{name}: {told}.")
        if not one.converged:
            notes.append(f"{name}: the steps did not suffice, {one.left:.2g} eV/Å are left.")
    return Summary(tuple(quantities), {}, tuple(notes))
