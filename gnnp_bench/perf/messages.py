"""What a benchmark and the processes that it measures in say to each other, one JSON value per line."""

from __future__ import annotations

from typing import Any

import msgspec

from gnnp_bench.perf.results import Subject, Task


class Load(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Build the potential and tell about it. Answered by `Subject`."""

    spec: str
    species: tuple[str, ...] | None


class Measure(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Carry out a task over and over. Answered by `Sample`.

    Attributes
    ----------
    cell : dict
        The structure to repeat, as `gnnp_bench.structures.to_json` writes it.
    n_atoms, n_structures : int
        Of each structure, about; in each call.
    periodic : bool
    seconds : float
        For how long, warm-up and the building of structures apart; one call at least, unless it is 0.
    warm_up : bool
        Whether a call comes first that is timed apart.
    timestep_fs : float
        Of dynamics.
    """

    cell: dict[str, Any]
    n_atoms: int
    n_structures: int
    periodic: bool
    task: Task
    seconds: float
    warm_up: bool
    timestep_fs: float


class Sample(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Seconds of each call, and the memory it took. `n_atoms` is what the structure came to."""

    n_atoms: int
    first_s: float | None
    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]
    peak_bytes: int | None
    device_peak_bytes: int | None


class Told(msgspec.Struct, tag=True, frozen=True):
    """The answer to `Load`."""

    subject: Subject


class Refused(msgspec.Struct, tag=True, frozen=True):
    """It cannot be done, and why, in one line. `clear` where the potential or the request is at fault, as it says."""

    message: str
    clear: bool


Request = Load | Measure
Answer = Told | Sample | Refused
