"""How far a sequence of ever finer estimates still is from its limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnnp_bench.potential import FloatArray

ALLOWANCE = 10.0
"""Changes within so many ν are noise: under a search for the worst, r/ν reaches several. The bound c·ν covers them."""
FASTEST = 0.1
"""No faster convergence than this is believed to go on."""
SUDDEN = 2e-3
"""A change that falls by more than this may be an accident: two estimates that happen to agree."""


def jump_error(values: FloatArray, spacings: FloatArray) -> FloatArray:
    """Return the error of a quadrature whose integrand may jump anywhere between two nodes.

    A jump J somewhere in a gap of width h is misplaced by h/2 at most, so the integral is wrong by J h/2 at most. For
    an integrand that does not settle: there the change from one estimate to the next is a matter of luck.

    Parameters
    ----------
    values : (..., n) array
        The integrand at neighbouring nodes.
    spacings : (n - 1,) array
        Distances of each node from the next.
    """
    error: FloatArray = 0.5 * (np.abs(np.diff(values, axis=-1)) * spacings).max(axis=-1)
    return error


def remaining_error(changes: Sequence[float], noise: float, witness: float = 0.0) -> float:
    """Return the estimated error of the last estimate.

    If each change is at most q times the one before, what is left is at most |last change| q/(1 - q): the tail of a
    geometric series, which overestimates where convergence speeds up, as that of spectral rules does.

    Parameters
    ----------
    changes : sequence of float
        Differences of successive estimates, each made with twice the points of the one before.
    noise : float
        Standard deviation of the noise on a change.
    witness : float, optional
        By how much estimates with fewer points, that are not among those that the changes tell of, differ.
    """
    last = max(0.0, abs(changes[-1]) - ALLOWANCE * noise)
    if len(changes) < 2 or last == 0.0:
        return max(last, SUDDEN * witness)
    # Half or more of the change before is no convergence to speak of: then the last change is the estimate.
    ratio = min(0.5, max(FASTEST, abs(changes[-1]) / abs(changes[-2]))) if changes[-2] else 0.5
    return max(last * ratio / (1.0 - ratio), SUDDEN * max(abs(changes[-2]), witness))
