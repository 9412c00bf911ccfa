"""A set of small structures in which every species is seen equally often, and equally coordinated.

Each species is alone in four crystals (diamond, simple cubic, bcc, fcc: 4, 6, 8 and 12 neighbours) and mixed with
others in rocksalt (6). Distances are multiples of sums of covalent radii [1]_, so that no species is pressed more than
another. Bonds of hydrogen, carbon and the like are short in molecules; here none is shorter than `SHORTEST`, or
thousands of neighbours would be within reach. Partners are drawn by going round a circle of the species: each is a
partner as often as it has partners.

.. [1] B. Cordero et al., Dalton Trans. 2832 (2008), doi:10.1039/b801115j, as in `ase.data`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii

NEAREST = {"diamond": np.sqrt(3) / 4, "sc": 1.0, "bcc": np.sqrt(3) / 2, "fcc": np.sqrt(0.5)}
"""Distance of nearest neighbours in lattice constants."""
SHORTEST = 2.0
"""Å, before it is stretched."""
STRETCHES = (0.95, 1.05, 1.15)
PARTNERS = 6
RATTLE = 0.03
"""Of the distance of nearest neighbours: displacements of each coordinate, the standard deviation of a normal law."""


def balanced(species: Sequence[str], seed: int = 0) -> Iterator[Atoms]:
    """Yield the structures; `info["prototype"]` says which crystal each is.

    Raises
    ------
    ValueError
        A species is named twice, or is no element.
    """
    if len(set(species)) < len(species):
        raise ValueError("a species is named twice")
    if strange := [symbol for symbol in species if symbol not in atomic_numbers]:
        raise ValueError(f"{strange[0]} is no element")
    rng = np.random.default_rng(seed)
    radius = {symbol: float(covalent_radii[atomic_numbers[symbol]]) for symbol in species}
    for symbol in species:
        for prototype, nearest in NEAREST.items():
            for stretch in STRETCHES:
                length = stretch * max(SHORTEST, 2 * radius[symbol])
                yield _rattled(bulk(symbol, prototype, a=length / nearest).repeat((2, 1, 1)), prototype, length, rng)
    shifts = rng.permutation(np.arange(1, len(species)))[:PARTNERS]
    for place, symbol in enumerate(species):
        for shift in shifts:
            other = species[(place + int(shift)) % len(species)]
            for stretch in STRETCHES:
                length = stretch * max(SHORTEST, radius[symbol] + radius[other])
                crystal = bulk("NaCl", "rocksalt", a=2 * length)
                crystal.set_chemical_symbols([symbol, other])
                yield _rattled(crystal.repeat((2, 1, 1)), "rocksalt", length, rng)


def _rattled(crystal: Atoms, prototype: str, length: float, rng: np.random.Generator) -> Atoms:
    crystal.positions += rng.normal(scale=RATTLE * length, size=crystal.positions.shape)
    crystal.info["prototype"] = prototype
    return crystal
