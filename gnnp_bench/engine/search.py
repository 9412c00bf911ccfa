"""The bounded search of one check for the case on which its law is missed most."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gnnp_bench.certificate.result import Grade, Series, Status
from gnnp_bench.certificate.verdict import excess, judge, rank, ratio
from gnnp_bench.check import (
    DEFAULT_FACTOR,
    Case,
    Check,
    Component,
    InvalidPrediction,
    LawError,
    NoSuitableStructure,
    NotAnswered,
    NothingLeft,
    PoolView,
    Request,
    Residual,
    Unanswered,
    no_neighbour,
)
from gnnp_bench.engine import lawful
from gnnp_bench.engine.ended import Failed, describe, is_refusal
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.noise import measure_noise
from gnnp_bench.engine.settings import SIGNIFICANCE_SCALE, Settings
from gnnp_bench.potential import Capabilities, Prediction
from gnnp_bench.structures.apart import kind_of
from gnnp_bench.structures.carried import completed

ERROR_FACTOR = 10.0
PATIENCE = 3
MOST_EXPLORED = 0.75
"""Share of a budget that drawn cases may take while structures of the pool were not looked at."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How the residuals of one check are judged.

    Attributes
    ----------
    factors : mapping of str to float
        c per quantity; `DEFAULT_FACTOR` of others.
    claimed : bool
    scale : float
        The profile's factor on significance.
    """

    factors: Mapping[str, float]
    claimed: bool
    scale: float


def rules_for(check: Check, capabilities: Capabilities, settings: Settings) -> Rules:
    """Return how a potential with these capabilities is judged by a check."""
    claimed = check.claim is not None and check.claim in capabilities.claims
    return Rules(check.factors, claimed, SIGNIFICANCE_SCALE[settings.profile])


@dataclass(frozen=True, slots=True)
class Judged:
    """A component with its bound, significance, status and grade."""

    component: Component
    bound: float
    significance: float
    status: Status
    grade: Grade | None

    @property
    def excess(self) -> float:
        """r/max(b, s)."""
        return excess(self.component.residual, self.bound, self.significance)

    @property
    def over_bound(self) -> float:
        """r/b."""
        return ratio(self.component.residual, self.bound)

    @property
    def badness(self) -> tuple[int, float]:
        """Order by which the worst is reported: status first, then r/max(b, s)."""
        return rank(self.status, self.grade), self.excess


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case that was measured and not vacuous, and what kind of input it was."""

    case: Case
    components: tuple[Judged, ...]
    note: str | None
    kind: str
    series: tuple[Series, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def worst(self) -> Judged:
        """The component of worst status, then of largest r/max(b, s)."""
        return max(self.components, key=lambda judged: judged.badness)


@dataclass(slots=True)
class Findings:
    """All that the search of one check found.

    Attributes
    ----------
    outcomes : list of Outcome
    refusals, errors, vacuous : list of str
        Why cases could not be measured: the potential refuses them, something broke, they prove nothing.
    unsuitable : str or None
        Why no case could be drawn.
    broken : Case or None
        The first case that ended in an error.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    vacuous: list[str] = field(default_factory=list)
    unsuitable: str | None = None
    broken: Case | None = None


def search(
    check: Check,
    view: PoolView,
    evaluator: Evaluator,
    rules: Rules,
    budget: int,
    rng: np.random.Generator,
    *,
    single: bool,
) -> Findings:
    """Spend a budget of evaluations: the first half on drawn cases, the second on neighbours of the worst.

    Drawn cases may take three quarters while the pool holds structures that were not looked at. Half of the
    neighbours start from cases ranked by r/max(b, s), half from cases ranked by r/b.
    """
    findings = Findings()
    start = evaluator.meter.evaluations
    tried = 0
    share = budget if check.near is no_neighbour else budget / 2
    # A check that asks for nothing looks at each structure once; the others end with their budget.
    most_cases = len(view.samples) if check.cost == 0 else max(budget, len(view.samples))
    while tried < most_cases:
        spent = evaluator.meter.evaluations - start
        # Cases that prove nothing do not count, so the search goes on for one that does.
        limit = budget if findings.outcomes else PATIENCE * budget
        # A neighbour of the worst so far is worth less than a structure that was not looked at.
        explored = max(share, MOST_EXPLORED * budget) if view.unseen else share
        exploring = spent < explored or not findings.outcomes
        if spent >= limit:
            break
        cost = max(check.cost, spent / tried if tried else 0.0, 1.0)
        affordable = int(((explored if exploring else budget) - spent) / cost)
        size = min(check.side_by_side, most_cases - tried, max(1, affordable))
        try:
            cases = _drawn(check, view, rng, size) if exploring else _neighbours(check, findings, rng, size)
        except NothingLeft:
            break
        except NoSuitableStructure as none:
            if view.failures and not findings.outcomes:
                # Perhaps one of those on which the potential broke is of this kind: nobody knows whether the law holds.
                findings.errors.append(str(none))
            else:
                findings.unsuitable = str(none)
            break
        except (InvalidPrediction, LawError) as error:  # a check that speaks for the whole pool, or breaks
            findings.errors.append(describe(error))
            break
        measure_all(check, cases, evaluator, rules, findings, single=single)
        tried += len(cases)
    return findings


def _drawn(check: Check, view: PoolView, rng: np.random.Generator, size: int) -> list[Case]:
    """Return as many cases as there are: those that come before there are none left are measured."""
    cases: list[Case] = []
    for _ in range(size):
        try:
            cases.append(lawful.drawn(check, rng, view))
        except NothingLeft:
            if not cases:
                raise
            break
    return cases


def measure_all(
    check: Check,
    cases: Sequence[Case],
    evaluator: Evaluator,
    rules: Rules,
    findings: Findings,
    *,
    single: bool,
    base_points: int = 1,
) -> list[Outcome | None]:
    """Measure cases side by side and file what comes out. Returns one outcome per case, None if there is none.

    Cases whose ν is not known get it from `base_points` base points.
    """
    reads = evaluator.potential.capabilities.reads
    laden = [replace(case, structure=completed(case.structure, reads)) if reads else case for case in cases]
    base_points = max(base_points, check.base_points)
    generators = [_measured(check, case, single, base_points) for case in laden]
    outcomes: list[Outcome | None] = []
    for drawn, result in zip(laden, evaluator.drive(generators), strict=True):
        outcome = None
        if isinstance(result, Failed):
            message = _message(check, result)
            refused = _is_refusal(check, result)
            (findings.refusals if refused else findings.errors).append(message)
            if not refused and findings.broken is None:
                findings.broken = drawn
        else:
            case, residual = result.value
            if residual.vacuous is not None:
                findings.vacuous.append(residual.vacuous)
            else:
                components = tuple(judged(c, rules) for c in residual.components)
                kind = residual.kind or kind_of(case.structure)
                outcome = Outcome(case, components, residual.note, kind, residual.series, residual.told)
                findings.outcomes.append(outcome)
        outcomes.append(outcome)
    return outcomes


def judged(component: Component, rules: Rules) -> Judged:
    """Return the component with its bound b = c·ν + 10·error, its scaled significance, its status and grade."""
    bound = component.bound
    if bound is None:
        bound = rules.factors.get(component.quantity, DEFAULT_FACTOR) * component.noise + ERROR_FACTOR * component.error
    significance = component.significance * rules.scale
    status, grade = judge(component.residual, bound, significance, claimed=rules.claimed, converged=component.converged)
    return Judged(component, bound, significance, status, grade)


def _message(check: Check, failed: Failed) -> str:
    """Return what went wrong in one line: with the potential, or else with the check."""
    if isinstance(failed.error, NotAnswered):
        return str(failed.error)
    if failed.by_potential or isinstance(failed.error, InvalidPrediction | LawError):
        return describe(failed.error)
    return f"the check itself broke: {lawful.broke(failed.error, check.measure)}"


def _is_refusal(check: Check, failed: Failed) -> bool:
    if isinstance(failed.error, NotAnswered):
        return failed.error.refused
    # numpy's error over a singular matrix is a ValueError, too: that of a cell which nobody looked at.
    clear = isinstance(failed.error, ValueError) and not isinstance(failed.error, np.linalg.LinAlgError)
    return is_refusal(failed) or (failed.by_potential and check.feature is not None and clear)


def _measured(
    check: Check, case: Case, single: bool, base_points: int
) -> Generator[Request, list[Prediction], tuple[Case, Residual]]:
    if isinstance(case.known, Unanswered):
        raise NotAnswered(case.known)
    if case.noise is None:
        noise = yield from measure_noise(case.structure, single=single, base_points=base_points)
        case = replace(case, noise=noise)
    residual = yield from lawful.measured(check, case)
    return case, residual


def _neighbours(check: Check, findings: Findings, rng: np.random.Generator, size: int) -> list[Case]:
    by_excess = sorted(findings.outcomes, key=lambda o: -max(j.excess for j in o.components))
    by_bound = sorted(findings.outcomes, key=lambda o: -max(j.over_bound for j in o.components))
    half = max(1, size // 2)
    rankings = [by_excess[:half], by_bound[:half]]
    if len(findings.outcomes) % 2:  # where only one neighbour is affordable at a time, each ranking has its turn
        rankings.reverse()
    parents = [o for pair in zip(*rankings, strict=True) for o in pair]
    return [lawful.neighbour(check, rng, parent.case) for parent in itertools.islice(itertools.cycle(parents), size)]
