"""What studies of trainings have in common: one after the other, kept after each, and a command line.

A study has a plan: settings that hold for all of its trainings, and a key for each of them, such as a weight and a
seed. Its results are one file, with a row for each key that is done. What is done is not done again; a training that
was interrupted goes on where it stopped, as long as its folder is there.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.reference_speed import machine
from benchmarks.sources import ROOT
from gnnp_bench.accuracy.labels import DataError
from gnnp_bench.potential import PotentialError
from reference_model.train.cli import say, set_threads
from reference_model.train.files import write_json, write_whole
from reference_model.train.run import train
from reference_model.train.sets import Frames, Request, Sets

RESULTS = ROOT / "benchmarks" / "results" / "studies"
FIGURES = ROOT / "docs" / "images"
SCHEMA = 1
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""They are told apart by the colour-blind."""
Key = Mapping[str, str | int | float]
Row = dict[str, Any]
Result = dict[str, Any]
Trainer = Callable[[Key, Path], Row]
"""Takes the key of a training and a folder for it, and returns what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be trained.

    Attributes
    ----------
    settings : mapping
        What fixes all of it, as JSON; results of other settings are no results of this plan.
    keys : tuple of mapping
        One for each training, in the order in which they are carried out.
    """

    settings: Mapping[str, Any]
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What tells one study from another.

    Attributes
    ----------
    name : str
        Of the file of results and of the figure.
    about : str
        What the command says of itself.
    plan : callable
        Returns the plan; the smallest one, to see that all of it works, if it is told so.
    trainer : callable
        Takes the folder of the data, one for files that all trainings share, and the plan, and returns what carries
        out one training.
    rows : callable
        Yields the tables of the page, from the results.
    draw : callable
        Returns a matplotlib figure of them.
    needs_data : bool
        Whether the structures are those of mlearn.
    cost : callable, optional
        Returns what evaluations cost, from a folder for its files and whether it is to be the smallest: written beside
        the trainings.
    """

    name: str
    about: str
    plan: Callable[[bool], Plan]
    trainer: Callable[[Path, Path, Plan], Trainer]
    rows: Callable[[Result], Iterator[str]]
    draw: Callable[[Result], Any]
    needs_data: bool = True
    cost: Callable[[Path, bool], Mapping[str, Any]] | None = None


def read(path: Path, plan: Plan | None = None) -> Result:
    """Return the results so far.

    Raises
    ------
    DataError
        The file is damaged, or of other settings than those of the plan.
    """
    if not path.exists():
        return {"schema": SCHEMA, "settings": dict(plan.settings) if plan else {}, "trainings": []}
    try:
        found: Result = json.loads(path.read_bytes())
        right = found["schema"] == SCHEMA and isinstance(found["trainings"], list)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} holds no results of a study, or it is damaged") from error
    if not right:
        raise DataError(f"{path} is of another version")
    if plan is not None and (before := found["settings"]) != (now := json.loads(json.dumps(plan.settings))):
        key = next(key for key in [*now, *before] if before.get(key) != now.get(key))
        raise DataError(
            f"{path} is of other settings ({key}: {before.get(key)!r}, now {now.get(key)!r}):"
            " move it away to begin anew"
        )
    return found


def folder_of(key: Key) -> str:
    """Return the name of the folder of a training.

    Examples
    --------
    >>> folder_of({"variant": "ordered", "weight": 0.1, "seed": 2})
    'ordered-weight0.1-seed2'
    """
    return "-".join(value if isinstance(value, str) else f"{name}{value}" for name, value in key.items())


def is_done(found: Result, key: Key) -> bool:
    """Return whether the results hold a training."""
    return any(all(row.get(name) == value for name, value in key.items()) for row in found["trainings"])


def carry_out(
    plan: Plan, trainer: Trainer, path: Path, work: Path, *, at_most: int | None = None, commit: bool = False
) -> int:
    """Train what is missing, write the results after every training, and return how many trainings are still missing.

    Raises
    ------
    DataError
        Data cannot be used, files cannot be written, or the results are of other settings.
    """
    found = read(path, plan)
    missing = [key for key in plan.keys if not is_done(found, key)]
    for key in missing[:at_most]:
        folder = work / folder_of(key)
        say(f"{path.stem}: {folder.name} ({len(found['trainings']) + 1} of {len(plan.keys)})")
        row = {**key, **trainer(key, folder), "measured": _where()}
        found["trainings"].append(row)
        write_json(path, found)
        if commit:
            commit_files([path], f"Study {path.stem}: {len(found['trainings'])} of {len(plan.keys)} trainings")
    return len([key for key in plan.keys if not is_done(found, key)])


def trained(request: Request, data: tuple[Frames, Sets]) -> tuple[Mapping[str, Any], float | None]:
    """Train, and return what `metrics.json` holds and the CPU time, s; None where an interrupted run went on."""
    resumed = False

    def tell(line: str) -> None:
        nonlocal resumed
        if line.startswith(("going on", "valid:", "test:")):
            say(f"  {line}")
        resumed = resumed or line.startswith("going on")

    began = time.process_time()
    found = train(request, tell, data=data)
    return found, None if resumed else time.process_time() - began


def _where() -> dict[str, str]:
    where = machine()
    return {"day": where["date"], "processor": where["processor"] or platform.machine(), "torch": torch.__version__}


def commit_files(files: Sequence[Path], message: str) -> None:
    """Commit these files alone; a repository that is busy is tried again after the next training."""
    names = [str(file) for file in files]
    subprocess.run(["git", "add", *names], cwd=ROOT, check=False)
    subprocess.run(["git", "commit", "--quiet", "-m", message, "--", *names], cwd=ROOT, check=False)


def spread(values: Iterable[float]) -> tuple[float, float | None]:
    """Return the mean and the standard deviation of a sample, which one value does not have."""
    every = np.array(list(values), float)
    return float(every.mean()), float(every.std(ddof=1)) if len(every) > 1 else None


def written(values: Iterable[float], digits: int = 3) -> str:
    """Return mean ± standard deviation as a table shows it.

    Examples
    --------
    >>> written([1.0, 2.0, 3.0]), written([1.234]), written([])
    ('2 ± 1', '1.23', '–')
    """
    every = list(values)
    if not every:
        return "–"
    mean, deviation = spread(every)
    return f"{mean:.{digits}g}" + ("" if deviation is None else f" ± {deviation:.2g}")


def main(study: Study, arguments: Sequence[str] | None = None) -> int:
    """Run the command line of a study.

    Returns
    -------
    int
        0, or 1 where trainings are still missing; the parser leaves with 2.
    """
    parser = argparse.ArgumentParser(description=study.about, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="train what is missing")
    costing = commands.add_parser("cost", help="measure what evaluations cost") if study.cost else None
    for one in (running, costing):
        if one is None:
            continue
        one.add_argument("--work", type=Path, required=True, help="folder of the trainings")
        one.add_argument("--smallest", action="store_true", help="next to nothing, to see that it works")
        one.add_argument("--commit", action="store_true", help="commit the results after every training")
    if study.needs_data:
        running.add_argument("--data", type=Path, default=os.environ.get("GNNP_BENCH_DATA"), help="folder of mlearn")
    running.add_argument("--at-most", type=int, help="trainings in this call")
    commands.add_parser("table", help="the tables of the page, from the results so far")
    commands.add_parser("figure", help="draw the figure, from the results so far")
    asked = parser.parse_args(arguments)
    kept = RESULTS / f"{study.name}.json"
    if asked.command in ("table", "figure"):
        found = read(kept)
        if not found["trainings"]:
            parser.error(f"nothing is measured yet: there is no {kept}")
        if asked.command == "table":
            print("\n".join(study.rows(found)))
        else:
            save_figure(study.draw(found), FIGURES / f"study-{study.name}.png")
        return 0
    if asked.command == "run" and study.needs_data and asked.data is None:
        parser.error("run needs --data, or GNNP_BENCH_DATA")
    set_threads()
    path = asked.work / f"{study.name}.json" if asked.smallest else kept
    commit = asked.commit and not asked.smallest
    try:
        asked.work.mkdir(parents=True, exist_ok=True)
        plan = study.plan(asked.smallest)
        if asked.command == "cost":
            assert study.cost is not None
            found = read(path, plan) | {"cost": {**study.cost(asked.work, asked.smallest), "machine": machine()}}
            write_json(path, found)
            if commit:
                commit_files([path], f"Study {study.name}: cost")
            return 0
        trainer = study.trainer(Path(getattr(asked, "data", "")), asked.work, plan)
        missing = carry_out(plan, trainer, path, asked.work, at_most=asked.at_most, commit=commit)
    except PotentialError as error:
        parser.error(str(error))
    say(f"{len(plan.keys) - missing} of {len(plan.keys)} trainings are done; results are in {path}")
    return 1 if missing else 0


def save_figure(figure: Any, path: Path) -> None:
    """Write a matplotlib figure as PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    write_whole(path, content.getvalue())
