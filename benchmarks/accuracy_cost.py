"""Accuracy against cost of the trained variants, and of MACE on the same silicon: one figure.

    python -m benchmarks.accuracy_cost [--rounds N] [--runs DIR] [--without-mace] [--redraw]

Errors are those that training wrote beside each network, on the test sets of silicon and copper. Times are CPU
microseconds per atom for energy, forces and stress, neighbour list included, in float32 on one thread, of crystals with
256 and 512 atoms: all variants take turns in one process, there and back in every round, and the median counts. MACE
takes its turns in a process of its own; with `--without-mace` the time written down before stays, with its day.
A network that is not shipped is timed by an untrained one of the same architecture: weights cost nothing. Writes
benchmarks/results/accuracy_cost.json and docs/images/accuracy_cost.png.

With `--runs`, networks and errors come from the folders that `benchmarks.train_shipped run` made, not from what is
shipped, and nothing is written but `accuracy_cost.json` and `accuracy_cost.png` there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ase.io
import torch
from ase import Atoms

from benchmarks.peers.mace import environment
from benchmarks.reference_speed import SERVE, Worker, machine, structures
from benchmarks.reference_worker import timed
from benchmarks.sources import ROOT
from benchmarks.train_shipped import PAIR, PLANS
from gnnp_bench.potential import ALL_PROPERTIES
from reference_model.potential import create

RESULTS = ROOT / "benchmarks" / "results"
TRAINING = RESULTS / "training"
MACE = RESULTS / "mace_silicon.json"
FIGURE = ROOT / "docs" / "images" / "accuracy_cost.png"
MACE_NAME = "MACE 64x0e"
SIZES = {"Cu256": 256, "Si512": 512}
WARM, REPEATS = 2, 2
"""Evaluations of each network that are not counted, once, and that are, in each turn."""


@dataclass(frozen=True, slots=True)
class Point:
    """One network.

    Attributes
    ----------
    name : str
    trained_on : str
        Elements, in words for the figure.
    errors : mapping of str to float
        Force MAE, meV/Å, of "Si+Cu" and of "Si" alone; what was not tested is missing.
    times : mapping of str to float
        µs of CPU time per atom, by structure.
    timed : str
        The day.
    """

    name: str
    trained_on: str
    errors: Mapping[str, float]
    times: Mapping[str, float]
    timed: str


def errors_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return force MAE, meV/Å, from what training wrote."""
    test = metrics["test"]
    by_species = {symbol: one["forces_mae_mev_per_ang"] for symbol, one in test["per_species"].items()}
    found = {"Si": by_species["Si"]} if "Si" in by_species else {}
    return found | ({"Si+Cu": test["forces_mae_mev_per_ang"]} if set(by_species) == set(PAIR) else {})


