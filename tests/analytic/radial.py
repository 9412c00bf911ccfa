"""Radial functions and the few parameters per species that all analytic potentials share."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii

from tests.analytic.graph import Graph, Real

STRENGTH = 0.7 + 0.6 * np.modf(np.arange(119) * 0.6180339887498949)[0]
"""A number between 0.7 and 1.3 for each atomic number, no two alike: the golden sequence. Scales well depths."""


def envelope(distances: Real, cutoff: float) -> tuple[Real, Real]:
    """Return f = exp(1 − 1/(1 − r²/r_c²)) and df/dr, Å⁻¹: 1 at r = 0, and 0 with all derivatives at r_c.

    The bump function of real analysis. Distances must be below the cutoff, as in `graph.edges`.
    """
    pole = 1.0 / (1.0 - (distances / cutoff) ** 2)
    value = np.exp(1.0 - pole)
    return value, value * pole * pole * distances * (-2.0 / cutoff**2)


def contact_distances(graph: Graph) -> Real:
    """Return the sum of the two covalent radii (Cordero et al., doi:10.1039/b801115j) of each edge, Å."""
    radii = covalent_radii.astype(graph.distances.dtype)[graph.numbers]
    contact: Real = radii[graph.centres] + radii[graph.neighbours]
    return contact


def strengths(graph: Graph) -> Real:
    """Return `STRENGTH` of each atom in the graph's precision."""
    values: Real = STRENGTH.astype(graph.distances.dtype)[graph.numbers]
    return values


def exponential(distances: Real, contact: Real, steepness: float) -> tuple[Real, Real]:
    """Return exp(−k (r/r₀ − 1)) and its derivative by r, Å⁻¹."""
    value = np.exp(-steepness * (distances / contact - 1.0))
    return value, value * (-steepness / contact)


def along_edges(graph: Graph, slopes: Real) -> Real:
    """Return the vectors slope·d/|d| of derivatives by distance, (n_edges, 3)."""
    gradient: Real = (slopes / graph.distances)[:, None] * graph.vectors
    return gradient
