"""Defects that show only for some properties, batches, attributes or structures are seen on the smallest budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from ase import Atoms, constraints

from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.run import Prepared, explore, prepare
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property, Unsupported, periodicity_of
from tests.analytic import smooth_pair, three_body
from tests.analytic.kinks import kinked
from tests.doctor.planted import Adapter
from tests.engine import judging

SPECIES = ("C", "Cu", "Au")
SEEDS = range(3)
Answer = Callable[[Sequence[Atoms], frozenset[Property], list[Prediction]], list[Prediction]]


@dataclass(slots=True)
class Wrapped:
    """A sound potential whose answers go through a function, which may also change the structures."""

    answer: Answer
    sound: Potential = field(default_factory=partial(smooth_pair, species=SPECIES))
    name: str = "wrapped"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return self.answer(structures, properties, self.sound.evaluate(structures, properties))


def each(change: Callable[[Atoms, frozenset[Property], Prediction], Prediction]) -> Wrapped:
    """Return a potential whose predictions are changed one by one."""
    return Wrapped(lambda all_, asked, found: [change(s, asked, p) for s, p in zip(all_, found, strict=True)])


def spoiled(deed: Callable[[Sequence[Atoms]], object]) -> Wrapped:
    """Return a potential that does something to the structures it is given."""

    def answer(structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]) -> list[Prediction]:
        deed(structures)
        return found

    return Wrapped(answer)


def judged(potential: Potential, check_id: str, seed: int) -> CheckResult:
    """Return what a check says."""
    return judging.judged(lambda: potential, check_id, seed=seed)


def prepared_for(potential: Potential, seed: int) -> tuple[Evaluator, Settings, Prepared]:
    settings = Settings(spec="wrapped", budget="quick", seed=seed)
    evaluator = Evaluator(potential, lambda: potential)
    return evaluator, settings, prepare(evaluator, settings)


# robustness/requested-properties


def energy_with_stress(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
    shift = 0.01 * len(structure) if asked == {"energy", "stress"} else 0.0
    return replace(prediction, energy=prediction.energy + shift)


def stress_without_forces(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
    if prediction.stress is None or "forces" in asked:
        return prediction
    return replace(prediction, stress=1.1 * prediction.stress)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("change", [energy_with_stress, stress_without_forces])
def test_every_set_of_properties_is_asked_for(change: Any, seed: int) -> None:
    assert judged(each(change), "robustness/requested-properties", seed).status == "fail"


@pytest.mark.parametrize("properties", [{"energy", "forces"}, {"energy", "stress"}])
def test_potentials_with_fewer_properties_are_asked_for_those(properties: set[Property]) -> None:
    def shifted(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
        return replace(prediction, energy=prediction.energy + 0.01 * len(structure) * (len(asked) > 1))

    for change, status in ((lambda s, asked, p: p, "pass"), (shifted, "fail")):
        sound = smooth_pair(species=SPECIES)
        fewer = replace(sound, capabilities=replace(sound.capabilities, properties=frozenset(properties)))
        assert judged(replace(each(change), sound=fewer), "robustness/requested-properties", 0).status == status


# robustness/input-intact


def large_batches(structures: Sequence[Atoms]) -> None:
    if len(structures) > 2:
        structures[-1].positions += 1e-9


def left_handed_cells(structures: Sequence[Atoms]) -> None:
    for structure in structures:
        if np.linalg.det(structure.cell.array) < 0:
            structure.set_cell(-structure.cell.array)


def values_in_info(kind: type, spoil: Callable[[Any], object], structures: Sequence[Atoms]) -> None:
    for structure in structures:
        for name, value in structure.info.items():
            if isinstance(value, kind) and name != "recipe":
                spoil(value)


def first_of_array(values: Any) -> None:
    values[0] += 1.0


def array_within(values: dict[str, Any]) -> None:
    if "array" in values:
        first_of_array(values["array"])


MEDDLING = {
    "batches of more than two": large_batches,
    "left-handed cells": left_handed_cells,
    "a list in info": partial(values_in_info, list, lambda values: values.append(1)),
    "an array in info": partial(values_in_info, np.ndarray, first_of_array),
    "a dict in info": partial(values_in_info, dict, lambda values: values.clear()),
    "within a dict in info": partial(values_in_info, dict, array_within),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("deed", MEDDLING.values(), ids=MEDDLING)
def test_whatever_is_changed_is_seen(deed: Callable[[Sequence[Atoms]], object], seed: int) -> None:
    assert judged(spoiled(deed), "robustness/input-intact", seed).status == "fail"


@pytest.mark.parametrize("seed", SEEDS)
def test_who_refuses_left_handed_cells_leaves_the_others_alone(seed: int) -> None:
    def refuse(structures: Sequence[Atoms]) -> None:
        if any(np.linalg.det(structure.cell.array) < 0 for structure in structures):
            raise ValueError("cells must be right-handed")

    result = judged(spoiled(refuse), "robustness/input-intact", seed)
    assert result.status == "pass", result.reason


def test_who_refuses_several_structures_is_blamed() -> None:
    def refuse(structures: Sequence[Atoms]) -> None:
        if len(structures) == 5 and all(np.linalg.det(structure.cell.array) >= 0 for structure in structures):
            raise ValueError("at most four structures")

    assert judged(spoiled(refuse), "robustness/input-intact", 0).status == "error"


# robustness/irrelevant-attributes


def adjusted(kind: str, structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
    """Return the prediction with constraints of one kind applied to the forces, as ASE does by default."""
    if prediction.forces is None:
        return prediction
    forces = prediction.forces.copy()
    for constraint in structure.constraints:
        if type(constraint).__name__ == kind:
            constraint.adjust_forces(structure, forces)
    return replace(prediction, forces=forces)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["FixAtoms", "FixCartesian", "FixedPlane", "FixedLine", "FixBondLengths", "FixCom"])
def test_each_kind_of_constraint_is_tried(kind: str, seed: int) -> None:
    assert issubclass(getattr(constraints, kind), constraints.FixConstraint)
    assert judged(each(partial(adjusted, kind)), "robustness/irrelevant-attributes", seed).status == "fail"


# robustness/finite-output


@pytest.mark.parametrize("seed", SEEDS)
def test_every_hard_kind_is_visited_in_every_periodicity(seed: int) -> None:
    check = next(check for check in all_checks() if check.id == "robustness/finite-output")
    evaluator, settings, prepared = prepared_for(smooth_pair(species=SPECIES), seed)
    outcomes = explore(check, prepared.pool, evaluator, settings).outcomes
    visited = [(o.case.parameters["kind"], periodicity_of(o.case.structure)) for o in outcomes]
    assert len(set(visited[:30])) == 30
    sizes = [len(o.case.structure) for o in outcomes if o.case.parameters["kind"] == "many atoms"]
    assert all(64 < size <= 250 for size in sizes)


def test_many_atoms_are_not_always_as_many() -> None:
    check = next(check for check in all_checks() if check.id == "robustness/finite-output")
    sizes = set()
    for seed in SEEDS:
        evaluator, settings, prepared = prepared_for(smooth_pair(species=SPECIES), seed)
        for outcome in explore(check, prepared.pool, evaluator, settings).outcomes:
            if outcome.case.parameters["kind"] == "many atoms":
                sizes.add(len(outcome.case.structure))
    assert len(sizes) > 3


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("where", ["periodic", "partial", "isolated"])
def test_potentials_that_break_beyond_64_atoms_are_seen(where: str, seed: int) -> None:
    def overflow(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
        too_many = len(structure) > 64 and periodicity_of(structure) == where
        return replace(prediction, energy=np.nan) if too_many else prediction

    assert judged(each(overflow), "robustness/finite-output", seed).status == "fail"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wide_box_is_looked_at(seed: int) -> None:
    def lost(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
        wide = structure.cell.lengths()[structure.pbc].max(initial=0.0) > 200.0
        return replace(prediction, energy=np.nan) if wide else prediction

    assert judged(each(lost), "robustness/finite-output", seed).status == "fail"


# periodicity/lattice-wrap


@pytest.mark.parametrize("seed", SEEDS)
def test_an_atom_that_rounding_puts_on_the_upper_face_is_looked_at(seed: int) -> None:
    def lost(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
        if not structure.pbc.all():
            return prediction
        inside = np.linalg.solve(structure.cell.array.T, structure.positions.T)
        on_the_face = (inside - np.floor(inside) >= 1.0).any()
        return replace(prediction, energy=prediction.energy + 0.1) if on_the_face else prediction

    assert judged(each(lost), "periodicity/lattice-wrap", seed).status == "fail"


# symmetry/permutation


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("wrong", ["order", "sum"])
def test_energies_of_atoms_are_looked_at(wrong: str, seed: int) -> None:
    def sorted_or_halved(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
        assert prediction.energies is not None
        order = np.argsort(structure.positions[:, 0]) if wrong == "order" else np.arange(len(structure))
        factor = 1.0 if wrong == "order" else 0.5
        return replace(prediction, energies=factor * prediction.energies[order])

    assert judged(each(sorted_or_halved), "symmetry/permutation", seed).status == "fail"


@pytest.mark.parametrize("seed", SEEDS)
def test_who_has_no_energies_of_atoms_is_not_asked_for_them(seed: int) -> None:
    assert judged(each(lambda s, asked, p: replace(p, energies=None)), "symmetry/permutation", seed).status == "pass"


# robustness/precision


def rounded_where(when: Callable[[Atoms], bool]) -> Wrapped:
    return each(lambda s, asked, p: replace(p, energy=float(np.float32(p.energy))) if when(s) else p)


COARSE: dict[str, Callable[[Atoms], bool]] = {
    "more than 16 atoms": lambda structure: len(structure) > 16,
    "isolated": lambda structure: not structure.pbc.any(),
    "large and isolated": lambda structure: len(structure) > 16 and not structure.pbc.any(),
    "two species": lambda structure: len(set(structure.numbers)) == 2,
    "slabs": lambda structure: periodicity_of(structure) == "partial",
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("when", COARSE.values(), ids=COARSE)
def test_float32_on_some_structures_only_is_seen(when: Callable[[Atoms], bool], seed: int) -> None:
    assert judged(rounded_where(when), "robustness/precision", seed).status == "fail"


def test_a_kink_is_not_taken_for_rounding() -> None:
    """The energy jumps where the first atom crosses planes so close that one line in twenty crosses one."""

    def jumps(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
        return replace(prediction, energy=prediction.energy + 1e-5 * float(structure.positions[0, 0] // 4e-3))

    for seed in range(5):
        assert judged(each(jumps), "robustness/precision", seed).status == "pass"


def test_a_table_of_ten_thousand_knots_is_not_taken_for_rounding() -> None:
    """As Al_mm.eam.fs in LAMMPS: the stiffness of a pair jumps by 1 eV/Å² every 6.5e-4 Å."""
    table = kinked("tabulated", 6.0, species=("Al",))
    for seed in range(5):
        assert judged(table, "robustness/precision", seed).status == "pass"


def test_steps_of_a_table_are_not_taken_for_rounding() -> None:
    """As EAM_IMD of OpenKIM: forces jump by 1e-7 eV/Å at close knots, and are smooth to 1e-14 between them."""
    table = kinked("stepped", 6.0, species=("Al",))
    for seed in range(4):
        assert judged(table, "robustness/precision", seed).status == "pass"


@pytest.mark.parametrize("rounded", ["all", "input"])
@pytest.mark.parametrize("envelope", ["stepped", "quartic-bump"])
def test_a_part_in_float32_is_seen_beside_one_in_float64(envelope: str, rounded: str) -> None:
    table = kinked(envelope, 6.0, species=("Al",))
    network = kinked("quartic-bump", 5.0, species=("Al",), dtype="float32" if rounded == "all" else "float64")

    def evaluate(structures: Sequence[Atoms], asked: frozenset[Property]) -> list[Prediction]:
        given = [structure.copy() for structure in structures]
        for structure in given:
            structure.positions = structure.positions.astype(np.float32)
        both = zip(table.evaluate(structures, asked), network.evaluate(given, asked), strict=True)
        return [
            Prediction(
                p.energy + q.energy,
                None if p.forces is None or q.forces is None else p.forces + q.forces,
                None if p.stress is None or q.stress is None else p.stress + q.stress,
            )
            for p, q in both
        ]

    for seed in range(2):
        assert judged(Adapter(evaluate, table.capabilities), "robustness/precision", seed).status == "fail"


@pytest.mark.parametrize("rounded", ["input", "forces"])
@pytest.mark.parametrize("envelope", ["tabulated", "stepped"])
def test_float32_beside_such_a_table_is_seen(rounded: str, envelope: str) -> None:
    table = kinked(envelope, 6.0, species=("Al",))

    def evaluate(structures: Sequence[Atoms], asked: frozenset[Property]) -> list[Prediction]:
        given = [structure.copy() for structure in structures]
        for structure in given if rounded == "input" else ():
            structure.positions = structure.positions.astype(np.float32)
        found = table.evaluate(given, asked)
        if rounded == "input":
            return found
        return [p if p.forces is None else replace(p, forces=p.forces.astype(np.float32)) for p in found]

    coarse = Adapter(evaluate, table.capabilities)
    for seed in range(3):
        assert judged(coarse, "robustness/precision", seed).status == "fail"


# symmetry/permutation


def reading_charges(reverse: bool) -> Wrapped:
    def change(structure: Atoms, asked: frozenset[Property], prediction: Prediction) -> Prediction:
        charges = structure.get_initial_charges()[:: -1 if reverse else 1]
        field = 0.01 * charges * structure.positions[:, 0]
        assert prediction.energies is not None
        return replace(prediction, energy=prediction.energy + float(field.sum()), energies=prediction.energies + field)

    return each(change)


def refusing(what: str, error: type[Exception]) -> Wrapped:
    def refuse(structures: Sequence[Atoms]) -> None:
        if any(what in structure.arrays for structure in structures):
            raise error(f"{what} are not supported")

    return spoiled(refuse)


@pytest.mark.parametrize("seed", SEEDS)
def test_charges_travel_with_their_atoms(seed: int) -> None:
    assert judged(reading_charges(reverse=True), "symmetry/permutation", seed).status == "fail"
    assert judged(reading_charges(reverse=False), "symmetry/permutation", seed).status == "pass"


@pytest.mark.parametrize("error", [ValueError, NotImplementedError, Unsupported])
@pytest.mark.parametrize("what", ["initial_charges", "initial_magmoms"])
def test_who_refuses_charges_or_moments_is_not_blamed(what: str, error: type[Exception]) -> None:
    result = judged(refusing(what, error), "symmetry/permutation", 0)
    assert result.status == "pass", result.reason
    assert result.broken == 0


CHANGED = (
    "robustness/requested-properties",
    "robustness/input-intact",
    "robustness/irrelevant-attributes",
    "robustness/finite-output",
    "robustness/precision",
    "symmetry/permutation",
    "periodicity/lattice-wrap",
)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("check_id", CHANGED)
def test_sound_potentials_pass(check_id: str, dtype: Any) -> None:
    for seed in SEEDS:
        result = judged(three_body(species=SPECIES, dtype=dtype), check_id, seed)
        assert result.status == ("not_applicable" if dtype == "float32" and "precision" in check_id else "pass")
