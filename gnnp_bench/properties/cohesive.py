"""The cohesive energy: what it costs to take a crystal apart into isolated atoms.

An atom stands alone where the potential takes structures that do not repeat; otherwise, and for the error bar, in
boxes of two sizes.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import ENERGY, Prediction
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.values import Quantity, Summary

BOXES = (15.0, 20.0)
"""Å; or beyond the receptive field, where that is larger."""
TRUSTED = 1e-3
"""eV/atom, up to which the energy of an atom does not depend on its box."""


@dataclass(frozen=True, slots=True)
class Cohesion:
    """A cohesive energy.

    Attributes
    ----------
    energy, error : float, eV/atom
        Positive where the crystal is bound; how far it depends on the boxes around the atoms.
    atoms : dict of str to float, eV
        Energy of an isolated atom of each species.
    never_seen : tuple of str
        Species whose isolated atoms were no part of the training.
    """

    energy: float
    error: float
    atoms: dict[str, float]
    never_seen: tuple[str, ...]


def cohesive(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], Cohesion]:
    """Subtract the energy of a crystal from that of its atoms.

    Raises
    ------
    NoValue
        If the potential refuses isolated atoms, or was not fitted to any.
    """
    has = settings.capabilities
    symbols = sorted(set(crystal.structure.symbols))
    never_seen = tuple(symbol for symbol in symbols if symbol in has.fitted_alone)
    if len(never_seen) == len(symbols):
        raise NoValue(
            f"the potential was fitted to no isolated atoms of {', '.join(never_seen)}: their energy means nothing, and"
            " so would a cohesive energy"
        )
    reach = has.receptive_field or 0.0
    places = [
        Atoms(symbol, positions=[[0.5 * box] * 3], cell=[box] * 3, pbc=True)
        for box in (max(size, reach + size - BOXES[0] + 1.0) for size in BOXES)
        for symbol in symbols
    ]
    if "isolated" in has.periodicity:
        places[len(symbols) :] = [Atoms(symbol) for symbol in symbols]
    try:
        answers = yield Request(places, ENERGY)
    except Exception as error:  # somebody else's code
        raise NoValue(f"the potential gives no isolated atoms: {' '.join(str(error).split())}") from error
    small, best = np.array([answer.energy for answer in answers]).reshape(2, len(symbols))
    counts = np.array([np.sum(crystal.structure.symbols == symbol) for symbol in symbols]) / len(crystal.structure)
    return Cohesion(
        float(counts @ best - crystal.prediction.energy / len(crystal.structure)),
        float(counts @ np.abs(best - small)),
        dict(zip(symbols, map(float, best), strict=True)),
        never_seen,
    )


def summary(found: Cohesion) -> Summary:
    """Return the cohesive energy, and what it rests on."""
    notes = []
    if found.never_seen:
        notes.append(f"the potential was fitted to no isolated atoms of {', '.join(found.never_seen)}")
    if found.error > TRUSTED:
        notes.append("the energies of single atoms depend on the box around them")
    if found.energy < 0:
        notes.append("isolated atoms are lower in energy than the crystal")
    return Summary(
        (Quantity("cohesive_energy", found.energy, "eV/atom", found.error, found.error <= TRUSTED),), {}, tuple(notes)
    )
