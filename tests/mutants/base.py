"""What a mutant is, and the ways to plant a defect into any potential."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities, FloatArray, Potential, Prediction, Property
from tests.analytic.evaluation import forces_from, strain_derivatives, volumes
from tests.analytic.graph import DType, Graph, Real, graphs, sum_by

SYMMETRY = frozenset(
    f"symmetry/{name}"
    for name in ("translation", "rotation", "inversion", "permutation", "net-force", "net-torque", "space-group")
)
PERIODICITY = frozenset(f"periodicity/{name}" for name in ("lattice-wrap", "cell-choice", "supercell", "partial"))
CONSERVATION = frozenset(
    f"conservation/{name}"
    for name in ("force-gradient", "stress-strain", "path-work", "closed-loop", "closed-loop-cell", "jacobian")
)
SMOOTHNESS = frozenset(
    f"smoothness/{name}"
    for name in ("continuity", "continuity-cell", "stiffness-continuous", "one-stiffness", "ripples")
)
LOCALITY = frozenset(f"locality/{name}" for name in ("detached-atom", "fragments-add-up", "lonely-atom", "reach"))
ROBUSTNESS = frozenset(
    f"robustness/{name}"
    for name in (
        "determinism",
        "batch",
        "input-intact",
        "call-history",
        "as-ase-drives-it",
        "precision",
        "noise-floor",
        "finite-output",
        "size",
        "requested-properties",
        "energies-agree",
        "irrelevant-attributes",
        "threads",
        "processes",
        "process-state",
        "device-parity",
        "memory-growth",
        "refusals",
    )
)
DYNAMICS = frozenset(
    f"dynamics/{name}"
    for name in ("energy-conserved", "order", "momentum", "time-reversal", "no-blow-up", "stress-in-motion")
)
ENERGY_IN_MOTION = frozenset({"dynamics/energy-conserved", "dynamics/order", "dynamics/stress-in-motion"})
PHYSICS = frozenset(
    f"physics/{name}" for name in ("short-range", "equation-of-state", "elasticity", "phonons", "frozen-phonon-stress")
)
CHECKS = SYMMETRY | PERIODICITY | CONSERVATION | SMOOTHNESS | LOCALITY | ROBUSTNESS | DYNAMICS | PHYSICS
"""Ids of all checks that mutants speak of."""

Plant: TypeAlias = Callable[[Potential, float], Potential]
Evaluate: TypeAlias = Callable[[Sequence[Atoms], frozenset[Property]], list[Prediction]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One named, tunable defect.

    Attributes
    ----------
    name : str
    defect : str
        What is wrong, in one sentence.
    strength : float
        ε at which the checks of `must_fail` are meant to fail clearly, in `unit`.
    unit : str
        "eV/Å": ε is the order of the extra force on an atom of a rattled crystal, or of the extra energy per atom in
        eV, for cutoffs of 5 Å and more; an order smaller at 3.3 Å. "fraction": ε = 1 is the whole defect. "switch":
        any ε > 0 is the whole defect. Otherwise ε is what `defect` says.
    must_fail : frozenset of str
        Ids of the checks that have to notice, given structures on which the defect shows.
    may_fail : frozenset of str
        Ids of the checks that may notice: the defect bears on their laws, or disturbs what they compare. No other
        check may fail.
    plant : callable
        Returns the potential with the defect at strength ε; at ε = 0 its predictions are the potential's own.
    consistent : bool
        Forces and stress are the exact derivatives of the wrong energy.
    needs : str
        On which structures or potentials the defect shows, where that is not any.
    """

    name: str
    defect: str
    strength: float
    unit: str
    must_fail: frozenset[str]
    may_fail: frozenset[str]
    plant: Plant
    consistent: bool = False
    needs: str = ""

    def __post_init__(self) -> None:
        unknown = (self.must_fail | self.may_fail) - CHECKS
        if unknown or self.must_fail & self.may_fail or not self.must_fail:
            raise ValueError(f"mutant {self.name}: must_fail and may_fail must be disjoint sets of known check ids")


@dataclass(frozen=True, slots=True)
class Planted:
    """A potential with a defect. What it declares is what the sound potential declares."""

    name: str
    capabilities: Capabilities
    evaluation: Evaluate

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return predictions in order."""
        return self.evaluation(structures, properties)


def planted(potential: Potential, name: str, evaluation: Evaluate) -> Planted:
    """Return `evaluation` under the potential's declarations."""
    return Planted(f"{potential.name}+{name}", potential.capabilities, evaluation)


