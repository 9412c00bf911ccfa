"""A potential under the laws, one drawn case at a time, with the ν and the arithmetic of status of a certificate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import pytest
from ase import Atoms
from hypothesis import event, reject
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from hypothesis.vendor.pretty import RepresentationPrinter

from gnnp_bench.check import Case, Check, Json, for_potential
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.noise import BASE_POINTS
from gnnp_bench.engine.outcome import counterexample, result_of
from gnnp_bench.engine.pool import draw_structures, evaluate_pool
from gnnp_bench.engine.run import not_applicable
from gnnp_bench.engine.search import Findings, measure_all, rules_for
from gnnp_bench.engine.settings import POOL_SIZE, Settings
from gnnp_bench.potential import Capabilities, Periodicity, Potential, periodicity_of
from gnnp_bench.strategies import structures
from gnnp_bench.structures.serialise import to_json
from gnnp_bench.suite.violation import LawViolated, NotJudged, complaint
from tests.laws.potentials import default_potentials

MAX_ATOMS = 6
PATIENCE = 30
"""Examples that may prove nothing before one does."""
NAMED = "pytest tests/laws --potential '{spec}' replays it first, from Hypothesis's example database"
DEFAULT = "pytest tests/laws -k '{spec}' finds it again: examples of the profile ci are always the same"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one example, and always said again when Hypothesis asks again.

    Attributes
    ----------
    complaint : Exception or None
        What the test fails with.
    unproven : str or None
        Why the example proves nothing: the law holds trivially, the potential refuses it, no conclusion.
    """

    complaint: LawViolated | NotJudged | None = None
    unproven: str | None = None


@dataclass(slots=True)
class Subject:
    """A potential, and what was found out about it so far.

    Attributes
    ----------
    evaluator : Evaluator
    single : bool
        It computes in float32, as declared or as seen; decides how ν is measured.
    settings : Settings
    verdicts : dict of str to Verdict
        By example. Hypothesis runs an example several times and calls it flaky when the outcome changes; a noisy
        potential, whose outcome does change, is judged by the first.
    """

    evaluator: Evaluator
    single: bool
    settings: Settings
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    _unproven: dict[str, int] = field(default_factory=dict)
    _proven: set[str] = field(default_factory=set)

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        """Print the spec: Hypothesis shows the arguments of a test that fails."""
        printer.text(self.settings.spec)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the potential."""
        return self.evaluator.potential.capabilities

    def law(self, check_id: str) -> Law:
        """Return the law of a check, or skip the test where it does not apply to the potential."""
        check = _checks()[check_id]
        reason = not_applicable(check, self.capabilities)
        if reason is not None:
            pytest.skip(reason)
        return Law(self, check)

    def structures(
        self, *periodicity: Periodicity, max_atoms: int = MAX_ATOMS, species: Sequence[str] | None = None
    ) -> SearchStrategy[Atoms]:
        """Return a strategy for structures that the potential is made for, of these kinds (any if none is named)."""
        handled = self.capabilities.periodicity
        kinds = [kind for kind in periodicity or sorted(handled, reverse=True) if kind in handled]
        if not kinds:
            pytest.skip(f"the potential is not for structures of the kind needed: {', '.join(periodicity)}")
        together = [sorted(symbols) for symbols in self.capabilities.combinations] or [list(self.capabilities.species)]
        symbols = st.sampled_from(together if species is None else [list(species)])
        return symbols.flatmap(lambda chosen: structures(chosen, max_atoms, kinds))

    def judged(self, check: Check, structure: Atoms, parameters: dict[str, Json]) -> Verdict:
        """Return the verdict on an example, measured once."""
        key = json.dumps([check.id, to_json(structure), parameters])
        if key not in self.verdicts:
            self.verdicts[key] = self._proving(check, self._judge(check, Case(structure, None, parameters)))
        return self.verdicts[key]

    def _proving(self, check: Check, verdict: Verdict) -> Verdict:
        """Return the verdict; a complaint if one example after the other proved nothing, and none ever did."""
        if verdict.unproven is None:
            self._proven.add(check.id)
        elif check.id not in self._proven:
            tried = self._unproven[check.id] = self._unproven.get(check.id, 0) + 1
            if tried >= PATIENCE:
                title = f"NOTHING PROVED {check.id}: none of {tried} examples tells whether the law holds"
                return Verdict(
                    complaint=NotJudged(f"{title}\n  law        {check.law}\n  last       {verdict.unproven}")
                )
        return verdict

    def _judge(self, check: Check, case: Case) -> Verdict:
        findings = Findings()
        rules = rules_for(check, self.capabilities, self.settings)
        measure_all(check, [case], self.evaluator, rules, findings, single=self.single, base_points=BASE_POINTS)
        if not findings.outcomes and not findings.errors:
            return Verdict(unproven=(findings.vacuous + findings.refusals)[0])
        result = result_of(for_potential(check, self.capabilities), findings, None, cost=(0, 0.0))
        if result.status == "fail":
            example = counterexample(check, findings.outcomes[0], self.settings)
            result = replace(result, counterexample=example)
            spec = self.settings.spec
            command = (DEFAULT if spec in default_potentials() else NAMED).format(spec=spec)
            return Verdict(complaint=LawViolated(complaint(result, check, command=command)))
        if result.status == "error":
            where = f"\n  input      {case.structure.get_chemical_formula()}, {periodicity_of(case.structure)}"
            return Verdict(complaint=NotJudged(complaint(result, check) + where))
        return Verdict(unproven=result.reason if result.status == "inconclusive" else None)


@dataclass(frozen=True, slots=True)
class Law:
    """A law that applies to a potential."""

    subject: Subject
    check: Check

    def holds(self, structure: Atoms, **parameters: Json) -> None:
        """Fail unless the law holds on this example.

        An example that proves nothing is given back to Hypothesis, which draws another; if all are like that, the test
        fails.

        Parameters
        ----------
        structure : Atoms
        **parameters : Json
            The transformation, as the check writes it into a case.
        """
        __tracebackhide__ = True
        verdict = self.subject.judged(self.check, structure, parameters)
        if verdict.unproven is not None:
            event(f"proves nothing: {verdict.unproven}")
            reject()
        if verdict.complaint is not None:
            raise verdict.complaint.with_traceback(None)


def subject_of(settings: Settings, potential: Potential, reload: Callable[[], Potential]) -> Subject:
    """Return a potential under the laws; whether it computes in float32 is seen as a certificate sees it."""
    evaluator = Evaluator(potential, reload)
    pool = draw_structures(potential.capabilities, POOL_SIZE["quick"], settings.seed)
    single = potential.capabilities.dtype == "float32" or evaluate_pool(evaluator, pool).single
    return Subject(evaluator, single, settings)


@cache
def _checks() -> dict[str, Check]:
    return {check.id: check for check in all_checks()}
