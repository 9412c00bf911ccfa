"""Crystals that are not what they should be, of atoms that are. Forces and stress derive from the wrong energy."""

from __future__ import annotations

import numpy as np

from tests.analytic.graph import Graph, sum_by
from tests.analytic.radial import along_edges
from tests.mutants.base import Extra, Mutant, add_term, from_edges
from tests.mutants.energies import bond

COMPRESSED, BREADTH = 34.0, 3.0
"""Σ_j e^{−4(r/r₀−1)} about an atom of a close-packed crystal at three quarters of its lattice constant; a pair has less
than 20."""


def _compressed(graph: Graph) -> Extra:
    """Return −Σ_i e^{−(ρ_i − ρ₀)²/2w²}."""
    w, w_slope = bond(graph)
    offset = (sum_by(graph.centres, w, graph.n_atoms) - COMPRESSED) / BREADTH
    well = np.exp(-0.5 * offset * offset)
    slopes = (well * offset / BREADTH)[graph.centres] * w_slope
    return from_edges(graph, -well, along_edges(graph, slopes))


CRYSTAL_MUTANTS = (
    Mutant(
        "second-minimum",
        "A crystal that is pressed to three quarters of its lattice constant is ε eV per atom lower.",
        10.0,
        "eV",
        frozenset({"physics/equation-of-state"}),
        frozenset({"physics/short-range"}),
        add_term("second-minimum", _compressed),
        consistent=True,
        needs="a close-packed crystal that it holds stable",
    ),
)
