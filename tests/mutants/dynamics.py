"""Defects that show in motion: small work done again and again, friction, counted calls, an axis that spins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import ENERGY_FORCES, Potential, Prediction, Property
from tests.analytic.graph import DType, Graph, Real
from tests.mutants.base import (
    CONSERVATION,
    Extra,
    Mutant,
    Planted,
    add_term,
    change_predictions,
    planted,
    plus,
    precision_of,
)
from tests.mutants.energies import AXIS, angular
from tests.mutants.history import DISTURBED, REPEATED

_AXIAL = frozenset(f"symmetry/{name}" for name in ("rotation", "inversion", "space-group", "net-torque"))


def _turned(prediction: Prediction, structure: Atoms, strength: float, dtype: DType) -> Prediction:
    if prediction.forces is None:
        return prediction
    extra = (strength * np.cross(AXIS, prediction.forces)).astype(dtype)
    return replace(prediction, forces=plus(prediction.forces, extra, dtype))


def _rubbed(prediction: Prediction, structure: Atoms, strength: float, dtype: DType) -> Prediction:
    if prediction.forces is None:
        return prediction
    extra = (-strength * structure.get_velocities()).astype(dtype)
    return replace(prediction, forces=plus(prediction.forces, extra, dtype))


def _rounded(potential: Potential, strength: float) -> Planted:
    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        predictions = potential.evaluate(structures, properties)
        if strength == 0.0 or "forces" not in properties:
            return predictions
        coarse = [structure.copy() for structure in structures]
        for structure in coarse:
            structure.positions = strength * np.round(structure.positions / strength)
        rounded = potential.evaluate(coarse, ENERGY_FORCES)
        return [replace(p, forces=r.forces) for p, r in zip(predictions, rounded, strict=True)]

    return planted(potential, "rounded-positions", evaluation)


def _preferred(graph: Graph) -> Extra:
    axis = AXIS.astype(graph.vectors.dtype)

    def shape(u: Real) -> tuple[Real, Real]:
        square = (u * axis).sum(axis=1) ** 2
        return square * (square - 1.0), ((4.0 * square - 2.0) * (u * axis).sum(axis=1))[:, None] * axis

    return angular(graph, 0.8, shape)


def _counted(potential: Potential, strength: float) -> Planted:
    dtype = precision_of(potential)
    calls = [0]

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        calls[0] += 1
        factor = 1.0 + strength * float(np.sin(0.1 * calls[0]))
        return [
            p if p.forces is None else replace(p, forces=(p.forces * factor).astype(dtype).astype(np.float64))
            for p in potential.evaluate(structures, properties)
        ]

    return planted(potential, "counted-calls", evaluation)


DYNAMICS_MUTANTS = (
    Mutant(
        "turned-forces",
        "Each force is turned by ε about a fixed axis: a part of ε of it is no gradient.",
        1e-3,
        "radian",
        frozenset({"dynamics/energy-conserved"}),
        _AXIAL
        | (CONSERVATION - {"conservation/stress-strain"})
        | {"dynamics/momentum", "dynamics/order", "dynamics/stress-in-motion"},
        change_predictions("turned-forces", _turned),
    ),
    Mutant(
        "friction",
        "Forces lessen with the velocity that a structure carries, by ε eV/Å at one ångström per unit of time of ASE.",
        0.01,
        "eV/Å",
        frozenset({"dynamics/energy-conserved", "dynamics/time-reversal"}),
        frozenset(
            {"robustness/irrelevant-attributes", "dynamics/momentum", "dynamics/order", "dynamics/stress-in-motion"}
        ),
        change_predictions("friction", _rubbed),
        needs="structures that carry momenta",
    ),
    Mutant(
        "axis-preference",
        "Bonds like to stand at 45° to a fixed axis, so that a cluster spins up.",
        0.01,
        "eV/Å",
        frozenset({"dynamics/momentum"}),
        _AXIAL | {"conservation/closed-loop-cell", "dynamics/stress-in-motion", "physics/elasticity"},
        add_term("axis-preference", _preferred),
        consistent=True,
        needs="an isolated structure that is no sphere",
    ),
    Mutant(
        "rounded-positions",
        "Forces, not energies, are those of positions rounded to multiples of ε Å.",
        1e-3,
        "Å",
        frozenset({"dynamics/order"}),
        DISTURBED - REPEATED - {"robustness/irrelevant-attributes", "robustness/input-intact", "dynamics/order"},
        _rounded,
    ),
    Mutant(
        "counted-calls",
        "All forces swell and shrink by ε with the number of calls.",
        0.01,
        "fraction",
        frozenset({"dynamics/time-reversal"}),
        DISTURBED - {"dynamics/time-reversal"},
        _counted,
    ),
)
