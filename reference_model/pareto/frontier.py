"""What is on the frontier, how much room it encloses, and whether it is more than the noise of seeds.

Errors are (n_weightings, n_seeds, n_objectives) arrays; small is good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import moocore
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from gnnp_bench.potential import FloatArray

CONFIDENCE = 0.975
"""One-sided, of each of the two gaps of a trade-off."""


@dataclass(frozen=True, slots=True)
class TradeOff:
    """What is lost in one error where another is smallest, as differences of logarithms.

    Attributes
    ----------
    gaps : tuple of two floats
        How much larger the first error is where the second is smallest, and the other way round.
    standard_errors : tuple of two floats
    seen : bool
        Whether both are beyond the noise of seeds.
    at_most : float
        A trade-off that costs more than this in both directions is excluded.
    """

    gaps: tuple[float, float]
    standard_errors: tuple[float, float]
    seen: bool
    at_most: float


def non_dominated(errors: FloatArray) -> NDArray[np.bool_]:
    """Return (n,) whether no other row of an (n, n_objectives) array is as good in all, and better in one."""
    found: NDArray[np.bool_] = moocore.is_nondominated(errors, keep_weakly=True)
    return found


def hypervolume(errors: FloatArray, reference: FloatArray) -> float:
    """Return which part of the box from zero to the reference point is dominated by (n, n_objectives) errors."""
    return float(moocore.hypervolume(errors / reference, ref=np.ones(errors.shape[1])))


def trade_off(errors: FloatArray) -> TradeOff | None:
    """Return what (n_weightings, n_seeds, 2) errors say of the trade-off between the two; None if they say nothing.

    The weightings that are best in either error are chosen on all seeds but one, and compared on that one, each seed in
    turn: the smallest of many noisy numbers is too small, and would find trade-offs in noise. The noise is what is left
    of the logarithms when an effect of each weighting and one of each seed are taken off, the same for all weightings.
    """
    n_weightings, n_seeds, _ = errors.shape
    if n_weightings < 2 or n_seeds < 2:
        return None
    logs = np.log(errors)
    gaps = np.zeros((n_seeds, 2))
    for seed in range(n_seeds):
        others = np.delete(logs, seed, axis=1).mean(1)
        first, second = others.argmin(0)
        gaps[seed] = logs[second, seed, 0] - logs[first, seed, 0], logs[first, seed, 1] - logs[second, seed, 1]
    residuals = logs - logs.mean(1, keepdims=True) - logs.mean(0, keepdims=True) + logs.mean((0, 1))
    free = (n_weightings - 1) * (n_seeds - 1)
    scatter = np.sqrt((residuals**2).sum((0, 1)) / free)
    mean, error = gaps.mean(0), scatter * np.sqrt(2.0 / n_seeds)
    margin = float(stdtrit(free, CONFIDENCE)) * error
    return TradeOff(
        gaps=(float(mean[0]), float(mean[1])),
        standard_errors=(float(error[0]), float(error[1])),
        seen=bool((mean > margin).all()),
        at_most=max(0.0, float((mean + margin).min())),
    )


def preferred(errors: FloatArray, objectives: Sequence[str], preference: Mapping[str, float]) -> FloatArray:
    """Return (n,) scores of (n, n_objectives) errors, the smallest of which is preferred.

    The score is Σ wₖ ln eₖ, in which units cancel: with forces=2 and energy=1, one percent of the error of forces is
    worth two percent of that of energies.
    """
    weights = np.array([preference.get(name, 0.0) for name in objectives])
    scores: FloatArray = np.log(errors) @ weights
    return scores
