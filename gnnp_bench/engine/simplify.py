"""From a failing case to the smallest one that still fails."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from gnnp_bench.check import Case, Check
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.lawful import simpler
from gnnp_bench.engine.noise import BASE_POINTS
from gnnp_bench.engine.search import Findings, Outcome, Rules, measure_all
from gnnp_bench.structures.serialise import to_json

MAX_CANDIDATES = 100
WAVE = 4
LEAST = 160
"""Evaluations that are spent however small the budget: fewer leave a counterexample that nobody can read."""
LEAST_CASES = 12
"""The same for checks that need many evaluations for one case."""


def simplify(
    check: Check, failing: Outcome, evaluator: Evaluator, rules: Rules, budget: int, *, single: bool
) -> Outcome:
    """Walk greedily through `check.simpler` while the case still fails.

    Candidates are first measured with ν of the case that they come from, for most are as sound as can be and ν is the
    larger part of the cost; what fails is measured again with its own ν from one base point. The last is measured with
    ν in full, and if it does not fail then, the walk goes back to the last that does. No candidate is tried twice.
    """
    budget = max(budget, LEAST, LEAST_CASES * check.cost)
    walk = _Walk(check, evaluator, rules, single, last_evaluation=evaluator.meter.evaluations + budget)
    path = [failing]
    while (found := walk.step(path[-1])) is not None:
        path.append(found)
    for outcome in reversed(path[1:]):
        remeasured = walk.in_full(outcome)
        if _fails(remeasured):
            return remeasured
    return failing


@dataclass(slots=True)
class _Walk:
    """What stays the same from step to step, the candidates tried so far, and how many may still be tried."""

    check: Check
    evaluator: Evaluator
    rules: Rules
    single: bool
    last_evaluation: int
    left: int = MAX_CANDIDATES
    tried: set[str] = field(default_factory=set)

    def step(self, outcome: Outcome) -> Outcome | None:
        """Return the boldest simpler case that still fails, or None."""
        self.tried.add(_key(outcome.case))
        ahead = self._untried(outcome.case)
        while self.left > 0 and self.evaluator.meter.evaluations < self.last_evaluation:
            wave = list(itertools.islice(ahead, min(WAVE, self.left)))
            if not wave:
                break
            self.left -= len(wave)
            screened = self.measured([replace(c, noise=c.noise or outcome.case.noise) for c in wave])
            # The boldest that still fails, so that the walk does not depend on how many run side by side.
            for case, found in zip(wave, screened, strict=True):
                if case.noise is None and found is not None and found.worst.status in ("fail", "inconclusive"):
                    found = self.measured([case])[0]
                if _fails(found):
                    return found
        return None

    def in_full(self, outcome: Outcome) -> Outcome | None:
        """Return the outcome with ν from all base points; with the ν at hand where the potential has none there."""
        (found,) = self.measured([replace(outcome.case, noise=None)], base_points=BASE_POINTS)
        return self.measured([outcome.case])[0] if found is None else found

    def measured(self, cases: list[Case], base_points: int = 1) -> list[Outcome | None]:
        """Return one outcome per case, with ν from as many base points where it is not known."""
        return measure_all(
            self.check, cases, self.evaluator, self.rules, Findings(), single=self.single, base_points=base_points
        )

    def _untried(self, case: Case) -> Iterator[Case]:
        for candidate in itertools.islice(simpler(self.check, case), MAX_CANDIDATES):
            key = _key(candidate)
            if key not in self.tried:
                self.tried.add(key)
                yield candidate


def _fails(outcome: Outcome | None) -> TypeGuard[Outcome]:
    return outcome is not None and outcome.worst.status == "fail"


def _key(case: Case) -> str:
    structure: dict[str, Any] = {name: value for name, value in to_json(case.structure).items() if name != "recipe"}
    return json.dumps([structure, dict(case.parameters)], default=lambda value: value.tolist())