def chosen(runs: Path | None) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return argument of the spec string, and metrics, of every network trained on silicon and copper."""
    found = {}
    for name, plan in PLANS.items():
        metrics = TRAINING / f"{name}.json" if runs is None else runs / name / "metrics.json"
        if plan.elements == PAIR and metrics.exists():
            argument = str((runs / name).resolve()) if runs else name if plan.shipped else f"untrained-{plan.variant}"
            found[name] = (argument, json.loads(metrics.read_text()))
        elif plan.elements == PAIR:
            print(f"{name} is not there: no {metrics}", file=sys.stderr)
    return found


@contextmanager
def mace(asked: bool) -> Iterator[Worker | None]:
    """Give a process that evaluates MACE, if it was asked for and its errors are known."""
    if not (asked and MACE.exists()):
        yield None
        return
    with Worker(environment.interpreter(), str(SERVE), **environment.SETTINGS) as worker:
        yield worker


def measured(arguments: Mapping[str, str], rounds: int, with_mace: bool) -> dict[str, dict[str, float]]:
    """Return the median CPU time, µs per atom, by network and structure; that of MACE by its name."""
    with tempfile.TemporaryDirectory() as folder, mace(with_mace) as worker:
        files = structures(Path(folder), 0)
        cells: dict[str, Atoms] = {}
        for name in SIZES:
            cell = ase.io.read(files[name])
            assert isinstance(cell, Atoms)
            cells[name] = cell
        turns: dict[str, Callable[[str, int], list[float]]] = {
            name: _ours(argument, cells) for name, argument in arguments.items()
        }
        if worker is not None:
            turns[MACE_NAME] = lambda structure, repeats: list(
                worker.ask(model="64x0e", structure=files[structure], repeats=repeats)["cpu"]
            )
        times: dict[str, dict[str, list[float]]] = {name: {one: [] for one in SIZES} for name in turns}
        for structure in SIZES:
            for turn in turns.values():
                turn(structure, WARM)
        for _ in range(rounds):
            for name in (*turns, *reversed(turns)):
                for structure in SIZES:
                    times[name][structure] += turns[name](structure, REPEATS)
    return {
        name: {structure: 1e6 * statistics.median(values) / SIZES[structure] for structure, values in mine.items()}
        for name, mine in times.items()
    }


def _ours(argument: str, cells: Mapping[str, Atoms]) -> Callable[[str, int], list[float]]:
    potential = create(argument, {}, PAIR if argument.startswith("untrained-") else None)

    def turn(structure: str, repeats: int) -> list[float]:
        found = []
        for repeat in range(repeats):
            atoms = cells[structure].copy()
            atoms.rattle(1e-4, seed=repeat)
            found.append(timed(partial(potential.evaluate, [atoms], ALL_PROPERTIES))[0])
        return found

    return turn


def points(networks: Mapping[str, tuple[str, Mapping[str, Any]]], times: Mapping[str, Any], day: str) -> list[Point]:
    """Return everything that is drawn: networks, MACE, and our networks that saw silicon alone, as MACE did."""
    found = [Point(name, "Si and Cu", errors_of(metrics), times[name], day) for name, (_, metrics) in networks.items()]
    if MACE_NAME in times:
        error = json.loads(MACE.read_text())["test"]["forces_mae_mev_per_ang"]
        found.append(Point(MACE_NAME, "Si", {"Si": error}, times[MACE_NAME], day))
    longest: dict[str, tuple[int, Point]] = {}
    for name, plan in PLANS.items():
        metrics = TRAINING / f"{name}.json"
        if plan.elements == ("Si",) and plan.variant in times and metrics.exists():
            # The same architecture, hence the same cost; of two the one that was trained for longer.
            errors = errors_of(json.loads(metrics.read_text()))
            if plan.epochs > longest.get(plan.variant, (0, None))[0]:
                longest[plan.variant] = plan.epochs, Point(plan.variant, "Si", errors, times[plan.variant], day)
    return [*found, *(point for _, point in longest.values())]


STYLES = {
    "Si and Cu": {"color": "#0072b2", "marker": "o", "label": "trained on silicon and copper"},
    "Si": {"color": "#009e73", "marker": "s", "label": "trained on silicon alone"},
    "MACE": {"color": "#d55e00", "marker": "D", "label": "MACE, silicon alone, not converged", "fillstyle": "none"},
}
"""One colour and one marker for what a network saw, in both panels."""


def draw(found: Sequence[Point], path: Path, machine: Mapping[str, Any]) -> None:
    """Draw force error against cost: silicon and copper, and beside it silicon alone with what saw nothing else."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 6.0), dpi=130, layout="constrained")
    panels = (
        ("Si+Cu", "Test set: silicon and copper", tuple(SIZES), "crystals of Cu (256 atoms) and Si (512)"),
        ("Si", "Test set: silicon", ("Si512",), "crystal of Si (512 atoms)"),
    )
    handles: dict[str, Any] = {}
    for axis, (data, title, cells, where) in zip(figure.subplots(1, 2), panels, strict=True):
        shown = [point for point in found if data in point.errors]
        for point in shown:
            cost = statistics.mean(point.times[cell] for cell in cells)
            kind = "MACE" if point.name == MACE_NAME else point.trained_on
            (handles[kind],) = axis.plot(cost, point.errors[data], linestyle="", markersize=7, **STYLES[kind])
        axis.set(xscale="log", yscale="log", title=title)
        axis.set_xlabel(f"CPU time of one thread, µs/atom: energy, forces, stress\n{where}")
        axis.set_ylabel("force MAE on the test set, meV/Å")
        axis.margins(x=0.25, y=0.12)
        _plain(axis)
        axis.grid(which="both", linewidth=0.4, alpha=0.4)
        spots = [(statistics.mean(p.times[c] for c in cells), p.errors[data]) for p in shown]
        _label(axis, spots, [p.name for p in shown])
    figure.legend(handles=list(handles.values()), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(_conditions(found, machine), fontsize=9, color="0.3")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def _conditions(found: Sequence[Point], machine: Mapping[str, Any]) -> str:
    told = f"float32, one thread of {machine['processor']} ({machine['cores']} cores), {machine['date']}"
    others = sorted({f"{point.name} timed {point.timed}" for point in found if point.timed != machine["date"]})
    busy = f"; the machine was busy (load {machine['load']:.0f})" if machine["load"] > machine["cores"] else ""
    return "; ".join([told, *others]) + busy


def _plain(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(LogLocator(subs=[1.0, 2.0, 3.0, 5.0]))
        one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        one.set_minor_formatter(NullFormatter())


def _label(axis: Any, spots: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Write a name beside each spot, where it covers the least of other spots and names."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    canvas: Any = FigureCanvasAgg(axis.figure)
    canvas.draw()  # which lays the axes out
    renderer = canvas.get_renderer()
    pixels = axis.transData.transform(spots) if spots else []
    taken = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in pixels]
    near = [(9, 0), (-9, 0), (0, 9), (0, -9)]
    # A line leads to what is too far off to be told whose name it is.
    far = [(side * 26 * r, 13 * r * up) for r in (1, 2, 3) for side in (1, -1) for up in (1, -1, 0.5, -0.5)]

    def write(text: str, spot: tuple[float, float], way: tuple[float, float]) -> Any:
        return axis.annotate(
            text,
            spot,
            xytext=way,
            textcoords="offset points",
            ha="left" if way[0] > 0 else "right" if way[0] < 0 else "center",
            va="center" if way[1] == 0 or way in far else "bottom" if way[1] > 0 else "top",
            fontsize=8.5,
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "color": "0.4", "shrinkB": 4} if way in far else None,
        )

    def text_box(made: Any) -> Any:
        made.update_positions(renderer)
        return Text.get_window_extent(made, renderer)  # that of an Annotation holds the line as well

    for number, (spot, text) in enumerate(zip(spots, labels, strict=True)):
        costs = []
        for way in [*near, *far]:
            made = write(text, spot, way)
            box = text_box(made).padded(3)
            made.remove()
            outside = box.width * box.height - _common(box, axis.bbox)
            covered = sum(_common(box, other) for index, other in enumerate(taken) if index != number)
            costs.append(covered + 5.0 * outside + 1.0 * (abs(way[0]) + abs(way[1])))
        way = [*near, *far][costs.index(min(costs))]
        taken.append(text_box(write(text, spot, way)))


def _common(one: Any, other: Any) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(max(0.0, width) * max(0.0, height))


def main() -> int:
    """Measure, write, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=Path, help="folder of training runs, instead of what is shipped")
    parser.add_argument("--without-mace", action="store_true")
    parser.add_argument("--redraw", action="store_true", help="measure nothing: draw what was measured")
    asked = parser.parse_args()
    results = (asked.runs or RESULTS) / "accuracy_cost.json"
    before = json.loads(results.read_text()) if results.exists() else {"machine": {}, "points": []}
    if asked.redraw:
        where, rows = before["machine"], before["points"]
    else:
        networks = chosen(asked.runs)
        if not networks:
            parser.error("no network trained on silicon and copper is there: run benchmarks.train_shipped first")
        torch.set_num_threads(1)
        times = measured(
            {name: argument for name, (argument, _) in networks.items()}, asked.rounds, not asked.without_mace
        )
        where = machine()
        rows = [
            {
                "name": p.name,
                "trained_on": p.trained_on,
                "force_mae_mev_per_ang": p.errors,
                "us_per_atom": p.times,
                "timed": p.timed,
            }
            for p in points(networks, times, where["date"])
        ]
        if asked.without_mace:
            rows += [
                {**row, "timed": row.get("timed") or before["machine"]["date"]}
                for row in before["points"]
                if row["name"] == MACE_NAME
            ]
        results.write_text(json.dumps({"machine": where, "rounds": asked.rounds, "points": rows}, indent=1) + "\n")
    found = [
        Point(r["name"], r["trained_on"], r["force_mae_mev_per_ang"], r["us_per_atom"], r.get("timed", where["date"]))
        for r in rows
    ]
    draw(found, FIGURE if asked.runs is None else asked.runs / FIGURE.name, where)
    print("| network | trained on | force MAE Si+Cu, meV/Å | force MAE Si, meV/Å | µs/atom, Cu256 | µs/atom, Si512 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for point in found:
        errors = " | ".join(f"{point.errors[d]:.1f}" if d in point.errors else "" for d in ("Si+Cu", "Si"))
        print(
            f"| {point.name} | {point.trained_on} | {errors} | {' | '.join(f'{t:.0f}' for t in point.times.values())} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
