"""Values along a short line of inputs: what a smooth function cannot explain is noise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gnnp_bench.potential import FloatArray


@lru_cache(maxsize=8)
def _unexplained(n_points: int, order: int) -> FloatArray:
    """Return the projector onto what no polynomial of this order in t explains, t equally spaced in [-1, 1]."""
    basis, _ = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, n_points), order + 1))
    projector: FloatArray = np.eye(n_points) - basis @ basis.T
    return projector


def scatter(values: FloatArray, order: int = 2) -> FloatArray:
    """Return the standard deviation of the noise on values along a line.

    A polynomial is fitted by least squares and the rest is noise. With δ the half length of the line, what is left
    of a smooth function is of order δ to the power `order` + 1.

    Parameters
    ----------
    values : (n_points, ...) array
        A function at equally spaced points; n_points > order + 1.
    order : int
        Of the polynomial.

    Returns
    -------
    (...) array, in the unit of `values`
    """
    n_points = len(values)
    if n_points <= order + 1:
        raise ValueError(f"a fit of order {order} needs more than {order + 1} points, got {n_points}")
    # Differences from one point first: they are exact, so that a large constant does not add its own rounding.
    rest = np.tensordot(_unexplained(n_points, order), values - values[n_points // 2], axes=1)
    deviation: FloatArray = np.sqrt((rest**2).sum(axis=0) / (n_points - order - 1))
    return deviation
