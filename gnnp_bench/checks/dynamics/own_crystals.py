"""How low a potential itself holds atoms in simple crystals: what condensing may set free."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import combinations, permutations

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.checks.physics.approach import radii_sum
from gnnp_bench.potential import ENERGY, FloatArray, Prediction

NEIGHBOURS = np.arange(0.9, 1.525, 0.05)
"""Distances between neighbours over the sum of radii. Closer ones would be what is asked about."""
OF_ELEMENTS = {"fcc": np.sqrt(2.0), "bcc": 2.0 / np.sqrt(3.0), "diamond": 4.0 / np.sqrt(3.0), "sc": 1.0}
OF_PAIRS = {"cesiumchloride": 2.0 / np.sqrt(3.0), "rocksalt": 2.0, "zincblende": 4.0 / np.sqrt(3.0)}
OF_ONE_AND_TWO = {"fluorite": 4.0 / np.sqrt(3.0)}
"""Lattice constants over the distance between neighbours."""


def simple_crystals(symbols: Sequence[str]) -> list[Atoms]:
    """Return crystals of each species and of each pair of species, with neighbours at usual distances.

    Pairs as one to one, one to two and two to one: where ions have fixed charges, only a neutral crystal is bound.
    """
    from ase.build import bulk  # not needed to list laws: it brings scipy along

    kinds = [((one, one), one, OF_ELEMENTS) for one in symbols]
    kinds += [((one, other), one + other, OF_PAIRS) for one, other in combinations(symbols, 2)]
    kinds += [((one, other), f"{one}{other}2", OF_ONE_AND_TWO) for one, other in permutations(symbols, 2)]
    return [
        bulk(name, lattice, a=float(part * lattice_constant * radii_sum(*pair)))
        for pair, name, lattices in kinds
        for lattice, lattice_constant in lattices.items()
        for part in NEIGHBOURS
    ]


def above_own_crystals(structure: Atoms, energy: float, unknown: float) -> Generator[Request, list[Prediction], float]:
    """Return how far a structure lies above the best mixture of simple crystals of the same composition, eV/atom.

    The best mixture is the least Σ w E of cells with energies E, under Σ w n_s = N_s for each species and w ≥ 0: a
    point of the convex hull of energies over compositions.

    Parameters
    ----------
    structure : Atoms
    energy : float, eV
    unknown : float, eV/atom
        What is returned at least where crystals are refused: they might lie lower than those that are not.

    Returns
    -------
    float
        Zero where it lies below.
    """
    from scipy.optimize import linprog  # type: ignore[attr-defined]

    symbols, counts = np.unique(structure.get_chemical_symbols(), return_counts=True)
    crystals = simple_crystals([str(symbol) for symbol in symbols])
    energies = yield from _energies(crystals)
    known = np.isfinite(energies)
    least = 0.0 if known.all() else unknown
    if not known.any():
        return unknown
    contents = np.array([[list(crystal.symbols).count(symbol) for crystal in crystals] for symbol in symbols])
    best = linprog(energies[known], A_eq=contents[:, known], b_eq=counts)
    return max(least, (energy - float(best.fun)) / len(structure)) if best.success else unknown


def _energies(crystals: Sequence[Atoms]) -> Generator[Request, list[Prediction], FloatArray]:
    """Return the energy of each crystal, eV, infinite where it is refused. One that is refused costs no other."""
    try:
        answers = yield Request(list(crystals), ENERGY)
        return np.array([answer.energy for answer in answers])
    except Exception:  # of somebody else's code, over cells of one atom
        pass
    energies = np.full(len(crystals), np.inf)
    for k, crystal in enumerate(crystals):
        try:
            (answer,) = yield Request([crystal], ENERGY)
        except Exception:  # as above
            continue
        energies[k] = answer.energy
    return energies
