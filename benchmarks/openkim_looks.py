"""Counterexamples of certificates of OpenKIM's models, measured again with ASE and kimpy along the same lines.

    python -m benchmarks.openkim_looks collect CERTIFICATE.json…
    python -m benchmarks.openkim_looks look [--again] [GLOB]

`collect` keeps structure and parameters of what failed in benchmarks/results/openkim_counterexamples.jsonl. `look`
rebuilds the path, the loop or the strain from them (`openkim_lines`), puts the energy beside the work of forces and
stress on it (`openkim_work`) and adds a line to benchmarks/results/openkim_confirmed.jsonl, as `openkim_confirm` does.
Nothing that judges in `gnnp_bench` is used. What it tells apart: forces that are not the slope of the energy, and
energies that jump somewhere on the way, which every path across the jump misses.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import bulk

from benchmarks.openkim import CONFIRMED, RESULTS
from benchmarks.openkim_lines import SMALL_LOOP, around, line_of, moved, structure_of
from benchmarks.openkim_measures import calculator
from benchmarks.openkim_work import Asked, along, answers

COUNTEREXAMPLES = RESULTS.with_name("openkim_counterexamples.jsonl")
POINTS, CANDIDATES, NARROWEST = 3001, 16, 1e-9
"""Of a line on which jumps are looked for; intervals that are followed, and down to which width, Å."""
HALVINGS = 7
"""Steps of a difference quotient, each half of the one before."""
LOOPS = 4
SMOOTHNESS = ("continuity", "continuity-cell", "one-stiffness")
BEGINNING = "in its counterexample: "
"""Of what is told of a counterexample."""
CLOSE, FARTHER = 1e-4, 1e-2
"""Å: how far atoms are moved to either side of a special place. Structures may be 1e-5 Å off it on purpose."""
SINGLE = 1e-4
"""Å, of difference quotients of forces."""

Look = tuple[float, str]


def reach_of(calc: Any) -> float:
    """Return how far atoms of a model see each other, Å."""
    return float(calc._neigh.influence_dist)


def work(asked: Asked) -> Look:
    """Return what ΔE and the work of forces and stress on a line miss of each other, as its law counts it."""
    line = asked.line
    found = along(asked)
    missed, elsewhere, places = found.between(line.start, line.end)
    return abs(missed) / line.per, _told(places, elsewhere / line.per, line.unit)


def _told(places: int, elsewhere: float, unit: str) -> str:
    if not places:
        return f"the energy does not jump; ΔE beside the work of forces, {elsewhere:.1g} {unit} in all"
    times = "once" if places == 1 else f"{places} times"
    return f"the energy jumps {times} on the way; elsewhere forces do its work within {elsewhere:.1g} {unit}"


def quotients(asked: Asked, scale: float) -> Look:
    """Return the most that a ladder of difference quotients of the energy misses of the mean of what is predicted."""
    line = asked.line
    steps = [line.end * 0.5**k for k in range(HALVINGS)]
    found = along(asked, borders=[sign * h for h in steps for sign in (-1.0, 1.0)])
    each = [found.between(-h, h)[0] / (2.0 * h * line.per * scale) for h in steps]
    k = int(np.argmax(np.abs(each)))
    _, elsewhere, places = found.between(-steps[k], steps[k])
    words = _told(places, elsewhere / (2.0 * steps[k] * line.per * scale), line.unit)
    fine = _fine(asked, scale)
    return abs(each[k]), f"over ±{steps[k]:.2g} {words}; at the middle itself it is missed by {fine:.1g} {line.unit}"


def _fine(asked: Asked, scale: float) -> float:
    """Return what a difference quotient over so short a step that it passes no jump misses of the slope predicted."""
    h = 1e-4 * asked.line.end
    (above, _), (below, _), (_, power) = asked(h), asked(-h), asked(0.0)
    return abs((above - below) / (2.0 * h) + power) / (asked.line.per * scale)


def symmetric(calc: Any, reach: float, atoms: Any, seed: int) -> Look:
    """Return λ, the asymmetry of force constants, from work around small loops, and what it is at the point."""
    n = len(atoms)
    planes = np.random.default_rng(seed).normal(size=(LOOPS, 2, n, 3))
    jacobian = np.empty((3 * n, 3 * n))
    for row in range(3 * n):
        shift = np.zeros(3 * n)
        shift[row] = SINGLE
        plus, minus = (answers(calc, moved(atoms, sign * shift.reshape(n, 3)), reach)[1] for sign in (1.0, -1.0))
        jacobian[row] = (plus - minus).ravel() / (2.0 * SINGLE)
    size = float(np.linalg.norm(jacobian))
    works, places, elsewhere = [], 0, 0.0
    for u, v in planes:
        line = around(atoms, SMALL_LOOP * u, SMALL_LOOP * v)
        missed, left, count = along(Asked(calc, line, reach)).between(line.start, line.end)
        works.append(missed)
        places, elsewhere = places + count, max(elsewhere, left)
    unit = 2.0 * np.pi * SMALL_LOOP**2 * size
    here = float(np.linalg.norm(jacobian - jacobian.T)) / (2.0 * size)
    words = (
        f"around {LOOPS} loops of {SMALL_LOOP} Å the energy jumps {places} times; elsewhere forces do its work within "
        f"{elsewhere / unit:.1g} of λ; at the point itself λ = {here:.1g}"
    )
    return float(np.sqrt(np.mean(np.square(works)))) / unit, words


def asymmetry(name: str, symbol: str, a: float) -> Look:
    """Return `symmetric` of an fcc crystal (a in Å) whose atoms are displaced at random."""
    calc, atoms = calculator(name), bulk(symbol, "fcc", a=a, cubic=True)
    atoms.positions += 0.1 * np.random.default_rng(0).normal(size=(4, 3))
    answers(calc, atoms, 0.0)
    return symmetric(calc, reach_of(calc), atoms, 0)


def steps_of(asked: Asked, quantity: str, cell: bool) -> Look:
    """Return the largest jump of energy, forces or stress on a line, and where."""
    n = len(asked.line.at(0.0))

    def values(t: float) -> np.ndarray:
        energy, forces, stress = asked.all(t)
        if quantity == "energy":
            return np.array([[energy / n if cell else energy]])
        return forces if quantity == "forces" or stress is None else stress.reshape(9, 1)

    size, place = largest_step(values, asked.line.start, asked.line.end)
    return size, f"the largest jump of the {quantity} is {place:.6f} Å along the line"


def largest_step(values_at: Callable[[float], np.ndarray], start: float, end: float) -> tuple[float, float]:
    """Return the largest step that is left in an interval of `NARROWEST`, and where: slopes beside it are taken out."""
    t = np.linspace(start, end, POINTS)
    beyond = _beyond(np.array([values_at(float(x)) for x in t]))
    found = []
    for k in np.argsort(beyond)[::-1][:CANDIDATES] + 1:
        low, high, size = float(t[k]), float(t[k + 1]), float(beyond[k - 1])
        while high - low > NARROWEST:
            width = high - low
            finer = np.linspace(low - width, high + width, 13)
            finer = finer[(finer >= start) & (finer <= end)]
            left = _beyond(np.array([values_at(float(x)) for x in finer]))
            at = int(np.argmax(left))
            low, high, size = float(finer[at + 1]), float(finer[at + 2]), float(left[at])
        found.append((size, 0.5 * (low + high)))
    return max(found)


def _beyond(rows: np.ndarray) -> np.ndarray:
    """Return what the change of each inner interval has beyond the mean of those beside it, of all vectors the most."""
    steps = np.diff(rows, axis=0)
    found: np.ndarray = np.linalg.norm(steps[1:-1] - 0.5 * (steps[:-2] + steps[2:]), axis=2).max(axis=1)
    return found


def both_sides(calc: Any, reach: float, atoms: Any, modes: Sequence[Any]) -> Look:
    """Return by how much the force on an atom differs between two places next to each other, and where."""
    worst = (0.0, "")
    for rows in modes:
        shift = np.asarray(rows, float)
        change = {}
        for step in (FARTHER, CLOSE):
            plus, minus = (answers(calc, moved(atoms, sign * step * shift), reach)[1] for sign in (1.0, -1.0))
            change[step] = float(np.linalg.norm(plus - minus, axis=1).max())
        words = f"change of the force on an atom from −{CLOSE} to {CLOSE} Å; from −{FARTHER} to {FARTHER} Å it is "
        words += f"{change[FARTHER]:.3g} eV/Å"
        worst = max(worst, (change[CLOSE], words))
    return worst


def look(told: Mapping[str, Any]) -> Look:
    """Return what is seen of a counterexample, and in which words."""
    atoms, given, calc = structure_of(told["structure"]), told["parameters"], calculator(told["name"])
    for before in told["before"]:
        answers(calc, structure_of(before), 12.0)
    answers(calc, atoms, 12.0)  # the calculator knows its reach once it was asked
    reach = reach_of(calc)
    what = told["law"].partition("/")[2]
    if what == "jacobian":
        return symmetric(calc, reach, atoms, given["seed"])
    if what == "one-stiffness":
        return both_sides(calc, reach, atoms, given["modes"])
    asked = Asked(calc, line_of(told["law"], atoms, given), reach)
    if what.startswith("continuity"):
        return steps_of(asked, told["quantity"], what == "continuity-cell")
    if what == "force-gradient":
        direction = np.asarray(given["direction"], float)
        forces = answers(calc, atoms, reach)[1][np.linalg.norm(direction, axis=1) > 0.0]
        along_them = float((direction[np.linalg.norm(direction, axis=1) > 0.0] * forces).sum())
        scale = abs(along_them) / max(float(np.linalg.norm(forces)), 1e-300) * (3.0 * len(forces)) ** 0.5
        return quotients(asked, max(1.0, scale))
    return quotients(asked, 1.0) if what == "stress-strain" else work(asked)


def collected(certificate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the counterexamples of a certificate of `kim:MODEL` that speak of a line."""
    name, found = certificate["potential"]["name"], []
    for check in certificate["checks"]:
        example, what = check["counterexample"], check["id"].partition("/")[2]
        if check["status"] != "fail" or example is None:
            continue
        if not check["id"].startswith("conservation/") and what not in SMOOTHNESS:
            continue
        case = example["case"]
        keep = ("numbers", "positions", "cell", "pbc")
        before, structure = example["history"], example["structure"]
        found.append(
            {
                "name": name,
                "law": check["id"],
                "quantity": case["quantity"],
                "measured": case["measured"],
                "significance": case["significance"],
                "unit": case["unit"],
                "structure": {key: structure[key] for key in keep},
                "parameters": case["parameters"],
                "before": [{key: one[key] for key in keep} for one in before],
            }
        )
    return found


