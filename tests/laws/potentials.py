"""The potentials on which the laws are tested where no other is named."""

from __future__ import annotations

from collections.abc import Callable

from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import Potential
from tests.analytic import buckingham_zbl, cluster_density, embedded_atom, long_range, smooth_pair, three_body

SPECIES = ("C", "Cu", "Au")


def default_potentials() -> dict[str, Callable[[], Potential]]:
    """Return what builds each: all analytic forms, two of them in float32, and the reference potential."""
    return {
        "embedded-atom": lambda: embedded_atom(species=SPECIES),
        "cluster-density": lambda: cluster_density(species=SPECIES),
        "three-body": lambda: three_body(species=SPECIES),
        "buckingham-zbl": lambda: buckingham_zbl(species=SPECIES),
        "long-range-float32": lambda: long_range(species=SPECIES, dtype="float32"),
        "reference:untrained": lambda: load("reference:untrained", SPECIES).potential,
        "pair-float32": lambda: smooth_pair(species=SPECIES, dtype="float32"),
    }
