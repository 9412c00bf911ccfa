"""Potential + checks + budget → the steps of a certificate. Knows neither pytest nor torch.

`run` goes through all of it in this process. Its parts are there for those that go about it in another way:
`prepare` evaluates the pool, `judge` one check, `assemble.assemble` makes a certificate of what was found.
"""

from __future__ import annotations

import fnmatch
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gnnp_bench.certificate.io import decode_value, encode_value
from gnnp_bench.certificate.result import Cause, Certificate, CheckResult, Counterexample, Series, Waiver
from gnnp_bench.check import Check, LawError, for_potential
from gnnp_bench.engine import lawful
from gnnp_bench.engine.assemble import Growth, Judgement, begin, subject_of
from gnnp_bench.engine.causes import causes_of
from gnnp_bench.engine.crystals import Wanted, wanted_by
from gnnp_bench.engine.ended import describe, last_word
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.history import with_history
from gnnp_bench.engine.outcome import counterexample, of_a_broken_case, result_of, without_cases
from gnnp_bench.engine.pool import Pool, draw_structures, evaluate_pool
from gnnp_bench.engine.search import Findings, rules_for, search
from gnnp_bench.engine.settings import EVALUATIONS, LARGEST, POOL_SIZE, Settings, Step
from gnnp_bench.engine.simplify import simplify
from gnnp_bench.potential import Capabilities, Potential


@dataclass(frozen=True, slots=True)
class Prepared:
    """What all checks of one certificate share.

    Attributes
    ----------
    start : Certificate
        The certificate before the first check.
    pool : Pool
    """

    start: Certificate
    pool: Pool


def run(
    potential: Potential,
    checks: Sequence[Check],
    settings: Settings,
    *,
    reload: Callable[[], Potential],
    waivers: Sequence[Waiver] = (),
) -> Iterator[Step]:
    """Judge a potential by checks in this process and yield the certificate as it grows.

    The first step comes after the pool was evaluated, then one per check; only the last certificate is complete.

    Parameters
    ----------
    potential : Potential
    checks : sequence of Check
        All that are registered; `settings.only` and `settings.skip` choose among them.
    settings : Settings
    reload : callable
        Loads the potential anew, for checks that ask for a fresh one.
    waivers : sequence of Waiver
        Failures that are permitted.

    Raises
    ------
    ValueError
        If no check is left to run.
    """
    chosen = select(checks, settings.only, settings.skip)
    started = time.perf_counter()
    evaluator = Evaluator(potential, reload)
    try:
        prepared = prepare(evaluator, settings, chosen)
        growth = Growth(prepared.start, checks, chosen, settings, waivers)
        yield growth.step(None, prepared.start.elapsed_s)
        for check in chosen:
            judgement = judge(check, prepared.pool, evaluator, settings)
            yield growth.step(judgement, time.perf_counter() - started - evaluator.meter.loading_s)
    finally:
        evaluator.close()


def prepare(evaluator: Evaluator, settings: Settings, checks: Sequence[Check] = ()) -> Prepared:
    """Draw and evaluate the pool, once for all checks, with what these want to know of crystals."""
    started = time.perf_counter()
    potential = evaluator.potential
    structures = draw_structures(potential.capabilities, POOL_SIZE[settings.budget], settings.seed)
    pool = evaluate_pool(evaluator, structures, crystals_for(checks, potential.capabilities, settings))
    elapsed_s = time.perf_counter() - started - evaluator.meter.loading_s
    subject = subject_of(potential, settings.spec)
    meter = replace(evaluator.meter)
    start = begin(subject, pool, settings, structures=len(structures), spent=meter, elapsed_s=elapsed_s)
    return Prepared(start, pool)


def crystals_for(checks: Sequence[Check], capabilities: Capabilities, settings: Settings) -> Wanted:
    """Return what those of the checks that apply to a potential want to know of crystals."""

    def applies(check: Check) -> bool:
        try:
            return not_applicable(check, capabilities) is None
        except LawError:  # told where the check is judged
            return False

    asking = [check for check in checks if check.studied and applies(check)]
    return wanted_by(asking, capabilities, settings.budget, settings.seed)


def judge(check: Check, pool: Pool, evaluator: Evaluator, settings: Settings) -> Judgement:
    """Return what one check finds, whatever happens: a check that breaks is an error and costs no other its result."""
    check = for_potential(check, evaluator.potential.capabilities)
    before = replace(evaluator.meter)
    started = time.perf_counter()

    def broken(reason: str) -> CheckResult:
        spent = evaluator.meter.evaluations - before.evaluations
        return without_cases(check, "error", reason, spent, time.perf_counter() - started)

    try:
        # As a file keeps it, so that a value which no file can keep is noticed while it is known whose it is.
        result = decode_value(encode_value(judge_check(check, pool, evaluator, settings)), CheckResult)
    except SystemExit as error:
        result = broken(last_word(error))  # on its way to another device, say; `evaluate` is caught where it is called
    except LawError as error:
        result = broken(str(error))
    except Exception as error:
        traceback.print_exc()  # a defect of the check or of gnnp-bench, for what the potential raises goes elsewhere
        result = broken(f"the check itself broke: {describe(error)}")
    return Judgement(
        result=result,
        causes=_causes(check, result, evaluator, settings),
        potential_s=evaluator.meter.potential_s - before.potential_s,
        loading_s=evaluator.meter.loading_s - before.loading_s,
    )


