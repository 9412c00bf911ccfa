"""A counterexample measured again, from its certificate alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.check import Case, Check, Noise
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.outcome import result_of
from gnnp_bench.engine.run import rules_for
from gnnp_bench.engine.search import Findings, measure_all
from gnnp_bench.engine.settings import Settings
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
        If there is no such check or it has no counterexample.
    """
    check = next((check for check in checks if check.id == check_id), None)
    recorded = next((result for result in certificate.checks if result.id == check_id), None)
    if check is None or recorded is None or recorded.counterexample is None:
        raise ValueError(f"the certificate holds no counterexample of {check_id!r}")
    record = recorded.counterexample
    case = Case(from_json(record.structure), Noise(**record.case["noise"]), record.case["parameters"])
    settings = Settings(
        spec=certificate.potential.spec, budget=certificate.budget, profile=certificate.profile, seed=certificate.seed
    )
    evaluator = Evaluator(potential, reload)
    findings = Findings()
    rules = rules_for(check, potential.capabilities, settings)
    measure_all(check, [case], evaluator, rules, findings, single=potential.capabilities.dtype == "float32")
    return result_of(check, findings, None, settings, cost=(evaluator.meter.evaluations, 0.0))
