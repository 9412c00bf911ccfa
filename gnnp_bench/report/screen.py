"""What a screening found, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from gnnp_bench.report.text import plain

SHOWN = 10
"""Structures in the table, and failures by name, at most."""


def print_screen(console: Console, result: Mapping[str, Any]) -> None:
    """Print the lowest crystals, how many became what, what is missing for a hull, and failures by name."""
    found = [one for one in result["structures"] if one["role"] == "candidate"]
    known = [one for one in found if one["energy_ev"] is not None and one["duplicate_of"] is None]
    if known:
        console.print(_lowest(known))
    _say(
        console,
        f"{result['candidates']} candidates: {result['relaxed']} relaxed, {result['unconverged']} did not converge,"
        f" {result['failed']} failed; {result['duplicates']} are duplicates of others",
    )
    if missing := result["hull"]["missing"]:
        n = sum(one["energy_ev"] is not None and one["above_hull_ev_per_atom"] is None for one in found)
        _say(
            console,
            f"no energy above the hull for {n} of them: there is no crystal of {', '.join(missing)} alone; add one with"
            " --references FILE",
        )
    if undetermined := result["hull"]["undetermined"]:
        _say(
            console,
            f"warning: the potential's data do not tell energies of {', '.join(undetermined)} apart: energies above the"
            " hull mean nothing across compositions",
        )
    for one in result["unreadable"]:
        _say(console, f"not read, from structure {one['from']} on: {plain(one['reason'])}")
    for status, what in (("failed", "failed"), ("unconverged", "did not converge")):
        named = [one for one in result["structures"] if one["status"] == status]
        for one in named[:SHOWN]:
            _say(console, f"{what}: {plain(one['file'])}:{one['index']} ({one['formula']}): {plain(one['reason'])}")
        if len(named) > SHOWN:
            _say(console, f"  and {len(named) - SHOWN} more, which --json and --parquet name")


def _lowest(known: list[Any]) -> Table:
    def height(one: Any) -> tuple[bool, float]:
        above = one["above_hull_ev_per_atom"]
        return (True, one["energy_ev_per_atom"]) if above is None else (False, above)

    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column("structure", overflow="fold")
    table.add_column("formula")
    table.add_column("space group")
    for title in ("above hull, meV/atom", "E, eV/atom", "V, Å³/atom", "steps"):
        table.add_column(title, justify="right")
    for one in sorted(known, key=height)[:SHOWN]:
        above = one["above_hull_ev_per_atom"]
        volume = one["volume_ang3_per_atom"]
        table.add_row(
            plain(f"{one['file']}:{one['index']}"),
            one["formula"],
            one["space_group"] or "–",
            "–" if above is None else f"{1e3 * above:.1f}",
            f"{one['energy_ev_per_atom']:.4f}",
            "–" if volume is None else f"{volume:.3f}",
            str(one["steps"]),
        )
    return table


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, markup=False, highlight=False)
