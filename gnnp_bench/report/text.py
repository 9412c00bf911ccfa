"""Numbers, names and lists as a report says them."""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gnnp_bench.certificate.result import PotentialRecord, Status

STATUS_WORD: dict[Status, str] = {
    "pass": "pass",
    "fail": "fail",
    "waived": "waived",
    "not_applicable": "n/a",
    "inconclusive": "inconclusive",
    "error": "error",
}
STATUS_STYLE: dict[Status, str] = {
    "pass": "green",
    "fail": "bold red",
    "waived": "yellow",
    "not_applicable": "dim",
    "inconclusive": "yellow",
    "error": "red",
}
KINDS = {"periodic": ("crystals", "liquids"), "partial": ("slabs", "wires"), "isolated": ("molecules", "clusters")}
"""What structures of each periodicity are."""
MOST_SPECIES, FIRST_SPECIES = 16, 12
NOT_FINITE = "not finite"
NO_STRUCTURE = "no structure that can be read"
LONGEST_LIST = 9
"""Numbers of a list that are written out: a vector and a 3×3 matrix are, a field over all atoms is not."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Return foreign text in one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", _ESCAPE.sub("", text)).split())


def printable(path: str) -> str:
    """Return the name of a file as text that any encoding of Unicode can hold: names of files need not be text."""
    return os.fsencode(path).decode(errors="replace")


def number(value: float | None) -> str:
    """Return two significant digits; null means that it was not finite.

    Examples
    --------
    >>> number(3.21e-5), number(0.001), number(12.0), number(0.0)
    ('3.2e-05', '0.001', '12', '0')
    """
    if value is None or not math.isfinite(value):
        return NOT_FINITE
    return f"{value:.2g}"


def quantity(value: float | None, unit: str | None) -> str:
    """Return a number with its unit."""
    return f"{number(value)} {plain(unit)}" if unit and number(value) != NOT_FINITE else number(value)


def times(ratio: float) -> str:
    """Return a factor without an exponent, while that is readable.

    Examples
    --------
    >>> times(1.234), times(312.4), times(31234.0), times(3.1e8)
    ('1.2', '310', '31,000', '3.1e+08')
    """
    return number(ratio) if ratio < 100 or ratio >= 1e6 else f"{float(number(ratio)):,.0f}"


def wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most `width` characters, broken at spaces only: ids and options hold hyphens."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def duration(seconds: float) -> str:
    """Return a rough duration.

    Examples
    --------
    >>> duration(4.2), duration(70.0), duration(5400.0)
    ('5 s', '1 min', '1.5 h')
    """
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    if seconds < 55 * 60:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 law``, ``2 laws``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(items: Iterable[str]) -> str:
    """Return items as one enumeration: ``a``, ``a and b``, ``a, b and c``."""
    words = list(items)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def species_line(species: Sequence[str]) -> str:
    """Return chemical symbols, the first few of them where there are many."""
    if len(species) <= MOST_SPECIES:
        return " ".join(species)
    some = species[:FIRST_SPECIES]
    return f"{len(species)} elements: {' '.join(some)} and {len(species) - len(some)} more"


def trained_on(combinations: Sequence[Sequence[str]]) -> str:
    """Return which species a potential has seen together, and what that means for all other mixtures.

    Examples
    --------
    >>> trained_on([("Cu",), ("Si",)])
    'Cu; Si: mixtures of these are extrapolation, and are not judged'
    """
    sets = [" ".join(one) for one in combinations]
    if len(sets) > FIRST_SPECIES:
        sets = [*sets[:FIRST_SPECIES], f"{len(sets) - FIRST_SPECIES} more sets"]
    alone = all(len(one) == 1 for one in combinations)
    others = "mixtures of these are extrapolation, and are" if alone else "any other mixture is extrapolation, and is"
    return f"{'; '.join(sets)}: {others} not judged"


def not_learnt(fitted_alone: Sequence[str], undetermined: Sequence[str]) -> str:
    """Return which energies mean nothing, for a potential that saw no isolated atoms.

    Examples
    --------
    >>> not_learnt(["Cu"], [])
    'energies of isolated atoms (Cu), and so cohesive energies: they were fitted to whole structures'
    """
    alone = species_line(fitted_alone)
    said = f"energies of isolated atoms ({alone}), and so cohesive energies: they were fitted to whole structures"
    if undetermined:
        said += f"; energies of structures that differ in how much they hold of {listed(undetermined)}"
    return said


def judged_on(record: PotentialRecord) -> str | None:
    """Return of which kinds of structures a certificate speaks, or None where it speaks of all."""
    left_out = [what for kind, those in KINDS.items() if kind not in record.periodicity for what in those]
    if not record.periodicity or not left_out:
        return None
    whose = "its spec asks" if record.restricted else "it declares"
    return f"{listed(record.periodicity)} ones only, as {whose}: nothing is said of {listed(left_out)}"


def compact(value: Any) -> str:
    """Return a JSON value in one line: four significant digits, long lists cut down to their length."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{plain(str(key))}: {compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        total = _size(value)
        return f"[{total} values]" if total > LONGEST_LIST else "[" + ", ".join(compact(item) for item in value) + "]"
    return json.dumps(value)


def _size(value: Any) -> int:
    return sum(_size(item) for item in value) if isinstance(value, list | tuple) else 1


def structure_lines(structure: Mapping[str, Any], *, most_atoms: int = 8) -> list[str]:
    """Return a structure for reading: formula, cell, and the positions if they are few.

    Parameters
    ----------
    structure : mapping
        numbers, positions (Å), cell (Å, rows) and pbc, as a certificate keeps them.
    most_atoms : int
        Positions of larger structures are left to the certificate.
    """
    try:
        return _lines_of(structure, most_atoms)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return [NO_STRUCTURE]  # a certificate may hold anything


def _lines_of(structure: Mapping[str, Any], most_atoms: int) -> list[str]:
    from ase.symbols import Symbols  # not needed before something fails

    symbols = Symbols(structure["numbers"])
    axes = [number for number, periodic in zip("123", structure.get("pbc", ()), strict=False) if periodic]
    along = f"periodic along cell {'vector' if len(axes) == 1 else 'vectors'} {listed(axes)}"
    periodic = {0: "not periodic", 3: "periodic"}.get(len(axes), along)
    lines = [f"{symbols.get_chemical_formula('metal')}, {plural(len(symbols), 'atom')}, {periodic}"]
    cell = structure.get("cell")
    if cell is not None and any(itertools.chain.from_iterable(cell)):
        lines += [f"{'cell' if i == 0 else '':<5}{_vector(row)}" for i, row in enumerate(cell)]
    if len(symbols) <= most_atoms:
        lines += [f"{s:<5}{_vector(r)}" for s, r in zip(symbols, structure["positions"], strict=True)]
    else:
        lines.append(f"positions of its {len(symbols)} atoms: in the certificate")
    return lines


def _vector(row: Sequence[float | None]) -> str:
    return " ".join(f"{x:12.6f}" if x is not None else f"{NOT_FINITE:>12}" for x in row)
