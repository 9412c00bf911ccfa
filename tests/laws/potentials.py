"""The potentials on which the laws are tested where no other is named."""

from __future__ import annotations

from collections.abc import Callable

from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import Potential
from tests.analytic import cluster_density, embedded_atom, smooth_pair

SPECIES = ("C", "Cu", "Au")


def default_potentials() -> dict[str, Callable[[], Potential]]:
    """Return what builds each: sound potentials of several forms and the reference potential."""
    return {
        "embedded-atom": lambda: embedded_atom(species=SPECIES),
        "cluster-density": lambda: cluster_density(species=SPECIES),
        "reference:untrained": lambda: load("reference:untrained", SPECIES).potential,
        "pair-float32": lambda: smooth_pair(species=SPECIES, dtype="float32"),
    }
