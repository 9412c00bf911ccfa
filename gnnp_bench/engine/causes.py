"""From laws that fail to the mistake that makes them fail, where there is one that an adapter is made with.

`doctor` names mistakes. A mistake is a cause of a failure only if the counterexample holds once it is taken back from
what the potential says: nothing is claimed that was not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from gnnp_bench.certificate.result import Cause, CheckResult, Counterexample
from gnnp_bench.check import Check
from gnnp_bench.doctor import Finding, examine
from gnnp_bench.doctor.examine import STAGES
from gnnp_bench.doctor.habits import examine_habits
from gnnp_bench.doctor.mechanics import examine_mechanics
from gnnp_bench.doctor.shapes import examine_shapes
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.replay import measure_again
from gnnp_bench.engine.settings import Profile
from gnnp_bench.potential import Potential

LOOKED_FOR = tuple(stage for stage in STAGES if stage[1] in (examine_shapes, examine_habits, examine_mechanics))
"""What is declared and not handled is no cause of a failure, and not cheap to find out."""


def mistakes_of(evaluator: Evaluator) -> tuple[Finding, ...]:
    """Return the mistakes that can be taken back, looked for once in this process: some hundred evaluations."""
    if evaluator.mistakes is None:
        found = examine(evaluator.reload(), evaluator.reload, LOOKED_FOR).findings
        evaluator.mistakes = tuple(finding for finding in found if finding.correction is not None)
    return evaluator.mistakes


def causes_of(check: Check, result: CheckResult, evaluator: Evaluator, profile: Profile) -> tuple[Cause, ...]:
    """Return the mistakes without which the counterexample of a failing check holds.

    All are taken back at once. Where the law then holds, each without which it would not is a cause; where one or
    another would do, the first.
    """
    found = result.counterexample
    if result.status != "fail" or found is None:
        return ()
    mistakes = mistakes_of(evaluator)

    def holds(taken_back: Sequence[Finding]) -> bool:
        return _holds(check, found, _without(taken_back, evaluator.reload), profile)

    if not mistakes or not holds(mistakes):
        return ()
    needed = list(mistakes)
    for mistake in reversed(mistakes):
        fewer = [other for other in needed if other is not mistake]
        if fewer and holds(fewer):
            needed = fewer
    return tuple(
        Cause(name=m.name, measured=m.measured, looks_like=m.looks_like, mend=m.mend, explains=(check.id,))
        for m in needed
    )


def _without(mistakes: Sequence[Finding], reload: Callable[[], Potential]) -> Callable[[], Potential]:
    """Return what loads the potential with the mistakes taken back, one after the other."""

    def corrected(load: Callable[[], Potential], mistake: Finding) -> Callable[[], Potential]:
        correction = mistake.correction
        return load if correction is None else lambda: correction.applied(load(), load)

    return reduce(corrected, mistakes, reload)


def _holds(check: Check, found: Counterexample, load: Callable[[], Potential], profile: Profile) -> bool:
    # ν is another where units are.
    case = found.case | {"noise": None}
    again = measure_again(load(), check, found.structure, case, history=found.history, profile=profile, reload=load)
    return again.status == "pass" and again.grade != "violated"
