"""A counterexample measured again, from its certificate alone."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from ase import Atoms

from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.check import Case, Check, Noise, Request, for_potential
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.outcome import result_of
from gnnp_bench.engine.search import Findings, measure_all, rules_for
from gnnp_bench.engine.settings import Profile, Settings
from gnnp_bench.potential import ALL_PROPERTIES, Potential, Prediction
from gnnp_bench.structures.serialise import from_json

ROUNDING = 1e-6
"""Relative difference between two measurements that is put down to rounding where no bound says more."""


def replay(
    potential: Potential,
    checks: Sequence[Check],
    certificate: Certificate,
    check_id: str,
    *,
    reload: Callable[[], Potential],
) -> CheckResult:
    """Measure the counterexample of a check again, with the structure, parameters and ν that the certificate holds.

    Raises
    ------
    ValueError
        If there is no such check, it has no counterexample, or that is none of gnnp-bench.
    """
    check = next((check for check in checks if check.id == check_id), None)
    recorded = next((result for result in certificate.checks if result.id == check_id), None)
    if check is None or recorded is None or recorded.counterexample is None:
        raise ValueError(f"the certificate holds no counterexample of {check_id!r}")
    record = recorded.counterexample
    return measure_again(
        potential,
        check,
        record.structure,
        record.case,
        history=record.history,
        profile=certificate.profile,
        reload=reload,
    )


def measure_again(
    potential: Potential,
    check: Check,
    structure: Mapping[str, Any],
    case: Mapping[str, Any],
    *,
    history: Sequence[Mapping[str, Any]] = (),
    profile: Profile = "default",
    reload: Callable[[], Potential],
) -> CheckResult:
    """Measure one case as a certificate keeps it.

    Parameters
    ----------
    potential : Potential
        With a history, one that was just loaded, in a process that has evaluated nothing before.
    check : Check
    structure, case : mapping
        Of a counterexample: what `serialise.to_json` returned; parameters and noise (null: to be measured).
    history : sequence of mapping
        Structures to be evaluated before, one by one.
    profile : str
        How much matters.
    reload : callable
        Loads the potential anew, for checks that ask for a fresh one.

    Raises
    ------
    ValueError
        If structure or case are incomplete.
    """
    check = for_potential(check, potential.capabilities)
    measured, before = case_of(structure, case), [from_json(past) for past in history]
    settings = Settings(spec=potential.name, profile=profile)
    evaluator = Evaluator(potential, reload)
    findings = Findings()
    try:
        evaluator.drive([_evaluated(past) for past in before])
        rules = rules_for(check, potential.capabilities, settings)
        measure_all(check, [measured], evaluator, rules, findings, single=potential.capabilities.dtype == "float32")
    finally:
        evaluator.close()
    return result_of(check, findings, None, cost=(evaluator.meter.evaluations, 0.0))


def _evaluated(structure: Atoms) -> Generator[Request, list[Prediction], None]:
    """Ask for a structure alone; what comes of it does not matter."""
    yield Request([structure], ALL_PROPERTIES, together=True)


def alike(before: tuple[float | None, float | None], after: tuple[float | None, float | None]) -> bool:
    """Return whether two residuals, each with its bound, differ by rounding alone.

    What rounding does to the residual is the bound b; where b is zero, a relative 1e-6. None was not finite.
    """
    (one, one_bound), (other, other_bound) = before, after
    if one is None or other is None:
        return one is other
    return abs(one - other) <= max(one_bound or 0.0, other_bound or 0.0, ROUNDING * abs(one))


def case_of(structure: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    """Return the case that a certificate keeps as JSON.

    Raises
    ------
    ValueError
        If something is missing.
    """
    try:
        noise, parameters = None if case["noise"] is None else Noise(**case["noise"]), dict(case["parameters"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the counterexample's case is incomplete: {type(error).__name__}: {error}") from error
    return Case(from_json(structure), noise, parameters)
