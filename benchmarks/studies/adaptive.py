"""Does a cutoff that adapts shrink where it should, and what does it gain? A study with a teacher whose truth is known.

    nice -n 19 python -m benchmarks.studies.adaptive run --work runs/adaptive
    python -m benchmarks.studies.adaptive cost --work runs/adaptive
    python -m benchmarks.studies.adaptive table
    python -m benchmarks.studies.adaptive figure

The teacher (screened.py) has an interaction that is screened in dense surroundings and reaches far in sparse ones.
Three networks learn it from crystals, vacancies, surfaces, clusters and gases: a short cutoff, a long one, and one that
adapts between them; three seeds each. The one that adapts also learns two controls, in which the screening is the same
everywhere: what it does there is its own habit and nothing that it learned of density. 15 trainings of one to two
minutes on one core. Results go to benchmarks/results/studies/adaptive.json after every training, and what is there is
not done again. `--at-most N` stops after N trainings, `--commit` commits each result, and `--smallest` trains next to
nothing, with results in `--work`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies import laboratory
from benchmarks.studies.costs import costs
from benchmarks.studies.crossing import (
    DURATION,
    STEPS,
    TIME_STEPS,
    cutoff_at,
    cutoffs,
    densities,
    drift,
    edges,
    force_steps,
)
from benchmarks.studies.laboratory import Key, Plan, Result, Row, Study, Trainer, trained, written
from benchmarks.studies.screened import DENSE, KINDS, MAKERS, SPARSE, SYMBOL, Screened, labelled
from gnnp_bench.accuracy.frames import Frame
from reference_model.potential import ReferencePotential, create, from_network
from reference_model.radial import AdaptiveCutoff
from reference_model.train.recipe import Recipe
from reference_model.train.run import gathered
from reference_model.train.sets import Frames, Request, Sets
from reference_model.untrained import untrained
from reference_model.variants import hyperparameters

NAME = "adaptive"
SHORT, LONG = 3.5, 6.0
NETWORKS: Mapping[str, tuple[str, float]] = {
    "short": ("lmax2", SHORT),
    "long": ("lmax2", LONG),
    "adaptive": ("adaptive", LONG),
}
"""Variant and cutoff, Å."""
TEACHERS = {
    "screened": Screened(),
    "sparse everywhere": Screened(SPARSE, SPARSE),
    "dense everywhere": Screened(DENSE, DENSE),
}
SEEDS = (0, 1, 2)
EPOCHS, BATCH = 60, 4
EACH = {"train": 40, "valid": 5, "test": 30}
"""Structures of every kind."""
DRAWN = {"train": 1, "valid": 2, "test": 3}
"""Seeds of the structures, the same for all networks."""
ERRORS = ("energy_rmse_mev_per_atom", "forces_rmse_mev_per_ang", "stress_rmse_gpa")
ROUNDS = 5


def plan(smallest: bool) -> Plan:
    """Return all trainings: each seed with everything before the next one."""
    pairs = [("screened", network) for network in ("adaptive", "long", "short")]
    pairs += [(control, "adaptive") for control in ("sparse everywhere", "dense everywhere")]
    seeds = SEEDS[:1] if smallest else SEEDS
    keys: list[Key] = [{"teacher": a, "network": b, "seed": seed} for seed in seeds for a, b in pairs]
    settings = {
        "epochs": 1 if smallest else EPOCHS,
        "batch": BATCH,
        "each": dict.fromkeys(EACH, 2) if smallest else EACH,
        "cutoffs": [SHORT, LONG],
        "steps": list(STEPS),
        "time_steps": list(TIME_STEPS),
        "duration": 4.0 if smallest else DURATION,
    }
    return Plan(settings=settings, keys=tuple(keys))


def trainer(data: Path, work: Path, asked: Plan) -> Trainer:
    """Return what trains a network on what a teacher says."""
    settings = asked.settings
    labels: dict[str, Frames] = {}
    sets: dict[tuple[str, str], Sets] = {}

    def one(key: Key, folder: Path) -> Row:
        teacher, network = str(key["teacher"]), str(key["network"])
        if teacher not in labels:
            frames = {use: labelled(TEACHERS[teacher], n, DRAWN[use]) for use, n in settings["each"].items()}
            labels[teacher] = Frames(frames["train"], frames["valid"], frames["test"], [])
        variant, cutoff = NETWORKS[network]
        recipe = Recipe(
            variant=variant, cutoff=cutoff, seed=int(key["seed"]), epochs=settings["epochs"], batch=settings["batch"]
        )
        request = Request(train=(), out=folder, recipe=recipe, trust_labels=True, figures=False)
        if (teacher, network) not in sets:
            sets[teacher, network] = gathered(request, labels[teacher], lambda _: None)
        found, cpu = trained(request, (labels[teacher], sets[teacher, network]))
        by_kind = found["test"]["per_config_type"]
        potential = create(str(folder), {"dtype": "float64"}, None)
        return {
            "errors": {name: found["test"][name] for name in ERRORS},
            "errors_of": {kind: {name: by_kind[kind][name] for name in ERRORS} for kind in KINDS},
            "sight": sight(potential, TEACHERS[teacher], labels[teacher].test),
            "parameters": parameters(potential),
            **smoothness(potential, settings["time_steps"], settings["duration"]),
            "cpu_s": cpu,
        }

    return one


def parameters(potential: ReferencePotential) -> dict[str, float] | None:
    """Return what an adaptive network has learnt of its cutoff."""
    learnt = getattr(potential.network, "adaptive", None)
    return None if learnt is None else {"offset": learnt.offset.item(), "slope": learnt.slope.item()}


def sight(potential: ReferencePotential, teacher: Screened, frames: Sequence[Frame]) -> dict[str, dict[str, float]]:
    """Return means over atoms by kind: density, cutoff and what the teacher sees, Å, and neighbours in the cutoff."""
    found = {}
    for kind in KINDS:
        these = [frame.structure for frame in frames if frame.config_type == kind]
        reach = [cutoffs(potential, one) for one in these]
        found[kind] = {
            "density": float(np.concatenate([densities(LONG, one) for one in these]).mean()),
            "cutoff": float(np.concatenate(reach).mean()),
            "range": float(np.concatenate([teacher.range_of(one) for one in these]).mean()),
            "edges": float(np.mean([edges(one, r) for one, r in zip(these, reach, strict=True)])),
        }
    return found


def smoothness(potential: ReferencePotential, time_steps: Sequence[float], duration: float) -> dict[str, Any]:
    """Return how forces change as neighbours cross the cutoff, and how energies of trajectories drift."""
    rng = np.random.default_rng(7)
    these = {kind: MAKERS[kind](rng) for kind in KINDS}
    moving = {kind: these[kind] for kind in ("bulk", "surface", "gas")}
    return {
        "force_steps": force_steps(potential, list(these.values())),
        "drift": {kind: [drift(potential, one, step, duration) for step in time_steps] for kind, one in moving.items()},
    }


def cost(work: Path, smallest: bool) -> Mapping[str, Any]:
    """Return what the three networks cost. Their weights cost nothing: they are untrained."""
    rng = np.random.default_rng(11)
    images = {"bulk": (2, 2, 4), "surface": (4, 4, 1), "gas": (3, 3, 3)}
    cells = {kind: MAKERS[kind](rng).repeat(1 if smallest else n) for kind, n in images.items()}
    networks = {
        name: from_network(untrained(hyperparameters([SYMBOL], variant, cutoff=cutoff)), name)
        for name, (variant, cutoff) in NETWORKS.items()
    }
    return {
        "atoms": {kind: len(cell) for kind, cell in cells.items()},
        "networks": costs(networks, cells, 1 if smallest else ROUNDS),
    }


def _these(found: Result, teacher: str, network: str) -> list[Row]:
    return [row for row in found["trainings"] if (row["teacher"], row["network"]) == (teacher, network)]


def rows(found: Result) -> Iterator[str]:
    """Yield the tables of the page."""
    for error, title in zip(ERRORS[:2], ("energy, RMSE, meV/atom", "forces, RMSE, meV/Å"), strict=True):
        yield f"| {title} | seeds | " + " | ".join((*KINDS, "all")) + " |"
        yield "|" + " --- |" * (len(KINDS) + 3)
        for network in NETWORKS:
            if these := _these(found, "screened", network):
                cells = [written(row["errors_of"][kind][error] for row in these) for kind in KINDS]
                cells.append(written(row["errors"][error] for row in these))
                yield f"| {network} | {len(these)} | " + " | ".join(cells) + " |"
        yield ""
    yield "| cutoff, Å | seeds | " + " | ".join(KINDS) + " |"
    yield "|" + " --- |" * (len(KINDS) + 2)
    for teacher in TEACHERS:
        if these := _these(found, teacher, "adaptive"):
            needed = [f"{these[0]['sight'][kind]['range']:.2f}" for kind in KINDS]
            yield f"| {teacher}: the teacher sees | | " + " | ".join(needed) + " |"
            learnt = [written(row["sight"][kind]["cutoff"] for row in these) for kind in KINDS]
            yield f"| {teacher}: learnt | {len(these)} | " + " | ".join(learnt) + " |"
    yield ""
    yield "| neighbours of an atom | " + " | ".join(KINDS) + " |"
    yield "|" + " --- |" * (len(KINDS) + 1)
    for network in NETWORKS:
        if these := _these(found, "screened", network):
            yield (
                f"| {network} | "
                + " | ".join(written(r["sight"][kind]["edges"] for r in these) for kind in KINDS)
                + " |"
            )
    yield ""
    yield from _smooth_rows(found)
    if "cost" in found:
        yield ""
        yield from _cost_rows(found["cost"])


def _smooth_rows(found: Result) -> Iterator[str]:
    steps, times = found["settings"]["steps"], found["settings"]["time_steps"]
    yield (
        "| change of forces across the cutoff, at most, meV/Å | "
        + " | ".join(f"per {step:g} Å" for step in steps)
        + " | "
        + " | ".join(f"energy at {time:g} fs: fluctuation, meV/atom" for time in times)
        + " | slope, meV/atom/ps |"
    )
    yield "|" + " --- |" * (len(steps) + len(times) + 2)
    for network in NETWORKS:
        if these := _these(found, "screened", network):
            cells = [written((row["force_steps"][k] for row in these), 2) for k in range(len(steps))]
            cells += [
                written((max(one[k]["fluctuation"] for one in row["drift"].values()) for row in these), 2)
                for k in range(len(times))
            ]
            slopes = (max(abs(one[-1]["slope"]) for one in row["drift"].values()) for row in these)
            yield f"| {network} | " + " | ".join(cells) + f" | {written(slopes, 2)} |"


def _cost_rows(cost: Mapping[str, Any]) -> Iterator[str]:
    kinds = list(cost["atoms"])
    yield "| CPU time, µs/atom | " + " | ".join(f"{kind}, {cost['atoms'][kind]} atoms" for kind in kinds) + " |"
    yield "|" + " --- |" * (len(kinds) + 1)
    for name, of in cost["networks"].items():
        yield f"| {name} | " + " | ".join(f"{of[kind]['us_per_atom']:.0f}" for kind in kinds) + " |"


def draw(found: Result) -> Any:
    """Return a figure: learnt cutoffs against density, and errors by kind."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    every = [row for row in found["trainings"] if row["parameters"]]
    most = max((one["density"] for row in every for one in row["sight"].values()), default=20.0)
    density = np.linspace(0.0, 1.1 * most, 200)
    begun = AdaptiveCutoff(SHORT, LONG)
    left.plot(density, cutoff_at(begun.offset.item(), begun.slope.item(), SHORT, LONG, density), "--", color="0.5",
              lw=1.0, label="before training")  # fmt: skip
    for colour, teacher in zip(laboratory.COLOURS, TEACHERS, strict=False):
        for k, row in enumerate(_these(found, teacher, "adaptive")):
            curve = cutoff_at(row["parameters"]["offset"], row["parameters"]["slope"], SHORT, LONG, density)
            left.plot(density, curve, color=colour, lw=1.0, label=f"{teacher}, learnt" if k == 0 else None)
            if k == 0:
                spots = [(one["density"], one["range"]) for one in row["sight"].values()]
                left.plot(*zip(*spots, strict=True), ls="", marker="o", ms=5, fillstyle="none", color=colour,
                          label=f"{teacher}, the teacher sees")  # fmt: skip
    left.set(xlabel="density around the atom, ρ", ylabel="cutoff, Å", ylim=(SHORT - 0.2, LONG + 0.2))
    for k, network in enumerate(NETWORKS):
        these = _these(found, "screened", network)
        values = [[row["errors_of"][kind][ERRORS[1]] for row in these] for kind in KINDS]
        places = np.arange(len(KINDS)) + 0.2 * (k - 1)
        for place, points in zip(places, values, strict=True):
            right.plot([place] * len(points), points, ls="", marker="o", ms=4, color=laboratory.COLOURS[3 + k])
        if these:
            right.plot(places, [np.mean(one) for one in values], ls="", marker="_", ms=16,
                       color=laboratory.COLOURS[3 + k], label=network)  # fmt: skip
    right.set_xticks(range(len(KINDS)), KINDS)
    right.set(yscale="log", ylabel="force RMSE on test structures, meV/Å")
    for axes in (left, right):
        axes.grid(linewidth=0.4, alpha=0.4)
        axes.legend(fontsize=8)
    return figure


STUDY = Study(name=NAME, about=__doc__, plan=plan, trainer=trainer, rows=rows, draw=draw, needs_data=False, cost=cost)

if __name__ == "__main__":
    sys.exit(laboratory.main(STUDY))
