"""Defects of precision, of finiteness, and of what is read from a structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses

from gnnp_bench.potential import FloatArray, Potential, Prediction, Property
from tests.analytic.graph import DType, graphs
from tests.analytic.radial import contact_distances
from tests.mutants.base import (
    CHECKS,
    ENERGY_IN_MOTION,
    Mutant,
    Plant,
    Planted,
    change_predictions,
    planted,
    precision_of,
    reach_of,
    shifted,
)

BLOCK = 256
"""Atoms that `block-lost` does at once: more than any structure of a pool has, or any supercell of it."""
FLOAT32 = 2.0**-24
"""Spacing of float32 mantissas between ½ and 1."""


def coarse(values: Any, spacing: float) -> FloatArray:
    """Return values with mantissas between ½ and 1 rounded to multiples of a spacing; 0 leaves them as they are."""
    exact = np.asarray(values, np.float64)
    if spacing == 0.0:
        return exact
    mantissa, exponent = np.frexp(exact)
    rounded: FloatArray = np.ldexp(np.rint(mantissa / spacing) * spacing, exponent)
    return rounded


def _coarse_structure(structure: Atoms, spacing: float) -> Atoms:
    rounded: Atoms = structure.copy()
    rounded.positions = coarse(structure.positions, spacing)
    rounded.set_cell(coarse(structure.cell.array, spacing))
    return rounded


def _rounded_inside(name: str, block: float) -> Plant:
    """Return a plant that rounds what comes in and goes out; of the energy, multiples of `block` eV are kept exact."""

    def plant(potential: Potential, strength: float) -> Planted:
        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            changed = []
            inside = [_coarse_structure(structure, strength) for structure in structures]
            for prediction in potential.evaluate(inside, properties):
                exact = block * np.rint(prediction.energy / block) if block else 0.0
                changed.append(
                    Prediction(
                        energy=float(exact + coarse(prediction.energy - exact, strength)),
                        forces=None if prediction.forces is None else coarse(prediction.forces, strength),
                        stress=None if prediction.stress is None else coarse(prediction.stress, strength),
                        energies=prediction.energies,
                    )
                )
            return changed

        return planted(potential, name, evaluation)

    return plant


def _nan_where(name: str, condition: Callable[[FloatArray, float], Any]) -> Plant:
    """Return a plant that spoils atoms by their nearest neighbour's distance over the sum of covalent radii."""

    def plant(potential: Potential, strength: float) -> Planted:
        reach, dtype = reach_of(potential), precision_of(potential)

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            nearest = []
            for graph in graphs(structures, reach, dtype):
                ratio = np.full(graph.n_atoms, np.inf)
                np.minimum.at(ratio, graph.centres, graph.distances / contact_distances(graph))
                nearest += np.split(ratio, graph.first[1:-1])
            changed = []
            for prediction, ratio in zip(potential.evaluate(structures, properties), nearest, strict=True):
                bad = np.asarray(condition(ratio, strength))
                if bad.any():
                    forces = None if prediction.forces is None else np.where(bad[:, None], np.nan, prediction.forces)
                    prediction = replace(prediction, energy=float("nan"), forces=forces)
                changed.append(prediction)
            return changed

        return planted(potential, name, evaluation)

    return plant


def _fixed_atoms(prediction: Prediction, structure: Atoms, strength: float, dtype: DType) -> Prediction:
    if prediction.forces is None:
        return prediction
    forces = prediction.forces.astype(dtype)
    for constraint in structure.constraints:
        forces[constraint.get_indices()] *= np.asarray(1.0 - strength, dtype)
    return replace(prediction, forces=forces.astype(np.float64))


def _attribute(name: str, total: Callable[[Atoms], float]) -> Plant:
    def change(prediction: Prediction, structure: Atoms, strength: float, dtype: DType) -> Prediction:
        return shifted(prediction, strength * total(structure), 0.0, dtype)

    return change_predictions(name, change)