def _causes(check: Check, result: CheckResult, evaluator: Evaluator, settings: Settings) -> tuple[Cause, ...]:
    """Return why a check failed; that this cannot be found out changes nothing about the failure."""
    try:
        return causes_of(check, result, evaluator, settings.profile)
    except (Exception, SystemExit):  # somebody else's code, on structures that it has not seen
        return ()


def judge_check(check: Check, pool: Pool, evaluator: Evaluator, settings: Settings) -> CheckResult:
    """Return what one check finds: search, simplification, result."""
    started, before = time.perf_counter(), evaluator.meter.evaluations
    loading = evaluator.meter.loading_s
    capabilities = evaluator.potential.capabilities
    check = for_potential(check, capabilities)

    def cost() -> tuple[int, float]:
        elapsed = time.perf_counter() - started - (evaluator.meter.loading_s - loading)
        return evaluator.meter.evaluations - before, elapsed

    reason = not_applicable(check, capabilities)
    if reason is not None:
        return without_cases(check, "not_applicable", reason, *cost())
    if not (pool.samples or (check.without_pool and pool.broken)):
        return without_cases(check, "error", _no_pool(pool), *cost())
    evaluator.memory.begin_check()
    findings = explore(check, pool, evaluator, settings)
    kept, remark, drawn = _kept(check, findings, pool, evaluator, settings)
    return result_of(check, findings, kept, cost=cost(), remark=remark, drawn=drawn)


def _kept(
    check: Check, findings: Findings, pool: Pool, evaluator: Evaluator, settings: Settings
) -> tuple[Counterexample | None, str | None, tuple[Series, ...] | None]:
    """Return what the certificate keeps of the cases, what is to be said of it, and drawn if that is not the worst's.

    Of failing ones the simplest that still fails, with what has to be asked for before; else the worst of those that
    led to no conclusion, or the first that broke.
    """
    worst = max(findings.outcomes, key=lambda outcome: outcome.worst.badness, default=None)
    if worst is None or (findings.errors and worst.worst.status != "fail"):
        return of_a_broken_case(check, findings, settings), None, None
    if worst.worst.status == "inconclusive":
        return counterexample(check, worst, settings), None, None
    failing = [outcome for outcome in findings.outcomes if outcome.worst.status == "fail"]
    if not failing:
        return None, None, None
    worst = max(failing, key=lambda outcome: outcome.worst.excess)
    rules = rules_for(check, evaluator.potential.capabilities, settings)
    simplest, said = worst, None
    try:
        simplest = simplify(check, worst, evaluator, rules, budget_of(check, settings), single=pool.single)
    except LawError as error:  # the violation stands
        said = f"not simplified: {error}"
    found, measured, remark = with_history(check, [simplest, worst], pool, evaluator, settings)
    return found, "; ".join(filter(None, (said, remark))) or None, measured.series


def explore(check: Check, pool: Pool, evaluator: Evaluator, settings: Settings) -> Findings:
    """Return all that the search of a check finds, from the seed of the run and the id of the check alone."""
    capabilities = evaluator.potential.capabilities
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, zlib.crc32(check.id.encode())]))
    view = pool.view(capabilities, LARGEST[settings.budget])
    rules = rules_for(check, capabilities, settings)
    findings = search(check, view, evaluator, rules, budget_of(check, settings), rng, single=pool.single)
    lawful.refuse_changed_pool(check, pool.samples, view.samples)
    return findings


def budget_of(check: Check, settings: Settings) -> int:
    """Return the evaluations that a check may spend, and its simplification again."""
    return max(1, round(EVALUATIONS[settings.budget] * check.weight))


def not_applicable(check: Check, capabilities: Capabilities) -> str | None:
    """Return why a check does not apply to a potential with these capabilities, or None."""
    missing = check.needs - capabilities.properties
    if missing:
        return f"the potential has no {' and no '.join(sorted(missing))}"
    if check.category == "claimed" and check.claim not in capabilities.claims:
        return f"not claimed: {check.claim}"
    return lawful.inapplicable(check, capabilities)


def select(checks: Sequence[Check], only: Sequence[str], skip: Sequence[str]) -> list[Check]:
    """Return the checks whose ids match a glob of `only` (all if empty) and none of `skip`.

    Raises
    ------
    ValueError
        If a glob matches no check, or none is left.
    """
    for pattern in (*only, *skip):
        if not any(fnmatch.fnmatchcase(check.id, pattern) for check in checks):
            raise ValueError(f"no check matches {pattern!r}: `gnnp-bench list` shows their ids")
    chosen = [
        check
        for check in checks
        if (not only or any(fnmatch.fnmatchcase(check.id, p) for p in only))
        and not any(fnmatch.fnmatchcase(check.id, p) for p in skip)
    ]
    if not chosen:
        raise ValueError("--only and --skip together leave no check to run")
    return chosen


def _no_pool(pool: Pool) -> str:
    said = (*pool.failures, *pool.refused)
    return f"the potential evaluated none of the pool's {len(said)} structures; the first answer was: {said[0]}"
