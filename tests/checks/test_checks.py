"""What every check must have: words, a sound potential that passes with room to spare, cases that survive a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.check import Case, Check, PoolView, for_potential
from gnnp_bench.checks.registry import BUILT_IN, all_checks, calibration
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.outcome import result_of
from gnnp_bench.engine.pool import Pool, draw_structures, evaluate_pool
from gnnp_bench.engine.run import explore, not_applicable
from gnnp_bench.engine.search import Findings, Rules, measure_all
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from gnnp_bench.structures.serialise import from_json, to_json
from tests.analytic import embedded_atom, three_body
from tests.mutants.history import TwoDevices

SPECIES = ("C", "Cu", "Au")
SETTINGS = Settings(spec="test", budget="quick")
FAMILIES = ("symmetry", "periodicity", "conservation", "smoothness", "locality", "robustness", "dynamics", "physics")
IDS = [check.id for check in all_checks()]
STARTS_PROCESSES = ("robustness/process-state", "robustness/memory-growth")
"""Laws each of whose cases is a new process or several: of these fewer are looked at."""


class Complete(TwoDevices):
    """A potential to which every law applies: on two devices, attached as calculators are, with every energy."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, driven=True, energies=("energy", "free_energy", "energies"))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return [replace(found, reported_energy=found.energy) for found in super().evaluate(structures, properties)]

    def driven(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return self.evaluate(structures, properties)


def _complete(make: Callable[..., Potential]) -> Potential:
    return Complete(make(species=SPECIES), make(species=SPECIES))


SOUND: dict[str, Callable[[], Potential]] = {
    "embedded atom": partial(_complete, embedded_atom),
    "three-body": partial(_complete, three_body),
}


@pytest.fixture(scope="module", params=SOUND)
def judged(request: pytest.FixtureRequest) -> tuple[Evaluator, Pool]:
    make = SOUND[request.param]
    evaluator = Evaluator(make(), make)
    return evaluator, evaluate_pool(evaluator, draw_structures(evaluator.potential.capabilities, 8, 0))


def as_written(pool: Pool) -> list[str]:
    """Return the structures of the pool as JSON."""
    return [json.dumps(to_json(sample.structure)) for sample in pool.samples]


class Looked:
    """What checks find, each looked for once, and what the pool was before the first of them."""

    def __init__(self, evaluator: Evaluator, pool: Pool) -> None:
        self.evaluator, self.pool, self.before = evaluator, pool, as_written(pool)
        self.known: dict[str, Findings] = {}

    def at(self, check: Check) -> Findings:
        check = self.as_asked(check)
        if check.id not in self.known:
            self.known[check.id] = explore(check, self.pool, self.evaluator, SETTINGS)
        return self.known[check.id]

    def as_asked(self, check: Check) -> Check:
        assert not_applicable(check, self.evaluator.potential.capabilities) is None
        return for_potential(check, self.evaluator.potential.capabilities)


@pytest.fixture(scope="module")
def looked(judged: tuple[Evaluator, Pool]) -> Looked:
    return Looked(*judged)


@pytest.mark.parametrize("check", all_checks(), ids=IDS)
def test_sound_potentials_pass_with_ten_times_margin(check: Check, looked: Looked) -> None:
    result: CheckResult = result_of(looked.as_asked(check), looked.at(check), None, cost=(0, 0.0))
    assert result.status == "pass", result.reason
    for component in result.components:
        assert component.measured is not None
        assert component.bound is not None
        assert component.significance is not None
        assert component.measured <= max(component.bound, component.significance) / 10.0


@pytest.mark.parametrize("check", all_checks(), ids=IDS)
def test_cases_measure_the_same_after_a_round_trip_through_json(check: Check, judged: tuple[Evaluator, Pool]) -> None:
    evaluator, pool = judged
    view = PoolView(pool.samples, evaluator.potential.capabilities)
    case = check.near(np.random.default_rng(1), check.draw(np.random.default_rng(0), view))
    reread = Case(
        from_json(json.loads(json.dumps(to_json(case.structure)))),
        case.noise,
        json.loads(json.dumps(dict(case.parameters))),
    )
    rules = Rules(check.factors, claimed=False, scale=1.0)
    found = []
    for which in (case, reread):
        findings = Findings()
        measure_all(check, [which], evaluator, rules, findings, single=False)
        assert not findings.errors
        found.append([[(j.component.quantity, j.component.residual) for j in o.components] for o in findings.outcomes])
    for first, second in zip(*found, strict=True):
        assert [q for q, _ in first] == [q for q, _ in second]
        assert [r for _, r in first] == pytest.approx([r for _, r in second], rel=1e-3, abs=1e-11)


@pytest.mark.parametrize("check", all_checks(), ids=IDS)
def test_simpler_cases_are_simpler_and_can_be_measured(check: Check, judged: tuple[Evaluator, Pool]) -> None:
    evaluator, pool = judged
    view = PoolView(pool.samples, evaluator.potential.capabilities)
    rng = np.random.default_rng(2)
    draws, most = (1, 3) if check.id in STARTS_PROCESSES else (3, 12)
    for _ in range(draws):
        case = check.draw(rng, view)
        candidates = list(check.simpler(case))
        assert len(candidates) < 200
        assert all(len(c.structure) <= len(case.structure) for c in candidates)
        findings = Findings()
        rules = Rules(check.factors, claimed=False, scale=1.0)
        measure_all(check, candidates[:most], evaluator, rules, findings, single=False)
        assert findings.errors == []
        assert all(o.worst.status == "pass" for o in findings.outcomes), "a sound potential fails on a simpler case"


def test_no_check_changes_the_pool(looked: Looked) -> None:
    for check in all_checks():
        looked.at(check)
    assert as_written(looked.pool) == looked.before


@pytest.mark.parametrize("check", all_checks(), ids=IDS)
def test_every_check_says_what_it_is_about(check: Check) -> None:
    family, _, name = check.id.partition("/")
    assert family in FAMILIES
    assert name
    assert len(check.law) > 5
    assert len(check.physics.split()) > 25, "a paragraph for a physicist, and what a failure does to a simulation"
    assert len(check.source) > 10


def test_ids_are_unique_and_calibrated() -> None:
    assert len(set(IDS)) == len(IDS)
    assert set(calibration()) <= {check.id for check in BUILT_IN}


def test_factors_cover_every_quantity_bounded_by_noise(looked: Looked) -> None:
    for check in all_checks():
        for outcome in looked.at(check).outcomes:
            for judged in outcome.components:
                if judged.component.bound is None:
                    assert judged.component.quantity in check.factors


@pytest.mark.parametrize(
    ("capabilities", "check_id", "reason"),
    [
        (Capabilities(("Cu",), properties=frozenset({"energy"})), "symmetry/net-force", "no forces"),
        (Capabilities(("Cu",), properties=frozenset({"energy", "forces"})), "conservation/stress-strain", "no stress"),
        (
            Capabilities(("Cu",), periodicity=frozenset({"isolated"})),
            "periodicity/supercell",
            "for isolated structures only",
        ),
        (Capabilities(("Cu",), periodicity=frozenset({"periodic"})), "symmetry/net-torque", "rotation covers"),
        (Capabilities(("Cu",), periodicity=frozenset({"periodic"})), "periodicity/partial", "three directions only"),
        (Capabilities(("Cu",), dtype="float32"), "robustness/precision", "declares float32"),
        (Capabilities(("Cu",)), "robustness/precision", "declares no precision"),
    ],
)
def test_laws_that_do_not_apply_say_why(capabilities: Capabilities, check_id: str, reason: str) -> None:
    check = next(check for check in all_checks() if check.id == check_id)
    assert reason in str(not_applicable(check, capabilities))


def test_tables_are_read_alike_whatever_the_locale() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from gnnp_bench.checks.registry import calibration; calibration()"],
        env={**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
