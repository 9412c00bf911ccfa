"""From what was found to a certificate: its beginning, and what it is once some or all checks have been judged."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from gnnp_bench.certificate.fitness import fit_for
from gnnp_bench.certificate.provenance import environment
from gnnp_bench.certificate.result import Cause, Certificate, CheckResult, NoiseRecord, PotentialRecord
from gnnp_bench.certificate.verdict import decide
from gnnp_bench.certificate.waivers import Waiver, waived
from gnnp_bench.check import Check
from gnnp_bench.checks.registry import packages
from gnnp_bench.engine.evaluate import Meter
from gnnp_bench.engine.pool import Pool
from gnnp_bench.engine.settings import Settings, Step
from gnnp_bench.engine.undecided import with_reasons
from gnnp_bench.potential import Capabilities, Identity, Periodicity, Potential


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a certificate needs to know of a potential: plain values, which another process can be told.

    Attributes
    ----------
    record : PotentialRecord
    capabilities : Capabilities
    packages : tuple of str
        Distributions whose versions the certificate records.
    elsewhere : mapping or None
        What is told of the environment in which the potential lives, where that is another one.
    """

    record: PotentialRecord
    capabilities: Capabilities
    packages: tuple[str, ...]
    elsewhere: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The result of one check, and what it cost beyond what the result says: plain values, kept by JSON.

    Attributes
    ----------
    result : CheckResult
    potential_s : float
        Seconds inside `Potential.evaluate`.
    loading_s : float
        Seconds spent on loading the potential anew; not a part of `result.elapsed_s`.
    causes : tuple of Cause
        Mistakes without which the law would hold; they explain this check alone.
    """

    result: CheckResult
    potential_s: float = 0.0
    loading_s: float = 0.0
    causes: tuple[Cause, ...] = ()


def subject_of(potential: Potential, spec: str) -> Subject:
    """Return what a certificate says of its subject."""
    identity = getattr(potential, "identity", None) or Identity()
    capabilities = potential.capabilities
    record = PotentialRecord(
        spec=spec,
        name=potential.name,
        version=identity.version,
        weights_sha256=identity.weights_sha256,
        dtype=capabilities.dtype,
        device=capabilities.device,
        species=capabilities.species,
        parameters=identity.parameters,
        combinations=tuple(sorted(tuple(s for s in capabilities.species if s in c) for c in capabilities.combinations)),
        fitted_alone=capabilities.fitted_alone,
        undetermined=capabilities.undetermined,
        periodicity=tuple(kind for kind in get_args(Periodicity) if kind in capabilities.periodicity),
    )
    there = getattr(potential, "environment", None)  # not part of the protocol: who lives elsewhere has it
    if there is None:
        return Subject(record=record, capabilities=capabilities, packages=identity.packages)
    return Subject(record=record, capabilities=capabilities, packages=(), elsewhere=there())


def begin(
    subject: Subject, pool: Pool, settings: Settings, *, structures: int, spent: Meter, elapsed_s: float
) -> Certificate:
    """Return the certificate before the first check: the pool was evaluated, nothing is judged.

    Parameters
    ----------
    subject : Subject
    pool : Pool
    settings : Settings
    structures : int
        Structures that were drawn, refused ones included.
    spent : Meter
        What evaluating the pool has cost.
    elapsed_s : float
        Wall time of it, without loading.
    """
    return Certificate(
        verdict="partial",
        grade=None,
        complete=False,
        potential=subject.record,
        environment=environment((*subject.packages, *packages()), subject.elsewhere),
        budget=settings.budget,
        profile=settings.profile,
        seed=settings.seed,
        elapsed_s=elapsed_s,
        potential_s=spent.potential_s,
        evaluations=spent.evaluations,
        structures=structures,
        noise=_largest_noise(pool),
    )


def assemble(
    start: Certificate,
    judgements: Iterable[Judgement],
    *,
    registered: Sequence[str],
    asked: Sequence[str],
    restricted: bool,
    waivers: Sequence[Waiver] = (),
    elapsed_s: float | None = None,
) -> Certificate:
    """Return the certificate that holds these results, in the order of the registry.

    Parameters
    ----------
    start : Certificate
        From `begin`.
    judgements : iterable of Judgement
        In any order, at most one for each check.
    registered : sequence of str
        Ids of all checks of the registry, from which a missing one is seen.
    asked : sequence of str
        Ids of the checks that are to be judged; the certificate is complete when all are.
    restricted : bool
        The user asked for a part of the checks only: never certified.
    waivers : sequence of Waiver
        Failures that they cover become `waived`.
    elapsed_s : float, optional
        Wall time since the run began, without loading; by default what pool and checks took one after the other.
    """
    place = {check_id: i for i, check_id in enumerate(registered)}
    found = sorted(judgements, key=lambda judgement: place[judgement.result.id])
    results = with_reasons([waived(judgement.result, waivers, start.potential) for judgement in found])
    complete = {result.id for result in results} >= set(asked)
    # While checks are missing it is partial, unless one is violated: that stays so, whatever is still to come.
    verdict, grade = decide(results, expected=registered, restricted=restricted)
    in_turn = start.elapsed_s + sum(result.elapsed_s for result in results)
    certificate = replace(
        start,
        verdict=verdict,
        grade=grade,
        complete=complete,
        elapsed_s=in_turn if elapsed_s is None else elapsed_s,
        potential_s=start.potential_s + sum(judgement.potential_s for judgement in found),
        evaluations=start.evaluations + sum(result.evaluations for result in results),
        checks=tuple(results),
        causes=_together(judgement.causes for judgement in found),
    )
    return replace(certificate, uses=fit_for(certificate))


def _together(causes: Iterable[Iterable[Cause]]) -> tuple[Cause, ...]:
    """Return each cause once, with all that it explains: that of most laws first."""
    by_name: dict[str, Cause] = {}
    for cause in itertools.chain.from_iterable(causes):
        known = by_name.get(cause.name)
        by_name[cause.name] = cause if known is None else replace(known, explains=known.explains + cause.explains)
    return tuple(sorted(by_name.values(), key=lambda cause: -len(cause.explains)))


@dataclass(slots=True)
class Growth:
    """A certificate that grows by one check after the other.

    Attributes
    ----------
    start : Certificate
        The certificate before the first check.
    registered, chosen : sequence of Check
        All checks, and those that are to be judged.
    settings : Settings
    waivers : sequence of Waiver
    judgements : dict of str to Judgement
        What was found so far, by the id of the check.
    """

    start: Certificate
    registered: Sequence[Check]
    chosen: Sequence[Check]
    settings: Settings
    waivers: Sequence[Waiver] = ()
    judgements: dict[str, Judgement] = field(default_factory=dict)

    def step(self, judgement: Judgement | None, elapsed_s: float) -> Step:
        """Return the state of the run after one more check, `elapsed_s` seconds after it began."""
        if judgement is not None:
            self.judgements[judgement.result.id] = judgement
        done = sum(check.weight for check in self.chosen if check.id in self.judgements)
        left = sum(check.weight for check in self.chosen) - done
        certificate = assemble(
            self.start,
            self.judgements.values(),
            registered=[check.id for check in self.registered],
            asked=[check.id for check in self.chosen],
            restricted=bool(self.settings.only or self.settings.skip),
            waivers=self.waivers,
            elapsed_s=elapsed_s,
        )
        found = {result.id: result for result in certificate.checks}  # as waivers leave them
        return Step(
            certificate=certificate,
            result=None if judgement is None else found[judgement.result.id],
            done=len(self.judgements),
            total=len(self.chosen),
            seconds_left=(elapsed_s - self.start.elapsed_s) * left / done if done else None,
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