def _read(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {(line["name"], line["law"]): line for line in map(json.loads, lines)}


def _write(path: Path, kept: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in kept.values()))


def looked(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line for benchmarks/results/openkim_confirmed.jsonl."""
    try:
        size, words = look(told)
    except (RuntimeError, FloatingPointError) as error:  # a model's own refusal
        size, words = float("nan"), f"{type(error).__name__}: {str(error)[:120]}"
    return {
        "name": told["name"],
        "law": told["law"],
        "status": "fail",
        "certificate": told["measured"],
        "plain": size,
        "matters": told["significance"],
        "violated": bool(size > told["significance"]),
        "how": f"{BEGINNING}{words}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect", help="keep the counterexamples of certificates")
    collecting.add_argument("certificates", nargs="+", type=Path)
    looking = commands.add_parser("look", help="measure them plainly")
    looking.add_argument("--again", action="store_true", help="those that were looked at before as well")
    looking.add_argument("only", nargs="?", default="*", help="names, as a glob")
    given = parser.parse_args()
    examples = _read(COUNTEREXAMPLES)
    if given.command == "collect":
        for path in given.certificates:
            examples |= {(one["name"], one["law"]): one for one in collected(json.loads(path.read_text()))}
        _write(COUNTEREXAMPLES, examples)
        return
    for key, told in examples.items():
        done = _read(CONFIRMED)
        new = given.again or not done.get(key, {"how": ""})["how"].startswith(BEGINNING)
        if new and fnmatch(told["name"], given.only):
            line = looked(told)
            _write(CONFIRMED, done | {key: line})
            print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
