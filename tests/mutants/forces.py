"""Defects of the forces, which then belong to no energy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Prediction
from tests.analytic.graph import DType, Graph, Real, sum_by
from tests.mutants.base import (
    CONSERVATION,
    ENERGY_IN_MOTION,
    Extra,
    Mutant,
    add_term,
    change_predictions,
    forces_only,
)
from tests.mutants.energies import AXIS, bond, waves

_LOOPS = frozenset({"conservation/closed-loop", "conservation/closed-loop-cell", "conservation/jacobian"})


def _constant(graph: Graph) -> Extra:
    return forces_only(graph, np.broadcast_to(AXIS, (graph.n_atoms, 3)).astype(graph.positions.dtype))


def pair_amplitudes(graph: Graph) -> Real:
    """Return amplitudes a_e of central forces −a_e d_e on the centres, equal and opposite, that no energy has, eV/Å².

    They grow with a density around both atoms; a potential would add the forces that the change of the density exerts.
    """
    # Far steeper than the forces: a density of nearly their own range would make them nearly a gradient.
    (steep, _), (weight, _) = bond(graph, 8.0), bond(graph, 1.0)
    density = sum_by(graph.centres, steep, graph.n_atoms)
    amplitude: Real = 0.15 * weight * (density[graph.centres] + density[graph.neighbours]) / graph.distances
    return amplitude


def _curl(graph: Graph) -> Extra:
    return forces_only(graph, -sum_by(graph.centres, pair_amplitudes(graph)[:, None] * graph.vectors, graph.n_atoms))


def _non_central(graph: Graph) -> Extra:
    """Return pair forces w(r) (P_i − P_j), P_i = Σ_j v(r) u: equal, opposite, and not along the line of the atoms."""
    (_, (even, _), _), (weight, _) = waves(graph), bond(graph)
    dipole = sum_by(graph.centres, (even / graph.distances)[:, None] * graph.vectors, graph.n_atoms)
    pair = (0.2 * weight)[:, None] * (dipole[graph.centres] - dipole[graph.neighbours])
    return forces_only(graph, sum_by(graph.centres, pair, graph.n_atoms))


def _scaled(prediction: Prediction, structure: Atoms, strength: float, dtype: DType) -> Prediction:
    if prediction.forces is None:
        return prediction
    forces = prediction.forces.astype(dtype) * np.asarray(1.0 + strength, dtype)
    return replace(prediction, forces=forces.astype(np.float64))


FORCE_MUTANTS = (
    Mutant(
        "net-force",
        "A constant force along a fixed direction acts on every atom.",
        0.01,
        "eV/Å",
        frozenset(
            {
                "symmetry/net-force",
                "symmetry/rotation",
                "symmetry/inversion",
                "conservation/force-gradient",
                "conservation/path-work",
                "dynamics/momentum",
            }
        ),
        frozenset({"symmetry/space-group", "conservation/closed-loop-cell"}) | ENERGY_IN_MOTION,
        add_term("net-force", _constant),
    ),
    Mutant(
        "scaled-forces",
        "Forces are multiplied by 1 + ε.",
        0.01,
        "fraction",
        frozenset({"conservation/force-gradient", "conservation/path-work"}),
        frozenset({"conservation/closed-loop-cell"}) | ENERGY_IN_MOTION,
        change_predictions("scaled-forces", _scaled),
    ),
    Mutant(
        "curl",
        "Central pair forces grow with the densities around both atoms: every symmetry is obeyed, no energy exists.",
        0.02,
        "eV/Å",
        frozenset({"conservation/force-gradient", "conservation/closed-loop", "conservation/jacobian"}),
        frozenset({"conservation/path-work", "conservation/closed-loop-cell"}) | ENERGY_IN_MOTION,
        add_term("curl", _curl),
        needs="at least three atoms, or periodic ones",
    ),
    Mutant(
        "non-central",
        "Pair forces are equal and opposite, but not along the line between the atoms.",
        0.02,
        "eV/Å",
        frozenset({"symmetry/net-torque", "conservation/force-gradient"}),
        _LOOPS
        | (CONSERVATION - {"conservation/force-gradient", "conservation/stress-strain"})
        | ENERGY_IN_MOTION
        | {"dynamics/momentum"},
        add_term("non-central", _non_central),
        needs="at least three atoms",
    ),
)
