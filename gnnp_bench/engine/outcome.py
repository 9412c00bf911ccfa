"""From what a search found to the result that stands in the certificate."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Literal

from gnnp_bench.certificate.result import CheckResult, ComponentResult, Counterexample, Series, Status
from gnnp_bench.check import Check, Json, LawError
from gnnp_bench.engine import lawful
from gnnp_bench.engine.search import Findings, Judged, Outcome
from gnnp_bench.engine.settings import Settings
from gnnp_bench.structures.serialise import to_json


def result_of(
    check: Check,
    findings: Findings,
    kept: Counterexample | None,
    *,
    cost: tuple[int, float],
    remark: str | None = None,
    drawn: tuple[Series, ...] | None = None,
) -> CheckResult:
    """Return the result of a check, with the case that is kept, what is to be said of it and `drawn` of it.

    A violation stands whatever else happened; an error comes before inconclusive and pass, for what was not
    measured might have been worse. A check without a non-vacuous case is an error, unless the potential refused
    every one.
    """
    outcomes = findings.outcomes
    worst = max(outcomes, key=lambda o: o.worst.badness) if outcomes else None
    if worst is None or (findings.errors and worst.worst.status != "fail"):
        return replace(without_cases(check, *_why_nothing(findings), *cost), counterexample=kept)
    headline = worst.worst
    of_all = [outcome.told for outcome in outcomes if outcome.told]
    told = check.tell(of_all)
    pictures, undrawn = _pictures(check, of_all)
    # Informational checks never fail: the grade tells what was found.
    status: Status = "pass" if check.category == "informational" else headline.status
    return CheckResult(
        id=check.id,
        law=check.law,
        category=check.category,
        status=status,
        grade=headline.grade,
        quantity=headline.component.quantity,
        measured=finite(headline.component.residual),
        bound=finite(headline.bound),
        significance=finite(headline.significance),
        unit=headline.component.unit,
        components=_worst_per_quantity(outcomes),
        cases=len(outcomes),
        kinds=dict(Counter(outcome.kind for outcome in outcomes)),
        broken=len(findings.errors),
        evaluations=cost[0],
        elapsed_s=cost[1],
        reason="; ".join(said for said in (_remarks(findings, worst), told, remark, undrawn) if said) or None,
        counterexample=kept,
        series=(worst.series if drawn is None else drawn) + pictures,
    )


def _pictures(check: Check, told: Sequence[Mapping[str, Json]]) -> tuple[tuple[Series, ...], str | None]:
    """Return what is to be drawn of all cases, or why it is not: what was measured stands without a picture."""
    try:
        return lawful.pictures(check, told), None
    except LawError as error:
        return (), f"not drawn: {error}"


def without_cases(
    check: Check, status: Literal["error", "not_applicable"], reason: str, evaluations: int, elapsed_s: float
) -> CheckResult:
    """Return the result of a check that measured nothing."""
    return CheckResult(
        id=check.id,
        law=check.law,
        category=check.category,
        status=status,
        evaluations=evaluations,
        elapsed_s=elapsed_s,
        reason=reason,
    )


def counterexample(check: Check, outcome: Outcome, settings: Settings) -> Counterexample:
    """Return a case as a certificate keeps it: enough to measure it again, and what was measured."""
    noise, judged = outcome.case.nu, outcome.worst
    case = {
        "parameters": dict(outcome.case.parameters),
        "noise": {"energy": noise.energy, "forces": noise.forces, "stress": noise.stress},
        "quantity": judged.component.quantity,
        "measured": finite(judged.component.residual),
        "bound": finite(judged.bound),
        "significance": finite(judged.significance),
        "unit": judged.component.unit,
    }
    return Counterexample(structure=to_json(outcome.case.structure), case=case, reproduce=_command(check, settings))


def of_a_broken_case(check: Check, findings: Findings, settings: Settings) -> Counterexample | None:
    """Return the first case that ended in an error as a certificate keeps it, if there is one that a file can hold."""
    if findings.broken is None:
        return None
    try:
        structure = to_json(findings.broken.structure)
    except ValueError:
        return None
    noise = findings.broken.noise
    case = {"parameters": dict(findings.broken.parameters), "noise": None if noise is None else asdict(noise)}
    return Counterexample(structure=structure, case=case, reproduce=_command(check, settings))


def component_result(judged: Judged) -> ComponentResult:
    """Return a component as it stands in the certificate."""
    return ComponentResult(
        quantity=judged.component.quantity,
        status=judged.status,
        grade=judged.grade,
        measured=finite(judged.component.residual),
        bound=finite(judged.bound),
        significance=finite(judged.significance),
        unit=judged.component.unit,
    )


def finite(value: float) -> float | None:
    """Return the number, or None for what JSON cannot hold."""
    return float(value) if math.isfinite(value) else None


def _worst_per_quantity(outcomes: Sequence[Outcome]) -> tuple[ComponentResult, ...]:
    found: dict[str, dict[str, Judged]] = {}
    for outcome in outcomes:
        for judged in outcome.components:
            worst = found.setdefault(judged.component.quantity, {})
            if outcome.kind not in worst or judged.badness > worst[outcome.kind].badness:
                worst[outcome.kind] = judged
    return tuple(_component(by_kind) for by_kind in found.values())


def _component(by_kind: Mapping[str, Judged]) -> ComponentResult:
    worst = max(by_kind.values(), key=lambda judged: judged.badness)
    return replace(component_result(worst), kinds={kind: judged.status for kind, judged in by_kind.items()})


def _why_nothing(findings: Findings) -> tuple[Literal["error", "not_applicable"], str]:
    if findings.errors:
        return "error", findings.errors[0] + _more(findings.errors)
    if findings.refusals:
        return "not_applicable", findings.refusals[0]
    if findings.unsuitable is not None and not findings.vacuous:
        return "not_applicable", findings.unsuitable
    reasons = sorted(set(findings.vacuous))
    return "error", f"no case could have failed: {'; '.join(reasons) or 'none was drawn'}"


def _remarks(findings: Findings, worst: Outcome) -> str | None:
    remarks = [worst.note] if worst.note else []
    if worst.worst.status == "inconclusive" and not remarks:
        formula = worst.case.structure.get_chemical_formula()
        remarks.append(f"missed by more than matters on {formula}, but rounding may explain it")
    if findings.errors:
        remarks.append(f"{len(findings.errors)} cases broke: {findings.errors[0]}")
    if findings.refusals:
        remarks.append(f"{len(findings.refusals)} cases refused: {findings.refusals[0]}")
    return "; ".join(remarks) or None


def _more(errors: Sequence[str]) -> str:
    return f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""


def _command(check: Check, settings: Settings) -> str:
    restricted = f" --species {','.join(settings.species)}" if settings.species else ""
    profile = "" if settings.profile == "default" else f" --profile {settings.profile}"
    return (
        f"gnnp-bench certify '{settings.spec}'{restricted} --budget {settings.budget}{profile}"
        f" --seed {settings.seed} --only {check.id}"
    )
