"""Accuracy against cost of the trained variants, and of MACE on the same silicon: one figure.

    python -m benchmarks.accuracy_cost [--rounds N] [--runs DIR] [--without-mace] [--redraw]

Errors are those that training wrote beside each network, on the test sets of silicon and copper. Times are CPU
microseconds per atom for energy, forces and stress, neighbour list included, in float32 on one thread, of crystals with
256 and 512 atoms: all variants take turns in one process, there and back in every round, and the median counts. MACE
takes its turns in a process of its own. Writes benchmarks/results/accuracy_cost.json and docs/images/accuracy_cost.png.

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
import numpy as np
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
    """

    name: str
    trained_on: str
    errors: Mapping[str, float]
    times: Mapping[str, float]


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
        if runs is None and not plan.shipped:
            continue
        metrics = TRAINING / f"{name}.json" if runs is None else runs / name / "metrics.json"
        if plan.elements == PAIR and metrics.exists():
            found[name] = (name if runs is None else str((runs / name).resolve()), json.loads(metrics.read_text()))
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
    """Return the median CPU time, µs per atom, by network and structure; that of MACE under "MACE 64x0e"."""
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
            turns["MACE 64x0e"] = lambda structure, repeats: list(
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
    potential = create(argument, {}, None)

    def turn(structure: str, repeats: int) -> list[float]:
        found = []
        for repeat in range(repeats):
            atoms = cells[structure].copy()
            atoms.rattle(1e-4, seed=repeat)
            found.append(timed(partial(potential.evaluate, [atoms], ALL_PROPERTIES))[0])
        return found

    return turn


def points(networks: Mapping[str, tuple[str, Mapping[str, Any]]], times: Mapping[str, Any]) -> list[Point]:
    """Return everything that is drawn: networks, MACE, and our networks that saw silicon alone, as MACE did."""
    found = [Point(name, "Si and Cu", errors_of(metrics), times[name]) for name, (_, metrics) in networks.items()]
    if "MACE 64x0e" in times:
        error = json.loads(MACE.read_text())["test"]["forces_mae_mev_per_ang"]
        found.append(Point("MACE 64x0e", "Si", {"Si": error}, times["MACE 64x0e"]))
    for name, plan in PLANS.items():
        metrics = TRAINING / f"{name}.json"
        if plan.elements == ("Si",) and plan.variant in times and metrics.exists():
            # The same architecture, hence the same cost.
            errors = errors_of(json.loads(metrics.read_text()))
            found.append(Point(plan.variant, "Si", errors, times[plan.variant]))
    unique = {(point.name, point.trained_on, tuple(point.errors.values())): point for point in found}
    return list(unique.values())


def draw(found: Sequence[Point], path: Path) -> None:
    """Draw force error against cost: silicon and copper, and beside it silicon alone with what saw nothing else."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.8), dpi=130, layout="constrained")
    panels = (
        ("Si+Cu", "silicon and copper: one network for both", tuple(SIZES)),
        ("Si", "silicon", ("Si512",)),
    )
    for axis, (data, title, cells) in zip(figure.subplots(1, 2), panels, strict=True):
        shown = [point for point in found if data in point.errors]
        for point in shown:
            cost = statistics.mean(point.times[cell] for cell in cells)
            alone = point.trained_on == "Si"
            colour = "#d55e00" if point.name.startswith("MACE") else "#009e73" if alone else "#0072b2"
            axis.plot(cost, point.errors[data], "s" if alone else "o", color=colour, markersize=7)
        axis.set(xscale="log", yscale="log", title=title)
        axis.set_xlabel("CPU time of one thread, µs/atom (energy, forces, stress)")
        axis.set_ylabel("force MAE on the test set, meV/Å")
        axis.margins(x=0.22, y=0.16)
        _plain(axis)
        axis.grid(which="both", linewidth=0.4, alpha=0.4)
        spots = [(statistics.mean(p.times[c] for c in cells), p.errors[data]) for p in shown]
        labels = [p.name + (", Si only" if p.trained_on == "Si" and data == "Si" else "") for p in shown]
        _label(axis, spots, labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def _plain(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for one in (axis.xaxis, axis.yaxis):
        one.set_major_locator(LogLocator(subs=[1.0, 2.0, 3.0, 5.0]))
        one.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        one.set_minor_formatter(NullFormatter())


def _label(axis: Any, spots: Sequence[tuple[float, float]], labels: Sequence[str]) -> None:
    """Write a name beside each spot, where it covers the least of other spots and names."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.transforms import Bbox

    canvas: Any = FigureCanvasAgg(axis.figure)
    canvas.draw()  # which lays the axes out
    renderer = canvas.get_renderer()
    pixels = axis.transData.transform(spots) if spots else []
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in pixels]
    ways = [
        (dx, dy) for r in (1, 2, 3) for dx, dy in ((8, 0), (-8, 0), (0, 9 * r), (0, -9 * r), (8, 8 * r), (8, -8 * r))
    ]

    def write(text: str, spot: tuple[float, float], way: tuple[int, int], **more: Any) -> Any:
        return axis.annotate(
            text,
            spot,
            xytext=way,
            textcoords="offset points",
            ha="left" if way[0] > 0 else "right" if way[0] < 0 else "center",
            va="center" if way[1] == 0 else "bottom" if way[1] > 0 else "top",
            fontsize=8.5,
            **more,
        )

    for spot, text in zip(spots, labels, strict=True):
        costs = []
        for way in ways:
            made = write(text, spot, way)
            box = made.get_window_extent(renderer).padded(2)
            made.remove()
            outside = box.width * box.height - _common(box, axis.bbox)
            costs.append(
                sum(_common(box, other) for other in taken) + 5.0 * outside + 0.1 * (abs(way[0]) + abs(way[1]))
            )
        way = ways[costs.index(min(costs))]
        taken.append(write(text, spot, way).get_window_extent(renderer))
        if max(map(abs, way)) > 9:  # too far off to be told whose name it is
            end = axis.transData.inverted().transform(axis.transData.transform(spot) + 1.8 * np.array(way))
            axis.plot(*zip(spot, end, strict=True), color="0.4", linewidth=0.6, zorder=1)


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
    if asked.redraw:
        rows = json.loads(results.read_text())["points"]
    else:
        networks = chosen(asked.runs)
        if not networks:
            parser.error("no network trained on silicon and copper is there: run benchmarks.train_shipped first")
        torch.set_num_threads(1)
        times = measured(
            {name: argument for name, (argument, _) in networks.items()}, asked.rounds, not asked.without_mace
        )
        rows = [
            {"name": p.name, "trained_on": p.trained_on, "force_mae_mev_per_ang": p.errors, "us_per_atom": p.times}
            for p in points(networks, times)
        ]
        results.write_text(json.dumps({"machine": machine(), "rounds": asked.rounds, "points": rows}, indent=1) + "\n")
    found = [Point(r["name"], r["trained_on"], r["force_mae_mev_per_ang"], r["us_per_atom"]) for r in rows]
    draw(found, FIGURE if asked.runs is None else asked.runs / FIGURE.name)
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
