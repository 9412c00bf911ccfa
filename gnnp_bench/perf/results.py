"""What a benchmark of potentials finds, as values. Times in s, memory in bytes, lengths in Å, energies in eV."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from gnnp_bench.potential import Property

RESULT_VERSION = 1
"""Of the JSON file: raised when a field changes its meaning or goes away, not when one is added."""

Task: TypeAlias = Literal["energy", "forces", "stress", "dynamics", "neighbours"]
"""Energies; energies and forces; energies, forces and stresses; a step of dynamics; neighbours, built by vesin."""
TASKS: tuple[Task, ...] = get_args(Task)
PROPERTIES: dict[Task, frozenset[Property]] = {
    "energy": frozenset({"energy"}),
    "forces": frozenset({"energy", "forces"}),
    "stress": frozenset({"energy", "forces", "stress"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one task takes on structures of one size.

    Attributes
    ----------
    task : Task
    n_atoms : int
        Of one structure.
    n_structures : int
        Evaluated in one call.
    first_s : float
        The very first call of this task at this size: warm-up, compilation, and caches that are filled once.
    wall_s, wall_low_s, wall_high_s : float
        Of the later calls (of the first where there was time for no other): median and quartiles.
    cpu_s : float
        Median of the time that the process, all its threads together, was on a processor.
    calls : int
        How many the medians are of. 0 where the first call stands in.
    peak_bytes : int or None
        Largest resident memory of the process meanwhile; of its whole life where the system keeps no other record.
    device_peak_bytes : int or None
        Most memory that torch had allocated on the device, beside the loaded network and since it was measured anew.
    """

    task: Task
    n_atoms: int
    n_structures: int = 1
    first_s: float
    wall_s: float
    wall_low_s: float
    wall_high_s: float
    cpu_s: float
    calls: int
    peak_bytes: int | None = None
    device_peak_bytes: int | None = None

    @property
    def atoms_per_s(self) -> float:
        """Throughput."""
        return self.n_atoms * self.n_structures / self.wall_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % confidence interval; None where the points leave a side open."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """t = a + b·N^p: overhead a (s), b (s), exponent p, and how many sizes they are fitted to."""

    a: Interval
    b: Interval
    p: Interval
    points: int
    rms: float
    """Of ln(t / fit)."""

    @property
    def determined(self) -> bool:
        """Whether the sizes tell the exponent: both ends of its interval are known."""
        return self.p.low is not None and self.p.high is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """From which batch on larger ones bring little: the smallest with 90 % of the highest throughput seen.

    `reached` is False where the largest batch tried is the fastest by more than that: a larger one may be faster yet.
    """

    n_atoms: int
    batch: int
    atoms_per_s: float
    reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """By how much one potential is slower than another at one size.

    Attributes
    ----------
    task : Task
    n_atoms : int
    spec, than : str
        Which is compared, and with which.
    value, low, high : float
        Time over time: the median of calls of the same round, and the interval that noise leaves (`perf.ratios`).
    calls : int
        Of that of the two which was called less often.
    """

    task: Task
    n_atoms: int
    spec: str
    than: str
    value: float
    low: float
    high: float
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A potential as its process reports it."""

    name: str
    species: tuple[str, ...]
    properties: tuple[str, ...]
    periodic: bool
    cutoff: float | None
    dtype: str | None
    device: str
    parameters: int | None
    loading_s: float
    loaded_bytes: int
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that was found about one potential.

    Attributes
    ----------
    spec : str
    subject : Subject
    timings : tuple of Timing
        Single structures, by size; then batches.
    fits : dict
        By task.
    saturation : Saturation or None
    stopped : str
        Why it went no further, in words.
    error : float or None
        What the user said its error is.
    """

    spec: str
    subject: Subject
    timings: tuple[Timing, ...] = ()
    fits: dict[str, Fit] = field(default_factory=dict)
    saturation: Saturation | None = None
    stopped: str
    error: float | None = None

    def singles(self, task: Task) -> list[Timing]:
        """Return the timings of single structures, by size."""
        return [one for one in self.timings if one.task == task and one.n_structures == 1]

    def batches(self) -> list[Timing]:
        """Return the timings of the structures that were evaluated in batches of several sizes, one at a time first."""
        sizes = {one.n_atoms for one in self.timings if one.n_structures > 1}
        return [one for one in self.timings if one.task == "forces" and one.n_atoms in sizes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The result of one benchmark, as it is written to JSON.

    Attributes
    ----------
    environment : dict
        Interpreter, machine, versions, threads.
    system : str
        What was evaluated, in words.
    timestep_fs : float
    max_seconds, max_gigabytes : float
    potentials : tuple of Measured
    ratios : tuple of Ratio
        Of each potential to each one before it, at every size that both measured.
    busy_cores : float or None
        How many cores worked for other programs meanwhile, on average; None where the system does not tell.
    error_unit : str or None
        Of the errors that the user gave.
    """

    result_version: int = RESULT_VERSION
    environment: dict[str, Any]
    system: str
    timestep_fs: float
    max_seconds: float
    max_gigabytes: float
    potentials: tuple[Measured, ...]
    ratios: tuple[Ratio, ...] = ()
    busy_cores: float | None = None
    error_unit: str | None = None
