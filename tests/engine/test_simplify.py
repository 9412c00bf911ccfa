"""Simplification ends at the smallest case that still fails; the smallest case of each defect here is known."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from benchmarks.planted import maker
from gnnp_bench.certificate.result import Counterexample
from gnnp_bench.check import Case, Check, Component, Measurement, Noise, Request, Residual, with_parameters
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.run import run
from gnnp_bench.engine.search import Findings, Outcome, Rules, measure_all
from gnnp_bench.engine.settings import Settings
from gnnp_bench.engine.simplify import LEAST, MAX_CANDIDATES, simplify
from gnnp_bench.potential import ENERGY, Potential, Prediction
from gnnp_bench.structures.serialise import from_json
from tests.analytic import smooth_pair
from tests.engine.recording import Recording
from tests.mutants import MUTANTS
from tests.mutants.energies import LARGE


@dataclass(frozen=True, slots=True)
class Smallest:
    """What is left of a failing case."""

    structure: Atoms
    parameters: dict[str, Any]

    @property
    def n_species(self) -> int:
        return len(set(self.structure.numbers))


def smallest(found: Counterexample | None) -> Smallest:
    assert found is not None
    return Smallest(from_json(found.structure), found.case["parameters"])


def one_atom(case: Smallest) -> bool:
    return len(case.structure) == 1


def two_atoms(case: Smallest) -> bool:
    return len(case.structure) == 2


def _at_rest(case: Smallest) -> bool:
    return one_atom(case) and case.parameters["amplitude"] == 0.0


def _shifted_along_an_axis(case: Smallest) -> bool:
    return one_atom(case) and case.parameters["shift"] in ([1, 0, 0], [0, 1, 0], [0, 0, 1])


def _two_unlike_atoms_swapped(case: Smallest) -> bool:
    return two_atoms(case) and case.n_species == 2 and case.parameters["order"] == [1, 0]


def _two_atoms_swapped(case: Smallest) -> bool:
    """Of one species they are images of each other by an inversion, and the energy of each still is its own."""
    return two_atoms(case) and case.parameters["order"] == [1, 0]


def _three_atoms_two_swapped(case: Smallest) -> bool:
    """Two atoms whose moments are read in reversed order are the same two atoms after a swap."""
    return len(case.structure) == 3 and case.parameters["moments"] is not None


def _one_more_than_the_threshold(case: Smallest) -> bool:
    images = abs(round(np.linalg.det(np.asarray(case.parameters["matrix"]))))
    return images * len(case.structure) == LARGE + 1


def _doubled_along_one_axis(case: Smallest) -> bool:
    return one_atom(case) and sorted(np.diag(np.asarray(case.parameters["matrix"]))) == [1, 1, 2]


def _one_atom_moved_by_one_cell(case: Smallest) -> bool:
    return two_atoms(case) and int(np.abs(np.asarray(case.parameters["cells"])).sum()) == 1


def _left_handed_by_one_change(case: Smallest) -> bool:
    """Two vectors swapped or one reversed."""
    matrix = np.asarray(case.parameters["matrix"])
    return one_atom(case) and int(np.abs(matrix).sum()) == 3 and round(np.linalg.det(matrix)) == -1


def _in_the_company_of_one_atom(case: Smallest) -> bool:
    # The structure itself may keep its atoms: the leak enters ν of a smaller one, which then is inconclusive.
    company = case.parameters["company"]
    return len(company) == 1 and len(company[0]["numbers"]) == 1 and len(case.structure) <= 8


def _two_unlike_atoms(case: Smallest) -> bool:
    return two_atoms(case) and case.n_species == 2


def _isolated_pair(case: Smallest) -> bool:
    return two_atoms(case) and not case.structure.pbc.any()


def _two_atoms_one_coordinate(case: Smallest) -> bool:
    return two_atoms(case) and np.count_nonzero(case.parameters["direction"]) == 1


def _one_atom_one_coordinate(case: Smallest) -> bool:
    return one_atom(case) and np.count_nonzero(case.parameters["direction"]) == 1


def _one_atom_one_component(case: Smallest) -> bool:
    return one_atom(case) and bool(np.count_nonzero(case.parameters["strain"]) <= 2)


KNOWN: list[tuple[str, str, Callable[[Smallest], bool]]] = [
    ("external-field", "symmetry/net-force", _at_rest),
    ("external-field", "symmetry/translation", _shifted_along_an_axis),
    ("external-field", "symmetry/rotation", one_atom),
    ("external-field", "periodicity/lattice-wrap", one_atom),
    ("order-of-appearance", "symmetry/permutation", _two_unlike_atoms_swapped),
    ("first-atom-special", "symmetry/permutation", _two_atoms_swapped),
    ("misread-moments", "symmetry/permutation", _three_atoms_two_swapped),
    ("size-threshold", "periodicity/supercell", _one_more_than_the_threshold),
    ("minimum-image", "periodicity/supercell", _doubled_along_one_axis),
    ("non-extensive", "periodicity/supercell", _doubled_along_one_axis),
    ("periodicity-ignored", "periodicity/lattice-wrap", _one_atom_moved_by_one_cell),
    ("left-handed-stress", "periodicity/cell-choice", _left_handed_by_one_change),
    ("direction-dependent", "symmetry/net-torque", _isolated_pair),
    ("non-central", "conservation/force-gradient", _two_atoms_one_coordinate),
    ("curl", "conservation/closed-loop", two_atoms),
    ("net-force", "conservation/force-gradient", _one_atom_one_coordinate),
    ("stress-sign", "conservation/stress-strain", _one_atom_one_component),
    ("nan-close-contact", "robustness/finite-output", two_atoms),
    ("batch-leak", "robustness/batch", _in_the_company_of_one_atom),
    ("sticky-species", "robustness/call-history", _two_unlike_atoms),
    ("random-noise", "robustness/determinism", one_atom),
]


@pytest.mark.parametrize(("name", "check", "expected"), KNOWN, ids=[f"{name}-{check}" for name, check, _ in KNOWN])
def test_defects_end_at_their_smallest_case(name: str, check: str, expected: Callable[[Smallest], bool]) -> None:
    seed = zlib.crc32(f"{name} {check}".encode()) % 3  # every seed has its share
    make = maker(MUTANTS[name], "float64", "unclaimed", MUTANTS[name].strength)
    settings = Settings(spec=name, budget="quick", seed=seed, only=(check,))
    *_, last = run(make(), all_checks(), settings, reload=make)
    result = next(result for result in last.certificate.checks if result.id == check)
    assert result.status == "fail"
    found = smallest(result.counterexample)
    assert expected(found), found


@pytest.mark.parametrize("most", [1, 6, 12, 16])
def test_nan_beyond_a_size_ends_one_atom_above_it(most: int) -> None:
    def nan_if_large(structure: Atoms, prediction: Prediction) -> Prediction:
        return replace(prediction, energy=float("nan")) if len(structure) > most else prediction

    potential = Recording(nan_if_large)
    settings = Settings(spec="nan", budget="quick", only=("robustness/finite-output",))
    *_, last = run(potential, all_checks(), settings, reload=lambda: potential)
    result = next(check for check in last.certificate.checks if check.counterexample is not None)
    assert len(smallest(result.counterexample).structure) == most + 1


SOUND = smooth_pair(species=("Cu", "Au"))
RULES = Rules({"x": 10.0}, claimed=False, scale=1.0)
NU = Noise(1e-3, 1e-3, 1e-3)


def counting(
    simpler: Callable[[Case], Iterator[Case]],
    residual: Callable[[Case], float],
    measured: list[Case],
    cost: int = 1,
) -> Check:
    """Return a check that files what it is asked to measure, with s = 1 and b = 10 ν."""

    def measure(case: Case) -> Measurement:
        measured.append(case)
        yield Request([case.structure] * cost, ENERGY)
        return Residual((Component("x", residual(case), 1.0, "eV", noise=case.nu.energy),))

    def draw(rng: np.random.Generator, view: object) -> Case:
        raise AssertionError("simplification draws nothing")

    return Check(
        id="test/counting",
        law="x = 0",
        category="mandatory",
        needs=ENERGY,
        source="none",
        tolerance="none",
        physics="none",
        draw=draw,
        simpler=simpler,
        measure=measure,
        cost=cost,
    )


def walked(check: Check, case: Case, budget: int = 64, potential: Potential = SOUND) -> tuple[Outcome, Evaluator]:
    """Return where the walk from a failing case ends, and the evaluator with what that took."""
    evaluator = Evaluator(SOUND, lambda: SOUND)
    (failing,) = measure_all(check, [case], evaluator, RULES, Findings(), single=False)
    assert failing is not None
    evaluator = Evaluator(potential, lambda: potential)
    return simplify(check, failing, evaluator, RULES, budget, single=False), evaluator


def start(**parameters: object) -> Case:
    return Case(Atoms("Cu", cell=[3.0] * 3, pbc=True), NU, parameters)


def test_no_candidate_is_measured_twice() -> None:
    """Every number has the same simpler ones: those that were sound are not asked for again a step later."""

    def simpler(case: Case) -> Iterator[Case]:
        yield from (with_parameters(case, n=n) for n in range(case.parameters["n"]))

    measured: list[Case] = []
    check = counting(simpler, lambda case: 5.0 * (case.parameters["n"] > 6), measured)
    simplest, _ = walked(check, start(n=40))
    assert simplest.case.parameters["n"] == 7
    asked = [case.parameters["n"] for case in measured]
    assert {n: asked.count(n) for n in range(7)} == dict.fromkeys(range(7), 1)


def test_the_number_of_candidates_is_bounded_whatever_the_budget() -> None:
    def endless(case: Case) -> Iterator[Case]:
        yield from (with_parameters(case, n=case.parameters["n"] + k) for k in range(1, 1000))

    measured: list[Case] = []
    check = counting(endless, lambda case: 5.0 * (case.parameters["n"] == 0), measured)
    simplest, _ = walked(check, start(n=0), budget=10_000)
    assert simplest.case.parameters["n"] == 0
    assert len(measured) == 1 + MAX_CANDIDATES


@pytest.mark.parametrize(("cost", "least"), [(1, LEAST), (40, 12 * 40)])
def test_the_walk_may_take_some_steps_however_small_the_budget(cost: int, least: int) -> None:
    def endless(case: Case) -> Iterator[Case]:
        yield with_parameters(case, n=case.parameters["n"] + 1)

    measured: list[Case] = []
    check = counting(endless, lambda case: 5.0, measured, cost)
    simplest, evaluator = walked(check, start(n=0), budget=1)
    assert simplest.case.parameters["n"] == min(-(-least // cost), MAX_CANDIDATES)
    assert evaluator.meter.evaluations <= least + 40 + 18  # a step more, and ν in full


def test_sound_candidates_cost_no_noise_floor() -> None:
    """ν of the parent will do to dismiss a candidate: here two evaluations of eighteen for ν and one for the case."""

    def simpler(case: Case) -> Iterator[Case]:
        yield from (Case(Atoms("Cu", cell=[a] * 3, pbc=True), None, {}) for a in (2.5, 2.6, 2.7, 2.8, 2.9))

    measured: list[Case] = []
    check = counting(simpler, lambda case: 5.0 * (case.structure.cell[0, 0] > 2.95), measured)
    _, evaluator = walked(check, start())
    assert evaluator.meter.evaluations == 5
    assert all(case.noise == NU for case in measured)


def test_a_candidate_is_judged_by_its_own_noise_floor() -> None:
    """The parent's ν would call r = 5 inconclusive: b = 20. The candidate's own is that of a pair potential."""
    loud = Noise(2.0, 2.0, 2.0)

    def simpler(case: Case) -> Iterator[Case]:
        if case.structure.cell[0, 0] == 3.0:
            yield Case(Atoms("Cu", cell=[2.5] * 3, pbc=True), None, {})

    check = counting(simpler, lambda case: 50.0 if case.structure.cell[0, 0] == 3.0 else 5.0, [])
    simplest, _ = walked(check, replace(start(), noise=loud))
    assert simplest.case.structure.cell[0, 0] == 2.5
    assert simplest.case.nu.energy < 1e-6


def test_what_fails_by_a_small_noise_floor_alone_is_not_reported() -> None:
    """What fails by the parent's ν and by one base point may not fail by all: r = 2, and ν grows."""

    def simpler(case: Case) -> Iterator[Case]:
        if case.structure.cell[0, 0] == 3.0:
            yield Case(Atoms("Cu", cell=[2.5] * 3, pbc=True), None, {})

    rng = np.random.default_rng(0)
    asked = 0

    def loud_later(structure: Atoms, prediction: Prediction) -> Prediction:
        nonlocal asked
        asked += 1
        return replace(prediction, energy=prediction.energy + (10.0 * rng.normal() if asked > 8 else 0.0))

    check = counting(simpler, lambda case: 2.0, [])
    simplest, _ = walked(check, start(), potential=Recording(loud_later))
    assert simplest.case.structure.cell[0, 0] == 3.0


def test_a_case_whose_noise_cannot_be_measured_keeps_the_one_it_has() -> None:
    def simpler(case: Case) -> Iterator[Case]:
        if case.structure.cell[0, 0] == 3.0:
            yield Case(Atoms("Cu", cell=[2.5] * 3, pbc=True), NU, {})

    def sound_at_rest_only(structure: Atoms, prediction: Prediction) -> Prediction:
        return prediction if np.all(structure.positions == 0.0) else replace(prediction, energy=float("nan"))

    check = counting(simpler, lambda case: 5.0, [])
    simplest, _ = walked(check, start(), potential=Recording(sound_at_rest_only))
    assert simplest.case.structure.cell[0, 0] == 2.5
    assert simplest.case.noise == NU
