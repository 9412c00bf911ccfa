"""From a failing case to the smallest one that still fails."""

from __future__ import annotations

import itertools
from dataclasses import replace

from gnnp_bench.check import Check
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.noise import BASE_POINTS
from gnnp_bench.engine.search import Findings, Outcome, Rules, measure_all

MAX_CANDIDATES = 100
WAVE = 4


def simplify(
    check: Check, failing: Outcome, evaluator: Evaluator, rules: Rules, budget: int, *, single: bool
) -> Outcome:
    """Walk greedily through `check.simpler` while the case still fails.

    Candidates are measured with ν from one base point; the last is measured with ν in full, and if it does not
    fail then, the walk goes back to the last that does.
    """
    start = evaluator.meter.evaluations
    path = [failing]
    candidates = 0
    improved = True
    while improved:
        improved = False
        ahead = check.simpler(path[-1].case)
        while not improved:
            left = MAX_CANDIDATES - candidates
            if left <= 0 or evaluator.meter.evaluations - start >= budget:
                break
            wave = list(itertools.islice(ahead, min(WAVE, left)))
            if not wave:
                break
            candidates += len(wave)
            outcomes = measure_all(check, wave, evaluator, rules, Findings(), single=single)
            # The boldest that still fails, so that the walk does not depend on how many run side by side.
            for outcome in outcomes:
                if outcome is not None and outcome.worst.status == "fail":
                    path.append(outcome)
                    improved = True
                    break
    for outcome in reversed(path[1:]):
        remeasured = _in_full(check, outcome, evaluator, rules, single=single)
        if remeasured is not None and remeasured.worst.status == "fail":
            return remeasured
    return failing


def _in_full(check: Check, outcome: Outcome, evaluator: Evaluator, rules: Rules, *, single: bool) -> Outcome | None:
    case = replace(outcome.case, noise=None)
    (remeasured,) = measure_all(check, [case], evaluator, rules, Findings(), single=single, base_points=BASE_POINTS)
    return remeasured
