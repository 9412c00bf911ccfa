"""Crystals by name: "Si:diamond", "NaCl:rocksalt", "SiO2:quartz"; "Mn:dcdft" is a structure of ASE's collection."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.formula import Formula

from gnnp_bench.properties import delta, references
from gnnp_bench.structures.prototypes import PROTOTYPES, by_class, crystal

QUARTZ = "quartz"
COLLECTION = "dcdft"


@dataclass(frozen=True, slots=True)
class Given:
    """A crystal as it was given.

    Attributes
    ----------
    name : str
    structure : Atoms
    prototype : str or None
    """

    name: str
    structure: Atoms
    prototype: str | None = None


def prototypes() -> tuple[str, ...]:
    """Return what may follow the colon."""
    return (*PROTOTYPES, QUARTZ, COLLECTION)


def named(text: str) -> Given:
    """Return a crystal by its name.

    Raises
    ------
    ValueError
        If there is none of that name. The message says what there is.
    """
    formula, _, prototype = text.partition(":")
    try:
        symbols = Formula(formula).count()
    except ValueError:
        symbols = {}
    if not symbols or any(symbol not in atomic_numbers for symbol in symbols):
        raise ValueError(f"{text}: {formula!r} is no chemical formula; write for example NaCl:rocksalt")
    if prototype == COLLECTION:
        if formula not in delta.elements():
            raise ValueError(f"{text}: ase.collections.dcdft holds no {formula}")
        return Given(text, delta.structure(formula))
    if prototype == QUARTZ:
        if symbols != {"Si": symbols.get("Si"), "O": 2 * symbols.get("Si", 0)}:
            raise ValueError(f"{text}: quartz is built of SiO2")
        return Given(text, quartz(), QUARTZ)
    if prototype not in PROTOTYPES:
        raise ValueError(f"{text}: there is no prototype {prototype!r}; choose one of {', '.join(prototypes())}")
    n = len(PROTOTYPES[prototype].sites)
    wanted = {symbol: count / sum(symbols.values()) for symbol, count in symbols.items()}
    for species in itertools.permutations(symbols):
        if len(species) not in (1, PROTOTYPES[prototype].classes):
            break
        sites = [by_class(prototype, species)[site[0]] for site in PROTOTYPES[prototype].sites]
        if all(abs(sites.count(symbol) / n - share) < 1e-9 for symbol, share in wanted.items()):
            a = references.lattice_constant(formula, prototype)
            return Given(text, crystal(prototype, species, a), prototype)
    raise ValueError(f"{text}: {prototype} has no such composition")


def builtin(species: Collection[str], combinations: Collection[frozenset[str]] = ()) -> list[Given]:
    """Return the crystals of the table of references that a potential for some species can be asked for."""
    found = []
    for formula, prototype in references.table().values:
        symbols = set(Formula(formula).count())
        if symbols <= set(species) and (not combinations or any(symbols <= together for together in combinations)):
            found.append(named(f"{formula}:{prototype}"))
    return found


def of_collection(species: Collection[str]) -> list[Given]:
    """Return the structures of ASE's collection that a potential for some species can be asked for."""
    return [named(f"{symbol}:{COLLECTION}") for symbol in delta.elements() if symbol in species]


def quartz() -> Atoms:
    """Return α-quartz as measured by Ikuta et al.: the source `quartz_cell` of references.toml."""
    x, (u, v, w) = 0.4702, (0.4137, 0.2672, 0.1194)
    third = 1.0 / 3.0
    silicon = [(x, 0.0, 0.0), (0.0, x, 2 * third), (1 - x, 1 - x, third)]
    oxygen = [
        (u, v, w),
        (1 - v, u - v, w + 2 * third),
        (1 - u + v, 1 - u, w + third),
        (v, u, 2 * third - w),
        (u - v, 1 - v, 1 - w),
        (1 - u, 1 - u + v, third - w),
    ]
    a, c = 4.917, 5.41
    cell = np.array([[a, 0.0, 0.0], [-a / 2, a * 0.75**0.5, 0.0], [0.0, 0.0, c]])
    return Atoms("Si3O6", scaled_positions=[*silicon, *oxygen], cell=cell, pbc=True)
