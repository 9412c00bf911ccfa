"""What is left between fragments at distances that double: its limit, and how fast it falls off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gnnp_bench.check import Component
from gnnp_bench.checks.common import conclusive
from gnnp_bench.numerics.far import limit_far_away
from gnnp_bench.potential import FloatArray

FAST = 12.0
"""Powers of the distance beyond which an interaction is taken for one of finite range."""


def far_limit(quantity: str, found: FloatArray, noise: float, significance: float, unit: str) -> Component:
    """Return the component for what is left at infinite distance.

    Parameters
    ----------
    quantity : str
    found : (n_distances, n) array
        What is left at each distance; at a single one, it is taken for what is left at all.
    noise : float
        Standard deviation of the noise on each number.
    significance : float
    unit : str
    """
    if len(found) == 1:
        return Component(quantity, float(np.abs(found).max(initial=0.0)), significance, unit, noise=noise)
    limit = limit_far_away(found, noise)
    largest = float(np.abs(limit.values).max(initial=0.0))
    error = limit.error
    if largest > max(significance, 2.0 * float(np.abs(found[-1]).max(initial=0.0))):
        # It would have to grow again. What is shifted to end at some distance looks so until it is there.
        error = max(error, largest)
    settled = conclusive(error, significance)
    return Component(quantity, largest, significance, unit, noise=noise * limit.noise, error=error, converged=settled)


def power(energies: Sequence[float]) -> float | None:
    """Return p where what is left falls off as R⁻ᵖ, from the last two distances; None where that is not seen."""
    sizes = np.abs(np.asarray(energies))
    if len(sizes) < 2 or not sizes[-2:].all():
        return None
    return float(np.log2(sizes[-2] / sizes[-1]))


def told(energies: Sequence[float], distance: float) -> str | None:
    """Return in words what is left at the first distance and how it falls off."""
    exponent = power(energies)
    size = f"{abs(energies[0]):.1e} eV is left at {distance:g} Å"
    if exponent is None or exponent > FAST:
        return f"{size}, and nothing at twice that"
    return f"{size} and falls off as R^-{exponent:.1f}"
