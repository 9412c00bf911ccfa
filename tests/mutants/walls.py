"""Holes in the wall between atoms, and no wall. Forces and stress are derivatives of the wrong energy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase.data import atomic_numbers

from gnnp_bench.potential import Potential
from tests.analytic.evaluation import AnalyticPotential
from tests.analytic.graph import Graph, Real, sum_by
from tests.analytic.radial import along_edges, contact_distances
from tests.mutants.base import Extra, Mutant, add_term, from_edges
from tests.mutants.energies import bond

PAIR = (atomic_numbers["Cu"], atomic_numbers["Au"])
PLACE, WIDTH = 0.61, 0.03
"""Of a hole, in sums of covalent radii."""
DENSE, SPREAD = 24.0, 1.0
"""Σ_j e^{−4(r/r₀−1)} about an atom: 20 where one other atom stands at a quarter of the sum of radii."""
CAUGHT = 0.62
"""Within which atoms hold on to each other, in sums of covalent radii."""
SOFT, ROUNDING = 0.85, 0.02
"""Where the wall becomes soft, in sums of covalent radii."""


def _well(graph: Graph) -> tuple[Real, Real]:
    """Return a Gaussian of unit height inside the wall, and its slope."""
    contact = contact_distances(graph)
    offset = (graph.distances / contact - PLACE) / WIDTH
    value = np.exp(-0.5 * offset * offset)
    return value, -value * offset / (WIDTH * contact)


def _of_one_pair(graph: Graph) -> Extra:
    """Return −Σ over pairs of copper and gold of a Gaussian."""
    value, slope = _well(graph)
    chosen = graph.numbers[graph.centres] + graph.numbers[graph.neighbours] == sum(PAIR)
    chosen &= np.isin(graph.numbers[graph.centres], PAIR)
    half = -0.5 * chosen.astype(value.dtype)
    return from_edges(graph, sum_by(graph.centres, half * value, graph.n_atoms), along_edges(graph, half * slope))


def _beside_a_third(graph: Graph) -> Extra:
    """Return −Σ_i q_i/(1 + q_i), q_i = Σ_{j≠k} h(r_ij) w(r_ik) = H_i W_i − Σ_j h_ij w_ij, h the Gaussian."""
    (h, h_slope), (w, w_slope) = _well(graph), bond(graph)
    all_h, all_w = (sum_by(graph.centres, one, graph.n_atoms) for one in (h, w))
    crowd = 1.0 + all_h * all_w - sum_by(graph.centres, h * w, graph.n_atoms)
    slopes = h_slope * (all_w[graph.centres] - w) + w_slope * (all_h[graph.centres] - h)
    slopes = -slopes / (crowd * crowd)[graph.centres]
    return from_edges(graph, 1.0 / crowd - 1.0, along_edges(graph, slopes))


def _in_dense_matter(graph: Graph) -> Extra:
    """Return −Σ_i 1/(1 + e^{−(ρ_i − 24)}), which no pair reaches."""
    w, w_slope = bond(graph)
    density = sum_by(graph.centres, w, graph.n_atoms)
    share = 1.0 / (1.0 + np.exp(np.clip((DENSE - density) / SPREAD, -60.0, 60.0)))
    slopes = -(share * (1.0 - share) / SPREAD)[graph.centres] * w_slope
    return from_edges(graph, -share, along_edges(graph, slopes))


def _within(graph: Graph) -> Extra:
    """Return −½ Σ e^{−(r/0.62r₀)⁶}: a wall that turns into a well at 0.8 of the sum of radii, behind some eV."""
    contact = contact_distances(graph)
    power = (graph.distances / (CAUGHT * contact)) ** 6
    half = -0.5 * np.exp(-power)
    slopes = -6.0 * half * power / graph.distances
    return from_edges(graph, sum_by(graph.centres, half, graph.n_atoms), along_edges(graph, slopes))


def _seen_from_afar(graph: Graph, strength: float) -> tuple[Graph, Real, Real]:
    """Return a graph in which atoms are nowhere much closer than `SOFT`, m(r)/r of its edges, and dm/dr.

    m = r + ε w r₀ ln(1 + e^{(SOFT − r/r₀)/w}): beyond `SOFT` it is r, within its slope is 1 − ε.
    """
    contact = contact_distances(graph)
    inside = (SOFT - graph.distances / contact) / ROUNDING
    slopes = (1.0 - strength / (1.0 + np.exp(-inside))).astype(graph.distances.dtype)
    beyond = strength * ROUNDING * contact * np.logaddexp(0.0, inside)
    factors = (1.0 + beyond / graph.distances).astype(graph.distances.dtype)
    return (
        replace(graph, vectors=factors[:, None] * graph.vectors, distances=factors * graph.distances),
        factors,
        slopes,
    )


def _softened(potential: Potential, strength: float) -> AnalyticPotential:
    assert isinstance(potential, AnalyticPotential)
    sound = potential.kernel

    def kernel(graph: Graph) -> tuple[Real, Real]:
        if strength == 0.0:
            return sound(graph)
        afar, factors, slopes = _seen_from_afar(graph, strength)
        energies, gradients = sound(afar)
        u = graph.vectors / graph.distances[:, None]
        along = (gradients * u).sum(axis=1)[:, None] * u
        return energies, slopes[:, None] * along + factors[:, None] * (gradients - along)

    return replace(potential, name=f"{potential.name}+soft-wall", kernel=kernel)


_LAW = frozenset({"physics/short-range"})
_HOT = frozenset({"dynamics/no-blow-up"})
_ROUGH = frozenset({"conservation/closed-loop", "conservation/closed-loop-cell", "smoothness/ripples"})
"""The flanks of a hole that is as steep are waves, and a sum of a few points around a loop does not settle."""

WALL_MUTANTS = (
    Mutant(
        "hole-of-one-pair",
        "Atoms of copper and gold attract each other at 0.61 of the sum of their radii, by ε eV.",
        10.0,
        "eV",
        _LAW,
        _HOT,
        add_term("hole-of-one-pair", _of_one_pair),
        consistent=True,
        needs="copper and gold",
    ),
    Mutant(
        "hole-beside-a-third",
        "Two atoms attract each other at 0.61 of the sum of their radii, by up to ε eV each, if a third one is near.",
        10.0,
        "eV",
        _LAW,
        _ROUGH | _HOT,
        add_term("hole-beside-a-third", _beside_a_third),
        consistent=True,
    ),
    Mutant(
        "hole-in-crystals",
        "Atoms with very close neighbours all around are ε eV lower, so that dense matter falls into itself.",
        10.0,
        "eV",
        _LAW,
        frozenset({"physics/equation-of-state"}) | _HOT,
        add_term("hole-in-crystals", _in_dense_matter),
        consistent=True,
        needs="compressed matter",
    ),
    Mutant(
        "soft-wall",
        "Atoms closer than 0.85 of the sum of their radii seem further apart, by ε of what they lack of it.",
        0.97,
        "fraction",
        _LAW,
        _HOT,
        _softened,
        consistent=True,
    ),
    Mutant(
        "collapse",
        "Atoms closer than about 0.8 of the sum of their radii fall into each other, by up to ε eV each pair.",
        40.0,
        "eV",
        _HOT,
        _LAW | {"physics/equation-of-state"},
        add_term("collapse", _within),
        consistent=True,
        needs="a hot run",
    ),
)
