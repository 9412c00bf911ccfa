"""A counterexample measured again, from its certificate alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.check import Case, Check, Noise
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.outcome import result_of
from gnnp_bench.engine.run import rules_for
from gnnp_bench.engine.search import Findings, measure_all
from gnnp_bench.engine.settings import Profile, Settings
from gnnp_bench.potential import Potential
from gnnp_bench.structures.serialise import from_json


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
    return measure_again(potential, check, record.structure, record.case, profile=certificate.profile, reload=reload)


def measure_again(
    potential: Potential,
    check: Check,
    structure: Mapping[str, Any],
    case: Mapping[str, Any],
    *,
    profile: Profile = "default",
    reload: Callable[[], Potential],
) -> CheckResult:
    """Measure one case as a certificate keeps it.

    Parameters
    ----------
    potential : Potential
    check : Check
    structure, case : mapping
        Of a counterexample: what `serialise.to_json` returned; parameters and noise.
    profile : str
        How much matters.
    reload : callable
        Loads the potential anew, for checks that ask for a fresh one.

    Raises
    ------
    ValueError
        If structure or case are incomplete.
    """
    measured = case_of(structure, case)
    settings = Settings(spec=potential.name, profile=profile)
    evaluator = Evaluator(potential, reload)
    findings = Findings()
    try:
        rules = rules_for(check, potential.capabilities, settings)
        measure_all(check, [measured], evaluator, rules, findings, single=potential.capabilities.dtype == "float32")
    finally:
        evaluator.close()
    return result_of(check, findings, None, settings, cost=(evaluator.meter.evaluations, 0.0))


def case_of(structure: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    """Return the case that a certificate keeps as JSON.

    Raises
    ------
    ValueError
        If something is missing.
    """
    try:
        noise, parameters = Noise(**case["noise"]), dict(case["parameters"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the counterexample's case is incomplete: {type(error).__name__}: {error}") from error
    return Case(from_json(structure), noise, parameters)
