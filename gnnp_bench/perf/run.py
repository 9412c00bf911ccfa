"""A benchmark from spec strings to results: every potential in a process of its own, all of them in turn."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ase import Atoms

from gnnp_bench.certificate.provenance import environment
from gnnp_bench.perf import company
from gnnp_bench.perf.messages import Load, Measure, Refused, Sample, Told
from gnnp_bench.perf.process import Gone, Process
from gnnp_bench.perf.ratios import ratios
from gnnp_bench.perf.results import TASKS, Bench, Subject, Task
from gnnp_bench.perf.summary import summary
from gnnp_bench.perf.systems import common_cell
from gnnp_bench.potential import PotentialError
from gnnp_bench.structures import to_json

ROUNDS = 2
"""A B, then B A: what drifts slowly strikes both alike."""
SLICE = 1 / 60
"""Of a potential's time: what one task at one size gets in each round, at most."""
LONGEST_SLICE = 1.0
"""s."""
BATCH_ATOMS = 32
"""Batches are made of structures of this size, or of the largest below it."""
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
MOST_BATCH_ATOMS = 8192
SHARE_OF_BATCHES = 0.25
"""Of a potential's time."""
GRACE = 3.0
"""By how much a task may exceed what is left of the time before it is killed: sizes are chosen by extrapolation."""
BESIDE = 60.0
"""s; what imports and the building of structures may take besides."""
ALL_SIZES = "all sizes were measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes
    ----------
    sizes : tuple of int
        Numbers of atoms, ascending.
    cell : Atoms or None
        To be repeated; by default a crystal of an element that all potentials know.
    species : tuple of str or None
        As for `adapters.registry.load`.
    own_species : dict of str to tuple of str
        The same for single potentials, by spec; they count before `species`.
    error_unit : str or None
        Of the errors that are given.
    max_seconds : float
        For each potential, loading apart.
    seconds : float or None
        For each task at each size in each round; by default a sixtieth of `max_seconds`, and 1 at most.
    max_gigabytes : float
        Of memory, for each process.
    timestep_fs : float
    """

    sizes: tuple[int, ...]
    cell: Atoms | None = None
    species: tuple[str, ...] | None = None
    own_species: dict[str, tuple[str, ...]] = field(default_factory=dict)
    error_unit: str | None = None
    max_seconds: float = 60.0
    seconds: float | None = None
    max_gigabytes: float = 8.0
    timestep_fs: float = 1.0

    @property
    def slice_seconds(self) -> float:
        """For each task at each size in each round."""
        return min(LONGEST_SLICE, SLICE * self.max_seconds) if self.seconds is None else self.seconds


@dataclass(slots=True)
class _Runner:
    """A potential on its way up the sizes."""

    spec: str
    process: Process
    subject: Subject
    spent: float = 0.0
    samples: dict[tuple[Task, int, int], list[Sample]] = field(default_factory=dict)
    stopped: str | None = None
    lacking: set[Task] = field(default_factory=set)

    def tasks(self) -> list[Task]:
        """Return what it can do, cheapest first."""
        has: set[Task] = {"energy"}
        if "forces" in self.subject.properties:
            has |= {"forces", "dynamics"}
            if "stress" in self.subject.properties and self.subject.periodic:
                has.add("stress")
        if self.subject.cutoff is not None:
            has.add("neighbours")
        return [task for task in TASKS if task in has - self.lacking]

    def calls(self, task: Task, n_atoms: int, n_structures: int = 1) -> list[float]:
        """Return the seconds of all calls; of the first ones where there were no others."""
        samples = self.samples.get((task, n_atoms, n_structures), [])
        later = [seconds for sample in samples for seconds in sample.wall_s]
        return later or [sample.first_s for sample in samples if sample.first_s is not None]


def bench(
    specs: Sequence[str],
    plan: Plan,
    tell: Callable[[str], None],
    errors: dict[str, float] | None = None,
) -> Bench:
    """Measure potentials side by side.

    Parameters
    ----------
    specs : sequence of str
        All different.
    plan : Plan
    tell : callable
        Is given a line at a time about what is going on.
    errors : dict of str to float, optional
        What is known of their errors, by spec; passed through to the figures.

    Raises
    ------
    PotentialError
        One cannot be loaded, or they share no species. The message is one line.
    """
    runners: list[_Runner] = []
    processes: list[Process] = []
    begin = company.moment()
    try:
        for spec in specs:
            tell(f"loading {spec} ...")
            processes.append(Process())
            runners.append(_Runner(spec, processes[-1], _load(processes[-1], spec, plan)))
        cell = plan.cell if plan.cell is not None else common_cell(_shared_species(runners))
        _check_species(cell, runners)
        periodic = bool(cell.pbc.all()) and all(runner.subject.periodic for runner in runners)
        asking = _Asking(plan, to_json(cell), periodic)
        asking.batches(runners, tell)
        asking.sizes(runners, tell)
        busy = company.others(begin, company.moment())
    finally:
        for process in processes:
            process.close()
    return Bench(
        environment=environment(),
        system=f"{cell.get_chemical_formula()} repeated, {'periodic' if periodic else 'in vacuum'}, atoms shaken",
        timestep_fs=plan.timestep_fs,
        max_seconds=plan.max_seconds,
        max_gigabytes=plan.max_gigabytes,
        potentials=tuple(
            summary(r.spec, r.subject, r.samples, r.stopped or ALL_SIZES, (errors or {}).get(r.spec)) for r in runners
        ),
        ratios=ratios({r.spec: r.samples for r in runners}),
        busy_cores=busy,
        error_unit=plan.error_unit,
    )


def _load(process: Process, spec: str, plan: Plan) -> Subject:
    species = plan.own_species.get(spec, plan.species)
    try:
        answer = process.ask(Load(spec=spec, species=species), n_bytes=int(plan.max_gigabytes * 1e9))
    except Gone as gone:
        raise PotentialError(f"{spec} could not be loaded: {gone}") from gone
    if isinstance(answer, Told):
        return answer.subject
    message = answer.message if isinstance(answer, Refused) else "it answered something else"
    raise PotentialError(message if spec.partition(":")[0] in message else f"{spec}: {message}")


def _shared_species(runners: Sequence[_Runner]) -> list[str]:
    shared = [s for s in runners[0].subject.species if all(s in other.subject.species for other in runners)]
    if not shared:
        raise PotentialError(
            "these potentials have no species in common, hence no structure to compare them on: measure each by itself"
        )
    return shared


def _check_species(cell: Atoms, runners: Sequence[_Runner]) -> None:
    for runner in runners:
        if foreign := sorted(set(cell.get_chemical_symbols()) - set(runner.subject.species)):
            raise PotentialError(f"{runner.spec} does not support {', '.join(foreign)}, which the structure holds")


@dataclass(frozen=True, slots=True)
class _Asking:
    """What all requests of a benchmark have in common."""

    plan: Plan
    cell: dict[str, Any]
    periodic: bool

    def batches(self, runners: Sequence[_Runner], tell: Callable[[str], None]) -> None:
        """Measure energies and forces of one small structure, then of two at once, and so on."""
        small = [size for size in self.plan.sizes if size <= BATCH_ATOMS]
        n_atoms = max(small, default=self.plan.sizes[0])
        until = {runner.spec: SHARE_OF_BATCHES * self.plan.max_seconds for runner in runners}
        going = [runner for runner in runners if "forces" in runner.tasks()]
        for batch in BATCHES:
            if batch > 1 and batch * n_atoms > MOST_BATCH_ATOMS:
                break
            going = [r for r in going if r.stopped is None and self._affordable_batch(r, n_atoms, batch, until[r.spec])]
            if going:
                tell(f"{n_atoms} atoms × {batch} at once ...")
            for round_number, runner in _in_turn(going):
                self._ask(runner, "forces", n_atoms, batch, warm_up=round_number == 0)

    def _affordable_batch(self, runner: _Runner, n_atoms: int, batch: int, until: float) -> bool:
        if batch == 1:
            return True
        before = runner.calls("forces", n_atoms, batch // 2)
        return bool(before) and runner.spent + 2 * statistics.median(before) * (1 + ROUNDS) < until

    def sizes(self, runners: Sequence[_Runner], tell: Callable[[str], None]) -> None:
        """Measure every task on ever larger structures, until the limits are reached."""
        done: list[int] = []
        for n_atoms in self.plan.sizes:
            for runner in runners:
                if runner.stopped is None:
                    runner.stopped = self._beyond(runner, n_atoms, done)
            going = [runner for runner in runners if runner.stopped is None]
            if not going:
                return
            tell(f"{n_atoms} atoms ...")
            for round_number, runner in _in_turn(going):
                for task in runner.tasks():
                    self._ask(runner, task, n_atoms, 1, warm_up=round_number == 0)
            done.append(n_atoms)

    def _beyond(self, runner: _Runner, n_atoms: int, done: Sequence[int]) -> str | None:
        """Return why the next size goes beyond a limit, by extrapolation in proportion to the atoms."""
        if not done:
            return None
        grown = n_atoms / done[-1]
        calls = [runner.calls(task, done[-1]) for task in runner.tasks()]
        # A call to warm up and one to time, at least; the second round is left out where there is no time for it.
        expected = 2 * grown * sum(statistics.median(seconds) for seconds in calls if seconds)
        if runner.spent + expected > self.plan.max_seconds:
            return f"{n_atoms} atoms would take about {expected:.2g} s more: --max-seconds {self.plan.max_seconds:g}"
        peaks = [s.peak_bytes or 0 for (_, size, _), kept in runner.samples.items() if size == done[-1] for s in kept]
        loaded = runner.subject.loaded_bytes
        expected = (loaded + max(0.0, max(peaks, default=0) - loaded) * grown) / 1e9
        if expected > self.plan.max_gigabytes:
            return f"{n_atoms} atoms would need about {expected:.2g} GB: --max-memory {self.plan.max_gigabytes:g}"
        return None

    def _ask(self, runner: _Runner, task: Task, n_atoms: int, n_structures: int, *, warm_up: bool) -> None:
        if runner.stopped is not None or task in runner.lacking:
            return
        left = self.plan.max_seconds - runner.spent
        known = (task, n_atoms, n_structures) in runner.samples
        once = statistics.median(runner.calls(task, n_atoms, n_structures)) if known else 0.0
        if known and once > left:
            return  # the second round is a luxury
        # The batch of one and the size it is made of are the same measurement: warm from the first time on.
        request = Measure(
            cell=self.cell,
            n_atoms=n_atoms,
            n_structures=n_structures,
            periodic=self.periodic,
            task=task,
            seconds=min(self.plan.slice_seconds, max(left, 1e-3)),
            warm_up=warm_up and not known,
            timestep_fs=self.plan.timestep_fs,
        )
        try:
            answer = runner.process.ask(
                request, seconds=BESIDE + GRACE * left, n_bytes=int(self.plan.max_gigabytes * 1e9)
            )
        except Gone as gone:
            runner.stopped = f"{task} of {n_atoms} atoms: {gone}"
            return
        if isinstance(answer, Sample):
            runner.samples.setdefault((task, n_atoms, n_structures), []).append(answer)
            runner.spent += sum(answer.wall_s) + (answer.first_s or 0.0)
        elif isinstance(answer, Refused) and answer.clear and task != "energy":
            runner.lacking.add(task)
        elif isinstance(answer, Refused):
            runner.stopped = f"{task} of {n_atoms} atoms: {answer.message}"


def _in_turn(runners: Sequence[_Runner]) -> Iterator[tuple[int, _Runner]]:
    for round_number in range(ROUNDS):
        order: Iterable[_Runner] = runners if round_number % 2 == 0 else reversed(runners)
        for runner in order:
            yield round_number, runner
