"""Does angular resolution matter more for silicon than for copper? A study of l_max.

    nice -n 19 python -m benchmarks.studies.angular run --data /path/to/mlearn --work runs/angular
    python -m benchmarks.studies.angular cost --work runs/angular
    python -m benchmarks.studies.angular table
    python -m benchmarks.studies.angular figure

Harmonics up to degree 0, 1, 2 and 3, on silicon and copper, three seeds, three sizes of the training set: 72 trainings.
Then networks whose messages carry vectors, and germanium, molybdenum and nickel, one seed and all structures: 22 more.
All networks of an element take as many gradient steps, whatever their training set. A training takes a minute or so
of one core, with vectors up to three. Errors are those on the authors' test sets, at which each network looks once,
after its training. Results go to benchmarks/results/studies/angular.json after every training, and what is there is not
done again. `--at-most N` stops after N trainings, `--commit` commits each result, and `--smallest` trains next to
nothing, with results in `--work`, and looks at no test set.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import bulk

from benchmarks.studies import laboratory
from benchmarks.studies.costs import costs
from benchmarks.studies.laboratory import Key, Plan, Result, Row, Study, Trainer, spread, trained, written
from reference_model.potential import from_network
from reference_model.train.cli import say
from reference_model.train.recipe import Recipe
from reference_model.train.references import reference_energies
from reference_model.train.run import gathered
from reference_model.train.sets import Frames, Request, Sets, read
from reference_model.untrained import untrained
from reference_model.variants import hyperparameters

NAME = "angular"
DEGREES = ("invariant", "lmax1", "lmax2", "lmax3")
VECTORS = ("equivariant", "equivariant-lmax3")
ELEMENTS, OTHERS = ("Si", "Cu"), ("Ge", "Mo", "Ni")
SEEDS = (0, 1, 2)
SHARES = (0.25, 0.5, 1.0)
"""Of the structures, that are trained on."""
EPOCHS = {"Si": 16, "Cu": 6, "Ge": 14, "Mo": 20, "Ni": 6}
"""With all structures; with fewer, more in proportion. About 800 gradient steps."""
KINDS = ("mae", "rmse")
UNITS = {"energy": "mev_per_atom", "forces": "mev_per_ang", "stress": "gpa"}
CELLS = {"Si": ("diamond", 5.43, (4, 4, 4)), "Cu": ("fcc", 3.61, (4, 4, 4))}
"""Crystals that are timed: lattice, lattice constant in Å, repetitions of the cubic cell."""
ROUNDS = 5


def plan(smallest: bool) -> Plan:
    """Return all trainings: the largest sets of all elements first, what is asked of fewer networks last."""
    if smallest:
        keys: list[Key] = [_key("Si", variant, 0.25, 0) for variant in ("invariant", "lmax1")]
    else:
        keys = [
            _key(element, variant, share, seed)
            for seed in SEEDS
            for share in reversed(SHARES)
            for variant in DEGREES
            for element in ELEMENTS
        ]
        keys += [_key(element, variant, 1.0, 0) for element in OTHERS for variant in DEGREES]
        keys += [_key(element, variant, 1.0, 0) for element in (*ELEMENTS, *OTHERS) for variant in VECTORS]
    settings = {
        "epochs": {"Si": 1} if smallest else EPOCHS,
        "cutoff": 3.5 if smallest else 5.0,
        "errors_on": "valid" if smallest else "test",
        **({"trust_labels": True} if smallest else {}),
    }
    return Plan(settings=settings, keys=tuple(keys))


def _key(element: str, variant: str, share: float, seed: int) -> Key:
    return {"element": element, "variant": variant, "share": share, "seed": seed}


def trainer(data: Path, work: Path, asked: Plan) -> Trainer:
    """Return what trains one network on a share of the structures of an element."""
    settings = asked.settings
    use = settings["errors_on"]
    known: dict[str, tuple[Frames, Sets]] = {}

    def one(key: Key, folder: Path) -> Row:
        element, share, seed = str(key["element"]), float(key["share"]), int(key["seed"])
        epochs = round(settings["epochs"][element] / share)
        recipe = Recipe(variant=str(key["variant"]), cutoff=settings["cutoff"], seed=seed, epochs=epochs)
        request = Request(
            train=(data / f"{element}_train.extxyz",),
            test=(data / f"{element}_test.extxyz",) if use == "test" else (),
            out=folder,
            recipe=recipe,
            split_seed=0,
            trust_labels=settings.get("trust_labels", False),
            figures=False,
        )
        if element not in known:
            # Labels are examined and mended once for all seeds.
            first = dataclasses.replace(request, recipe=dataclasses.replace(recipe, seed=0))
            frames = read(first)
            known[element] = frames, gathered(first, frames, say)
        frames, sets = part(*known[element], share, seed)
        found, cpu = trained(request, (frames, sets))
        return {
            "errors": {
                f"{what}_{kind}": found[use][f"{what}_{kind}_{unit}"] for what, unit in UNITS.items() for kind in KINDS
            },
            "structures": len(sets.train),
            "epochs": epochs,
            "cpu_s": cpu,
        }

    return one


def part(frames: Frames, sets: Sets, share: float, seed: int) -> tuple[Frames, Sets]:
    """Return a share of what is trained on, the rest as it was. Of one seed, a smaller share is in a larger one."""
    order = np.random.default_rng(np.random.SeedSequence([seed, 5])).permutation(len(sets.train))
    chosen = sorted(order[: max(2, round(share * len(order)))].tolist())
    samples = [sets.train[index] for index in chosen]
    species = sorted({symbol for one in samples for symbol in one.frame.structure.get_chemical_symbols()})
    return (
        dataclasses.replace(frames, train=[frames.train[index] for index in chosen]),
        dataclasses.replace(sets, train=samples, references=reference_energies(samples, species)),
    )


def cost(work: Path, smallest: bool) -> Mapping[str, Any]:
    """Return what the networks cost on crystals. Their weights cost nothing: they are untrained."""
    cells = {
        symbol: bulk(symbol, lattice, a=a, cubic=True).repeat(1 if smallest else n)
        for symbol, (lattice, a, n) in CELLS.items()
    }
    names = DEGREES[:2] if smallest else (*DEGREES, *VECTORS)
    networks = {name: from_network(untrained(hyperparameters(list(CELLS), name)), name) for name in names}
    return {
        "atoms": {symbol: len(cell) for symbol, cell in cells.items()},
        "networks": costs(networks, cells, 1 if smallest else ROUNDS),
    }


def _these(found: Result, element: str, variant: str, share: float) -> list[Row]:
    return [
        row for row in found["trainings"] if (row["element"], row["variant"], row["share"]) == (element, variant, share)
    ]


def gains(
    found: Result, element: str, share: float, error: str = "forces_rmse"
) -> dict[int, tuple[float, float | None]]:
    """Return by which factor an error falls from l_max 0 to 1, 2 and 3: geometric mean over seeds, its standard error.

    A seed counts where both networks had it: they learned from the same structures.
    """
    base = {row["seed"]: row["errors"][error] for row in _these(found, element, DEGREES[0], share)}
    gained = {}
    for degree, variant in enumerate(DEGREES[1:], start=1):
        pairs = {row["seed"]: row["errors"][error] for row in _these(found, element, variant, share)}
        logs = [float(np.log(base[seed] / value)) for seed, value in pairs.items() if seed in base]
        if logs:
            mean, deviation = spread(logs)
            factor = float(np.exp(mean))
            gained[degree] = factor, None if deviation is None else factor * deviation / len(logs) ** 0.5
    return gained


def contrasts(found: Result, share: float, error: str = "forces_rmse") -> dict[int, tuple[float, float | None]]:
    """Return by which factor silicon gains more than copper from l_max 0 to 1, 2 and 3, with its standard error."""
    silicon, copper = (gains(found, element, share, error) for element in ELEMENTS)
    both = {}
    for degree in silicon.keys() & copper.keys():
        (a, of_a), (b, of_b) = silicon[degree], copper[degree]
        both[degree] = a / b, None if of_a is None or of_b is None else a / b * float(np.hypot(of_a / a, of_b / b))
    return both


def rows(found: Result) -> Iterator[str]:
    """Yield the tables of the page."""
    yield (
        "| element | structures | network | seeds | energy, RMSE, meV/atom | energy, MAE | forces, RMSE, meV/Å |"
        " forces, MAE | stress, RMSE, GPa | stress, MAE | CPU, s |"
    )
    yield "|" + " --- |" * 11
    for element in (*ELEMENTS, *OTHERS):
        for share in SHARES:
            for variant in (*DEGREES, *VECTORS):
                if these := _these(found, element, variant, share):
                    errors = [
                        written(row["errors"][f"{what}_{kind}"] for row in these)
                        for what in UNITS
                        for kind in reversed(KINDS)
                    ]
                    cpu = written(row["cpu_s"] for row in these if row["cpu_s"] is not None)
                    yield (
                        f"| {element} | {these[0]['structures']} | {variant} | {len(these)} | {' | '.join(errors)} |"
                        f" {cpu} |"
                    )
    yield ""
    yield "| force errors fall from l_max 0 by a factor of | share of the structures | l_max 1 | l_max 2 | l_max 3 |"
    yield "|" + " --- |" * 5
    for element in (*ELEMENTS, *OTHERS):
        for share in SHARES:
            if gained := gains(found, element, share):
                cells = [_factor(gained.get(degree)) for degree in (1, 2, 3)]
                yield f"| {element} | {share:g} | " + " | ".join(cells) + " |"
    for share in SHARES:
        if more := contrasts(found, share):
            cells = [_factor(more.get(degree)) for degree in (1, 2, 3)]
            yield f"| Si over Cu | {share:g} | " + " | ".join(cells) + " |"
    if "cost" in found:
        yield ""
        yield from _cost_rows(found["cost"])


def _factor(one: tuple[float, float | None] | None) -> str:
    if one is None:
        return "–"
    return f"{one[0]:.2f}" + ("" if one[1] is None else f" ± {one[1]:.2f}")


def _cost_rows(cost: Mapping[str, Any]) -> Iterator[str]:
    cells = list(cost["atoms"])
    heads = [f"{one}, {unit}" for one in cells for unit in ("µs/atom", "MFLOP/atom")]
    yield "| network | " + " | ".join(heads) + " |"
    yield "|" + " --- |" * (len(heads) + 1)
    for name, of in cost["networks"].items():
        numbers = [f"{of[one][what]:{form}}" for one in cells for what, form in
                   (("us_per_atom", ".0f"), ("mflop_per_atom", ".2f"))]  # fmt: skip
        yield f"| {name} | " + " | ".join(numbers) + " |"


def draw(found: Result) -> Any:
    """Return a figure: errors of forces against l_max, for each element and size of the training set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 4.4), layout="constrained")
    for axes, element in zip(figure.subplots(1, 2), ELEMENTS, strict=True):
        for colour, share in zip(laboratory.COLOURS, SHARES, strict=False):
            spots = [
                (degree, row["errors"]["forces_rmse"])
                for degree, variant in enumerate(DEGREES)
                for row in _these(found, element, variant, share)
            ]
            if not spots:
                continue
            axes.plot(*zip(*spots, strict=True), ls="", marker="o", ms=4, color=colour)
            means = [
                (degree, float(np.mean([value for place, value in spots if place == degree])))
                for degree in sorted({place for place, _ in spots})
            ]
            label = f"{round(100 * share)} % of the structures"
            axes.plot(*zip(*means, strict=True), lw=1.0, color=colour, label=label)
        axes.set(xlabel="l_max", ylabel="force RMSE on test structures, meV/Å", title=element, yscale="log")
        axes.set_xticks(range(len(DEGREES)))
        axes.grid(which="both", linewidth=0.4, alpha=0.4)
        if axes.lines:
            axes.legend(fontsize=8)
    return figure


STUDY = Study(name=NAME, about=__doc__, plan=plan, trainer=trainer, rows=rows, draw=draw, cost=cost)

if __name__ == "__main__":
    sys.exit(laboratory.main(STUDY))
