"""A potential leaves the program around it as it was: what counts, what is only told, and what is nobody's fault."""

from __future__ import annotations

import functools
import os
import random
import sys
from collections.abc import Callable, Sequence

import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from gnnp_bench.adapters.registry import load_from
from gnnp_bench.check import Case, Noise, Residual, with_parameters
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.checks.robustness.process_state import CALLS
from gnnp_bench.engine.ended import Failed
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.replay import replay
from gnnp_bench.engine.run import budget_of, run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.engine.surroundings import surroundings
from gnnp_bench.potential import Potential
from gnnp_bench.structures.serialise import to_json
from tests.analytic import embedded_atom, smooth_pair, three_body
from tests.engine.guests import DECISIVE, HARMLESS, OF_TORCH, SPECIES, Table, When, guest

NO_NOISE = Noise(0.0, 0.0, 0.0)
(CHECK,) = (check for check in all_checks() if check.id == "robustness/process-state")


def measured(
    here: Potential,
    make: Callable[[], Potential],
    *calls: str,
    company: Sequence[Atoms] = (),
) -> Residual:
    """Return what the law finds on a copper crystal, where `make` is what another process loads."""
    beside = [to_json(one) for one in company]
    parameters = {"calls": list(calls or ["all"]), "company": beside, "foreign": "U"}
    (outcome,) = Evaluator(here, make).drive([CHECK.measure(Case(bulk("Cu"), NO_NOISE, parameters))])
    if isinstance(outcome, Failed):
        raise outcome.error
    return outcome.value


def in_another_process(deeds: Sequence[str], when: When, *calls: str) -> Residual:
    """Return what the law finds of a guest that behaves here."""
    return measured(guest((), when), functools.partial(guest, tuple(deeds), when), *calls)


def counts(residual: Residual) -> tuple[float, float]:
    by_evaluating, by_loading = residual.components
    assert by_evaluating.bound == by_loading.bound == 0.0
    return by_evaluating.residual, by_loading.residual


def judged_and_not(residual: Residual) -> tuple[str, str]:
    """Return the parts of the remark that tell of what counts and of what does not."""
    parts = (residual.note or "").split("; ")
    return tuple(  # type: ignore[return-value]
        "; ".join(part for part in parts if ("not judged" in part) is told_only) for told_only in (False, True)
    )


@pytest.mark.parametrize(("table", "name"), [(DECISIVE, "draw of numpy"), (OF_TORCH, "dtype")], ids=["numpy", "torch"])
def test_what_can_change_other_results_counts_where_an_evaluation_does_it(table: Table, name: str) -> None:
    residual = in_another_process([name], "evaluation")
    assert counts(residual) == (1.0, 0.0), residual.note
    assert residual.note == f"an evaluation changes: {table[name][1]}"


@pytest.mark.parametrize("half", [0, 1])  # a remark holds eight at most, and a seed hides a draw
@pytest.mark.parametrize("table", [DECISIVE, OF_TORCH], ids=["any", "torch"])
def test_each_of_them_is_told(table: Table, half: int) -> None:
    some = list(table)[half::2]
    residual = in_another_process(some, "evaluation")
    assert counts(residual)[0] >= len(some)
    assert [name for name in some if table[name][1] not in judged_and_not(residual)[0]] == []


@pytest.mark.parametrize("third", [0, 1, 2])
def test_everything_else_is_told_and_never_counts(third: int) -> None:
    some = list(HARMLESS)[third::3]
    residual = in_another_process(some, "evaluation")
    assert counts(residual) == (0.0, 0.0), residual.note
    assert [name for name in some if HARMLESS[name][1] not in judged_and_not(residual)[1]] == []


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("dtype", "in torch, made afterwards (torch.float32 on cpu"),
        ("inference", "in torch, made before"),
        ("strict numpy", "in numpy (float64 "),
        ("strict warnings", "in numpy (float64 "),
        ("rounding", "in numpy"),
    ],
)
def test_loading_counts_where_another_potential_answers_differently(name: str, who: str) -> None:
    residual = in_another_process([name], "loading")
    assert counts(residual)[0] == 0.0, residual.note
    assert counts(residual)[1] >= 1.0
    assert f"another potential {who}" in judged_and_not(residual)[0]


