"""The result file: every training, and what follows from them. It holds no times: it is the same after a stop."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gnnp_bench.accuracy.labels import DataError
from gnnp_bench.potential import FloatArray
from reference_model.pareto.design import Weighting
from reference_model.pareto.frontier import hypervolume, non_dominated, preferred, trade_off

SCHEMA = 1
RESULT = "pareto.json"
UNITS = {"energy": "mev_per_atom", "forces": "mev_per_ang", "stress": "gpa"}
"""Of the errors, as `train.metrics` writes them."""
WRITTEN = {"energy": "meV/atom", "forces": "meV/Å", "stress": "GPa"}
REFERENCE = 2.0
"""The reference point of the hypervolume, over the errors of the recipe's own weighting: it does not move when
weightings are added."""
Result = dict[str, Any]


def name_of(weighting: int) -> str:
    """Return how a weighting is called."""
    return f"w{weighting:02d}"


def read_result(path: Path) -> Result | None:
    """Return what was written so far, or None.

    Raises
    ------
    DataError
        The file is damaged, or another one.
    """
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_bytes())
        if found["schema"] != SCHEMA:
            raise DataError(f"{path} has schema {found['schema']}, and this version reads {SCHEMA}")
        rows = [found["asked"].items(), *(one.items() for one in found["trainings"])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no result of gnnp-bench pareto, or it is damaged: remove it") from error
    return found if rows else None


def result(asked: Mapping[str, Any], design: Sequence[Weighting], trainings: Sequence[Mapping[str, Any]]) -> Result:
    """Return the content of the file.

    Parameters
    ----------
    asked : mapping
        What fixes all of it.
    design : sequence of Weighting
    trainings : sequence of mapping
        Those that are done, with `weighting`, `seed`, `weights` (a path from the file) and `errors`; `failed`, with the
        reason, in place of the last two.
    """
    n_seeds = int(asked["seeds"])
    by_place = {(one["weighting"], one["seed"]): one for one in trainings}
    failed = {one["weighting"] for one in trainings if "failed" in one}
    usable = [k for k in range(len(design)) if name_of(k) not in failed]
    # A seed counts once all weightings have had it.
    whole = [s for s in range(n_seeds) if all((name_of(k), s) in by_place for k in usable)]
    objectives = _objectives(trainings)
    errors = np.array(
        [[[by_place[name_of(k), s]["errors"][o] for o in objectives] for s in whole] for k in usable], float
    ).reshape(len(usable), len(whole), len(objectives))
    analysed = bool(whole and objectives and usable)
    return {
        "schema": SCHEMA,
        "asked": dict(asked),
        "complete": len(by_place) == len(design) * n_seeds,
        "objectives": {name: WRITTEN[name] for name in objectives},
        "seeds_compared": whole,
        "weightings": _weightings(design, usable, objectives, errors if analysed else None),
        "hypervolume": _hypervolume(usable, objectives, errors) if analysed else None,
        "trade_offs": _trade_offs(objectives, errors) if analysed else [],
        "trainings": [dict(one) for one in sorted(trainings, key=lambda one: (one["weighting"], one["seed"]))],
    }


def choose(found: Result, preference: Mapping[str, float]) -> tuple[str, Mapping[str, Any]]:
    """Return the weighting on the frontier that is preferred, and its training with the smallest errors.

    Raises
    ------
    DataError
        No seed was trained with all weightings, or the preference names an error that is not known.
    """
    objectives = list(found["objectives"])
    if strange := sorted(set(preference) - set(objectives)):
        known = ", ".join(objectives) or "none yet"
        raise DataError(f"the errors of {strange[0]} were not measured; --prefer can name {known}")
    frontier = [one for one in found["weightings"] if one["on_frontier"]]
    if not frontier:
        raise DataError("no seed was trained with all weightings yet: there is no frontier to choose from")
    means = np.array([[one["errors"][o]["mean"] for o in objectives] for one in frontier])
    best = frontier[int(preferred(means, objectives, preference).argmin())]["name"]
    trained = [one for one in found["trainings"] if one["weighting"] == best]
    errors = np.array([[one["errors"][o] for o in objectives] for one in trained])
    return best, trained[int(preferred(errors, objectives, preference).argmin())]


def _objectives(trainings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the errors that all trainings have, and that can be compared: none is zero."""
    errors = [one["errors"] for one in trainings if "errors" in one]
    return [name for name in UNITS if errors and all((one.get(name) or 0.0) > 0.0 for one in errors)]


def _weightings(
    design: Sequence[Weighting], usable: Sequence[int], objectives: Sequence[str], errors: FloatArray | None
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "name": name_of(k),
            "lambda": {"energy": one.energy, "forces": 1.0, "stress": one.stress},
            "errors": None,
            "on_frontier": False,
            "seeds_on_frontier": 0,
        }
        for k, one in enumerate(design)
    ]
    if errors is None:
        return rows
    on_frontier = non_dominated(errors.mean(1))
    of_seeds = np.sum([non_dominated(errors[:, s]) for s in range(errors.shape[1])], axis=0)
    for place, k in enumerate(usable):
        rows[k] |= {
            "errors": {name: _spread(errors[place, :, o]) for o, name in enumerate(objectives)},
            "on_frontier": bool(on_frontier[place]),
            "seeds_on_frontier": int(of_seeds[place]),
        }
    return rows


def _hypervolume(usable: Sequence[int], objectives: Sequence[str], errors: FloatArray) -> dict[str, Any] | None:
    if usable[0] != 0:  # the recipe's own weighting failed
        return None
    reference = REFERENCE * errors[0].mean(0)
    by_seed = np.array([hypervolume(errors[:, s], reference) for s in range(errors.shape[1])])
    alone = np.array([hypervolume(errors[:1, s], reference) for s in range(errors.shape[1])])
    return {
        "reference": dict(zip(objectives, reference.tolist(), strict=True)),
        "by_seed": by_seed.tolist(),
        **_spread(by_seed),
        "recipe_alone": _spread(alone),
    }


def _trade_offs(objectives: Sequence[str], errors: FloatArray) -> list[dict[str, Any]]:
    rows = []
    for i, j in itertools.combinations(range(len(objectives)), 2):
        found = trade_off(errors[:, :, [i, j]])
        if found is not None:
            rows.append(
                {
                    "between": [objectives[i], objectives[j]],
                    "gaps": list(found.gaps),
                    "standard_errors": list(found.standard_errors),
                    "beyond_noise": found.seen,
                    "at_most": found.at_most,
                }
            )
    return rows


def _spread(values: FloatArray) -> dict[str, float | None]:
    return {
        "mean": float(values.mean()),
        "standard_deviation": float(values.std(ddof=1)) if len(values) > 1 else None,
    }
