"""The saliency of atoms: how far the energy moves as their features vary as much as they do.

    S_i = (g_iᵀ C g_i)^½,   g_i = ∂E/∂h_i

h are the invariant features of a layer, C their covariance among atoms of one species, pooled over species. S is an
energy, in eV. It does not depend on the units of h, nor on the basis that the network happened to choose: with
h → A h, g → A⁻ᵀ g and C → A C Aᵀ. Species are not mixed in C, for how far apart they lie in h is no vibration and no
change of surroundings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.features import Shown
from gnnp_bench.potential import FloatArray

SAME = 1e-5
"""Gradients that differ by less, relative to the largest, are the same but for rounding."""


@dataclass(frozen=True, slots=True)
class OfSpecies:
    """Mean over the atoms of a species.

    Attributes
    ----------
    atoms, structures : int
    energy : float, eV
        Above the reference energy of the species.
    saliencies : mapping of str to float, eV
        By layer.
    errors : mapping of str to float, eV
        Standard error of the mean, from the scatter of the means of structures; NaN for one structure.
    """

    atoms: int
    structures: int
    energy: float
    saliencies: Mapping[str, float]
    errors: Mapping[str, float]


def covariance(layers: Sequence[FloatArray], species: Sequence[Sequence[str]]) -> FloatArray:
    """Return the (K, K) covariance of features among atoms of one species, pooled over species.

    Parameters
    ----------
    layers : sequence of (n_atoms, K) arrays
        Features, one array for each structure.
    species : sequence of sequences of str
        Of the same atoms.
    """
    features = np.concatenate(layers)
    symbols = np.concatenate([np.asarray(one) for one in species])
    deviations = np.empty_like(features)
    free = len(features)
    for symbol in np.unique(symbols):
        mine = symbols == symbol
        deviations[mine] = features[mine] - features[mine].mean(0)
        free -= 1
    pooled: FloatArray = deviations.T @ deviations / max(1, free)
    return pooled


def saliencies(gradients: FloatArray, pooled: FloatArray) -> FloatArray:
    """Return (n_atoms,) S, eV, of (n_atoms, K) gradients."""
    squares = np.einsum("ij,jk,ik->i", gradients, pooled, gradients)
    found: FloatArray = np.sqrt(np.maximum(squares, 0.0))
    return found


def telling(shown: Sequence[Shown]) -> str:
    """Return the last layer whose gradients differ between atoms.

    A readout that is linear has the same gradient for every atom: there, saliency tells of the features alone.
    """
    names = list(shown[0].layers)
    for name in reversed(names):
        gradients = np.concatenate([one.layers[name].gradients for one in shown])
        if np.abs(gradients - gradients.mean(0)).max() > SAME * np.abs(gradients).max():
            return name
    return names[-1]


def by_species(structures: Sequence[Atoms], shown: Sequence[Shown]) -> dict[str, OfSpecies]:
    """Return the means of each species that occurs, in order of atomic number."""
    symbols = [structure.get_chemical_symbols() for structure in structures]
    names = list(shown[0].layers)
    found: dict[str, list[FloatArray]] = {}
    for name in names:
        pooled = covariance([one.layers[name].features for one in shown], symbols)
        found[name] = [saliencies(one.layers[name].gradients, pooled) for one in shown]
    numbers = {s: int(z) for one in structures for s, z in zip(one.get_chemical_symbols(), one.numbers, strict=True)}
    return {
        symbol: _mean(symbol, symbols, [one.energies for one in shown], found)
        for symbol in sorted(numbers, key=numbers.__getitem__)
    }


def _mean(
    symbol: str, symbols: Sequence[Sequence[str]], energies: Sequence[FloatArray], found: Mapping[str, list[FloatArray]]
) -> OfSpecies:
    where = [np.flatnonzero(np.asarray(one) == symbol) for one in symbols]
    holding = [k for k, atoms in enumerate(where) if len(atoms)]

    def of_structures(values: Sequence[FloatArray]) -> FloatArray:
        return np.array([values[k][where[k]].mean() for k in holding])

    means = {name: of_structures(values) for name, values in found.items()}
    n = len(holding)
    return OfSpecies(
        atoms=sum(len(where[k]) for k in holding),
        structures=n,
        energy=float(of_structures(energies).mean()),
        saliencies={name: float(values.mean()) for name, values in means.items()},
        errors={name: float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan for name, values in means.items()},
    )


def skipping(structures: Iterable[Atoms], species: Iterable[str]) -> tuple[list[Atoms], int]:
    """Return the structures whose species are all among those given, and how many were left out."""
    known = set(species)
    every = list(structures)
    kept = [one for one in every if set(one.get_chemical_symbols()) <= known]
    return kept, len(every) - len(kept)
