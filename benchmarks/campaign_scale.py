"""What a campaign costs beside its tasks, and how well it fills many workers.

    python -m benchmarks.campaign_scale overhead [--tasks 300]
    python -m benchmarks.campaign_scale efficiency [--seeds 6]
    python -m benchmarks.campaign_scale record STORE…       # durations, into benchmarks/results/campaign_durations.json
    python -m benchmarks.campaign_scale schedule [--potentials 500 --seeds 10 --workers 256]

`schedule` runs the scheduler itself (`gnnp_bench.campaign.drive.Lead`) on workers whose clock is simulated: potentials
are drawn from the recorded ones, with their durations of laws and of loading.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from benchmarks.campaign_soak import begun, campaign
from benchmarks.sources import ROOT
from gnnp_bench.campaign import den, drive, store
from gnnp_bench.campaign.asked import Campaign, Subject
from gnnp_bench.campaign.executors import Workers
from gnnp_bench.campaign.kept import Ledger, row_of
from gnnp_bench.campaign.parts import Plan
from gnnp_bench.campaign.plain import encode_capabilities
from gnnp_bench.campaign.work import Outcome, PoolTold, SubjectTold, Work
from gnnp_bench.campaign.worker import KEPT
from gnnp_bench.check import Check
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.potential import Capabilities

DURATIONS = ROOT / "benchmarks" / "results" / "campaign_durations.json"
LAW = "robustness/noise-floor"


def overhead(tasks: int) -> None:
    """Tell what a task costs beside itself: to send it, to carry it out elsewhere, to keep what came of it."""
    subject = Subject("tests.campaign.potentials:tiny", ("Cu", "Au"))
    plan = Plan.of(
        Campaign(path=Path("x"), store=Path("x.db"), subjects=(subject,), budgets=("quick",), laws=(LAW,)), all_checks()
    )
    told = msgspec.json.decode(den.isolated(plan.subject(subject)).value, type=SubjectTold)
    (pool,) = plan.pools(subject, told.address)
    (law,) = plan.laws(pool, den.isolated(pool).value)
    den.isolated(law)
    beside, used = [], []
    with TemporaryDirectory() as folder, store.writing(Path(folder) / "s.db") as opened:
        for _ in range(tasks):
            started, before = time.perf_counter(), time.process_time()
            outcome = den.isolated(law)
            opened.add([row_of(law, outcome)])
            beside.append(time.perf_counter() - started - outcome.elapsed_s)
            used.append(time.process_time() - before)
    den.close_all()
    best, *_ = statistics.quantiles(beside, n=10)
    print(f"{tasks} tasks: {1e3 * statistics.median(beside):.2f} ms of wall time beside each task (median)")
    print(f"{1e3 * best:.2f} ms in the best tenth, when nobody else computes")
    print(f"of it {1e3 * statistics.median(used):.2f} ms of CPU time in the process that leads")


def efficiency(seeds: int) -> None:
    """Tell which part of the time two workers spend in tasks, from the first law to the last."""
    with TemporaryDirectory() as folder:
        path = campaign(Path(folder), seeds)
        started = time.perf_counter()
        begun(path).wait()
        wall = time.perf_counter() - started
        with store.reading(path.with_suffix(".db")) as opened:
            rows = list(opened.rows())
    busy = sum(row.elapsed_s + (row.loading_s or 0.0) for row in rows)
    print(
        f"{len(rows)} tasks, {busy:.1f} s in tasks, {wall:.1f} s of wall time: {busy / (2 * wall):.0%} of two workers"
    )


def record(stores: Sequence[str]) -> None:
    """Keep the durations of stores: of each potential those of its laws, of its pool and of loading it."""
    found: dict[str, dict[str, float]] = {}
    for path in stores:
        with store.reading(path) as opened:
            for row in opened.rows():
                if row.ending == "finished":
                    of = found.setdefault(row.spec, {})
                    name = row.name if row.kind == "law" else row.kind
                    of[name] = row.loading_s or 0.0 if row.kind == "subject" else row.elapsed_s
    whole = {spec: of for spec, of in found.items() if len(of) > 40}
    rounded = {spec: {name: round(seconds, 4) for name, seconds in of.items()} for spec, of in whole.items()}
    DURATIONS.write_text(json.dumps(rounded, indent=1) + "\n")


@dataclass(slots=True)
class Simulated:
    """Workers whose clock is simulated: tasks take what was recorded, and so does loading."""

    size: int
    durations: dict[str, dict[str, float]]
    now: float = 0.0
    busy: float = 0.0
    loading: float = 0.0
    waiting: deque[tuple[Future[Any], Work]] = field(default_factory=deque)
    running: list[tuple[float, int, int, Future[Any], Outcome]] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    held: dict[int, deque[str]] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.free = list(range(self.size))

    def give(self, work: Work) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, work))
        self._begin()
        return future

    def _begin(self) -> None:
        while self.free and self.waiting:
            worker = self.free.pop()
            future, work = self.waiting.popleft()
            loading_s = self._loads(worker, work)
            elapsed_s = 0.0 if work.kind == "subject" else self._of(work)
            self.busy += elapsed_s
            self.loading += loading_s
            self.number += 1
            outcome = self._outcome(work, elapsed_s, loading_s)
            heapq.heappush(self.running, (self.now + loading_s + elapsed_s, self.number, worker, future, outcome))

    def _of(self, work: Work) -> float:
        # A seed is a little longer or shorter than another.
        chance = random.Random(f"{work.spec} {work.name} {work.seed}").uniform(0.8, 1.25)
        return self.durations[work.spec][work.name if work.kind == "law" else work.kind] * chance

    def _loads(self, worker: int, work: Work) -> float:
        held = self.held.setdefault(worker, deque(maxlen=KEPT))
        if work.spec in held and work.kind != "subject":
            held.remove(work.spec)
            held.append(work.spec)
            return 0.0
        held.append(work.spec)
        return self.durations[work.spec]["subject"]

    def _outcome(self, work: Work, elapsed_s: float, loading_s: float) -> Outcome:
        value: Any = {}
        if work.kind == "subject":
            value = SubjectTold(address=work.spec, record={}, capabilities=encode_capabilities(Capabilities(("Cu",))))
        elif work.kind == "pool":
            value = PoolTold(start={}, pool=b"")
        return Outcome(ending="finished", value=msgspec.json.encode(value), elapsed_s=elapsed_s, loading_s=loading_s)

    def wait(self, running: Any, **how: Any) -> tuple[set[Future[Any]], set[Future[Any]]]:
        self.now, _, worker, future, outcome = heapq.heappop(self.running)
        future.set_result(outcome)
        self.free.append(worker)
        self._begin()
        return {future}, set()


@dataclass(slots=True)
class Nowhere:
    """A store that keeps nothing."""

    path: Path = Path("/nowhere/campaign.db")

    def add(self, rows: object) -> None:
        """Keep nothing."""


def schedule(potentials: int, seeds: int, workers: int) -> None:
    """Tell how long the scheduler needs, and how long it would take at best."""
    recorded: dict[str, dict[str, float]] = json.loads(DURATIONS.read_text())
    chance = random.Random(0)
    usual = {
        name: statistics.median(of[name] for of in recorded.values() if name in of)
        for of in recorded.values()
        for name in of
    }
    durations = {}
    for number in range(potentials):
        of = {**usual, **recorded[chance.choice(sorted(recorded))]}
        factor = chance.lognormvariate(0.0, 0.7)
        durations[f"p{number}"] = {name: seconds * factor for name, seconds in of.items()}
    checks = [check for check in all_checks() if check.id in usual]
    ledger = Ledger()
    for said, which in (("nothing is known of durations", range(1)), ("one seed has been run", range(1, seeds + 1))):
        _scheduled(said, durations, checks, tuple(which), workers, ledger)


def _scheduled(
    said: str,
    durations: dict[str, dict[str, float]],
    checks: Sequence[Check],
    seeds: tuple[int, ...],
    workers: int,
    ledger: Ledger,
) -> None:
    subjects = tuple(Subject(spec) for spec in durations)
    asked = Campaign(path=Path("x"), store=Path("x.db"), subjects=subjects, budgets=("quick",), seeds=seeds)
    cluster = Simulated(workers, durations)
    given = Workers(workers, cluster.give, lambda future: future.result(), lambda: None)
    vars(drive)["wait"] = cluster.wait
    nowhere: Any = Nowhere()
    started = time.process_time()
    for _ in drive.Lead(Plan.of(asked, checks), nowhere, given, ledger).run():
        pass
    tasks = len(durations) * (1 + len(seeds) * (1 + len(checks)))
    slowest = max(max(of[check.id] for check in checks) for of in durations.values())
    bound = max(cluster.busy / workers, slowest)
    what = f"{len(durations)} potentials × {len(checks)} laws × {len(seeds)} seeds"
    print(f"{said}: {what}, {tasks} tasks, {workers} workers")
    late = cluster.now / bound - 1
    print(f"  at best {bound:.0f} s, without any loading; as scheduled {cluster.now:.0f} s, {late:+.1%}")
    loading = cluster.loading / (workers * cluster.now)
    print(f"  {loading:.1%} of the time is loading; the longest task takes {slowest:.0f} s")
    leading = (time.process_time() - started) / tasks
    print(f"  {1e3 * leading:.2f} ms of CPU time for each task in the process that leads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("overhead").add_argument("--tasks", type=int, default=300)
    commands.add_parser("efficiency").add_argument("--seeds", type=int, default=6)
    commands.add_parser("record").add_argument("stores", nargs="+")
    scheduling = commands.add_parser("schedule")
    for name, value in (("potentials", 500), ("seeds", 10), ("workers", 256)):
        scheduling.add_argument(f"--{name}", type=int, default=value)
    asked = vars(parser.parse_args())
    run: Callable[..., None] = globals()[asked.pop("command")]
    run(**asked)


if __name__ == "__main__":
    main()
