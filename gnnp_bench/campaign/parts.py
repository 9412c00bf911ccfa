"""A campaign in parts: one potential at one budget and seed, of which one certificate comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from gnnp_bench.campaign.asked import Campaign, Subject
from gnnp_bench.campaign.measures import version_of
from gnnp_bench.campaign.sources import law_version, pool_version
from gnnp_bench.campaign.work import MEASURED, File, PoolTold, Work
from gnnp_bench.check import Check
from gnnp_bench.engine.run import budget_of, select
from gnnp_bench.engine.settings import Budget, Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of each potential.

    Attributes
    ----------
    campaign : Campaign
    checks : tuple of Check
        All that are registered.
    chosen : tuple of Check
        Those that are judged.
    versions : dict of str to str
        Of the laws that are judged, by id.
    budgets : dict
        Evaluations that they may spend, by id and budget: what is known of their durations at first.
    files : dict of str to tuple of File
        What measurements read, by what they ask for.
    """

    campaign: Campaign
    checks: tuple[Check, ...]
    chosen: tuple[Check, ...]
    versions: dict[str, str]
    budgets: dict[str, dict[Budget, int]]
    files: dict[str, tuple[File, ...]]

    @classmethod
    def of(cls, campaign: Campaign, checks: Sequence[Check]) -> Plan:
        """Return the plan of a campaign.

        Raises
        ------
        ValueError
            If globs leave no law, or a file cannot be read.
        """
        chosen = tuple(select(tuple(checks), campaign.laws, campaign.skip)) if campaign.judged else ()
        budgets = {
            check.id: {budget: budget_of(check, Settings(spec="", budget=budget)) for budget in campaign.budgets}
            for check in chosen
        }
        files = {measure.asked: measure.hashed() for measure in campaign.measures}
        return cls(campaign, tuple(checks), chosen, {check.id: law_version(check) for check in chosen}, budgets, files)

    def subject(self, subject: Subject) -> Work:
        """Return the task that loads a potential and tells what it is."""
        return Work(kind="subject", spec=subject.spec, species=subject.species, limit_s=self.campaign.timeout)

    def pools(self, subject: Subject, address: str) -> list[Work]:
        """Return the tasks that evaluate the pools of a potential, one for each budget and seed."""
        studying = tuple(check.id for check in self.chosen if check.studied)
        return [
            Work(
                kind="pool",
                spec=subject.spec,
                species=subject.species,
                budget=budget,
                profile=self.campaign.profile,
                seed=seed,
                version=pool_version(studying),
                subject=address,
                studying=studying,
                limit_s=self.campaign.timeout,
            )
            for budget, seed in self.runs
        ]

    @property
    def runs(self) -> list[tuple[Budget, int]]:
        """Budgets and seeds, with which laws are judged."""
        if not self.campaign.judged:
            return []
        return [(budget, seed) for budget in self.campaign.budgets for seed in self.campaign.seeds]

    def laws(self, pool: Work, data: bytes = b"") -> list[Work]:
        """Return the tasks that judge the laws on a pool, of which `data` is what its task has found."""
        found = msgspec.json.decode(data, type=PoolTold).pool if data else b""
        return [
            Work(
                kind="law",
                spec=pool.spec,
                species=pool.species,
                budget=pool.budget,
                profile=pool.profile,
                seed=pool.seed,
                name=check.id,
                version=self.versions[check.id],
                subject=pool.subject,
                pool=found,
                limit_s=pool.limit_s,
            )
            for check in self.chosen
        ]

    def measures(self, subject: Subject, address: str) -> list[Work]:
        """Return the tasks that measure a potential beside the laws."""
        return [
            Work(
                kind=measure.kind,
                spec=subject.spec,
                species=subject.species,
                name=measure.name,
                version=version_of(measure.kind),
                subject=address,
                asked=measure.asked,
                files=self.files[measure.asked],
                limit_s=self.campaign.timeout,
            )
            for measure in self.campaign.measures
        ]


@dataclass(slots=True)
class Part:
    """What is left of one potential at one budget and seed, or of one measurement.

    Attributes
    ----------
    pool : Work
        Or what is measured.
    open : dict of str to Work
        Tasks that wait or run, by address.
    spent_s : float
        Seconds that its tasks have taken.
    out_of_time : int
        Tasks that were given up because the potential's time was over.
    told : bool
        Whether its end was told.
    """

    pool: Work
    open: dict[str, Work] = field(default_factory=dict)
    spent_s: float = 0.0
    out_of_time: int = 0
    told: bool = False

    @property
    def label(self) -> str:
        """What a person calls it."""
        if self.pool.kind in MEASURED:
            return self.pool.label
        return f"{self.pool.spec} ({self.pool.budget}, seed {self.pool.seed})"
