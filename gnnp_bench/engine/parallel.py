"""A run on several processes: the same certificate as `run.run` makes, sooner, and whatever the potential does."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from gnnp_bench.certificate.result import Waiver
from gnnp_bench.check import Check, Unanswered, for_potential
from gnnp_bench.engine.assemble import Growth, Judgement, Subject, begin
from gnnp_bench.engine.crew import TIMEOUT, Crew, Lost
from gnnp_bench.engine.evaluate import Meter
from gnnp_bench.engine.outcome import without_cases
from gnnp_bench.engine.pool import Pool, draw_structures, stages_of
from gnnp_bench.engine.run import Prepared, budget_of, crystals_for, select
from gnnp_bench.engine.settings import POOL_SIZE, Settings, Step
from gnnp_bench.engine.shards import SHARD, Answers, Shard
from gnnp_bench.engine.worker import Finished, Judge, Load


def run_in_processes(
    load: Load,
    checks: Sequence[Check],
    settings: Settings,
    *,
    jobs: int,
    timeout: float = TIMEOUT,
    waivers: Sequence[Waiver] = (),
) -> Iterator[Step]:
    """Judge a potential by checks in processes of their own and yield the certificate as it grows.

    Steps come as checks finish; certificates hold them in the order of the registry. A process that dies or hangs is
    replaced, and the check that it worked on is an error; so are structures of the pool that end it.

    Parameters
    ----------
    load : callable
        Loads the potential in each process. It is sent there by pickle.
    checks : sequence of Check
        All that are registered, as each process finds them itself.
    settings : Settings
    jobs : int
        Number of processes, each on one thread.
    timeout : float
        Seconds that one evaluation, or loading the potential anew for a check, may take.
    waivers : sequence of Waiver
        Failures that are permitted.

    Raises
    ------
    ValueError
        If no check is left to run.
    PotentialError
        If the potential cannot be loaded.
    """
    chosen = select(checks, settings.only, settings.skip)
    useful = max(len(chosen), math.ceil(POOL_SIZE[settings.budget] / SHARD))
    with Crew(load, settings, min(jobs, useful), timeout) as crew:
        subject = crew.gather()
        clock = _Clock(crew, crew.size)
        prepared = _prepare(crew, subject, chosen, settings, clock)
        crew.share(prepared.pool)
        growth = Growth(prepared.start, checks, chosen, settings, waivers)
        yield growth.step(None, prepared.start.elapsed_s)
        # The longest first, so that no process is left alone with it in the end.
        longest_first = sorted(chosen, key=lambda check: -budget_of(check, settings))
        for number, outcome in crew.work([Judge(check.id) for check in longest_first]):
            if isinstance(outcome, Lost):
                check = for_potential(longest_first[number], subject.capabilities)
                lost = without_cases(check, "error", outcome.reason, 0, outcome.elapsed_s)
                judgement = Judgement(result=lost)
            else:
                clock.add(outcome.spent)
                judgement = outcome.value
            yield growth.step(judgement, clock.elapsed_s())


def prepare_apart(load: Load, checks: Sequence[Check], settings: Settings, *, timeout: float = TIMEOUT) -> Prepared:
    """Draw and evaluate the pool in a process of its own, so that structures that end it cost no others.

    Raises
    ------
    PotentialError
        If the potential cannot be loaded.
    """
    with Crew(load, settings, 1, timeout) as crew:
        subject = crew.gather()
        return _prepare(crew, subject, checks, settings, _Clock(crew, 1))


def _prepare(crew: Crew, subject: Subject, checks: Sequence[Check], settings: Settings, clock: _Clock) -> Prepared:
    structures = draw_structures(subject.capabilities, POOL_SIZE[settings.budget], settings.seed)
    wanted = crystals_for(checks, subject.capabilities, settings)
    pool = _evaluate_pool(crew, stages_of(structures, subject.capabilities, wanted), clock)
    elapsed_s = clock.elapsed_s()
    start = begin(subject, pool, settings, structures=len(structures), spent=clock.spent, elapsed_s=elapsed_s)
    return Prepared(start, pool)


@dataclass(slots=True)
class _Clock:
    """What a run has cost so far.

    Attributes
    ----------
    crew : Crew
    jobs : int
    started : float
        By `time.perf_counter`.
    spent : Meter
        Over all processes.
    """

    crew: Crew
    jobs: int
    started: float = field(default_factory=time.perf_counter)
    spent: Meter = field(default_factory=Meter)

    def add(self, spent: Meter) -> None:
        """Add what one task has cost."""
        self.spent.evaluations += spent.evaluations
        self.spent.potential_s += spent.potential_s
        self.spent.loading_s += spent.loading_s

    def elapsed_s(self) -> float:
        """Return the wall time, less what each process has spent, on average, on loading the potential anew."""
        loading = self.spent.loading_s + self.crew.loading_s
        return time.perf_counter() - self.started - loading / self.jobs


def _evaluate_pool(crew: Crew, stages: Generator[list[Shard], list[Answers], Pool], clock: _Clock) -> Pool:
    shards = next(stages)
    while True:
        try:
            shards = stages.send(_answers(crew, shards, clock))
        except StopIteration as stop:
            pool: Pool = stop.value
            return pool


def _answers(crew: Crew, shards: Sequence[Shard], clock: _Clock, *, again: bool = False) -> list[Answers]:
    """Return the answers of each shard. What one structure does to a process costs no other structure its answer.

    What ended a process is given to another one, structure by structure: a process may also die by itself.
    """
    order = sorted(range(len(shards)), key=lambda i: -sum(map(len, shards[i].structures)))
    found: dict[int, Answers] = {}
    for number, outcome in crew.work([shards[i] for i in order]):
        if isinstance(outcome, Finished):
            found[order[number]] = outcome.value
            clock.add(outcome.spent)
        elif again:
            found[order[number]] = [Unanswered(outcome.reason, refused=False)]
    for i, shard in enumerate(shards):
        if i not in found:
            singles = [replace(shard, structures=(structure,)) for structure in shard.structures]
            found[i] = [answer for answers in _answers(crew, singles, clock, again=True) for answer in answers]
    return [found[i] for i in range(len(shards))]
