"""Whether one revision takes more than another, from pairs of processes on a machine that is never quiet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import bootstrap  # type: ignore[attr-defined]

from gnnp_bench.potential import FloatArray

SMALLEST_CHANGE = 0.03
"""Below it nothing is called slower, however sure."""
LARGEST_THRESHOLD = 0.10
"""A benchmark that cannot see a change of this size on this machine says nothing: it is inconclusive."""
LEVEL = 0.05
"""Of the family of all benchmarks (Holm)."""
RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How much more one measure of a benchmark is on the head than on the base.

    Attributes
    ----------
    ratio, low, high : float
        exp of the median of ln(head / base) over pairs of processes, and of its 95 % bootstrap interval.
    p : float
        One-sided, of the hypothesis that the head does not take more.
    p_adjusted : float
        The same after Holm's correction for all benchmarks that were looked at together.
    threshold : float
        Ratio that the median must exceed.
    pairs : int
    """

    ratio: float
    low: float
    high: float
    p: float
    p_adjusted: float
    threshold: float
    pairs: int

    @property
    def flagged(self) -> bool:
        """Whether the head takes more."""
        return self.ratio > self.threshold and self.p_adjusted < LEVEL

    @property
    def improved(self) -> bool:
        """Whether the head takes less, by as much as would be flagged the other way."""
        return self.ratio < 1.0 / self.threshold and self.high < 1.0

    @property
    def blind(self) -> bool:
        """Whether the same code differs from itself by too much to see anything here."""
        return self.threshold > 1.0 + LARGEST_THRESHOLD


def compare(base: Sequence[float], head: Sequence[float], *, smallest: float = SMALLEST_CHANGE) -> Comparison:
    """Compare one measure, given in the order of the processes A B B A, A B B A, and so on.

    The threshold is the larger of `smallest` and the 95th percentile of |median ln ratio| that as many pairs of
    processes of the *same* revision give: the A/A and the B/B pair in each quartet A B B A, in random direction.

    Parameters
    ----------
    base, head : sequence of float
        One value for each process, positive; two for each quartet.
    smallest : float

    Raises
    ------
    ValueError
        They are not equally many, not even in number, fewer than four, or not positive.
    """
    a, b = np.asarray(base, float), np.asarray(head, float)
    if len(a) != len(b) or len(a) < 4 or len(a) % 2:
        raise ValueError(f"two values for each of at least two quartets are needed, not {len(a)} and {len(b)}")
    if not (np.all(np.isfinite(a) & (a > 0)) and np.all(np.isfinite(b) & (b > 0))):
        raise ValueError("measurements must be positive numbers")
    ratios = np.log(b) - np.log(a)
    medians = _medians(ratios)
    low, high = np.quantile(medians, (0.025, 0.975))
    p = (1.0 + float(np.count_nonzero(medians <= 0.0))) / (1.0 + len(medians))
    own = own_variation(a, b)
    return Comparison(
        ratio=math.exp(float(np.median(ratios))),
        low=math.exp(float(low)),
        high=math.exp(float(high)),
        p=p,
        p_adjusted=p,
        threshold=max(1.0 + smallest, math.exp(own)),
        pairs=len(a),
    )


def own_variation(base: FloatArray, head: FloatArray) -> float:
    """Return the 95th percentile of |median ln ratio| of as many pairs of the same revision."""
    same = np.concatenate([np.log(v[1::2]) - np.log(v[0::2]) for v in (base, head)])
    # A pair may be taken in either direction: what drifts through a quartet is no difference between revisions.
    rng = np.random.default_rng(0)
    drawn = rng.choice(same, size=(RESAMPLES, len(base))) * rng.choice([-1.0, 1.0], size=(RESAMPLES, len(base)))
    return float(np.quantile(np.abs(np.median(drawn, axis=1)), 0.95))


def _medians(ratios: FloatArray) -> FloatArray:
    if np.ptp(ratios) == 0.0:  # noise-free: scipy calls that degenerate
        return np.full(RESAMPLES, ratios[0])
    found = bootstrap(
        (ratios,), np.median, n_resamples=RESAMPLES, method="percentile", vectorized=True, rng=np.random.default_rng(0)
    )
    medians: FloatArray = found.bootstrap_distribution
    return medians


def holm(comparisons: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """Return the comparisons with p-values that hold for all of them together (Holm, Scand. J. Stat. 6, 65, 1979)."""
    ordered = sorted(comparisons, key=lambda name: comparisons[name].p)
    adjusted, highest = {}, 0.0
    for rank, name in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - rank) * comparisons[name].p))
        adjusted[name] = replace(comparisons[name], p_adjusted=highest)
    return {name: adjusted[name] for name in comparisons}
