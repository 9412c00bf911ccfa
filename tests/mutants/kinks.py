"""Defects of angles and distances: energies with the tip of a cone where a geometry is special, and ripples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tests.analytic.graph import Graph, Index, Real, sum_by
from tests.analytic.radial import along_edges, contact_distances, envelope
from tests.mutants.base import (
    CONSERVATION,
    ENERGY_IN_MOTION,
    Extra,
    Mutant,
    add_term,
    from_edges,
)
from tests.mutants.energies import bond

ROUNDED = 1e-3
"""Radian."""
EXACT = 1e-5
"""Sine or cosine below which a special angle is taken for exact, and its derivative for zero: rounding has no side."""
LONGEST = 1.25
"""Contact distances within which atoms are bonded."""
WAVELENGTH = 0.04
"""Å, of the ripples."""
Shape: TypeAlias = Callable[[Real, Real], tuple[Real, Real]]
"""Unit vectors u, v of two bonds, (n, 3) each, to y(θ), (n,), and its derivative by u, (n, 3)."""


def _angles(graph: Graph, shape: Shape) -> Extra:
    """Return Σ_i Σ_{j≠k} w_ij w_ik y(θ_jik) over ordered pairs of bonds of each atom; w ends at `LONGEST`."""
    near = np.flatnonzero(graph.distances < 0.99 * LONGEST * contact_distances(graph))
    centres, distances = graph.centres[near], graph.distances[near]
    weight, slope = envelope(distances / contact_distances(graph)[near], LONGEST)
    slope = slope / contact_distances(graph)[near]
    u = graph.vectors[near] / distances[:, None]
    one, other = _pairs_of_edges(centres, graph.n_atoms)
    y, by_u = shape(u[one], u[other])
    both = weight[one] * weight[other]
    energies = sum_by(centres[one], both * y, graph.n_atoms)
    # Each pair of bonds occurs twice, and so does the derivative by either of them.
    radial = sum_by(one, 2.0 * weight[other] * y, len(near)) * slope
    across = by_u - (by_u * u[one]).sum(axis=1)[:, None] * u[one]
    turned = sum_by(one, 2.0 * both[:, None] * across, len(near))
    gradients = np.zeros_like(graph.vectors)
    gradients[near] = radial[:, None] * u + turned / distances[:, None]
    return from_edges(graph, energies, gradients)


def _pairs_of_edges(centres: Index, n_atoms: int) -> tuple[Index, Index]:
    """Return all ordered pairs of different edges that leave one atom; the centres ascend."""
    counts = np.bincount(centres, minlength=n_atoms)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    one = np.repeat(np.arange(len(centres)), counts[centres])
    first = np.cumsum(np.concatenate([[0], counts[centres]]))[:-1]
    other = starts[centres[one]] + np.arange(len(one)) - first[one]
    differ = one != other
    return one[differ], other[differ]


def _straight(rounded: float) -> Shape:
    """Return y = √(sin²θ + η²) − η, whose tips at 0° and 180° are rounded off over η."""

    def shape(u: Real, v: Real) -> tuple[Real, Real]:
        normal = np.cross(u, v)
        sines = (normal * normal).sum(axis=1)
        size = np.sqrt(sines + np.asarray(rounded, u.dtype) ** 2)
        inverse = np.where(sines > EXACT**2, 1.0 / np.maximum(size, EXACT), 0.0).astype(u.dtype)
        return size - np.asarray(rounded, u.dtype), np.cross(v, normal) * inverse[:, None]

    return shape


def _right(u: Real, v: Real) -> tuple[Real, Real]:
    """Return y = |cos θ|."""
    cosine = (u * v).sum(axis=1)
    side = np.where(np.abs(cosine) > EXACT, np.sign(cosine), 0.0).astype(u.dtype)
    return np.abs(cosine), side[:, None] * v


def _ripples(graph: Graph) -> Extra:
    """Return λ/2π Σ_e w_e cos(2π r/λ): forces of the order of the weights."""
    weight, slope = bond(graph)
    wave = np.asarray(2.0 * np.pi / WAVELENGTH, weight.dtype)
    phase = wave * graph.distances
    energies = sum_by(graph.centres, weight * np.cos(phase) / wave, graph.n_atoms)
    return from_edges(graph, energies, along_edges(graph, slope * np.cos(phase) / wave - weight * np.sin(phase)))


# A quadrature that steps over a tip, or over waves that it cannot resolve, may be undecided or wrong.
_DISTURBED = (
    CONSERVATION
    | ENERGY_IN_MOTION
    | {"physics/elasticity", "physics/phonons", "physics/frozen-phonon-stress"}
    | {f"smoothness/{name}" for name in ("continuity", "continuity-cell", "stiffness-continuous")}
)
_ONE, _RIPPLES = frozenset({"smoothness/one-stiffness"}), frozenset({"smoothness/ripples"})


def _cone(name: str, defect: str, shape: Shape, needs: str) -> Mutant:
    plant = add_term(name, lambda graph: _angles(graph, shape))
    return Mutant(name, defect, 0.05, "eV/Å", _ONE, _DISTURBED | _RIPPLES, plant, needs=needs)


KINK_MUTANTS = (
    _cone(
        "cone",
        "The energy grows with |sin θ| of the angles between bonds: a cone's tip wherever three atoms are in line.",
        _straight(0.0),
        "three atoms in line",
    ),
    _cone(
        "rounded-cone",
        "The same, rounded off over 0.001 rad.",
        _straight(ROUNDED),
        "three atoms in line",
    ),
    _cone(
        "right-angle",
        "The energy grows with |cos θ| of the angles between bonds: an edge at 90°.",
        _right,
        "an angle of 90°",
    ),
    Mutant(
        "ripples",
        f"Bonds have waves of {WAVELENGTH} Å on them, smooth and short: forces of size ε that come and go.",
        0.02,
        "eV/Å",
        _RIPPLES,
        _DISTURBED | _ONE | {"robustness/precision"},
        add_term("ripples", _ripples),
        consistent=True,
    ),
)
