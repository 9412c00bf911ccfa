"""Crystals that are not what they should be, of atoms that are. Forces and stress derive from the wrong energy."""

from __future__ import annotations

import numpy as np

from tests.analytic.graph import Graph, Real, sum_by
from tests.analytic.radial import along_edges
from tests.mutants.base import Extra, Mutant, add_term, from_edges
from tests.mutants.energies import angular, bond

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


def _along_z(graph: Graph) -> Extra:
    """Return 0.6 Σ_e w (u_z)⁴: cubic crystals become tetragonal."""

    def shape(u: Real) -> tuple[Real, Real]:
        gradient = np.zeros_like(u)
        gradient[:, 2] = 4.0 * u[:, 2] ** 3
        return u[:, 2] ** 4, gradient

    return angular(graph, 0.6, shape)


def _saturated(graph: Graph, square: Real, gradients: Real) -> Extra:
    """Return −Σ_i x_i/(1 + x_i), given x and half its derivatives by edge vectors for the atom from which they lead."""
    share = 1.0 / (1.0 + square)
    return from_edges(graph, -square * share, -2.0 * (share * share)[graph.centres][:, None] * gradients)


def _lopsided(graph: Graph) -> Extra:
    """Return x = |Σ_j w_ij u_ij|², which vanishes where opposite neighbours balance, saturated."""
    w, w_slope = bond(graph)
    u = graph.vectors / graph.distances[:, None]
    sums = sum_by(graph.centres, w[:, None] * u, graph.n_atoms)
    here = sums[graph.centres]
    along = (here * u).sum(axis=1)[:, None]
    gradients = w_slope[:, None] * along * u + (w / graph.distances)[:, None] * (here - along * u)
    return _saturated(graph, (sums * sums).sum(axis=1), gradients)


def _sheared(graph: Graph) -> Extra:
    """Return x = |Σ_j w_ij (u_ij u_ij − 1/3)|², which vanishes at sites of cubic symmetry, saturated."""
    w, w_slope = bond(graph)
    u = graph.vectors / graph.distances[:, None]
    dyads = u[:, :, None] * u[:, None, :] - np.eye(3, dtype=u.dtype) / np.asarray(3.0, u.dtype)
    sums = sum_by(graph.centres, w[:, None, None] * dyads, graph.n_atoms)
    onto = np.einsum("eij,ej->ei", sums[graph.centres], u)
    along = (onto * u).sum(axis=1)[:, None]
    gradients = w_slope[:, None] * along * u + (2.0 * w / graph.distances)[:, None] * (onto - along * u)
    return _saturated(graph, (sums * sums).sum(axis=(1, 2)), gradients)


_OF_CRYSTALS = frozenset({"physics/equation-of-state", "physics/elasticity", "physics/phonons"})
_ELASTICITY = frozenset({"physics/elasticity"})

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
    Mutant(
        "tetragonal",
        "Bonds along the third axis are stronger, so that a cubic crystal has the stiffness of a tetragonal one.",
        0.3,
        "eV/Å",
        _ELASTICITY,
        frozenset({"symmetry/rotation", "symmetry/net-torque", "symmetry/space-group", "symmetry/inversion"})
        | {"conservation/closed-loop-cell", "dynamics/momentum", "periodicity/cell-choice"},
        add_term("tetragonal", _along_z),
        consistent=True,
    ),
)

BEYOND_A_THRESHOLD = (
    Mutant(
        "soft-optical",
        "Sites whose neighbours stand to one side are up to ε eV lower, so that sublattices move against each other.",
        2.0,
        "eV",
        frozenset({"physics/phonons"}),
        _OF_CRYSTALS - {"physics/phonons"},
        add_term("soft-optical", _lopsided),
        consistent=True,
        needs="a crystal with two atoms in its cell that it holds stable",
    ),
    Mutant(
        "negative-shear",
        "Sites that are less than cubic are up to ε eV lower, so that a crystal shears away by itself.",
        3.0,
        "eV",
        _ELASTICITY,
        _OF_CRYSTALS - _ELASTICITY,
        add_term("negative-shear", _sheared),
        consistent=True,
        needs="a cubic crystal that it holds stable",
    ),
)
"""Judged in tests/checks/test_crystals.py alone: a crystal is as stable as it was until a defect outweighs its own
stiffness, so that no strength is the least of which it can be said that three times as much has to be seen."""
