"""From the seconds of single calls to timings, fits and the saturation of batches."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gnnp_bench.perf.fit import fit
from gnnp_bench.perf.messages import Sample
from gnnp_bench.perf.results import TASKS, Fit, Measured, Saturation, Subject, Task, Timing

ENOUGH = 0.9
"""Of the highest throughput: where a batch counts as saturated."""


def summary(
    spec: str,
    subject: Subject,
    samples: Mapping[tuple[Task, int, int], Sequence[Sample]],
    stopped: str,
    error: float | None,
) -> Measured:
    """Return what the samples of a potential come to.

    Parameters
    ----------
    spec : str
    subject : Subject
    samples : mapping
        By task, atoms asked for and structures in a call; those of all rounds.
    stopped : str
    error : float or None
    """
    timings = [timing(task, n, found) for (task, _, n), found in samples.items()]
    timings.sort(key=lambda t: (t.n_structures > 1, t.n_structures, TASKS.index(t.task), t.n_atoms))
    found = Measured(spec=spec, subject=subject, timings=tuple(timings), stopped=stopped, error=error)
    fits: dict[str, Fit] = {}
    for task in TASKS:
        singles = found.singles(task)
        if (law := fit([one.n_atoms for one in singles], [one.wall_s for one in singles])) is not None:
            fits[task] = law
    return replace(found, fits=fits, saturation=saturation(found.batches()))


def timing(task: Task, n_structures: int, samples: Sequence[Sample]) -> Timing:
    """Return the medians of a task at one size."""
    firsts = [sample.first_s for sample in samples if sample.first_s is not None]
    wall = [seconds for sample in samples for seconds in sample.wall_s] or firsts
    cpu = [seconds for sample in samples for seconds in sample.cpu_s]
    low, middle, high = statistics.quantiles(wall, n=4, method="inclusive") if len(wall) > 1 else 3 * wall
    return Timing(
        task=task,
        n_atoms=samples[0].n_atoms,
        n_structures=n_structures,
        first_s=firsts[0] if firsts else wall[0],
        wall_s=middle,
        wall_low_s=low,
        wall_high_s=high,
        cpu_s=statistics.median(cpu) if cpu else middle,
        calls=sum(len(sample.wall_s) for sample in samples),
        peak_bytes=max((s.peak_bytes for s in samples if s.peak_bytes is not None), default=None),
        device_peak_bytes=max((s.device_peak_bytes for s in samples if s.device_peak_bytes is not None), default=None),
    )


def saturation(batches: Sequence[Timing]) -> Saturation | None:
    """Return from which batch on larger ones bring little, if several were tried.

    Parameters
    ----------
    batches : sequence of Timing
        Of structures of one size.
    """
    if len(batches) < 2:
        return None
    best = max(one.atoms_per_s for one in batches)
    ordered = sorted(batches, key=lambda one: one.n_structures)
    enough = next(one for one in ordered if one.atoms_per_s >= ENOUGH * best)
    return Saturation(
        n_atoms=enough.n_atoms,
        batch=enough.n_structures,
        atoms_per_s=enough.atoms_per_s,
        reached=enough is not ordered[-1],
    )
