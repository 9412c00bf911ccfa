"""Evaluation in new processes: what they answer, and what is said where they cannot."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.check import InvalidPrediction, Request
from gnnp_bench.engine.ended import Done, Failed, is_refusal
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.processes import PROCESSES, Elsewhere
from gnnp_bench.potential import ENERGY, Capabilities, Potential, Prediction, Property, Unsupported
from tests.analytic import smooth_pair


@dataclass(frozen=True)
class Odd:
    """A potential whose energy is what `behaviour` asks for."""

    behaviour: str
    name: str = "odd"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(species=("Cu",), properties=ENERGY))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if self.behaviour == "dies":
            print("no space left on device", file=sys.stderr)
            os._exit(7)
        if self.behaviour == "hangs with a child" and os.fork() == 0:
            time.sleep(20.0)
            os._exit(0)
        if self.behaviour.startswith("hangs"):
            time.sleep(60.0)
        if self.behaviour == "refuses":
            raise Unsupported("no copper today")
        if self.behaviour == "breaks":
            raise KeyError("Cu")
        if self.behaviour == "is choosy" and len(structures[0]) > 1:
            raise KeyError("too many")
        print("chatter on standard output")
        return [Prediction(float(os.getpid())) for _ in structures]


def asked() -> list[tuple[Atoms, frozenset[Property]]]:
    return [(bulk("Cu"), ENERGY)]


def test_each_structure_is_evaluated_in_each_of_two_other_processes() -> None:
    elsewhere = Elsewhere(lambda: Odd("tells its process"))
    first, second = (prediction.energy for prediction in elsewhere.evaluate(asked())[0])
    assert PROCESSES == 2
    assert len({first, second, float(os.getpid())}) == 3
    assert [p.energy for p in elsewhere.evaluate(asked() * 2)[0]] == [first, first, second, second]
    elsewhere.close()


def test_they_have_ended_after_close_and_when_nobody_holds_them() -> None:
    elsewhere = Elsewhere(lambda: Odd("tells its process"))
    pids = [int(p.energy) for p in elsewhere.evaluate(asked())[0]]
    del elsewhere
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("dies", "a new process ended itself, with exit status 7: no space left on device"),
        ("hangs", "a new process did not answer within 3 s"),
        pytest.param(
            "hangs with a child",
            "a new process did not answer within 3 s",
            marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
        ),
        ("breaks", "in a new process: KeyError: 'Cu'"),
    ],
)
def test_what_goes_wrong_there_is_said_here(behaviour: str, message: str) -> None:
    elsewhere = Elsewhere(lambda: Odd(behaviour))
    start = time.monotonic()
    with pytest.raises(InvalidPrediction, match=message):
        elsewhere.evaluate(asked(), timeout=3.0 if behaviour.startswith("hangs") else 60.0)
    assert time.monotonic() - start < 19.0, "what it has started is not waited for"


def test_a_refusal_stays_a_refusal() -> None:
    with pytest.raises(Unsupported, match="no copper today"):
        Elsewhere(lambda: Odd("refuses")).evaluate(asked())


def test_a_potential_that_cannot_be_loaded_there_is_told_of() -> None:
    def load() -> Potential:
        raise OSError("weights.pt is gone")

    with pytest.raises(InvalidPrediction, match=r"in a new process: OSError: weights\.pt is gone"):
        Elsewhere(load)


def test_what_cannot_be_sent_is_a_refusal_of_the_request() -> None:
    lock = threading.Lock()  # cannot be pickled

    def load() -> Potential:
        return Odd(str(lock))

    def generator():
        yield Request([bulk("Cu")], ENERGY, elsewhere=True)

    (outcome,) = Evaluator(Odd(""), load).drive([generator()])
    assert isinstance(outcome, Failed)
    assert is_refusal(outcome)
    assert "cannot be sent to another process" in str(outcome.error)


def test_processes_go_on_after_an_exception() -> None:
    told = []

    def generator():
        told.append({p.energy for p in (yield Request([bulk("Cu")], ENERGY, elsewhere=True))})
        with pytest.raises(InvalidPrediction, match="too many"):
            yield Request([bulk("Cu", cubic=True)], ENERGY, elsewhere=True)
        told.append({p.energy for p in (yield Request([bulk("Cu")], ENERGY, elsewhere=True))})
        told.append({p.energy for p in (yield Request([bulk("Cu")], ENERGY, elsewhere=True, fresh=True))})

    evaluator = Evaluator(Odd("is choosy"), lambda: Odd("is choosy"))
    evaluator.drive([generator()])
    evaluator.close()
    before, after, anew = told
    assert before == after
    assert not before & anew


def test_the_evaluator_counts_them_and_starts_them_once() -> None:
    def generator():
        here = yield Request([bulk("Cu")], ENERGY)
        first = yield Request([bulk("Cu")], ENERGY, elsewhere=True)
        second = yield Request([bulk("Cu"), bulk("Cu")], ENERGY, elsewhere=True)
        return here + first + second

    evaluator = Evaluator(smooth_pair(), smooth_pair)
    (outcome,) = evaluator.drive([generator()])
    assert isinstance(outcome, Done)
    assert len({p.energy for p in outcome.value}) == 1
    assert evaluator.meter.evaluations == 1 + 2 + 4
    assert evaluator.meter.loading_s > 0.0
    evaluator.close()
