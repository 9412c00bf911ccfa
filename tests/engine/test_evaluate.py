"""Requests are merged into batches, exceptions reach who asked, and nonsense is refused."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.check import InvalidPrediction, NonFinitePrediction, Request
from gnnp_bench.engine import batches
from gnnp_bench.engine.contract import validated
from gnnp_bench.engine.ended import Done, Failed, is_refusal
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Prediction, Unsupported
from tests.engine.recording import Recording


def chain(n: int) -> Atoms:
    """Return n copper atoms in a periodic box."""
    return Atoms(f"Cu{n}", positions=[[2.5 * i, 0, 0] for i in range(n)], cell=[2.5 * n, 5, 5], pbc=True)


def asking(*requests: Request) -> Generator[Request, list[Prediction], list[list[Prediction]]]:
    """Ask for each request in turn and return all answers."""
    answers = []
    for request in requests:
        answer = yield request
        answers.append(answer)
    return answers


def values(outcomes: list[Any]) -> list[Any]:
    """Return what each generator returned; none may have failed."""
    assert all(isinstance(o, Done) for o in outcomes), outcomes
    return [o.value for o in outcomes]


@pytest.fixture
def recording() -> Recording:
    return Recording()


def evaluator(potential: Recording) -> Evaluator:
    return Evaluator(potential, reload=lambda: Recording(potential.answer))


def test_requests_of_one_round_share_a_batch_in_case_order(recording: Recording) -> None:
    generators = [asking(Request([chain(n), chain(n + 1)], ENERGY_FORCES)) for n in (3, 1, 5)]
    answers = values(evaluator(recording).drive(generators))
    assert recording.calls == [([3, 4, 1, 2, 5, 6], ENERGY_FORCES)]
    assert [[len(p.forces) for p in rounds[0]] for rounds in answers] == [[3, 4], [1, 2], [5, 6]]


def test_batches_are_capped_by_atoms(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_BATCH_ATOMS", 6)
    values(evaluator(recording).drive([asking(Request([chain(n) for n in (4, 3, 3, 8, 1)], ENERGY))]))
    assert [sizes for sizes, _ in recording.calls] == [[4], [3, 3], [8], [1]]


def test_stress_is_asked_of_periodic_structures_only_and_order_is_kept(recording: Recording) -> None:
    isolated, periodic = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]]), bulk("Cu")
    (answers,) = values(evaluator(recording).drive([asking(Request([isolated, periodic, isolated], ALL_PROPERTIES))]))
    assert [p.stress is None for p in answers[0]] == [True, False, True]
    assert [len(p.forces) for p in answers[0]] == [2, 1, 2]


def test_adaptive_generators_go_on_while_others_are_done(recording: Recording) -> None:
    once, thrice = asking(Request([chain(1)], ENERGY)), asking(*[Request([chain(n)], ENERGY) for n in (2, 3, 4)])
    values(evaluator(recording).drive([once, thrice]))
    assert [sizes for sizes, _ in recording.calls] == [[1, 2], [3], [4]]


def test_together_is_one_call_with_the_very_structures(recording: Recording) -> None:
    seen: list[int] = []

    def spy(structure: Atoms, prediction: Prediction) -> Prediction:
        seen.append(id(structure))
        return prediction

    recording.answer = spy
    mine = [chain(2), chain(1)]
    values(
        evaluator(recording).drive([asking(Request(mine, ENERGY, together=True)), asking(Request([chain(3)], ENERGY))])
    )
    assert [sizes for sizes, _ in recording.calls] == [[2, 1], [3]]
    assert seen[:2] == [id(s) for s in mine]


def test_fresh_uses_a_potential_loaded_anew(recording: Recording) -> None:
    loaded: list[Recording] = []

    def reload() -> Recording:
        loaded.append(Recording())
        return loaded[-1]

    both = Evaluator(recording, reload)
    values(both.drive([asking(Request([chain(2)], ENERGY, fresh=True))]))
    assert recording.calls == []
    assert [potential.calls for potential in loaded] == [[([2], ENERGY)]]


def test_structures_of_merged_requests_are_copies(recording: Recording) -> None:
    def spoil(structure: Atoms, prediction: Prediction) -> Prediction:
        structure.positions += 1.0
        return prediction

    recording.answer = spoil
    mine = chain(2)
    before = mine.positions.copy()
    values(evaluator(recording).drive([asking(Request([mine], ENERGY))]))
    assert np.array_equal(mine.positions, before)


def test_an_exception_reaches_only_the_generator_that_asked(recording: Recording) -> None:
    def fail_on_three(structure: Atoms, prediction: Prediction) -> Prediction:
        if len(structure) == 3:
            raise RuntimeError("three is too many")
        return prediction

    recording.answer = fail_on_three
    outcomes = evaluator(recording).drive([asking(Request([chain(n)], ENERGY)) for n in (2, 3, 4)])
    assert isinstance(outcomes[0], Done)
    assert isinstance(outcomes[2], Done)
    failed = outcomes[1]
    assert isinstance(failed, Failed)
    assert failed.by_potential
    assert str(failed.error) == "three is too many"


def test_a_generator_may_catch_what_the_potential_raises(recording: Recording) -> None:
    def refuse(structure: Atoms, prediction: Prediction) -> Prediction:
        raise Unsupported("no")

    def careful() -> Generator[Request, list[Prediction], str]:
        try:
            yield Request([chain(1)], ENERGY)
        except Unsupported as refusal:
            return str(refusal)
        return "answered"

    recording.answer = refuse
    assert values(evaluator(recording).drive([careful()])) == ["no"]


def test_our_own_bug_is_not_blamed_on_the_potential(recording: Recording) -> None:
    def buggy() -> Generator[Request, list[Prediction], None]:
        yield Request([chain(1)], ENERGY)
        raise NotImplementedError("in the check")

    (outcome,) = evaluator(recording).drive([buggy()])
    assert isinstance(outcome, Failed)
    assert not outcome.by_potential
    assert not is_refusal(outcome)


@pytest.mark.parametrize("error", [Unsupported("x"), NotImplementedError("x")])
def test_clear_refusals_are_told_from_failures(error: Exception) -> None:
    assert is_refusal(Failed(error, by_potential=True))
    assert not is_refusal(Failed(ValueError("x"), by_potential=True))


def test_the_meter_counts_structures_and_time(recording: Recording) -> None:
    both = evaluator(recording)
    values(both.drive([asking(Request([chain(n) for n in range(1, 8)], ENERGY))]))
    assert both.meter.evaluations == 7
    assert 0.0 < both.meter.potential_s < 5.0


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (Prediction(float("nan"), np.zeros((2, 3))), "not finite"),
        (Prediction(1.0, np.full((2, 3), np.inf)), "6 values that are not finite"),
        (Prediction(1.0, np.zeros((3, 3))), r"shape \(3, 3\), expected \(2, 3\)"),
        (Prediction(1.0, None), "returned no forces"),
        (Prediction(np.zeros(2), np.zeros((2, 3))), "energy has shape"),  # type: ignore[arg-type]
        (Prediction("low", np.zeros((2, 3))), "not an array of numbers"),  # type: ignore[arg-type]
    ],
)
def test_nonsense_is_named(prediction: Prediction, message: str) -> None:
    with pytest.raises(InvalidPrediction, match=message):
        validated(prediction, 2, ENERGY_FORCES)


def test_not_finite_is_its_own_kind() -> None:
    with pytest.raises(NonFinitePrediction):
        validated(Prediction(float("inf")), 1, ENERGY)


def test_too_few_predictions_are_an_error(recording: Recording) -> None:
    class Short(Recording):
        def evaluate(self, structures: Any, properties: Any) -> list[Prediction]:
            return Recording.evaluate(self, structures, properties)[:-1]

    short = Short()
    (outcome,) = Evaluator(short, Short).drive([asking(Request([chain(1)], ENERGY))])
    assert isinstance(outcome, Failed)
    assert "0 predictions for 1 structures" in str(outcome.error)


def test_interrupts_are_not_swallowed(recording: Recording) -> None:
    def interrupted(structure: Atoms, prediction: Prediction) -> Prediction:
        raise KeyboardInterrupt

    recording.answer = interrupted
    with pytest.raises(KeyboardInterrupt):
        evaluator(recording).drive([asking(Request([chain(1)], ENERGY))])
