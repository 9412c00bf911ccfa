"""A plain look at models of OpenKIM, with ASE and without this project: where energies and forces jump.

    python -m benchmarks.openkim_plain NAME SPECIES…        # one model, e.g. …_Al__MO_123629422045_005 Al
    python -m benchmarks.openkim_plain all [GLOB]           # those that benchmarks/openkim.py certifies

Four scans of about a thousand points each: a pair of atoms, three atoms as their angle opens, one atom carried across a
crystal, and a crystal that is expanded. Where neighbouring points differ most from what their own neighbours foretell,
the interval is halved down to 1e-8 Å (or rad): what does not shrink with it is a jump. None of the laws of
`gnnp_bench` is used. Lines go to benchmarks/results/openkim_plain.jsonl.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.kim import KIM
from ase.data import chemical_symbols, covalent_radii, reference_states

from benchmarks.openkim import chosen, species_of

RESULTS = Path(__file__).parent / "results"
SMALLEST, WIDER = 1e-8, 1e-6
POINTS = 1201
FARTHEST = 12.0
"""Å"""
LONGEST = 60.0
"""Seconds inside one line's evaluations, by the processor's clock; points are as many as fit in."""
FEWEST = 200
CANDIDATES = 6
ENERGY, FORCE = 1e-4, 1e-3
"""eV and eV/Å: what starts to matter."""

Line = tuple[str, Callable[[float], Atoms], float, float]


def contact(one: str, other: str) -> float:
    """Return the sum of the covalent radii, Å."""
    return float(sum(covalent_radii[chemical_symbols.index(symbol)] for symbol in (one, other)))


def crystal(symbol: str) -> Atoms:
    """Return the crystal of an element as ASE knows it, in a cell of at least 32 atoms."""
    known = reference_states[chemical_symbols.index(symbol)] or {}
    if known.get("symmetry") in ("diamond", "fcc", "bcc"):
        cell: Atoms = bulk(symbol, cubic=True)
    else:
        cell = bulk(symbol, "fcc", a=1.7 * contact(symbol, symbol), cubic=True)
    larger: Atoms = cell.repeat(2 if len(cell) == 8 else 3)
    return larger


def lines(species: Sequence[str]) -> list[Line]:
    """Return what is scanned: a name, the structure at each place, and the ends."""
    found: list[Line] = []
    for one, other in itertools.combinations_with_replacement(species, 2):

        def pair(length: float, one: str = one, other: str = other) -> Atoms:
            return Atoms([one, other], [[0, 0, 0], [length, 0, 0]])

        found.append((f"pair {one}–{other}, Å", pair, 0.7 * contact(one, other), FARTHEST))
    for symbol in species:
        bond = 1.05 * contact(symbol, symbol)

        def trio(angle: float, symbol: str = symbol, bond: float = bond) -> Atoms:
            end = [bond * np.cos(angle), bond * np.sin(angle), 0.0]
            return Atoms([symbol] * 3, [[bond, 0, 0], [0, 0, 0], end])

        found.append((f"angle {symbol}–{symbol}–{symbol}, rad", trio, 0.6, np.pi + 0.3))
        host = crystal(symbol)
        direction = np.array([0.31, 0.83, 0.47]) / np.linalg.norm([0.31, 0.83, 0.47])

        def carried(x: float, host: Atoms = host, direction: np.ndarray = direction) -> Atoms:
            moved: Atoms = host.copy()
            moved.positions[0] += x * direction
            moved.wrap()
            return moved

        found.append((f"one {symbol} carried across its crystal, Å", carried, -1.0, 1.0))

        def expanded(x: float, host: Atoms = host) -> Atoms:
            wider: Atoms = host.copy()
            wider.set_cell(x * host.cell.array, scale_atoms=True)
            return wider

        found.append((f"crystal of {symbol}, its lattice ×", expanded, 0.9, 1.3))
    return found


def look(name: str, species: Sequence[str]) -> list[dict[str, Any]]:
    """Return the jumps on each line."""
    calculator = KIM(name)

    def told(at: Callable[[float], Atoms], place: float) -> np.ndarray:
        atoms = at(place)
        atoms.calc = calculator
        return np.concatenate([[atoms.get_potential_energy()], atoms.get_forces().ravel()])

    found = []
    for title, at, start, end in lines(species):
        try:
            found += [{"line": title, **jump} for jump in jumps(partial(told, at), start, end)]
        except Exception as error:  # whatever the model says, the other lines are looked at
            found.append({"line": title, "raised": f"{type(error).__name__}: {str(error)[:120]}"})
    return found


def jumps(values_at: Callable[[float], np.ndarray], start: float, end: float) -> list[dict[str, Any]]:
    """Return where energy or forces jump between two places."""
    began = time.process_time()
    values_at(0.5 * (start + end))
    points = min(POINTS, int(LONGEST / (time.process_time() - began)))
    if points < FEWEST:
        return [{"raised": f"the model is too slow: {points} points in {LONGEST:.0f} s"}]
    places = np.linspace(start, end, points)
    values, kept = [], []
    for x in places:
        try:
            values.append(values_at(x))
            kept.append(x)
        except Exception:  # the model does not like it there
            if kept:
                break
    if len(kept) < 5:
        return [{"raised": "nowhere on this line is the model defined"}]
    table = np.array(values)
    found: dict[tuple[str, float], dict[str, Any]] = {}
    for kind, columns, matters in (("energy", table[:, :1], ENERGY), ("force", table[:, 1:], FORCE)):
        steps = np.diff(columns, axis=0)
        # What a step has beyond the mean of the steps beside it.
        beyond = np.abs(steps[1:-1] - 0.5 * (steps[:-2] + steps[2:])).max(axis=1)
        for k in np.argsort(beyond)[::-1][:CANDIDATES] + 1:
            low, high, a, b = kept[k], kept[k + 1], columns[k], columns[k + 1]
            wider = 0.0
            while high - low > SMALLEST:
                if high - low > WIDER:
                    wider = float(np.abs(b - a).max())
                middle = 0.5 * (low + high)
                c = values_at(middle)[:1] if kind == "energy" else values_at(middle)[1:]
                if np.abs(c - a).max() >= np.abs(b - c).max():
                    high, b = middle, c
                else:
                    low, a = middle, c
            size = float(np.abs(b - a).max())
            if size > max(matters, 0.5 * wider):  # what is merely steep shrinks with the interval
                place = round(0.5 * float(low + high), 6)
                found[kind, place] = {"kind": kind, "place": place, "size": size}
    return sorted(found.values(), key=lambda jump: (jump["kind"], jump["place"]))


def main() -> None:
    wanted = sys.argv[1:]
    if not wanted:
        raise SystemExit(__doc__)
    if wanted[0] == "all":
        glob = wanted[1] if len(wanted) > 1 else "*"
        done = {json.loads(line)["name"] for line in _lines()}
        for name in chosen():
            if name in done or not fnmatch(name, glob):
                continue
            species = species_of(name)
            line = {"name": name, "species": species, "jumps": look(name, species)}
            with (RESULTS / "openkim_plain.jsonl").open("a") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            print(name, len(line["jumps"]), file=sys.stderr, flush=True)
        return
    for jump in look(wanted[0], wanted[1:]):
        print(jump)


def _lines() -> list[str]:
    path = RESULTS / "openkim_plain.jsonl"
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
