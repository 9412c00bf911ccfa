"""Defects of the energy. Forces and stress are the derivatives of the wrong energy in all of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from tests.analytic.graph import Graph, Real, sum_by
from tests.analytic.radial import along_edges, contact_distances, envelope, exponential, strengths
from tests.mutants.base import Extra, Mutant, Plant, add_term, from_edges

AXIS = np.array([0.48, 0.60, 0.64])
"""A unit vector off every axis and mirror plane of a cubic crystal."""
WAVE = np.array([0.9, 0.5, -0.7])
"""Å⁻¹"""
LARGE = 12
"""Number of atoms beyond which `size-threshold` goes wrong."""
HUGE = 100
"""The same for `size-hundred`: larger than any structure of a pool."""


def bond(graph: Graph, steepness: float = 4.0) -> tuple[Real, Real]:
    """Return the weight of each edge, about 1 at contact and 0 with all derivatives at the cutoff, and its slope."""
    value, slope = exponential(graph.distances, contact_distances(graph), steepness)
    cut, cut_slope = envelope(graph.distances, graph.cutoff)
    return value * cut, slope * cut + value * cut_slope


def bonds(graph: Graph, coefficient: ArrayLike, steepness: float = 4.0) -> Extra:
    """Return Σ_e c_e w(r_e) over directed edges."""
    weight, slope = bond(graph, steepness)
    coefficient = np.asarray(coefficient, weight.dtype)
    energies = sum_by(graph.centres, coefficient * weight, graph.n_atoms)
    return from_edges(graph, energies, along_edges(graph, coefficient * slope))


def angular(graph: Graph, scale: float, shape: Callable[[Real], tuple[Real, Real]]) -> Extra:
    """Return scale × Σ_e w(r_e) y(u_e); `shape` gives y and its gradient by the unit vector u."""
    weight, slope = bond(graph)
    u = graph.vectors / graph.distances[:, None]
    y, gradient = shape(u)
    across = gradient - (gradient * u).sum(axis=1)[:, None] * u
    energies = sum_by(graph.centres, scale * weight * y, graph.n_atoms)
    return from_edges(
        graph, energies, along_edges(graph, scale * slope * y) + (scale * weight / graph.distances)[:, None] * across
    )


def _direction(graph: Graph) -> Extra:
    axis = AXIS.astype(graph.vectors.dtype)

    def shape(u: Real) -> tuple[Real, Real]:
        cosine = (u * axis).sum(axis=1)
        return cosine**4, 4.0 * (cosine**3)[:, None] * axis

    return angular(graph, 0.6, shape)


def _cubic(graph: Graph) -> Extra:
    return angular(graph, 0.4, lambda u: ((u**4).sum(axis=1), 4.0 * u**3))


def _golden(graph: Graph, rank: Real) -> Real:
    """Return a number in (−½, ½) for each integer, no two alike."""
    value: Real = (np.modf(rank * 0.6180339887498949)[0] - 0.5).astype(graph.vectors.dtype)
    return value


def _index_order(graph: Graph) -> Extra:
    return bonds(graph, 0.8 * _golden(graph, graph.indices + 1.0)[graph.centres])


def _first_atom(graph: Graph) -> Extra:
    return bonds(graph, (graph.indices == 0)[graph.centres] * 0.7)


def _order_of_appearance(graph: Graph) -> Extra:
    rank = np.empty(graph.n_atoms)
    for begin, end in zip(graph.first[:-1], graph.first[1:], strict=True):
        _, where, inverse = np.unique(graph.numbers[begin:end], return_index=True, return_inverse=True)
        rank[begin:end] = np.argsort(np.argsort(where))[inverse]
    pair = rank[graph.centres] * rank[graph.neighbours]
    return bonds(graph, 0.4 * (pair > 0))


def _field(graph: Graph) -> Extra:
    """Return Σ_i sin(k·x_i)/|k|, whose derivatives by strain act on the positions themselves."""
    wave = WAVE.astype(graph.positions.dtype)
    length = float(np.linalg.norm(WAVE))
    phase = (graph.positions * wave).sum(axis=1)
    forces = -np.cos(phase)[:, None] * (wave / length)
    outer = -graph.positions[:, :, None] * forces[:, None, :]
    virial = sum_by(graph.owner, outer + outer.swapaxes(1, 2), graph.n_structures) * 0.5
    return Extra(np.sin(phase) / length, forces, virial)


def waves(graph: Graph) -> list[tuple[Real, Real]]:
    """Return e^{−2x} f_c times 1, cos 5x and sin 5x, x = r/r₀ − 1, and their slopes.

    None is proportional to the slope of another, as exponentials are, and densities of the three differ in direction.
    """
    value, slope = bond(graph, 2.0)
    contact = contact_distances(graph)
    phase = 5.0 * (graph.distances / contact - 1.0)
    cosine, sine = np.cos(phase), np.sin(phase)
    turn = 5.0 * value / contact
    even, odd = (value * cosine, slope * cosine - turn * sine), (value * sine, slope * sine + turn * cosine)
    return [(value, slope), even, odd]


def _chirality(graph: Graph) -> Extra:
    """Return Σ_i â·(b̂ × ĉ) of three vector densities, each normalised by √(v² + 0.3²)."""
    neighbour = strengths(graph)[graph.neighbours]
    u = graph.vectors / graph.distances[:, None]
    weights = [(neighbour * value, neighbour * slope) for value, slope in waves(graph)]
    vectors = [sum_by(graph.centres, weight[:, None] * u, graph.n_atoms) for weight, _ in weights]
    lengths = [np.sqrt((v * v).sum(axis=1) + 0.09)[:, None] for v in vectors]
    a, b, c = (v / length for v, length in zip(vectors, lengths, strict=True))
    scale = 0.4
    energies = scale * (a * np.cross(b, c)).sum(axis=1)
    gradients = np.zeros_like(graph.vectors)
    duals = (np.cross(b, c), np.cross(c, a), np.cross(a, b))
    for (weight, slope), direction, length, dual in zip(weights, (a, b, c), lengths, duals, strict=True):
        by_vector = (scale * (dual - (dual * direction).sum(axis=1)[:, None] * direction) / length)[graph.centres]
        along = (by_vector * u).sum(axis=1)
        gradients += (slope * along)[:, None] * u
        gradients += (weight / graph.distances)[:, None] * (by_vector - along[:, None] * u)
    return from_edges(graph, energies, gradients)


def _square(graph: Graph) -> Extra:
    """Return (Σ_e w_e)²/300 shared equally among the atoms."""
    weight, slope = bond(graph)
    per_structure = sum_by(graph.owner[graph.centres], weight, graph.n_structures) / 300.0
    energies = sum_by(graph.centres, weight, graph.n_atoms) * per_structure[graph.owner]
    return from_edges(graph, energies, along_edges(graph, 2.0 * per_structure[graph.owner[graph.centres]] * slope))


def _larger_than(n_atoms: int) -> Callable[[Graph], Extra]:
    return lambda graph: bonds(graph, (np.diff(graph.first) > n_atoms)[graph.owner[graph.centres]] * 0.3)


def _misread_moments(graph: Graph) -> Extra:
    moments = np.concatenate([structure.get_initial_magnetic_moments()[::-1] for structure in graph.structures])
    return bonds(graph, 0.2 * moments.astype(graph.vectors.dtype)[graph.centres])


def _mutant(
    name: str, defect: str, term: Callable[[Graph], Extra], must: set[str], may: set[str], needs: str = ""
) -> Mutant:
    plant: Plant = add_term(name, term)
    return Mutant(name, defect, 0.01, "eV/Å", frozenset(must), frozenset(may), plant, consistent=True, needs=needs)


ENERGY_MUTANTS = (
    _mutant(
        "direction-dependent",
        "The energy depends on the angle between bonds and a fixed axis.",
        _direction,
        {"symmetry/rotation", "symmetry/net-torque", "symmetry/space-group"},
        {"symmetry/inversion", "conservation/closed-loop-cell", "dynamics/momentum", "physics/elasticity"},
    ),
    _mutant(
        "cubic-harmonic",
        "The energy depends on the direction of bonds, but is the same after the 48 operations that permute the axes.",
        _cubic,
        {"symmetry/rotation", "symmetry/net-torque"},
        {"symmetry/inversion", "symmetry/space-group", "conservation/closed-loop-cell", "dynamics/momentum"},
    ),
    _mutant(
        "index-order",
        "Bonds are weighed by the index of their atom.",
        _index_order,
        {"symmetry/permutation"},
        {
            "symmetry/space-group",
            "periodicity/supercell",
            "locality/detached-atom",
            "locality/fragments-add-up",
            "robustness/size",
        },
        "more than one atom",
    ),
    _mutant(
        "first-atom-special",
        "The first atom has stronger bonds.",
        _first_atom,
        {"symmetry/permutation"},
        {
            "symmetry/space-group",
            "periodicity/supercell",
            "locality/detached-atom",
            "locality/fragments-add-up",
            "robustness/size",
        },
        "more than one atom",
    ),
    _mutant(
        "order-of-appearance",
        "Species are told apart by the order in which they first appear, so that another order swaps them.",
        _order_of_appearance,
        {"symmetry/permutation"},
        {"locality/detached-atom", "locality/fragments-add-up", "robustness/size"},
        "several species, and a new order in which another comes first",
    ),
    _mutant(
        "external-field",
        "A wave fixed in space acts on every atom.",
        _field,
        {"symmetry/translation", "symmetry/net-force", "symmetry/rotation", "periodicity/lattice-wrap"},
        {
            "symmetry/inversion",
            "symmetry/net-torque",
            "symmetry/space-group",
            "periodicity/cell-choice",
            "periodicity/supercell",
            "periodicity/partial",
            "conservation/closed-loop-cell",
            "dynamics/momentum",
            "locality/detached-atom",
            "locality/fragments-add-up",
            "locality/lonely-atom",
            "physics/phonons",
            "robustness/size",
        },
    ),
    _mutant(
        "parity-odd",
        "A pseudoscalar tells an environment from its mirror image.",
        _chirality,
        {"symmetry/inversion"},
        {"symmetry/space-group"},
        "atoms with a chiral environment",
    ),
    _mutant(
        "non-extensive",
        "A term grows with the square of the number of bonds.",
        _square,
        {"periodicity/supercell"},
        {"locality/detached-atom", "locality/fragments-add-up", "locality/reach", "robustness/size"},
    ),
    _mutant(
        "size-threshold",
        f"Bonds are stronger in structures of more than {LARGE} atoms.",
        _larger_than(LARGE),
        {"periodicity/supercell"},
        {"locality/detached-atom", "locality/fragments-add-up", "robustness/size"},
        f"a supercell of more than {LARGE} atoms of a cell of at most as many",
    ),
    _mutant(
        "size-hundred",
        f"Bonds are stronger in structures of more than {HUGE} atoms.",
        _larger_than(HUGE),
        {"periodicity/supercell"},
        {"robustness/size"},
        f"a supercell of more than {HUGE} atoms of a cell of at most as many",
    ),
    _mutant(
        "misread-moments",
        "Magnetic moments are read in reversed order.",
        _misread_moments,
        {"symmetry/permutation"},
        {"symmetry/space-group", "periodicity/supercell", "robustness/size"},
        "unequal initial magnetic moments",
    ),
)
