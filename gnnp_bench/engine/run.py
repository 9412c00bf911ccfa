"""Potential + checks + budget → the steps of a certificate. Knows neither pytest nor torch."""

from __future__ import annotations

import fnmatch
import time
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gnnp_bench.certificate.provenance import environment
from gnnp_bench.certificate.result import (
    Certificate,
    CheckResult,
    NoiseRecord,
    PotentialRecord,
)
from gnnp_bench.certificate.verdict import decide
from gnnp_bench.check import Check, PoolView
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.outcome import result_of, without_cases
from gnnp_bench.engine.pool import Pool, draw_structures, evaluate_pool
from gnnp_bench.engine.search import Findings, Rules, search
from gnnp_bench.engine.settings import EVALUATIONS, POOL_SIZE, SIGNIFICANCE_SCALE, Settings, Step
from gnnp_bench.engine.simplify import simplify
from gnnp_bench.potential import Capabilities, Identity, Potential


def run(
    potential: Potential, checks: Sequence[Check], settings: Settings, *, reload: Callable[[], Potential]
) -> Iterator[Step]:
    """Judge a potential by checks and yield the certificate as it grows.

    The first step comes after the pool was evaluated, then one per check; only the last certificate is complete.

    Parameters
    ----------
    potential : Potential
    checks : sequence of Check
        All that are registered; `settings.only` and `settings.skip` choose among them.
    settings : Settings
    reload : callable
        Loads the potential anew, for checks that ask for a fresh one.

    Raises
    ------
    ValueError
        If no check is left to run.
    """
    chosen = select(checks, settings.only, settings.skip)
    started = time.perf_counter()
    evaluator = Evaluator(potential, reload)
    structures = draw_structures(potential.capabilities, POOL_SIZE[settings.budget], settings.seed)
    pool = evaluate_pool(evaluator, structures)
    results: list[CheckResult] = []
    expected = [check.id for check in checks]
    weights = [check.weight for check in chosen]
    pool_s = time.perf_counter() - started
    around = environment((getattr(potential, "identity", None) or Identity()).packages)

    def step(result: CheckResult | None) -> Step:
        elapsed = time.perf_counter() - started - evaluator.meter.loading_s
        done = len(results)
        spent = elapsed - pool_s
        left = spent * sum(weights[done:]) / sum(weights[:done]) if done else None
        complete = done == len(chosen)
        restricted = bool(settings.only or settings.skip)
        verdict, grade = decide(results, expected=expected, restricted=restricted) if complete else ("partial", None)
        certificate = Certificate(
            verdict=verdict,
            grade=grade,
            complete=complete,
            potential=record(potential, settings.spec),
            environment=around,
            budget=settings.budget,
            profile=settings.profile,
            seed=settings.seed,
            elapsed_s=elapsed,
            potential_s=evaluator.meter.potential_s,
            evaluations=evaluator.meter.evaluations,
            structures=len(structures),
            noise=_largest_noise(pool),
            checks=tuple(results),
        )
        return Step(certificate=certificate, result=result, done=done, total=len(chosen), seconds_left=left)

    yield step(None)
    for check in chosen:
        result = judge_check(check, pool, evaluator, settings)
        results.append(result)
        yield step(result)


def judge_check(check: Check, pool: Pool, evaluator: Evaluator, settings: Settings) -> CheckResult:
    """Return what one check finds: search, simplification, result."""
    started, before = time.perf_counter(), evaluator.meter.evaluations
    loading = evaluator.meter.loading_s
    capabilities = evaluator.potential.capabilities

    def cost() -> tuple[int, float]:
        elapsed = time.perf_counter() - started - (evaluator.meter.loading_s - loading)
        return evaluator.meter.evaluations - before, elapsed

    reason = not_applicable(check, capabilities)
    if reason is not None:
        return without_cases(check, "not_applicable", reason, *cost())
    if not pool.samples:
        return without_cases(check, "error", _no_pool(pool), *cost())
    findings = explore(check, pool, evaluator, settings)
    failing = [outcome for outcome in findings.outcomes if outcome.worst.status == "fail"]
    simplest = None
    if failing:
        worst = max(failing, key=lambda outcome: outcome.worst.excess)
        rules = rules_for(check, capabilities, settings)
        simplest = simplify(check, worst, evaluator, rules, budget_of(check, settings), single=pool.single)
    return result_of(check, findings, simplest, settings, cost=cost())


def explore(check: Check, pool: Pool, evaluator: Evaluator, settings: Settings) -> Findings:
    """Return all that the search of a check finds, from the seed of the run and the id of the check alone."""
    capabilities = evaluator.potential.capabilities
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, zlib.crc32(check.id.encode())]))
    view = PoolView(pool.samples, capabilities, pool.failures)
    rules = rules_for(check, capabilities, settings)
    return search(check, view, evaluator, rules, budget_of(check, settings), rng, single=pool.single)


def budget_of(check: Check, settings: Settings) -> int:
    """Return the evaluations that a check may spend, and its simplification again."""
    return max(1, round(EVALUATIONS[settings.budget] * check.weight))


def rules_for(check: Check, capabilities: Capabilities, settings: Settings) -> Rules:
    """Return how a potential with these capabilities is judged by a check."""
    claimed = check.claim is not None and check.claim in capabilities.claims
    return Rules(check.factors, claimed, SIGNIFICANCE_SCALE[settings.profile])


def not_applicable(check: Check, capabilities: Capabilities) -> str | None:
    """Return why a check does not apply to a potential with these capabilities, or None."""
    missing = check.needs - capabilities.properties
    if missing:
        return f"the potential has no {' and no '.join(sorted(missing))}"
    if check.category == "claimed" and check.claim not in capabilities.claims:
        return f"not claimed: {check.claim}"
    return check.applies(capabilities)


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


def record(potential: Potential, spec: str) -> PotentialRecord:
    """Return what a certificate says of its subject."""
    identity = getattr(potential, "identity", None) or Identity()
    capabilities = potential.capabilities
    return PotentialRecord(
        spec=spec,
        name=potential.name,
        version=identity.version,
        weights_sha256=identity.weights_sha256,
        dtype=capabilities.dtype,
        device=capabilities.device,
        species=capabilities.species,
        parameters=identity.parameters,
    )


def _largest_noise(pool: Pool) -> NoiseRecord:
    if not pool.samples:
        return NoiseRecord(energy=None, forces=None, stress=None)
    with_stress = [s.noise.stress for s in pool.samples if s.prediction.stress is not None]
    return NoiseRecord(
        energy=max(s.noise.energy for s in pool.samples),
        forces=max(s.noise.forces for s in pool.samples),
        stress=max(with_stress, default=None),
    )


def _no_pool(pool: Pool) -> str:
    said = (*pool.failures, *pool.refused)
    return f"the potential evaluated none of the pool's structures; the first answer was: {said[0]}"