def _accepting(potential: Potential, strength: float) -> Planted:
    def nonsense(structure: Atoms) -> bool:
        foreign = set(structure.symbols) - set(potential.capabilities.species)
        return len(structure) == 0 or bool(foreign) or not np.isfinite(structure.positions).all()

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        sensible = [structure for structure in structures if strength == 0 or not nonsense(structure)]
        answers = iter(potential.evaluate(sensible, properties))
        nothing = [Prediction(0.0, np.zeros((len(s), 3)), np.zeros((3, 3))) for s in structures]
        return [next(answers) if s in sensible else zero for s, zero in zip(structures, nothing, strict=True)]

    return planted(potential, "accepts-nonsense", evaluation)


def _leak(
    name: str,
    defect: str,
    plant: Plant,
    needs: str,
    strength: float = 0.01,
    unit: str = "eV",
    may: frozenset[str] = frozenset(),
) -> Mutant:
    must = frozenset({"robustness/irrelevant-attributes"})
    return Mutant(name, defect, strength, unit, must, may, plant, needs=needs)


def _nan(name: str, defect: str, strength: float, unit: str, condition: Callable[[FloatArray, float], Any]) -> Mutant:
    must = frozenset({"robustness/finite-output"})
    return Mutant(name, defect, strength, unit, must, CHECKS - must, _nan_where(name, condition), needs="such an atom")


def _last_forces_lost(prediction: Prediction, structure: Atoms, strength: float, dtype: DType) -> Prediction:
    if prediction.forces is None or len(structure) <= BLOCK:
        return prediction
    forces = prediction.forces.copy()
    forces[BLOCK:] += strength
    return replace(prediction, forces=forces)


_PRECISION = frozenset({"robustness/precision"})

OUTPUT_MUTANTS = (
    Mutant(
        "block-lost",
        f"Forces on atoms after the first {BLOCK} are larger by ε.",
        0.01,
        "eV/Å",
        frozenset({"robustness/size"}),
        frozenset(),
        change_predictions("block-lost", _last_forces_lost),
        needs=f"more than {BLOCK} atoms",
    ),
    Mutant(
        "float32-inside",
        "A potential declared float64 rounds its input and output to float32: ε is the spacing of mantissas.",
        FLOAT32,
        "mantissa spacing",
        _PRECISION,
        frozenset({"robustness/noise-floor"}),
        _rounded_inside("float32-inside", 0.0),
        needs="a float64 potential",
    ),
    Mutant(
        "float32-inside-constant",
        "The same, but large energies of isolated atoms are added in float64.",
        FLOAT32,
        "mantissa spacing",
        _PRECISION,
        frozenset({"robustness/noise-floor"}),
        _rounded_inside("float32-inside-constant", 64.0),
        needs="a float64 potential with large energies of isolated atoms",
    ),
    _nan(
        "nan-close-contact",
        "Forces on atoms with a neighbour nearer than ε times the sum of covalent radii are NaN, and so is the energy.",
        0.6,
        "fraction",
        lambda ratio, strength: ratio < strength,
    ),
    _nan(
        "nan-lone-atom",
        "Forces on atoms without neighbours are NaN, and so is the energy.",
        1.0,
        "switch",
        lambda ratio, strength: (ratio == np.inf) & (strength > 0),
    ),
    _leak(
        "constraint-leak",
        "Forces on constrained atoms are reduced by the fraction ε.",
        change_predictions("constraint-leak", _fixed_atoms),
        "constraints with indices, such as FixAtoms",
        0.05,
        "fraction",
    ),
    _leak(
        "mass-leak",
        "Masses shift the energy by ε times their relative deviations from the standard ones.",
        _attribute("mass-leak", lambda s: float((s.get_masses() / atomic_masses[s.numbers] - 1.0).sum())),
        "masses other than the standard ones",
    ),
    _leak(
        "momentum-leak",
        "Momenta shift the energy by ε Σ tanh|p|.",
        _attribute("momentum-leak", lambda s: float(np.tanh(np.abs(s.get_momenta())).sum())),
        "momenta",
        may=ENERGY_IN_MOTION,
    ),
    _leak(
        "tag-leak",
        "Tags shift the energy by ε Σ tanh t.",
        _attribute("tag-leak", lambda s: float(np.tanh(s.get_tags()).sum())),
        "tags",
    ),
    Mutant(
        "accepts-nonsense",
        "Empty structures, undeclared species and positions that are NaN have zero energy.",
        1.0,
        "switch",
        frozenset({"robustness/refusals"}),
        frozenset(),
        _accepting,
    ),
)
