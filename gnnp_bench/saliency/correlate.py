"""Rank correlation over species, with a test by permutations and what was controlled for.

Spearman's ρ is the correlation of ranks. With controls (how often a species was seen in training, its radius) it is
that of what remains of the ranks of x and y after the best linear combination of the ranks of the controls was taken
off both. How
often a random order of the species gives a |ρ| as large is the p-value [1]_. Several properties are looked at, so their
p-values are corrected by Holm's method [2]_.

.. [1] D. Freedman and D. Lane, J. Bus. Econ. Stat. 1, 292 (1983), doi:10.1080/07350015.1983.10509354
.. [2] S. Holm, Scand. J. Stat. 6, 65 (1979)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from gnnp_bench.potential import FloatArray

FEWEST = 10
"""Species. With fewer, only a |ρ| beyond 0.65 would be seen at all at p = 0.05, before any correction."""
PERMUTATIONS = 9_999


@dataclass(frozen=True, slots=True)
class Correlation:
    """How saliency goes along with a property.

    Attributes
    ----------
    species : int
        For which the table has a value.
    rho : float
        Spearman's, or the partial one; NaN where nothing varies.
    p : float or None
        By permutations; None for fewer than `FEWEST` species.
    corrected : float or None
        p after Holm's correction for the properties of one layer.
    """

    species: int
    rho: float
    p: float | None
    corrected: float | None = None


def correlate(x: FloatArray, y: FloatArray, seed: int, controls: Sequence[FloatArray] = ()) -> Correlation:
    """Return the correlation of (n,) arrays over species, with (n,) controls held; those with a NaN are left out."""
    kept = np.isfinite([x, y, *controls]).all(axis=0)
    n = int(kept.sum())
    if n < 3 + len(controls):
        return Correlation(n, np.nan, None)
    held = [control[kept] for control in controls]
    ranks_x, ranks_y = _residual(x[kept], held), _residual(y[kept], held)
    scale = np.linalg.norm(ranks_x) * np.linalg.norm(ranks_y)
    if not scale > 1e-9 * n:
        return Correlation(n, np.nan, None)
    rho = float(ranks_x @ ranks_y / scale)
    if n < FEWEST:
        return Correlation(n, rho, None)
    rng = np.random.default_rng(seed)
    drawn = np.abs([rng.permutation(ranks_x) @ ranks_y / scale for _ in range(PERMUTATIONS)])
    beyond = int((drawn >= abs(rho) - 1e-12).sum())
    return Correlation(n, rho, (beyond + 1) / (PERMUTATIONS + 1))


def _residual(values: FloatArray, held: Sequence[FloatArray]) -> FloatArray:
    """Return the ranks about their mean, without what a straight line in the ranks of `held` explains."""
    ranks: FloatArray = rankdata(values) - (len(values) + 1) / 2
    if not held:
        return ranks
    lines = np.array([rankdata(one) - (len(values) + 1) / 2 for one in held]).T
    rest: FloatArray = ranks - lines @ np.linalg.lstsq(lines, ranks, rcond=1e-9)[0]
    return rest


def corrected(found: Mapping[str, Correlation]) -> dict[str, Correlation]:
    """Return the same correlations with Holm's correction for looking at all of them."""
    tested = sorted((name for name, one in found.items() if one.p is not None), key=lambda name: found[name].p or 0.0)
    result = dict(found)
    largest = 0.0
    for rank, name in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * (found[name].p or 0.0)))
        result[name] = replace(found[name], corrected=largest)
    return result
