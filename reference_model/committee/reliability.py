"""Does the spread tell the error? What a committee says of structures that none of its members was trained on.

Errors are those of the mean of the members. A spread is calibrated by one factor, below which times the spread are 68
percent of the errors: members that share data and architecture err alike, so their spread is too small. A ratio of root
mean squares would be that of the few largest errors, and far too large for all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from gnnp_bench.potential import FloatArray
from reference_model.train.metrics import Comparison

BINS = 10
WITHIN = 0.6827
"""Of the errors, within one spread that is calibrated: as of a normal law."""
FEWEST = 5
"""Values in a bin."""
NOTHING = 1e-4
"""Of the root mean squares of spreads and errors: where both are below, symmetry forbids the force, and nothing is told
by getting it right."""


def mean_of(found: Sequence[Comparison]) -> Comparison:
    """Return labels and mean predictions of several networks on the same structures."""
    first = found[0]
    means = [np.mean([getattr(one, name) for one in found], axis=0) for name in ("energies", "forces", "stresses")]
    return Comparison(means[0], means[1], means[2], first.config_types, first.species, first.owners)


def spreads_of(found: Sequence[Comparison]) -> tuple[FloatArray, FloatArray]:
    """Return standard deviations: (n,) of energies, eV/atom, and (N,) of forces, eV/Å, per component."""
    energies = np.std([one.energies[1] for one in found], axis=0, ddof=1)
    forces = np.sqrt(np.var([one.forces[1] for one in found], axis=0, ddof=1).mean(-1))
    return energies, forces


def errors_of(mean: Comparison) -> tuple[FloatArray, FloatArray]:
    """Return errors as spreads are told: (n,) of energies, eV/atom, and (N,) of forces, eV/Å, per component."""
    energies = np.abs(mean.energies[1] - mean.energies[0])
    forces = np.sqrt(((mean.forces[1] - mean.forces[0]) ** 2).mean(-1))
    return energies, forces


def factor(spread: FloatArray, error: FloatArray) -> float | None:
    """Return what spreads are multiplied by; None where the members agree exactly."""
    told = _told(spread, error)
    if not told.any():
        return None
    with np.errstate(divide="ignore"):
        found = float(np.quantile(error[told] / spread[told], WITHIN, method="higher"))
    return found if np.isfinite(found) and found > 0.0 else None


def reliability(spread: FloatArray, error: FloatArray, scale: float | None) -> dict[str, Any]:
    """Return how spreads and errors go together.

    Parameters
    ----------
    spread, error : (n,) arrays, in one unit
    scale : float or None
        That of calibration, made on these values or, better, on others.

    Returns
    -------
    dict
        `values`: how many, without those that symmetry makes zero. `rank_correlation`: Spearman's ρ, None where nothing
        varies. `within_1`, `within_2`: the part of errors below once and twice the calibrated spread. `bins`: of
        equally many values by rising spread, each with `values`, `spread` and `error` (root mean squares; the spread
        calibrated).
    """
    told = _told(spread, error)
    spread, error = spread[told], error[told]
    varies = len(spread) > 2 and np.ptp(spread) > 0.0 and np.ptp(error) > 0.0
    found: dict[str, Any] = {
        "values": len(spread),
        "factor": scale,
        "rank_correlation": float(spearmanr(spread, error).statistic) if varies else None,
    }
    if scale is None or not len(spread):
        return found | {"within_1": None, "within_2": None, "bins": []}
    calibrated = scale * spread
    order = np.argsort(calibrated, kind="stable")
    parts = np.array_split(order, max(1, min(BINS, len(order) // FEWEST)))
    return found | {
        "within_1": float((error <= calibrated).mean()),
        "within_2": float((error <= 2.0 * calibrated).mean()),
        "bins": [{"values": len(part), "spread": _rms(calibrated[part]), "error": _rms(error[part])} for part in parts],
    }


def _told(spread: FloatArray, error: FloatArray) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (spread > NOTHING * _rms(spread)) | (error > NOTHING * _rms(error))
    return found


def _rms(values: FloatArray) -> float:
    return float(np.sqrt((values**2).mean()))
