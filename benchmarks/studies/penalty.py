"""Can a penalty teach a law that the architecture does not have? A study of permutations on the variant `ordered`.

    nice -n 19 python -m benchmarks.studies.penalty run --data /path/to/mlearn --work runs/penalty
    python -m benchmarks.studies.penalty table
    python -m benchmarks.studies.penalty figure

Messages of `ordered` know which of two atoms has the lower index. Five weights of the permutation penalty, three seeds,
and three trainings of lmax2, which is `ordered` without what breaks the law: 18 trainings on silicon, less than a
minute of one core each. Errors are those on held-out structures, the same for all; the test set is not looked at.
Results go to benchmarks/results/studies/penalty.json after every training, and what is there is not done again.
`--at-most N` stops after N trainings, `--commit` commits each result, and `--smallest` trains next to nothing, with
results in `--work`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units

from benchmarks.studies import laboratory
from benchmarks.studies.laboratory import Key, Plan, Result, Row, Study, Trainer, trained, written
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Potential, Prediction
from reference_model.potential import create
from reference_model.train.cli import say
from reference_model.train.loop import like_atoms_swapped
from reference_model.train.recipe import Recipe
from reference_model.train.run import gathered
from reference_model.train.sets import Request, read

NAME = "penalty"
ELEMENT = "Si"
WEIGHTS = (0.0, 0.01, 0.1, 1.0, 10.0)
SEEDS = (0, 1, 2)
EPOCHS, CUTOFF = 6, 4.0
"""A short training within 4 Å: what is asked is what the weight does, not how small errors can become."""
SHARE = 0.15
"""Of the structures, held out."""
JUDGED, ORDERS = 8, 3
"""Held-out structures on which violations are measured, and new orders of the atoms of each."""
SHAKEN = 0.2
"""Å; standard deviation by which atoms of the same structures are moved to where no training structure is."""
MATTERS = {"energy_mev_per_atom": 0.1, "forces_mev_per_ang": 1.0, "stress_gpa": 1e-4 / units.GPa}
"""From where a certificate fails a potential: the significances of the law."""
ERRORS = ("energy_rmse_mev_per_atom", "forces_rmse_mev_per_ang", "stress_rmse_gpa")


def plan(smallest: bool) -> Plan:
    """Return all trainings: each seed with all weights before the next one."""
    weights, seeds = (WEIGHTS[::3], SEEDS[:1]) if smallest else (WEIGHTS, SEEDS)
    keys: list[Key] = [{"variant": "ordered", "weight": weight, "seed": seed} for seed in seeds for weight in weights]
    keys += [{"variant": "lmax2", "weight": 0.0, "seed": seed} for seed in seeds]
    settings = {
        "element": ELEMENT,
        "epochs": 1 if smallest else EPOCHS,
        "cutoff": 3.5 if smallest else CUTOFF,
        "share_held_out": SHARE,
        "judged": 2 if smallest else JUDGED,
        "orders": ORDERS,
        "shaken": SHAKEN,
        **({"trust_labels": True} if smallest else {}),
    }
    return Plan(settings=settings, keys=tuple(keys))


def trainer(data: Path, work: Path, asked: Plan) -> Trainer:
    """Return what trains with one weight and one seed."""
    settings = asked.settings
    recipe = Recipe(variant="ordered", epochs=settings["epochs"], cutoff=settings["cutoff"])
    request = Request(
        train=(data / f"{settings['element']}_train.extxyz",),
        out=work,
        recipe=recipe,
        share=settings["share_held_out"],
        split_seed=0,
        trust_labels=settings.get("trust_labels", False),
        figures=False,
    )
    frames = read(request)
    sets = gathered(request, frames, say)
    held_out = [frame.structure for frame in frames.valid[:: max(1, len(frames.valid) // settings["judged"])]]

    def one(key: Key, folder: Path) -> Row:
        mine = dataclasses.replace(
            recipe, variant=str(key["variant"]), seed=int(key["seed"]), permutation_penalty=float(key["weight"])
        )
        found, cpu = trained(dataclasses.replace(request, recipe=mine, out=folder), (frames, sets))
        # In float64, so that rounding is no violation.
        potential = create(str(folder), {"dtype": "float64"}, None)
        gain = getattr(potential.network, "order_gain", None)
        return {
            "errors": {name: found["valid"][name] for name in ERRORS},
            **violations(potential, held_out[: settings["judged"]], settings["orders"], settings["shaken"]),
            "gain": None if gain is None else gain.item(),
            "cpu_s": cpu,
        }

    return one


def violations(potential: Potential, structures: Sequence[Atoms], orders: int, shaken: float) -> dict[str, Any]:
    """Return how far a potential misses the laws that an order of atoms breaks.

    Returns
    -------
    dict
        `permutation`: root mean squares of what changes where like atoms are swapped. `supercell`: the same where a
        cell is repeated along its first vector; atoms of one image then stand before those of the next. `unlike`: as
        `permutation`, atoms moved to where nothing was trained. `rms_force` and `rms_force_unlike`, meV/Å, to compare
        with.
    """
    rng = np.random.default_rng(0)
    moved = [structure.copy() for structure in structures]
    for structure in moved:
        structure.positions += shaken * rng.standard_normal(structure.positions.shape)
    found = {
        name: _changes(potential, these, lambda one: [_swapped(one, rng) for _ in range(orders)])
        for name, these in (("permutation", structures), ("unlike", moved))
    }
    found["supercell"] = _changes(potential, structures, lambda one: [(one.repeat((2, 1, 1)), None)])
    return {
        "permutation": found["permutation"][0],
        "supercell": found["supercell"][0],
        "unlike": found["unlike"][0],
        "rms_force": found["permutation"][1],
        "rms_force_unlike": found["unlike"][1],
    }


Other = tuple[Atoms, FloatArray | None]
"""A structure that is the same physics, and where each of its atoms stood before; None for images one after another."""


def _swapped(structure: Atoms, rng: np.random.Generator) -> Other:
    order = like_atoms_swapped(structure.numbers, rng)
    return structure[order], order


def _changes(
    potential: Potential, structures: Sequence[Atoms], others: Callable[[Atoms], list[Other]]
) -> tuple[dict[str, float], float]:
    """Return root mean squares of changes of energies per atom, forces and stresses, and that of the forces."""
    energies, forces, stresses, sizes = [], [], [], []
    for structure in structures:
        these = others(structure)
        before, *after = potential.evaluate([structure, *(atoms for atoms, _ in these)], ALL_PROPERTIES)
        sizes.append(_forces(before))
        for (atoms, order), one in zip(these, after, strict=True):
            n, images = len(structure), len(atoms) // len(structure)
            place = np.tile(np.arange(n), images) if order is None else order
            energies.append((one.energy / images - before.energy) / n)
            forces.append(_forces(one) - _forces(before)[place])
            stresses.append(np.asarray(one.stress) - np.asarray(before.stress))
    return {
        "energy_mev_per_atom": 1e3 * _rms(energies),
        "forces_mev_per_ang": 1e3 * _rms(forces),
        "stress_gpa": _rms(stresses) / units.GPa,
    }, 1e3 * _rms(sizes)


def _forces(one: Prediction) -> FloatArray:
    return np.asarray(one.forces)


def _rms(values: Sequence[Any]) -> float:
    return float(np.sqrt(np.mean(np.concatenate([np.ravel(one) for one in values]) ** 2)))


def groups(found: Result) -> Iterator[tuple[str, list[Row]]]:
    """Yield what is compared, as it is called, and its trainings."""
    rows = found["trainings"]
    for weight in sorted({row["weight"] for row in rows if row["variant"] == "ordered"}):
        yield f"{weight:g}", [row for row in rows if (row["variant"], row["weight"]) == ("ordered", weight)]
    if exact := [row for row in rows if row["variant"] == "lmax2"]:
        yield "lmax2, exact", exact


def rows(found: Result) -> Iterator[str]:
    """Yield the tables of the page."""
    yield (
        "| weight | seeds | energy, RMSE, meV/atom | forces, RMSE, meV/Å | stress, RMSE, GPa | gain that is left |"
        " CPU, s |"
    )
    yield "|" + " --- |" * 7
    for name, these in groups(found):
        errors = [written(row["errors"][error] for row in these) for error in ERRORS]
        gain = written(abs(row["gain"]) for row in these if row["gain"] is not None)
        cpu = written(row["cpu_s"] for row in these if row["cpu_s"] is not None)
        yield f"| {name} | {len(these)} | {' | '.join(errors)} | {gain} | {cpu} |"
    yield ""
    yield (
        "| weight | swapped: energy, meV/atom | swapped: forces, meV/Å | supercell: energy, meV/atom |"
        " supercell: forces, meV/Å | unlike training, swapped: forces, meV/Å | share of the forces there, % |"
    )
    yield "|" + " --- |" * 7
    for name, these in groups(found):
        cells = [
            written((row[kind][what] for row in these), 2)
            for kind, what in (
                ("permutation", "energy_mev_per_atom"),
                ("permutation", "forces_mev_per_ang"),
                ("supercell", "energy_mev_per_atom"),
                ("supercell", "forces_mev_per_ang"),
                ("unlike", "forces_mev_per_ang"),
            )
        ]
        share = written((100 * row["unlike"]["forces_mev_per_ang"] / row["rms_force_unlike"] for row in these), 2)
        yield f"| {name} | {' | '.join(cells)} | {share} |"


def draw(found: Result) -> Any:
    """Return a figure: what is violated, and the errors, against the weight."""
    from matplotlib.figure import Figure

    every = dict(groups(found))
    exact = every.pop("lmax2, exact", [])
    weights = sorted(float(name) for name in every)
    places = {weight: place for place, weight in enumerate(weights)}
    figure = Figure(figsize=(10.0, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    measures: Mapping[str, tuple[str, Callable[[Row], float]]] = {
        "atoms swapped": ("o", lambda row: row["permutation"]["forces_mev_per_ang"]),
        "cell repeated": ("s", lambda row: row["supercell"]["forces_mev_per_ang"]),
        "swapped, unlike training": ("^", lambda row: row["unlike"]["forces_mev_per_ang"]),
    }
    for colour, (label, (marker, of)) in zip(laboratory.COLOURS, measures.items(), strict=False):
        _points(left, every, places, of, colour, marker, label)
    left.axhline(MATTERS["forces_mev_per_ang"], color="0.4", lw=0.8, ls="--")
    label = "significant in a certificate"
    left.annotate(label, (len(weights) - 1, MATTERS["forces_mev_per_ang"]), (0, 3), fontsize=8,
                  textcoords="offset points", ha="right", color="0.4")  # fmt: skip
    left.set(yscale="log", ylabel="change of forces, RMS, meV/Å")
    _points(right, every, places, lambda row: row["errors"][ERRORS[1]], laboratory.COLOURS[0], "o", "ordered")
    if exact:
        values = [row["errors"][ERRORS[1]] for row in exact]
        right.axhspan(min(values), max(values), color=laboratory.COLOURS[2], alpha=0.25, label="lmax2, exact")
    right.set(ylabel="force RMSE on held-out structures, meV/Å", ylim=(0.0, None))
    for axes in (left, right):
        axes.set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
        axes.set_xlabel("weight of the penalty")
        axes.grid(linewidth=0.4, alpha=0.4)
        axes.legend(fontsize=8)
    return figure


def _points(
    axes: Any,
    every: Mapping[str, Sequence[Row]],
    places: Mapping[float, int],
    of: Callable[[Row], float],
    colour: str,
    marker: str,
    label: str,
) -> None:
    """Draw a point for each training, and their means as a line."""
    spots = [(places[float(name)], [of(row) for row in these]) for name, these in every.items()]
    axes.plot(*zip(*((x, np.mean(y)) for x, y in spots), strict=True), color=colour, lw=0.8)
    flat = [(x, value) for x, values in spots for value in values]
    axes.plot(*zip(*flat, strict=True), ls="", marker=marker, ms=4, color=colour, label=label)


STUDY = Study(name=NAME, about=__doc__, plan=plan, trainer=trainer, rows=rows, draw=draw)

if __name__ == "__main__":
    sys.exit(laboratory.main(STUDY))
