"""Energies of other prototypes of the same composition, each relaxed under its own symmetry."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import Prediction
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.lattice import STRETCHED, symmetry_of
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import relaxed
from gnnp_bench.properties.values import Quantity, Summary
from gnnp_bench.structures.prototypes import PROTOTYPES, by_class, crystal

TRUSTED = 1e-3
"""eV/atom, up to which two relaxations of one prototype end alike."""


@dataclass(frozen=True, slots=True)
class Polymorph:
    """Another prototype of the same composition.

    Attributes
    ----------
    name : str
        "bcc", "perovskite(Ca,Ti,O)".
    energy : float, eV/atom
        Above the crystal; NaN where it has none.
    error : float, eV/atom
        By how much a second relaxation, from a cell that is too large, ends elsewhere.
    volume : float, Å³/atom
    space_group : str
        Of where it ended.
    became : bool
        It ended in another space group than it began.
    missing : str
        Why it has no energy.
    """

    name: str
    energy: float
    error: float
    volume: float
    space_group: str
    became: bool
    missing: str = ""


def applies(crystal: Crystal) -> str | None:
    """Return why there are no other prototypes of a crystal's composition, or None."""
    return None if candidates(crystal) else f"there is no other prototype for {crystal.formula}"


def candidates(given: Crystal) -> dict[str, Atoms]:
    """Return other prototypes of a crystal's composition by name, with neighbours that touch."""
    symbols = list(dict.fromkeys(given.structure.get_chemical_symbols()))
    wanted = _proportions(given.structure.get_chemical_symbols())
    here = symmetry_of(given.structure, 1e-3).number
    found: dict[str, Atoms] = {}
    for name, prototype in PROTOTYPES.items():
        if prototype.classes != len(symbols):
            continue
        fitting = [
            species
            for species in itertools.permutations(symbols)
            if _proportions([by_class(name, species)[site[0]] for site in prototype.sites]) == wanted
        ]
        # Where two species are in the same proportion, either order is the same crystal.
        orders = fitting if len(symbols) > 2 else fitting[:1]
        for species in orders:
            found[f"{name}({','.join(species)})" if len(orders) > 1 else name] = crystal(name, species)
    # No two prototypes of one composition have the same space group.
    return {name: one for name, one in found.items() if symmetry_of(one, 1e-3).number != here}


def _proportions(symbols: list[str]) -> dict[str, float]:
    return {symbol: count / len(symbols) for symbol, count in Counter(symbols).items()}


def polymorphs(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], tuple[Polymorph, ...]]:
    """Relax other prototypes of the composition of a crystal, each from two sizes of cell.

    Raises
    ------
    NoValue
        If there is none.
    """
    others = candidates(crystal)
    if not others:
        raise NoValue(f"there is no other prototype for {crystal.formula}")
    larger = {name: one.copy() for name, one in others.items()}
    for one in larger.values():
        one.set_cell(one.cell.array * STRETCHED, scale_atoms=True)
    ends = yield from abreast(
        [
            relaxed(one, fmax=settings.fmax, steps=settings.steps, symmetric=settings.symmetric)
            for one in (*others.values(), *larger.values())
        ]
    )
    found = []
    base = crystal.prediction.energy / len(crystal.structure)
    for (name, start), first, second in zip(others.items(), ends[: len(others)], ends[len(others) :], strict=True):
        if isinstance(first, NoValue) or isinstance(second, NoValue) or not (first.converged and second.converged):
            said = [str(end) for end in (first, second) if isinstance(end, NoValue)]
            why = said[0] if said else f"it does not come to rest within {settings.steps} steps"
            found.append(Polymorph(name, np.nan, np.nan, np.nan, "", False, why))
            continue
        n = len(start)
        symmetry = symmetry_of(first.structure, settings.symmetric)
        found.append(
            Polymorph(
                name,
                first.prediction.energy / n - base,
                abs(first.prediction.energy - second.prediction.energy) / n,
                first.structure.cell.volume / n,
                f"{symmetry.symbol} ({symmetry.number})",
                symmetry.number != symmetry_of(start, settings.symmetric).number,
            )
        )
    return tuple(found)


def summary(found: tuple[Polymorph, ...]) -> Summary:
    """Return energies above the crystal, lowest first."""
    there = sorted((one for one in found if not one.missing), key=lambda one: one.energy)
    notes = [f"{one.name}: {one.missing}" for one in found if one.missing]
    notes += [f"{one.name} became {one.space_group}" for one in there if one.became]
    notes += [f"{one.name} is lower in energy, at {one.volume:.4g} Å³/atom" for one in there if one.energy < -one.error]
    notes += [
        f"{one.name}: a second relaxation ends {1e3 * one.error:.3g} meV/atom apart"
        for one in there
        if one.error > TRUSTED
    ]
    return Summary(
        tuple(Quantity(f"E_{one.name}", one.energy, "eV/atom", one.error, one.error <= TRUSTED) for one in there),
        {},
        tuple(notes),
    )
