"""Which species may stand together, and random choices among them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from ase.data import atomic_numbers, reference_states

from gnnp_bench.structures.molecules import MOLECULES
from gnnp_bench.structures.radii import CONTACT, METAL, atomic_number

_ANIONS = ("F", "O", "Cl", "N", "Br", "S", "Se", "I", "C", "H", "Te", "P")
"""By falling electronegativity (Pauling's scale)."""
_NATURAL = {"fcc": "fcc", "bcc": "bcc", "hcp": "hcp", "diamond": "diamond", "sc": "sc"}


@dataclass(frozen=True, slots=True)
class Palette:
    """The species of a potential, as far as they may be combined.

    Attributes
    ----------
    species : tuple of str
        Those that stand in at least one combination.
    combinations : tuple of frozenset of str
        Largest sets that may stand together; empty if all may.
    """

    species: tuple[str, ...]
    combinations: tuple[frozenset[str], ...]

    def allows(self, symbols: frozenset[str]) -> bool:
        """Return whether these species may stand together."""
        return symbols <= frozenset(self.species) and (
            not self.combinations or any(symbols <= combination for combination in self.combinations)
        )


@lru_cache(maxsize=32)
def palette(species: tuple[str, ...], combinations: tuple[frozenset[str], ...] = ()) -> Palette:
    """Return the palette of a potential.

    Raises
    ------
    ValueError
        If there is no species, one is no chemical symbol, or no combination holds any of them.
    """
    if not species:
        raise ValueError("species must name at least one element")
    for symbol in species:
        atomic_number(symbol)
    if not combinations:
        return Palette(tuple(dict.fromkeys(species)), ())
    sets = dict.fromkeys(combination & frozenset(species) for combination in combinations)
    known = frozenset().union(*sets)
    kept = tuple(symbol for symbol in dict.fromkeys(species) if symbol in known)
    if not kept:
        raise ValueError("combinations must hold at least one of the species")
    return Palette(kept, tuple(symbols for symbols in sets if symbols))


@lru_cache(maxsize=32)
def pairs(available: Palette) -> tuple[tuple[str, str], ...]:
    """Return every pair of different species that may stand together."""
    if not available.combinations:
        return tuple(itertools.combinations(available.species, 2))
    found = {both for symbols in available.combinations for both in itertools.permutations(symbols, 2)}
    return tuple(both for both in itertools.combinations(available.species, 2) if both in found)


@lru_cache(maxsize=32)
def ionic_pairs(available: Palette) -> tuple[tuple[str, str], ...]:
    """Return every (cation, anion): a metal and a non-metal that may stand together."""
    ordered = []
    for a, b in pairs(available):
        first, second = (bool(METAL[atomic_numbers[symbol]]) for symbol in (a, b))
        if first and b in _ANIONS:
            ordered.append((a, b))
        elif second and a in _ANIONS:
            ordered.append((b, a))
    return tuple(ordered)


@lru_cache(maxsize=32)
def molecules(available: Palette) -> tuple[str, ...]:
    """Return the names of the molecules made of species that may stand together."""
    return tuple(name for name, symbols in MOLECULES.items() if available.allows(frozenset(symbols)))


def one_of(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    """Return one of the choices, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


def one(rng: np.random.Generator, available: Palette) -> tuple[str, ...]:
    """Return one species."""
    return (one_of(rng, available.species),)


def pair(rng: np.random.Generator, available: Palette) -> tuple[str, ...]:
    """Return two species, every pair equally likely, in either order; one if none may stand beside another."""
    return _drawn(rng, pairs(available), available, ordered=False)


def ionic_pair(rng: np.random.Generator, available: Palette) -> tuple[str, ...]:
    """Return a cation and an anion; any pair where there are none such."""
    ions = ionic_pairs(available)
    return _drawn(rng, ions, available, ordered=True) if ions else pair(rng, available)


def _drawn(
    rng: np.random.Generator, choices: tuple[tuple[str, str], ...], available: Palette, ordered: bool
) -> tuple[str, ...]:
    if not choices:
        return one(rng, available)
    a, b = choices[int(rng.integers(len(choices)))]
    return (b, a) if not ordered and rng.random() < 0.5 else (a, b)


def several(rng: np.random.Generator, available: Palette, n: int) -> tuple[str, ...]:
    """Return n species that may stand together, or as many as may."""
    if available.combinations:
        most = min(n, max(map(len, available.combinations)))
        large = [symbols for symbols in available.combinations if len(symbols) >= most]
        chosen = large[int(rng.integers(len(large)))]
        choices = tuple(symbol for symbol in available.species if symbol in chosen)
    else:
        choices = available.species
    order = rng.permutation(len(choices))[:n]
    return tuple(choices[i] for i in order)


def as_compound(species: tuple[str, ...]) -> tuple[str, ...]:
    """Return the species as compounds are written: the largest metal first, the most electronegative last."""

    def key(symbol: str) -> tuple[int, float]:
        z = atomic_numbers[symbol]
        if METAL[z]:
            return 0, -float(CONTACT[z, z])
        return (2, -float(_ANIONS.index(symbol))) if symbol in _ANIONS else (1, float(z))

    return tuple(sorted(species, key=key))


def natural_prototype(rng: np.random.Generator, symbol: str) -> str:
    """Return the prototype in which an element crystallises, or any elemental one where that is not simple."""
    state = reference_states[atomic_numbers[symbol]] or {}
    return _NATURAL.get(str(state.get("symmetry")), "") or one_of(rng, ("fcc", "bcc", "hcp", "diamond", "sc"))
