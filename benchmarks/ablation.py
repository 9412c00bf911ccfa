"""What each part of the training recipe is worth, on silicon, over seeds; the test set is never looked at.

    python -m benchmarks.ablation run --data /path/to/mlearn --out runs/ablation --epochs 60 [--seeds 0 1 2] [--only …]
    python -m benchmarks.ablation report

The training file is cut once, stresses mended, into structures to train on and structures to validate on, the same for
all; the cut and the checkpoints stay in the folder `--out`. `run` trains on one thread; what is finished is left alone,
what was interrupted goes on after the last whole epoch. Every finished run adds a line to
benchmarks/results/ablation.jsonl, from which `report` makes a table.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ase.io
import torch
from ase.calculators.singlepoint import SinglePointCalculator

from gnnp_bench.accuracy.frames import Frame, read_frames
from reference_model.train import sanity
from reference_model.train.data import Sample, digest, prepare, split
from reference_model.train.files import read_checkpoint, write_checkpoint
from reference_model.train.loop import Trainer
from reference_model.train.metrics import compare, metrics, summary
from reference_model.train.recipe import Recipe
from reference_model.train.references import reference_energies
from reference_model.train.run import new_trainer
from reference_model.variants import hyperparameters

RESULTS = Path(__file__).parent / "results" / "ablation.jsonl"
SHARE, CUT_SEED, CUTOFF = 0.15, 0, 5.0
"""Of the structures, for validation: enough that the structures drawn decide less than the seed does."""
ERRORS = ("energy_mae_mev_per_atom", "forces_mae_mev_per_ang", "forces_rmse_mev_per_ang", "stress_mae_gpa")


@dataclass(frozen=True, slots=True)
class Trial:
    """One departure from the recipe.

    Attributes
    ----------
    what : str
        As the table names it.
    recipe : mapping
        Attributes of `Recipe` that differ from their defaults.
    network : mapping
        Attributes of `Hyperparameters` that do.
    initial : mapping of str to float
        What drawn weights are multiplied by, for parameters whose name ends so.
    stretch : float
        Epochs over those of the other trials.
    average : bool
        Whether averaged weights are validated; those of the last gradient step otherwise.
    """

    what: str
    recipe: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, float] = field(default_factory=dict)
    stretch: float = 1.0
    average: bool = True


TRIALS = {
    "recipe": Trial("the recipe"),
    "no-average": Trial("no average of weights", average=False),
    "loss-mae": Trial("norms and Huber losses instead of squares", {"loss": "mae"}),
    "no-late-energy": Trial("energy weight not raised late", {"late_energy_weight": 1.0}),
    "energy-weight-6": Trial("energy weight raised from the start", {"energy_weight": 6.0, "late_energy_weight": 1.0}),
    "stress-weight-0": Trial("no stresses", {"stress_weight": 0.0}),
    "stress-weight-0.5": Trial("stress weight 0.5", {"stress_weight": 0.5}),
    "lr-0.005": Trial("learning rate 0.005", {"learning_rate": 0.005}),
    "lr-0.02": Trial("learning rate 0.02", {"learning_rate": 0.02}),
    "batch-2": Trial("2 structures per step", {"batch": 2}),
    "batch-8": Trial("8 structures per step", {"batch": 8}),
    "clip-10": Trial("gradients clipped at 10", {"clip": 10.0}),
    "clip-1": Trial("gradients clipped at 1", {"clip": 1.0}),
    "no-decay": Trial("no decay of weights", {"weight_decay": 0.0}),
    "decay-0.1": Trial("decay of weights 0.1", {"weight_decay": 0.1}),
    "small-products": Trial("weights of products drawn a third as large", initial={"to_scalars": 1 / 3}),
    "large-products": Trial("weights of products drawn three times as large", initial={"to_scalars": 3.0}),
    "small-energies": Trial("weights to energies drawn a tenth as large", initial={"outer": 0.1}),
    "radial-6": Trial("6 radial functions", network={"n_radial": 6}),
    "radial-12": Trial("12 radial functions", network={"n_radial": 12}),
    "channels-32": Trial("32 channels", network={"n_channels": 32}),
    "one-layer": Trial("one layer", network={"n_layers": 1}),
    "lmax1": Trial("l_max 1", {"variant": "lmax1"}),
    "lmax3": Trial("l_max 3", {"variant": "lmax3"}),
    "equivariant": Trial("messages with vectors", {"variant": "equivariant"}),
    "equivariant-lmax3": Trial("messages with vectors, l_max 3", {"variant": "equivariant-lmax3"}),
    "half": Trial("half the epochs", stretch=0.5),
    "double": Trial("twice the epochs", stretch=2.0),
}


def cut(data: Path, out: Path, n_frames: int | None) -> tuple[list[Frame], list[Frame]]:
    """Return structures to train on and to validate on, from the folder or, the first time, from the training file."""
    files = [out / f"{use}.extxyz" for use in ("train", "valid")]
    if not all(file.exists() for file in files):
        frames = read_frames(data / "Si_train.extxyz")[0]
        evidence = sanity.examine(prepare(frames, CUTOFF, "structures"), ("Si",), CUTOFF, CUT_SEED)
        frames = [sanity.mended(frame, evidence)[0] for frame in frames]
        if n_frames is not None:
            frames = split(frames, 1.0 - n_frames / len(frames), CUT_SEED)[0]
        for file, part in zip(files, split(frames, SHARE, CUT_SEED), strict=True):
            _write(file, part)
    # Read back even the first time, so that a run that goes on has the same digits.
    train, valid = (read_frames(file)[0] for file in files)
    return train, valid


def _write(file: Path, frames: Sequence[Frame]) -> None:
    structures = []
    for frame in frames:
        atoms = frame.structure.copy()
        stress = {} if frame.stress is None else {"stress": frame.stress}
        atoms.calc = SinglePointCalculator(atoms, energy=frame.energy, forces=frame.forces, **stress)
        atoms.info["config_type"] = frame.config_type
        structures.append(atoms)
    ase.io.write(file, structures, format="extxyz")


def trained(
    trial: Trial, seed: int, epochs: int, train: Sequence[Sample], checkpoint: Path, identity: str
) -> tuple[Trainer, float]:
    """Train, or go on; return the trainer and the CPU seconds that all of it took."""
    recipe = Recipe(**{"variant": "lmax2", **trial.recipe, "seed": seed, "epochs": epochs, "cutoff": CUTOFF})
    hyper = hyperparameters(["Si"], recipe.variant, cutoff=CUTOFF, **trial.network)
    references = reference_energies(train, hyper.species).energies
    trainer = new_trainer(train, hyper, recipe, references, torch.device("cpu"))
    with torch.no_grad():
        for network in (trainer.network, trainer.average):
            for name, weight in network.named_parameters():
                weight.mul_(next((factor for end, factor in trial.initial.items() if name.endswith(end)), 1.0))
    spent = 0.0
    if checkpoint.exists():
        found = read_checkpoint(checkpoint)
        if found["course"]["identity"] != identity:
            raise SystemExit(f"{checkpoint} is of another run: name another folder with --out")
        trainer.restore(found["state"])
        spent = found["course"]["seconds"]
    while trainer.epoch < epochs:
        began = time.process_time()
        for _ in trainer.run_epoch(epochs):
            pass
        spent += time.process_time() - began
        course = {"identity": identity, "seconds": spent}
        write_checkpoint(checkpoint, {"state": trainer.state(), "course": course})
    return trainer, spent


def run(names: Sequence[str], seeds: Sequence[int], epochs: int, out: Path, parts: tuple[list[Frame], ...]) -> None:
    """Train what is not yet among the results, seed by seed, and add a line for each."""
    train, valid = (prepare(part, CUTOFF, "structures") for part in parts)
    data = digest([*parts[0], *parts[1]])
    for seed in seeds:
        for name in names:
            trial = TRIALS[name]
            length = max(1, round(trial.stretch * epochs))
            key = {"trial": name, "seed": seed, "epochs": epochs, "data": data[:16]}
            if any(key.items() <= row.items() for row in rows()):
                continue
            # The same training serves both: only what is validated differs.
            folder = "recipe" if name == "no-average" else name
            settings = dataclasses.asdict(Recipe(**{"variant": "lmax2", **trial.recipe, "seed": seed}))
            identity = json.dumps([settings, dict(trial.network), dict(trial.initial), length, data], sort_keys=True)
            checkpoint = out / f"{folder}-{seed}-{epochs}.pt"
            trainer, seconds = trained(trial, seed, length, train, checkpoint, identity)
            found = metrics(compare(trainer.average if trial.average else trainer.network, valid))
            line = key | {
                "structures": [len(train), len(valid)],
                "recipe": settings,
                "network": dict(trial.network),
                "initial": dict(trial.initial),
                "cpu_s": round(seconds, 1),
                **{error: found[error] for error in ERRORS},
            }
            with RESULTS.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{name}, seed {seed}: {summary(found)} ({seconds:.0f} s)", flush=True)


def rows() -> list[dict[str, Any]]:
    """Return the results so far."""
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


def report(found: Sequence[Mapping[str, Any]], epochs: int | None) -> list[str]:
    """Return lines of a Markdown table: mean ± standard deviation over seeds, of the longest runs unless told."""
    epochs = epochs or max(row["epochs"] for row in found)
    chosen = [row for row in found if row["epochs"] == epochs]
    data = chosen[-1]["data"]
    chosen = [row for row in chosen if row["data"] == data]
    n_train, n_valid = chosen[0]["structures"]
    lines = [
        f"{epochs} epochs, {n_train} structures to train on, {n_valid} to validate on; mean ± standard deviation:",
        "",
        "| what | seeds | energy MAE, meV/atom | force MAE, meV/Å | force RMSE, meV/Å | stress MAE, GPa | CPU, s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, trial in TRIALS.items():
        mine = [row for row in chosen if row["trial"] == name]
        if mine:
            errors = " | ".join(_spread([row[error] for row in mine]) for error in ERRORS)
            seconds = statistics.mean(row["cpu_s"] for row in mine)
            lines.append(f"| {trial.what} | {len(mine)} | {errors} | {seconds:.0f} |")
    return lines


def _spread(values: Sequence[float]) -> str:
    mean = statistics.mean(values)
    digits = 3 if mean < 1.0 else 2 if mean < 10.0 else 1
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean:.{digits}f}{spread}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["run", "report"])
    parser.add_argument("--data", type=Path, default=os.environ.get("GNNP_BENCH_DATA"))
    parser.add_argument("--out", type=Path, help="folder of the cut and the checkpoints")
    parser.add_argument("--epochs", type=int, help="of the recipe; report shows the longest if not given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--frames", type=int, help="so many structures instead of all, to see that it works")
    asked = parser.parse_args()
    if asked.action == "report":
        if not rows():
            parser.error(f"{RESULTS} holds nothing yet")
        print("\n".join(report(rows(), asked.epochs)))
        return 0
    if asked.data is None or asked.out is None or asked.epochs is None:
        parser.error("run needs --data (or GNNP_BENCH_DATA), --out and --epochs")
    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    run(asked.only, asked.seeds, asked.epochs, asked.out, cut(Path(asked.data), asked.out, asked.frames))
    return 0


if __name__ == "__main__":
    sys.exit(main())