def precision_of(potential: Potential) -> DType:
    """Return the declared precision; float64 where none is declared."""
    return potential.capabilities.dtype or "float64"


def reach_of(potential: Potential) -> float:
    """Return the declared cutoff, Å; 5 where none is declared. A defect within it is as local as the rest."""
    return potential.capabilities.cutoff or 5.0


@dataclass(frozen=True, slots=True)
class Extra:
    """A wrong term of unit strength, for all structures of a graph.

    Attributes
    ----------
    energies : (n_atoms,) array, eV
    forces : (n_atoms, 3) array, eV/Å
    virial : (n_structures, 3, 3) array, eV
        Symmetric strain derivative of the energy: stress × volume.
    """

    energies: Real
    forces: Real
    virial: Real


def from_edges(graph: Graph, energies: Real, gradients: Real) -> Extra:
    """Return the term with these energies of atoms and derivatives by edge vectors."""
    return Extra(energies, forces_from(graph, gradients), strain_derivatives(graph, gradients))


def forces_only(graph: Graph, forces: Real) -> Extra:
    """Return forces that belong to no energy."""
    dtype = forces.dtype
    return Extra(np.zeros(graph.n_atoms, dtype), forces, np.zeros((graph.n_structures, 3, 3), dtype))


def add_term(
    name: str, term: Callable[[Graph], Extra], distort: Callable[[Atoms], Atoms] = lambda structure: structure
) -> Plant:
    """Return a plant that adds ε times a term, evaluated and added in the precision of the potential.

    Parameters
    ----------
    name : str
    term : callable
    distort : callable
        The term sees the structures through this function: what a wrong reading of the input does.
    """

    def plant(potential: Potential, strength: float) -> Planted:
        dtype, reach = precision_of(potential), reach_of(potential)

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            predictions = potential.evaluate(structures, properties)
            done = 0
            for graph in graphs([distort(structure) for structure in structures], reach, dtype):
                extra = term(graph)
                totals = sum_by(graph.owner, extra.energies, graph.n_structures)
                sizes = volumes(graph.cells)
                for k, (begin, end) in enumerate(zip(graph.first[:-1], graph.first[1:], strict=True)):
                    prediction = predictions[done]
                    predictions[done] = Prediction(
                        energy=float(summed(prediction.energy, strength * totals[k], dtype)),
                        forces=plus(prediction.forces, strength * extra.forces[begin:end], dtype),
                        stress=None
                        if prediction.stress is None
                        else plus(prediction.stress, strength * (extra.virial[k] / sizes[k]), dtype),
                        energies=plus(prediction.energies, strength * extra.energies[begin:end], dtype),
                    )
                    done += 1
            return predictions

        return planted(potential, name, evaluation)

    return plant


def summed(one: Real | float, other: Real | float, dtype: DType) -> Real:
    """Return the sum in the precision given, or in float64 where a float64 constant was added to the first before."""
    first = np.asarray(one)
    sum_type = dtype if np.array_equal(first.astype(dtype), first) else np.float64
    total: Real = first.astype(sum_type) + np.asarray(other, dtype).astype(sum_type)
    return total


def plus(one: FloatArray | None, other: Real, dtype: DType) -> FloatArray | None:
    """Return the sum in the precision given, or None if there is nothing to add to."""
    return None if one is None else summed(one, other, dtype).astype(np.float64)


def change_predictions(name: str, change: Callable[[Prediction, Atoms, float, DType], Prediction]) -> Plant:
    """Return a plant that changes each prediction by itself."""

    def plant(potential: Potential, strength: float) -> Planted:
        dtype = precision_of(potential)

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            predictions = potential.evaluate(structures, properties)
            return [change(p, s, strength, dtype) for p, s in zip(predictions, structures, strict=True)]

        return planted(potential, name, evaluation)

    return plant


def shifted(prediction: Prediction, energy: float, forces: Real | float, dtype: DType) -> Prediction:
    """Return the prediction with energy and forces added, the energy shared by the atoms."""
    share = 0.0 if prediction.energies is None else energy / len(prediction.energies)
    return replace(
        prediction,
        energy=float(summed(prediction.energy, energy, dtype)),
        forces=plus(prediction.forces, np.asarray(forces, dtype), dtype),
        energies=plus(prediction.energies, np.asarray(share, dtype), dtype),
    )
