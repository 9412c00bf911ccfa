"""What a certificate says of a potential, without what takes most of its time and changes no status.

No counterexample is made simpler or measured again in new processes, and no cause is looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.check import Check, for_potential
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.assemble import Growth, Judgement
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.outcome import result_of
from gnnp_bench.engine.pool import Pool
from gnnp_bench.engine.run import explore, judge_check, not_applicable, prepare, select
from gnnp_bench.engine.settings import Budget, Settings
from gnnp_bench.potential import Potential


def certified(
    make: Callable[[], Potential],
    *only: str,
    skip: Sequence[str] = (),
    budget: Budget = "quick",
    seed: int = 0,
) -> Certificate:
    """Return the certificate of a potential, by all laws or by those whose ids match a glob of `only`."""
    settings = Settings(spec="judged", budget=budget, seed=seed, only=only, skip=tuple(skip))
    return certified_from(make(), make, settings)


def certified_from(potential: Potential, reload: Callable[[], Potential], settings: Settings) -> Certificate:
    """Return the certificate of a potential that is loaded already."""
    chosen = select(all_checks(), settings.only, settings.skip)
    evaluator = Evaluator(potential, reload)
    try:
        prepared = prepare(evaluator, settings, chosen)
        growth = Growth(prepared.start, all_checks(), chosen, settings, ())
        for check in chosen:
            result = found(check, prepared.pool, evaluator, settings)
            step = growth.step(Judgement(result=result), 0.0)
    finally:
        evaluator.close()
    return step.certificate


def judged(make: Callable[[], Potential], law: str, *, budget: Budget = "quick", seed: int = 0) -> CheckResult:
    """Return what one law says of a potential."""
    (result,) = certified(make, law, budget=budget, seed=seed).checks
    return result


def statuses(certificate: Certificate) -> dict[str, str]:
    """Return the status of each law that was judged, by its name without its family."""
    return {result.id.partition("/")[2]: result.status for result in certificate.checks}


def found(check: Check, pool: Pool, evaluator: Evaluator, settings: Settings) -> CheckResult:
    """Return what the search of a check finds on a pool."""
    check = for_potential(check, evaluator.potential.capabilities)
    if not_applicable(check, evaluator.potential.capabilities) is not None or not pool.samples:
        return judge_check(check, pool, evaluator, settings)
    evaluator.memory.begin_check()
    return result_of(check, explore(check, pool, evaluator, settings), None, cost=(0, 0.0))
