"""Properties of crystals, for a terminal and as figures."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from gnnp_bench.properties.results import (
    CrystalResult,
    PropertiesResult,
    PropertyResult,
    QuantityResult,
    ReferenceResult,
)
from gnnp_bench.report.text import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 3
"""References beside a number; the file of --json holds all."""


def print_properties(console: Console, result: PropertiesResult) -> None:
    """Print the properties of each crystal, with error bars and references."""
    for crystal in result.crystals:
        _crystal(console, crystal)
    deltas = [
        one.value
        for crystal in result.crystals
        for found in crystal.properties
        if found.name == "delta"
        for one in found.quantities
        if one.name == "delta"
    ]
    if len(deltas) > 1:
        _say(console, f"Δ over {len(deltas)} elements: mean {sum(deltas) / len(deltas):.3g} meV/atom")
    seconds = f"{result.evaluations} evaluations, {result.elapsed_s:.0f} s"
    _say(console, f"{plain(result.potential.name)}: {seconds}")


def _crystal(console: Console, crystal: CrystalResult) -> None:
    _say(console, f"{plain(crystal.name)} ({crystal.atoms} atom{'s' * (crystal.atoms > 1)})")
    if crystal.missing is not None:
        _say(console, f"  no properties: {plain(crystal.missing)}")
    for found in crystal.properties:
        if found.applicable or len(crystal.properties) == 1:
            _property(console, found)
    _say(console, "")


def _property(console: Console, found: PropertyResult) -> None:
    if found.missing is not None:
        _say(console, f"  {found.title}: {plain(found.missing)}")
        return
    _say(console, f"  {found.title}")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(min_width=16, no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in found.quantities:
        table.add_row(f"    {one.name}", with_error(one), "; ".join(map(_reference, _shown(one))))
    if found.quantities:
        console.print(table)
    for note in found.notes:
        _say(console, f"    {plain(note)}")


def with_error(one: QuantityResult) -> str:
    """Return a number with the digits that its error bar bears out, six at most."""
    unit = f" {one.unit}" if one.unit else ""
    if one.error is None:
        return f"{one.value:.6g}{unit}" + ("" if one.converged else ", not converged")
    borne_out = 1 - math.floor(math.log10(max(abs(one.error), 1e-12)))
    six = 5 - math.floor(math.log10(max(abs(one.value), 1e-6)))
    digits = max(0, min(borne_out, six))
    text = f"{one.value:.{digits}f} ± {float(f'{one.error:.1g}'):g}{unit}"
    return text if one.converged else f"{text}, not converged"


def _shown(one: QuantityResult) -> list[ReferenceResult]:
    """Return calculations first, then experiments from the coldest on: those next to what a potential computes."""
    order = sorted(
        one.references,
        key=lambda known: (
            known.method == "experiment",
            math.inf if known.temperature_k is None else known.temperature_k,
        ),
    )
    return order[:SHOWN]


def _reference(known: ReferenceResult) -> str:
    warm = known.method == "experiment" and known.temperature_k is not None
    return f"{known.method}{f' {known.temperature_k:g} K' if warm else ''} {known.value:.5g}"


def figure_of(draw: Callable[[Any, Figure], None], value: Any, title: str) -> bytes:
    """Return a picture (PNG) of a property."""
    from matplotlib.figure import Figure as Empty  # not pyplot, which keeps figures alive and may look for a display

    figure = Empty(figsize=(7, 5.5), layout="constrained")
    draw(value, figure)
    figure.suptitle(title, fontsize="medium")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, markup=False, highlight=False)
