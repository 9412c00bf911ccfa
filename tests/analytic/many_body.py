"""Sound many-body potentials. Angles enter through moments of the neighbour density, so that no triplets are listed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tests.analytic.evaluation import SPECIES, AnalyticPotential, analytic
from tests.analytic.graph import DType, Graph, Real, sum_by
from tests.analytic.radial import along_edges, contact_distances, envelope, exponential, strengths


def _decay(graph: Graph, steepness: float) -> tuple[Real, Real]:
    """Return e^{−k(r/r₀−1)} f_c(r) and its slope."""
    value, slope = exponential(graph.distances, contact_distances(graph), steepness)
    cut, cut_slope = envelope(graph.distances, graph.cutoff)
    return value * cut, slope * cut + value * cut_slope


def _embedding(graph: Graph) -> tuple[Real, Real]:
    strength = strengths(graph)
    centre, neighbour = strength[graph.centres], strength[graph.neighbours]
    density, density_slope = _decay(graph, 5.0)
    rho = sum_by(graph.centres, neighbour * density, graph.n_atoms)
    root = np.sqrt(rho + 0.1)
    repulsion, repulsion_slope = _decay(graph, 10.0)
    amplitude = 0.1 * np.sqrt(centre * neighbour)
    energies = sum_by(graph.centres, amplitude * repulsion, graph.n_atoms) - 1.2 * strength * (root - 0.1**0.5)
    embedding_slope = (-0.6 * strength / root)[graph.centres]
    return energies, along_edges(graph, amplitude * repulsion_slope + embedding_slope * neighbour * density_slope)


def embedded_atom(
    cutoff: float = 6.0, *, species: Iterable[str] = SPECIES, dtype: DType = "float64", offset: float = 0.0
) -> AnalyticPotential:
    """Return an embedded-atom alloy potential.

    E_i = Σ_j A_ij e^{−10(r/r₀−1)} − ξ_i (√(ρ_i + 0.1) − √0.1) with ρ_i = Σ_j s_j e^{−5(r/r₀−1)}: the second-moment
    form of Cleri and Rosato, doi:10.1103/PhysRevB.48.22, smooth also where an atom has no neighbour.
    """
    return analytic("embedded_atom", _embedding, cutoff, species, dtype, offset)


def _stillinger_weber(graph: Graph) -> tuple[Real, Real]:
    strength = strengths(graph)
    centre, neighbour = strength[graph.centres], strength[graph.neighbours]
    contact = contact_distances(graph)
    # Two-body: φ = A (½ (r₀/r)⁴ − 1) e^{−3(r/r₀−1)}.
    tail, tail_slope = _decay(graph, 3.0)
    core = 0.5 * (contact / graph.distances) ** 4
    depth = np.sqrt(centre * neighbour)
    pair = depth * (core - 1.0) * tail
    pair_slope = depth * ((core - 1.0) * tail_slope - 4.0 * core / graph.distances * tail)
    energies = sum_by(graph.centres, pair * 0.5, graph.n_atoms)
    gradients = along_edges(graph, pair_slope * 0.5)
    # Three-body: ½ λ_i Σ_{j≠k} g_j g_k (cos θ_jik + 1/3)² = ½ λ_i (Q:Q + ⅔ P·P + M²/9 − (16/9) Σ_j g_j²).
    g, g_slope = _decay(graph, 4.0)
    g, g_slope = neighbour * g, neighbour * g_slope
    u = graph.vectors / graph.distances[:, None]
    monopole = sum_by(graph.centres, g, graph.n_atoms)
    dipole = sum_by(graph.centres, g[:, None] * u, graph.n_atoms)
    quadrupole = sum_by(graph.centres, (g[:, None] * u)[:, :, None] * u[:, None, :], graph.n_atoms)
    squares = sum_by(graph.centres, g * g, graph.n_atoms)
    penalty = 0.05 * strength
    invariants = (
        (quadrupole * quadrupole).sum(axis=(1, 2))
        + (dipole * dipole).sum(axis=1) * (2 / 3)
        + monopole**2 / 9
        - squares * (16 / 9)
    )
    energies = energies + 0.5 * penalty * invariants
    field = np.einsum("eab,eb->ea", quadrupole[graph.centres], u)
    dipole_e = dipole[graph.centres]
    radial = (field * u).sum(axis=1) + (dipole_e * u).sum(axis=1) * (2 / 3) + monopole[graph.centres] / 9 - g * (16 / 9)
    across = (g / graph.distances)[:, None] * (2.0 * field + dipole_e * (2 / 3))
    across -= (across * u).sum(axis=1)[:, None] * u
    gradients = gradients + penalty[graph.centres][:, None] * ((radial * g_slope)[:, None] * u + across)
    return energies, gradients


def three_body(
    cutoff: float = 5.0, *, species: Iterable[str] = SPECIES, dtype: DType = "float64", offset: float = 0.0
) -> AnalyticPotential:
    """Return a potential of the form of Stillinger and Weber, doi:10.1103/PhysRevB.31.5262, for several species."""
    return analytic("three_body", _stillinger_weber, cutoff, species, dtype, offset)


def _cluster_moments(graph: Graph) -> tuple[Real, Real]:
    strength = strengths(graph)
    neighbour = strength[graph.neighbours]
    wide, wide_slope = _gaussian(graph, 0.0, 1.2)
    shell, shell_slope = _gaussian(graph, 1.0, 0.5)
    wide, wide_slope = neighbour * wide, neighbour * wide_slope
    shell, shell_slope = neighbour * shell, neighbour * shell_slope
    u = graph.vectors / graph.distances[:, None]
    density = sum_by(graph.centres, wide, graph.n_atoms)
    dipole = sum_by(graph.centres, shell[:, None] * u, graph.n_atoms)
    quadrupole = sum_by(graph.centres, (shell[:, None] * u)[:, :, None] * u[:, None, :], graph.n_atoms)
    trace = np.trace(quadrupole, axis1=1, axis2=2)
    core, core_slope = _decay(graph, 9.0)
    energies = (
        sum_by(graph.centres, core * 0.12, graph.n_atoms)
        - 2.0 * strength * np.log1p(density)
        + 0.15 * (dipole * dipole).sum(axis=1)
        + 0.1 * ((quadrupole * quadrupole).sum(axis=(1, 2)) - trace * trace / 3)
    )
    field = np.einsum("eab,eb->ea", quadrupole[graph.centres], u)
    deviator = (field * u).sum(axis=1) - trace[graph.centres] / 3
    dipole_e = dipole[graph.centres]
    slopes = (
        0.12 * core_slope
        - (2.0 * strength / (1.0 + density))[graph.centres] * wide_slope
        + shell_slope * (0.3 * (dipole_e * u).sum(axis=1) + 0.2 * deviator)
    )
    across = (shell / graph.distances)[:, None] * (0.3 * dipole_e + 0.4 * field)
    across -= (across * u).sum(axis=1)[:, None] * u
    return energies, along_edges(graph, slopes) + across


def _gaussian(graph: Graph, centre: float, width: float) -> tuple[Real, Real]:
    """Return e^{−(r/r₀−c)²/2w²} f_c(r) and its slope."""
    contact = contact_distances(graph)
    offset = (graph.distances / contact - centre) / width
    value = np.exp(-0.5 * offset * offset)
    slope = -value * offset / (width * contact)
    cut, cut_slope = envelope(graph.distances, graph.cutoff)
    return value * cut, slope * cut + value * cut_slope


def cluster_density(
    cutoff: float = 5.0, *, species: Iterable[str] = SPECIES, dtype: DType = "float64", offset: float = 0.0
) -> AnalyticPotential:
    """Return a potential of rotational invariants of a Gaussian neighbour density. Kept out of calibration.

    E_i = 0.12 Σ_j e^{−9(r/r₀−1)} − 2 s_i ln(1 + ρ_i) + 0.15 |P_i|² + 0.1 (Q_i:Q_i − (tr Q_i)²/3), ρ, P and Q being
    moments of order 0, 1 and 2: the leading terms of the expansion of Drautz, doi:10.1103/PhysRevB.99.014104.
    """
    return analytic("cluster_density", _cluster_moments, cutoff, species, dtype, offset)
