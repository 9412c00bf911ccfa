"""The search spends its budget, learns from its worst cases, and judges as section 4 of the design says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Request,
    Residual,
    vacuous,
    with_parameters,
)
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.outcome import result_of
from gnnp_bench.engine.pool import Pool, draw_structures, evaluate_pool
from gnnp_bench.engine.search import Findings, Rules, search
from gnnp_bench.engine.simplify import simplify
from gnnp_bench.potential import ENERGY, Unsupported
from tests.analytic import smooth_pair

POTENTIAL = smooth_pair(species=("Cu", "Au"))
RULES = Rules({"x": 10.0}, claimed=False, scale=1.0)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return evaluate_pool(Evaluator(POTENTIAL, lambda: POTENTIAL), draw_structures(POTENTIAL.capabilities, 8, 0))


def hill_check(**changes: object) -> Check:
    """Return a check whose residual is a narrow hill over its one parameter: found only by learning where to look."""

    def draw(rng: np.random.Generator, view: PoolView) -> Case:
        return view.pick(rng).case({"t": float(rng.uniform(0.0, 10.0))})

    def near(rng: np.random.Generator, case: Case) -> Case:
        return with_parameters(case, t=case.parameters["t"] + 0.3 * float(rng.normal()))

    def simpler(case: Case) -> Iterator[Case]:
        if case.parameters["t"] != round(case.parameters["t"]):
            yield with_parameters(case, t=float(round(case.parameters["t"])))

    def measure(case: Case) -> Measurement:
        yield Request([case.structure], ENERGY)
        height = float(np.exp(-((3.0 * (case.parameters["t"] - 6.0)) ** 2)))
        return Residual((Component("x", height, significance=2.0, unit="eV", noise=1e-3),))

    values = {
        "id": "test/hill",
        "law": "x = 0",
        "category": "mandatory",
        "needs": ENERGY,
        "source": "a hill",
        "tolerance": "none",
        "physics": "none",
        "draw": draw,
        "near": near,
        "simpler": simpler,
        "measure": measure,
    }
    return Check(**(values | changes))  # type: ignore[arg-type]


def find(check: Check, pool: Pool, budget: int, rules: Rules = RULES, seed: int = 0) -> tuple[Findings, int]:
    evaluator = Evaluator(POTENTIAL, lambda: POTENTIAL)
    view = PoolView(pool.samples, POTENTIAL.capabilities)
    findings = search(check, view, evaluator, rules, budget, np.random.default_rng(seed), single=False)
    return findings, evaluator.meter.evaluations


def test_the_budget_is_spent_and_not_overdrawn_by_more_than_a_wave(pool: Pool) -> None:
    for budget in (1, 8, 40, 100):
        findings, spent = find(hill_check(), pool, budget)
        assert budget <= spent < budget + 8
        assert len(findings.outcomes) == spent


def test_neighbours_of_the_worst_come_closer(pool: Pool) -> None:
    def best(budget: int, check: Check) -> float:
        return float(
            np.mean(
                [
                    max(o.worst.component.residual for o in find(check, pool, budget, seed=s)[0].outcomes)
                    for s in range(10)
                ]
            )
        )

    def anywhere(rng: np.random.Generator, case: Case) -> Case:
        return with_parameters(case, t=float(rng.uniform(0.0, 10.0)))

    assert best(40, hill_check()) > 0.9
    assert best(40, hill_check(near=anywhere)) < best(40, hill_check()) - 0.03


def test_every_structure_is_used_before_any_is_used_twice(pool: Pool) -> None:
    view = PoolView(pool.samples, POTENTIAL.capabilities)
    rng = np.random.default_rng(0)
    first = [view.pick(rng).index for _ in pool.samples]
    assert sorted(first) == [s.index for s in pool.samples]


def test_the_same_seed_finds_the_same(pool: Pool) -> None:
    first, second = (find(hill_check(), pool, 30)[0] for _ in range(2))
    assert [o.case.parameters for o in first.outcomes] == [o.case.parameters for o in second.outcomes]


def result(findings: Findings, check: Check) -> tuple[str, str | None, str | None]:
    found = result_of(check, findings, None, cost=(0, 0.0))
    return found.status, found.grade, found.reason


def residuals(*values: float, **component: object) -> Check:
    """Return a check that measures these residuals in turn, with s = 1 and ν = 0.01 (b = 0.1)."""
    turn = iter(values)

    def draw(rng: np.random.Generator, view: PoolView) -> Case:
        return view.pick(rng).case({"r": next(turn, values[-1])})

    def measure(case: Case) -> Measurement:
        yield Request([case.structure], ENERGY)
        made = {"significance": 1.0, "unit": "eV", "noise": 0.01} | component
        return Residual((Component("x", case.parameters["r"], **made),))  # type: ignore[arg-type]

    return hill_check(draw=draw, measure=measure, near=lambda rng, case: case)


@pytest.mark.parametrize(
    ("check", "claimed", "expected"),
    [
        (residuals(0.05), False, ("pass", "exact")),
        (residuals(0.05, 0.5), False, ("pass", "approximate")),
        (residuals(0.05, 0.5), True, ("fail", "violated")),
        (residuals(0.05, 2.0, 0.05), False, ("fail", "violated")),
        (residuals(0.05, float("nan")), False, ("fail", "violated")),
        (residuals(0.05, noise=1.0), False, ("pass", "limited")),
        (residuals(0.05, 5.0, noise=1.0), False, ("inconclusive", None)),
        (residuals(50.0, noise=1.0), False, ("fail", "violated")),
        (residuals(0.05, converged=False), False, ("inconclusive", None)),
        (residuals(0.5, error=0.2), True, ("pass", "limited")),  # b = 2.1 > s
        (residuals(0.0, bound=0.0, significance=0.0), False, ("pass", "exact")),
        (residuals(0.0, 1.0, bound=0.0, significance=0.0), False, ("fail", "violated")),
    ],
)
def test_the_worst_case_decides(pool: Pool, check: Check, claimed: bool, expected: tuple[str, str | None]) -> None:
    findings, _ = find(check, pool, 16, Rules({"x": 10.0}, claimed=claimed, scale=1.0))
    assert result(findings, check)[:2] == expected


def test_the_profile_scales_significance_not_rounding(pool: Pool) -> None:
    check = residuals(0.5)
    assert result(find(check, pool, 8, Rules({"x": 10.0}, claimed=False, scale=0.1))[0], check)[0] == "fail"
    assert result(find(check, pool, 8, Rules({"x": 100.0}, claimed=False, scale=0.1))[0], check)[0] == "inconclusive"


class Refusing:
    """The sound potential, but it raises for structures of more than so many atoms."""

    name = "refusing"
    capabilities = POTENTIAL.capabilities

    def __init__(self, error: Exception, above: int) -> None:
        self.error, self.above = error, above

    def evaluate(self, structures, properties):
        if any(len(s) > self.above for s in structures):
            raise self.error
        return POTENTIAL.evaluate(structures, properties)


@pytest.mark.parametrize(
    ("error", "above", "feature", "status"),
    [
        (Unsupported("no large structures"), 0, None, "not_applicable"),
        (NotImplementedError("no large structures"), 0, None, "not_applicable"),
        (ValueError("no large structures"), 0, "large structures", "not_applicable"),
        (ValueError("no large structures"), 0, None, "error"),
        (RuntimeError("out of memory"), 0, "large structures", "error"),
        (Unsupported("no large structures"), 4, None, "pass"),
        (RuntimeError("out of memory"), 4, None, "error"),
    ],
)
def test_refusals_and_errors(pool: Pool, error: Exception, above: int, feature: str | None, status: str) -> None:
    potential = Refusing(error, above)
    check = residuals(0.05)
    check = hill_check(draw=check.draw, measure=check.measure, near=check.near, feature=feature)
    view = PoolView(pool.samples, POTENTIAL.capabilities)
    evaluator = Evaluator(potential, lambda: potential)
    findings = search(check, view, evaluator, RULES, 16, np.random.default_rng(0), single=False)
    found, _, reason = result(findings, check)
    assert found == status
    assert reason is not None
    assert ("large" in reason) or ("memory" in reason)


def test_a_violation_stands_beside_an_error(pool: Pool) -> None:
    potential = Refusing(RuntimeError("out of memory"), 4)
    check = residuals(5.0)
    view = PoolView(pool.samples, POTENTIAL.capabilities)
    evaluator = Evaluator(potential, lambda: potential)
    findings = search(check, view, evaluator, RULES, 16, np.random.default_rng(0), single=False)
    status, _, reason = result(findings, check)
    assert status == "fail"
    assert "out of memory" in str(reason)


def test_cases_that_prove_nothing_are_an_error_when_there_are_no_others(pool: Pool) -> None:
    def measure(case: Case) -> Measurement:
        yield Request([case.structure], ENERGY)
        return vacuous("nothing moved")

    check = hill_check(measure=measure)
    findings, spent = find(check, pool, 16)
    assert findings.outcomes == []
    assert spent <= 3 * 16 + 8
    assert result(findings, check) == ("error", None, "no case could have failed: nothing moved")


def test_vacuous_cases_do_not_hide_a_violation(pool: Pool) -> None:
    def measure(case: Case) -> Measurement:
        yield Request([case.structure], ENERGY)
        if len(case.structure) > 1:
            return vacuous("nothing moved")
        return Residual((Component("x", 5.0, 1.0, "eV", noise=0.01),))

    check = hill_check(measure=measure)
    assert result(find(check, pool, 16)[0], check)[0] == "fail"


def test_simplification_ends_at_the_simplest_case_that_fails(pool: Pool) -> None:
    """The residual exceeds s for 4.5 < t < 7.5: rounding t is simpler, and 5.0, 6.0 and 7.0 still fail."""

    def measure(case: Case) -> Measurement:
        yield Request([case.structure], ENERGY)
        r = 2.0 if 4.5 < case.parameters["t"] < 7.5 else 0.0
        return Residual((Component("x", r, 1.0, "eV", noise=1e-3),))

    def simpler(case: Case) -> Iterator[Case]:
        t = case.parameters["t"]
        if t != 6.0:
            yield with_parameters(case, t=8.0)
            yield with_parameters(case, t=6.0)

    check = hill_check(measure=measure, simpler=simpler)
    findings, _ = find(check, pool, 32)
    failing = max(findings.outcomes, key=lambda o: o.worst.excess)
    evaluator = Evaluator(POTENTIAL, lambda: POTENTIAL)
    simplest = simplify(check, failing, evaluator, RULES, 64, single=False)
    assert simplest.case.parameters == {"t": 6.0}
    assert simplest.worst.status == "fail"


def test_simplification_gives_up_after_its_budget(pool: Pool) -> None:
    def endless(case: Case) -> Iterator[Case]:
        while True:
            yield with_parameters(case, t=0.0)

    def measure(case: Case) -> Measurement:
        yield Request([case.structure], ENERGY)
        return Residual((Component("x", 5.0 * (case.parameters["t"] > 0.0), 1.0, "eV", noise=1e-3),))

    check = hill_check(simpler=endless, measure=measure)
    findings, _ = find(check, pool, 8)
    failing = max(findings.outcomes, key=lambda o: o.worst.excess)
    evaluator = Evaluator(POTENTIAL, lambda: POTENTIAL)
    assert simplify(check, failing, evaluator, RULES, 50, single=False) is failing
    assert evaluator.meter.evaluations <= 54
