"""How busy other programs kept the machine meanwhile: times that were measured in company are too long."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass

import psutil

from gnnp_bench.certificate.provenance import usable_cores

BUSY = 0.1
"""Of all cores: with more of them at work for others, times are not those of a quiet machine."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds of a clock, of the work of all cores that this process may use, and of that for this process."""

    clock: float
    all_work: float
    own_work: float


def moment() -> Moment | None:
    """Return the state of the clocks now; None where the system keeps no record of children that have ended.

    To be asked before the processes that were begun here end: those begun by them in turn are lost to us with them.
    """
    if os.name != "posix":
        return None
    cores = psutil.cpu_times(percpu=True)
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(cores))
    idle = ("idle", "iowait", "guest", "guest_nice")  # those of guests are in those of users already
    work = sum(
        seconds
        for number, core in enumerate(cores)
        if number in mine
        for name, seconds in core._asdict().items()
        if name not in idle
    )
    return Moment(time.monotonic(), work, sum(os.times()[:4]) + _alive())


def _alive() -> float:
    """Return the seconds of work of all processes that were begun here and have not ended: theirs, and their own."""
    seconds = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            seconds += times.user + times.system
            seconds += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return seconds


def others(begin: Moment | None, end: Moment | None) -> float | None:
    """Return how many cores worked for others between two moments, on average.

    Returns
    -------
    float or None
        None where it is not known.
    """
    if begin is None or end is None or end.clock - begin.clock < 1e-3:
        return None
    work = (end.all_work - begin.all_work) - (end.own_work - begin.own_work)
    return max(0.0, work / (end.clock - begin.clock))


def remark(busy: float | None) -> str | None:
    """Return what to say about a busy machine, None of a quiet one.

    Parameters
    ----------
    busy : float or None
        Cores that worked for others.
    """
    cores = usable_cores()
    if busy is None or cores is None or busy <= BUSY * cores:
        return None
    return (
        f"the machine was busy: other programs kept {busy:.1f} of {cores} cores at work meanwhile. "
        "Times are too long by an unknown factor; ratios suffer less"
    )
