"""Errors against labels, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from gnnp_bench.report.text import plain

COLUMNS = (
    ("structures", "structures"),
    ("energy_mae_mev_per_atom", "E MAE, meV/atom"),
    ("energy_rmse_mev_per_atom", "RMSE"),
    ("forces_mae_mev_per_ang", "F MAE, meV/Å"),
    ("forces_rmse_mev_per_ang", "RMSE"),
    ("stress_mae_gpa", "σ MAE, GPa"),
    ("stress_rmse_gpa", "RMSE"),
)


LARGE_BIAS = 0.3
"""GPa."""


def print_accuracy(console: Console, result: Mapping[str, Any]) -> None:
    """Print the errors over all structures, by group and species, the worst, and what was left out."""
    console.print(_table(result["grouped_by"], result["per_config_type"], result))
    if result["per_distance"]:
        console.print()
        ranges = {f"from {end}": errors for end, errors in result["per_distance"].items()}
        console.print(_table(f"{result['distance_from_training']}, distance from training", ranges, None))
        console.print()
    total = result["quantiles"]
    for name, title, unit in (
        ("energy_mev_per_atom", "energy", "meV/atom"),
        ("forces_mev_per_ang", "force components", "meV/Å"),
        ("stress_gpa", "stress components", "GPa"),
    ):
        if total[name]["largest"] is not None:
            parts = [f"{share} within {number(value)}" for share, value in total[name].items() if share != "largest"]
            _say(console, f"{title}: {', '.join(parts)}; the largest is {number(total[name]['largest'])} {unit}")
    bias = result["stress_mean_error_of_trace_third_gpa"]
    if bias is not None and abs(bias) > max(LARGE_BIAS, 0.5 * (result["stress_mae_gpa"] or 0.0)):
        _say(
            console,
            f"⅓ tr σ is off by {bias:+.3g} GPa in the mean: a constant pressure between labels and energies (Pulay"
            f" stress) looks like that. Without it: RMSE {number(result['stress_rmse_without_mean_pressure_gpa'])} GPa",
        )
    if result["force_vector_mae_mev_per_ang"] is not None:
        angle, from_ = result["force_angle_mae_deg"], result["force_angle_from_ev_per_ang"]
        turned = (
            "" if angle is None else f", its direction by {number(angle)}° (where it is longer than {from_:g} eV/Å)"
        )
        _say(
            console,
            f"the force on an atom, as a vector, is off by {number(result['force_vector_mae_mev_per_ang'])} meV/Å"
            f" in the mean, its length by {number(result['force_magnitude_mae_mev_per_ang'])}{turned}",
        )
    if result["energy_rmse_shifted_mev_per_atom"] is not None:
        shifts = ", ".join(f"{plain(symbol)} {value:+.3f}" for symbol, value in result["shift_ev"].items())
        _say(
            console,
            f"energies with the best shift of each species ({shifts} eV taken off): RMSE"
            f" {number(result['energy_rmse_shifted_mev_per_atom'])} meV/atom",
        )
    if len(result["per_species"]) > 1:
        species = [
            f"{plain(symbol)} {number(errors['forces_mae_mev_per_ang'])}"
            for symbol, errors in result["per_species"].items()
        ]
        _say(console, f"forces by species, MAE in meV/Å: {', '.join(species)}")
    for name, title, unit in (
        ("energy_mev_per_atom", "energies", "meV/atom"),
        ("forces_mev_per_ang", "forces", "meV/Å"),
    ):
        for row in result["worst"][name][:3]:
            _say(console, f"worst {title}: {number(row['error'])} {unit}, {plain(row['structure'])}")
    _left_out(console, result)


def number(value: float | None) -> str:
    """Return a number with three digits; – for none."""
    return "–" if value is None else f"{value:.3g}"


def _table(heading: str, parts: Mapping[str, Mapping[str, Any]], every: Mapping[str, Any] | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column(plain(heading))
    rows: Sequence[tuple[str, Mapping[str, Any]]] = [*parts.items()]
    if every is not None:
        rows = [*rows, ("all", every)] if len(rows) > 1 else [("all", every)]
    shown = [(key, title) for key, title in COLUMNS if any(errors[key] is not None for _, errors in rows)]
    for _, title in shown:
        table.add_column(title, justify="right")
    for name, errors in rows:
        cells = [str(errors[key]) if key == "structures" else number(errors[key]) for key, _ in shown]
        table.add_row(plain(name), *cells)
    return table


def _left_out(console: Console, result: Mapping[str, Any]) -> None:
    for wrong, count in result["labels"]["mended_stresses"].items():
        _say(console, f"warning: the stresses of {count} structures have {plain(wrong)}; they were mended before use")
    for key, what in (("skipped", "cannot be compared"), ("refused", "were not predicted")):
        found = result[key]
        if found["structures"]:
            _say(console, f"warning: {found['structures']} structures {what}:")
            for one in found["named"][:5]:
                _say(console, f"  {plain(one['structure'])} {plain(one['reason'])}")
            if found["structures"] > 5:
                _say(console, "  … (the JSON names twenty)")
    if not result["labels"]["examined"]:
        _say(console, "units and signs of the labels could not be examined: predictions are not correlated with them")


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, markup=False, highlight=False)
