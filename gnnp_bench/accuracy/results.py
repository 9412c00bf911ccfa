"""What was measured, as plain values: for JSON, for tables, for figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ase import units

from gnnp_bench.accuracy.errors import LEAST_FORCE, QUANTILES, Errors, Spread
from gnnp_bench.accuracy.measure import Found
from gnnp_bench.accuracy.sanity import Judgement
from gnnp_bench.accuracy.stream import Keys, Skipped, Survey
from gnnp_bench.potential import Potential

SCHEMA = 1
MILLI = 1e3
PER_GPA = 1.0 / units.GPa
Result = dict[str, Any]


def result(
    potential: Potential, surveys: Sequence[Survey], found: Found, judgement: Judgement, keys: Keys, *, complete: bool
) -> Result:
    """Return errors in meV/atom, meV/Å and GPa.

    The names of errors are those of `metrics.json` of `gnnp-bench train`, and mean the same: means over structures,
    over components of forces, over the nine components of stresses. None where there are no labels.

    Parameters
    ----------
    potential : Potential
    surveys : sequence of Survey
    found : Found
    judgement : Judgement
    keys : Keys
        By which structures were read and grouped.
    complete : bool
        All structures were read.
    """
    identity = potential.identity if hasattr(potential, "identity") else None
    return {
        "schema": SCHEMA,
        "complete": complete,
        "potential": {
            "name": potential.name,
            "version": getattr(identity, "version", None),
            "weights_sha256": getattr(identity, "weights_sha256", None),
        },
        "files": [
            {"path": one.path, "structures": one.frames, "labels": {k: dict(v) for k, v in one.named.items()}}
            for one in surveys
        ],
        **errors_of(found.total),
        "energy_rmse_shifted_mev_per_atom": _times(found.shift.rmse, MILLI),
        "shift_ev": found.shift.solved(),
        "grouped_by": keys.by,
        "per_config_type": {name: errors_of(errors) for name, errors in sorted(found.groups.items())},
        "distance_from_training": keys.distance,
        "per_distance": {f"{end:g}": errors_of(errors) for end, errors in sorted(found.distances.items())},
        "per_species": {
            symbol: {"atoms": spread.n // 3, **_pair("forces", spread, MILLI, "mev_per_ang")}
            for symbol, spread in sorted(found.species.items())
        },
        "worst": {
            "energy_mev_per_atom": _worst(found.worst["energy"].ordered()),
            "forces_mev_per_ang": _worst(found.worst["forces"].ordered()),
        },
        "skipped": {"structures": found.n_skipped, "named": _named(found.skipped)},
        "refused": {"structures": found.n_refused, "named": _named(found.refused)},
        "labels": {
            "examined": judgement.examined,
            "complaints": list(judgement.complaints),
            "mended_stresses": dict(found.mended),
        },
    }


def errors_of(errors: Errors) -> Result:
    """Return means and quantiles of one set of structures."""
    return {
        "structures": errors.structures,
        "atoms": errors.atoms,
        **_pair("energy", errors.energy, MILLI, "mev_per_atom"),
        **_pair("forces", errors.forces, MILLI, "mev_per_ang"),
        **_pair("stress", errors.stress, PER_GPA, "gpa"),
        "stress_mean_error_of_trace_third_gpa": errors.pressure / errors.stressed * PER_GPA
        if errors.stressed
        else None,
        "stress_rmse_without_mean_pressure_gpa": _times(errors.stress_rmse_without_pressure, PER_GPA),
        "force_magnitude_mae_mev_per_ang": _times(errors.magnitude.mae, MILLI),
        "force_vector_mae_mev_per_ang": _times(errors.vector.mae, MILLI),
        "force_angle_mae_deg": errors.angle.mae,
        "force_angle_from_ev_per_ang": LEAST_FORCE,
        "quantiles": {
            name: {
                **{f"{100 * q:g}%": _times(spread.quantile(q), factor) for q in QUANTILES},
                "largest": spread.largest * factor if spread.n else None,
            }
            for name, spread, factor in (
                ("energy_mev_per_atom", errors.energy, MILLI),
                ("forces_mev_per_ang", errors.forces, MILLI),
                ("stress_gpa", errors.stress, PER_GPA),
            )
        },
    }


def _pair(name: str, spread: Spread, factor: float, unit: str) -> Mapping[str, float | None]:
    return {
        f"{name}_mae_{unit}": _times(spread.mae, factor),
        f"{name}_rmse_{unit}": _times(spread.rmse, factor),
    }


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _worst(kept: Sequence[tuple[float, str]]) -> list[Result]:
    return [{"error": MILLI * error, "structure": source} for error, source in kept]


def _named(these: Sequence[Skipped]) -> list[Result]:
    return [{"structure": one.source, "reason": one.reason} for one in these]
