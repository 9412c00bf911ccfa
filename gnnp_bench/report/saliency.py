"""Saliency by species, and what it goes along with, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

SHOWN = 12
"""Species at either end of the table."""


def print_saliency(console: Console, result: Mapping[str, Any]) -> None:
    """Print the correlations of every layer, the species with the largest and smallest saliencies, and the cautions."""
    name, layers = result["potential"]["name"], list(result["correlations"])
    held = ", log of the training frequency held" if result["controlled_for_frequency"] else ""
    table = Table(title=f"{name}: Spearman's ρ of saliency by species{held}", title_justify="left", box=None)
    table.add_column("", no_wrap=True)
    for layer in layers:
        table.add_column(layer.replace("convolution", "conv."), justify="right")
    asked = list(next(iter(result["correlations"].values())))
    for title in asked:
        table.add_row(title, *(_cell(result["correlations"][layer][title]) for layer in layers))
    console.print(table)
    if any(one["p"] is not None for of in result["correlations"].values() for one in of.values()):
        console.print(
            f"* p < 0.05, ** p < 0.01 by permutations, corrected for the {len(asked)} that are looked at (Holm)",
            soft_wrap=True,
        )
    else:
        console.print(
            f"{len(result['species'])} species: too few for a test; ten are the fewest, dozens are better",
            soft_wrap=True,
        )
    console.print()
    last = result["drawn"]
    ordered = sorted(result["species"].items(), key=lambda item: -item[1]["saliency_ev"][last])
    kept = ordered if len(ordered) <= 2 * SHOWN else [*ordered[:SHOWN], None, *ordered[-SHOWN:]]
    table = Table(box=None)
    for heading in ("", f"saliency, eV ({last})", "±", "energy, eV", "atoms", "structures"):
        table.add_column(heading, justify="left" if not heading else "right")
    for item in kept:
        if item is None:
            table.add_row("…")
            continue
        symbol, one = item
        error = one["standard_error_ev"][last]
        table.add_row(
            symbol,
            f"{one['saliency_ev'][last]:.3g}",
            "–" if error is None else f"{error:.2g}",
            f"{one['energy_ev']:.3g}",
            str(one["atoms"]),
            str(one["structures"]),
        )
    console.print(table)
    console.print(
        "saliency: by how much the energy moves as the features of an atom vary among atoms of its species;"
        " energy: above the reference energy of the species",
        soft_wrap=True,
    )


def _cell(found: Mapping[str, Any]) -> str:
    if found["rho"] is None:
        return "–"
    p = found["p_corrected"]
    mark = "" if p is None or p >= 0.05 else " *" if p >= 0.01 else " **"
    return f"{found['rho']:+.2f}{mark}"