def test_loading_may_do_everything_else_and_nothing_happens_to_the_process_that_certifies() -> None:
    def here() -> tuple[object, ...]:
        return random.getstate(), torch.get_rng_state().tolist(), torch.get_num_threads(), os.getcwd(), sys.stdout

    before = here()
    deeds = ["draw of Python", "seed of numpy", "seed", "threads", "TF32", "directory"]
    residual = in_another_process([*deeds, *HARMLESS], "loading")
    assert counts(residual) == (0.0, 0.0)
    judged, told = judged_and_not(residual)
    assert judged == ""
    assert told.startswith("loading changes what is not judged: ")
    assert told.endswith(" more")
    assert here() == before


def test_a_change_at_the_first_evaluation_alone_counts() -> None:
    assert counts(in_another_process(["seed of numpy"], "first evaluation", "all", "energy"))[0] == 1.0


def test_an_evaluation_that_fails_puts_everything_back_too() -> None:
    assert counts(in_another_process(["directory"], "failure", "all", "foreign species"))[0] == 1.0


class _Hides(EMT):
    """A calculator that does something to the stream that it is given."""

    def calculate(self, *arguments: object, **keywords: object) -> None:
        super().calculate(*arguments, **keywords)
        if "GUEST" in os.environ:
            sys.stdout.close()


def test_the_adapter_does_not_hide_what_a_calculator_does_to_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_from(_Hides, "hides", SPECIES)
    monkeypatch.setenv("GUEST", "1")
    residual = measured(loaded.potential, loaded.reload)
    assert judged_and_not(residual)[0] == "an evaluation changes: sys.stdout (open -> closed)"


@pytest.mark.parametrize(
    "make",
    [smooth_pair, embedded_atom, three_body, *(load_from(kind, "ase", SPECIES).reload for kind in (EMT, LennardJones))],
    ids=["pair", "embedded atom", "three-body", "EMT", "Lennard-Jones"],
)
def test_sound_potentials_change_nothing_by_evaluating(make: Callable[[], Potential]) -> None:
    residual = measured(make(), make, *CALLS, company=[bulk("Au", cubic=True), Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]])])
    assert counts(residual) == (0.0, 0.0)
    assert "evaluation" not in str(residual.note)


def test_looking_changes_nothing() -> None:
    first = surroundings()
    assert surroundings() == first


def test_a_certificate_names_the_call_and_replays_it() -> None:
    make = functools.partial(guest, ("draw of numpy",), "failure")
    settings = Settings(spec="guest", budget="quick", only=(CHECK.id,))
    *_, last = run(make(), all_checks(), settings, reload=make)
    (result,) = last.certificate.checks
    assert (result.status, result.cases) == ("fail", 1)
    assert result.counterexample is not None
    assert result.counterexample.case["parameters"]["calls"] == ["foreign species"]
    assert result.counterexample.case["parameters"]["company"] == []
    again = replay(make(), all_checks(), last.certificate, CHECK.id, reload=make)
    assert (again.status, again.measured) == ("fail", 1.0)


def test_one_process_is_enough_for_a_certificate() -> None:
    settings = Settings(spec="pair", budget="quick", only=(CHECK.id,))
    *_, last = run(smooth_pair(), all_checks(), settings, reload=smooth_pair)
    (result,) = last.certificate.checks
    assert (result.status, result.grade, result.cases) == ("pass", "exact", 1)
    assert budget_of(CHECK, Settings(spec="pair", budget="thorough")) < CHECK.cost


def test_a_sign_of_life_after_each_call_and_each_structure_counts() -> None:
    signs: list[None] = []
    parameters = {"calls": ["all", "batch"], "company": [to_json(bulk("Au"))], "foreign": None}
    evaluator = Evaluator(smooth_pair(), smooth_pair, alive=lambda: signs.append(None))
    evaluator.drive([CHECK.measure(Case(bulk("Cu"), NO_NOISE, parameters))])
    assert len(signs) == 1 + 2
    assert evaluator.meter.evaluations == 1 + 2
    assert evaluator.meter.loading_s > 0.0


def test_candidates_of_simplification_are_few() -> None:
    parameters = {"calls": list(CALLS), "company": [to_json(bulk("Au"))], "foreign": "U"}
    case = Case(bulk("Cu", cubic=True), NO_NOISE, parameters)
    assert [c.parameters["calls"] for c in CHECK.simpler(case)] == [[call] for call in CALLS]
    assert len(list(CHECK.simpler(with_parameters(case, calls=["all"])))) == 1
