"""What the layers of a network know of each atom, and how the energy follows it.

A potential shows its layers where it has the method `feature_gradients`, which is no part of `Potential`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from ase import Atoms

from gnnp_bench.potential import FloatArray


@dataclass(frozen=True, slots=True)
class Layer:
    """The invariant features (l = 0) of a layer, and the derivative of the energy by them.

    Attributes
    ----------
    features : (n_atoms, K) array
        h, in units of the network.
    gradients : (n_atoms, K) array, eV
        ∂E/∂h of the total energy of a structure: what the atom reads out of h itself, and what others learn of it. The
        features of higher degree are held.
    """

    features: FloatArray
    gradients: FloatArray


@dataclass(frozen=True, slots=True)
class Shown:
    """What a network shows of one structure.

    Attributes
    ----------
    energies : (n_atoms,) array, eV
        Of the atoms, above the reference energies of their species.
    layers : mapping of str to Layer
        From the first to the last, under the names of the network.
    """

    energies: FloatArray
    layers: Mapping[str, Layer]


class ShowsFeatures(Protocol):
    """A potential whose layers can be looked into."""

    def feature_gradients(self, structures: Sequence[Atoms]) -> list[Shown]:
        """Return what the network shows of each structure, in order; it raises as `Potential.evaluate` does."""
        ...


def showing(potential: object) -> ShowsFeatures | None:
    """Return the potential if it shows its layers, else None."""
    # A wrapper has the attribute whatever it wraps.
    return cast(ShowsFeatures, potential) if callable(getattr(potential, "feature_gradients", None)) else None
