"""Which of two potentials is faster, by how much, and how sure that is."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gnnp_bench.perf.messages import Sample
from gnnp_bench.perf.results import Bench, Measured, Ratio, Task
from gnnp_bench.potential import FloatArray

FEWEST_CALLS = 10
"""Fewer calls than these have no deciles that tell their noise: all that was seen counts."""
SAME, SAME_OF_FEW = 0.05, 0.2
"""Of the time: two processes that run the same code differ by as much; and so do few calls in each of them."""
TAIL = 0.1
"""Of the ratios on either side that the interval leaves out."""
COMPARED: tuple[Task, ...] = ("energy", "forces")
MOST_VALUES = 101
"""Of the calls of a round, evenly spaced from the fastest to the slowest: all ratios of a thousand are too many."""

Samples = Mapping[tuple[Task, int, int], Sequence[Sample]]


def ratios(samples: Mapping[str, Samples]) -> tuple[Ratio, ...]:
    """Return by how much each potential is slower than each one before it, at every size that both measured.

    Parameters
    ----------
    samples : mapping of str to mapping
        By spec; then by task, atoms asked for and structures in a call, those of all rounds.
    """
    return tuple(
        ratio
        for (than, first), (spec, second) in itertools.combinations(samples.items(), 2)
        for key in first
        if key[0] in COMPARED and key[2] == 1 and key in second
        for ratio in _ratio(key[0], than, spec, first[key], second[key])
    )


def _ratio(task: Task, than: str, spec: str, first: Sequence[Sample], second: Sequence[Sample]) -> Iterator[Ratio]:
    """Yield t(second) / t(first), if they have a round in common.

    Calls are compared with those of the same round, between which the least time passed. The value is the median of all
    such ratios. The interval holds the middle 80 % of them, and the ratio of medians of each round: what drifts between
    rounds is noise as well.
    """
    rounds = [(one.wall_s, other.wall_s) for one, other in zip(first, second, strict=False)]
    rounds = [(one, other) for one, other in rounds if one and other]
    if not rounds:
        return
    pooled = np.concatenate([_all_ratios(other, one) for one, other in rounds])
    calls = min(sum(len(one) for one, _ in rounds), sum(len(other) for _, other in rounds))
    share = 0.0 if calls < FEWEST_CALLS else TAIL
    low, value, high = (float(x) for x in np.quantile(pooled, (share, 0.5, 1 - share)))
    by_round = [statistics.median(other) / statistics.median(one) for one, other in rounds]
    yield Ratio(
        task=task,
        n_atoms=first[0].n_atoms,
        spec=spec,
        than=than,
        value=value,
        low=min(low, *by_round),
        high=max(high, *by_round),
        calls=calls,
    )


def _all_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> FloatArray:
    found: FloatArray = np.divide.outer(_thinned(numerators), _thinned(denominators)).ravel()
    return found


def _thinned(values: Sequence[float]) -> FloatArray:
    ordered = np.sort(np.asarray(values, float))
    if len(ordered) <= MOST_VALUES:
        return ordered
    thinned: FloatArray = ordered[np.linspace(0, len(ordered) - 1, MOST_VALUES).round().astype(int)]
    return thinned


def turned(ratio: Ratio) -> Ratio:
    """Return the same comparison seen from the other potential."""
    return Ratio(
        task=ratio.task,
        n_atoms=ratio.n_atoms,
        spec=ratio.than,
        than=ratio.spec,
        value=1 / ratio.value,
        low=1 / ratio.high,
        high=1 / ratio.low,
        calls=ratio.calls,
    )


def told_apart(ratio: Ratio) -> bool:
    """Return whether one is faster: by more than the noise, and by more than processes of the same code differ."""
    same = 1 + (SAME if ratio.calls >= FEWEST_CALLS else SAME_OF_FEW)
    return ratio.low > same or ratio.high < 1 / same


def main_task(one: Measured) -> Task:
    """Return what a potential is compared by: energies and forces, energies where it has no forces."""
    return "forces" if one.singles("forces") else "energy"


def common_task(bench: Bench) -> Task:
    """Return what all potentials that measured anything can be compared by."""
    measured = [one for one in bench.potentials if one.timings]
    return "energy" if any(main_task(one) == "energy" for one in measured) else "forces"


def common_size(bench: Bench, among: Sequence[Measured] | None = None) -> int | None:
    """Return the largest number of atoms that all potentials measured, those left out that measured nothing."""
    task = common_task(bench)
    sizes = [
        {timing.n_atoms for timing in one.singles(task)}
        for one in (bench.potentials if among is None else among)
        if one.timings
    ]
    return max(set.intersection(*sizes), default=None) if sizes else None


def against_the_fastest(bench: Bench) -> list[Ratio]:
    """Return by how much every other potential is slower than the fastest, each at the largest size both measured.

    The fastest is that of the largest size that all measured; the first where there is none.
    """
    task, common = common_task(bench), common_size(bench)
    times = {
        one.spec: timing.wall_s for one in bench.potentials for timing in one.singles(task) if timing.n_atoms == common
    }
    fastest = min(times, key=lambda spec: times[spec]) if times else bench.potentials[0].spec
    found: dict[str, Ratio] = {}
    for ratio in bench.ratios:
        if ratio.task == task and fastest in (ratio.spec, ratio.than):
            seen = ratio if ratio.than == fastest else turned(ratio)
            if seen.spec not in found or found[seen.spec].n_atoms < seen.n_atoms:
                found[seen.spec] = seen
    return [found[one.spec] for one in bench.potentials if one.spec in found]
