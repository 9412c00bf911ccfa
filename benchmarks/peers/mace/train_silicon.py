"""Trains MACE 64x0e on the silicon of mlearn for so many minutes on one thread, and measures its errors as ours are.

    python -m benchmarks.peers.mace.train_silicon --data /path/to/mlearn --minutes 30 --out runs/mace-silicon

MACE's own `mace_run_train` trains, in its own environment, with the settings that its documentation recommends and the
structures that `gnnp-bench train` holds out for validation with seed 0, stresses mended as that command mends them.
Two epochs are timed first; the number of
epochs that fills the minutes follows from them. The checkpoint that MACE itself selects, on validation data, is then
tested. Minutes are CPU time: the wall time of one thread that nobody disturbs. Logs, checkpoints and structures stay
in the folder `--out`; errors go to benchmarks/results/mace_silicon.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms

from benchmarks.peers.mace import environment
from benchmarks.reference_speed import machine
from gnnp_bench.accuracy.frames import Frame, read_frames
from reference_model.train import sanity
from reference_model.train.data import prepare, split
from reference_model.train.metrics import Comparison, Metrics, metrics, summary
from reference_model.train.recipe import SHARE_HELD_OUT

RESULTS = Path(__file__).parents[2] / "results" / "mace_silicon.json"
SEED = 0
CUTOFF = 5.0
"""Å"""
STAGE_TWO = 0.8
"""Share of the epochs after which MACE's stage two begins: a small learning rate and a large weight of the energy."""
SETTINGS: dict[str, str | None] = {
    # The network of benchmarks/peers/mace/serve.py.
    "model": "MACE",
    "num_channels": "64",
    "max_L": "0",
    "max_ell": "2",
    "correlation": "3",
    "num_interactions": "2",
    "r_max": "5.0",
    "default_dtype": "float32",
    # Reference energies by least squares: the data hold no isolated atom.
    "E0s": "average",
    "compute_stress": "True",
    # Few structures and few epochs: small batches, for MACE's authors count gradient steps.
    "batch_size": "4",
    "valid_batch_size": "10",
    "lr": "0.01",
    "amsgrad": None,
    "ema": None,
    "ema_decay": "0.99",
    "device": "cpu",
    "plot": "False",
}
"""Arguments of `mace_run_train`; what is not named here stays at its default. None marks a switch."""
LOSSES: dict[str, dict[str, str | None]] = {
    "stress": {"loss": "stress"},
    "universal": {"loss": "universal", "energy_weight": "1", "forces_weight": "10", "stress_weight": "100"},
}
"""Squares with the default weights, and Huber's function with the weights of MACE's published general models."""


@dataclass(frozen=True, slots=True)
class Training:
    """One run of `mace_run_train`.

    Attributes
    ----------
    model : Path
        Of the last stage.
    wall_s, cpu_s : float
        From the first epoch to the last, validation included.
    """

    model: Path
    wall_s: float
    cpu_s: float


def write(frames: Sequence[Frame], path: Path) -> None:
    """Write frames with labels under the names that MACE looks for."""
    structures = []
    for frame in frames:
        atoms = frame.structure.copy()
        atoms.info["REF_energy"] = frame.energy
        atoms.arrays["REF_forces"] = frame.forces
        if frame.stress is not None:
            atoms.info["REF_stress"] = frame.stress
        structures.append(atoms)
    ase.io.write(path, structures, format="extxyz")


def run(program: str, folder: Path, arguments: Sequence[str]) -> tuple[float, float]:
    """Run a program of MACE's environment in a folder; return wall and CPU seconds. Its output goes to NAME.out."""
    python = environment.interpreter()
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with (folder / f"{program}.out").open("w") as output:
        subprocess.run(
            [str(python), str(python.parent / program), *arguments],
            cwd=folder,
            env=os.environ | environment.SETTINGS,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - started, cpu


def settings(loss: str, epochs: int) -> dict[str, str | None]:
    """Return the arguments of `mace_run_train` for a number of epochs, two at least: one for either stage."""
    return (
        SETTINGS
        | LOSSES[loss]
        | {
            "seed": str(SEED),
            "max_num_epochs": str(epochs),
            "stage_two": None,
            "start_stage_two": str(min(epochs - 1, max(1, round(STAGE_TWO * epochs)))),
        }
    )


def train(folder: Path, train_file: Path, valid_file: Path, chosen: Mapping[str, str | None]) -> Training:
    """Train in a new folder."""
    folder.mkdir(parents=True)
    given = {"name": "mace", "train_file": str(train_file), "valid_file": str(valid_file), **chosen}
    arguments = [
        word for name, value in given.items() for word in ([f"--{name}"] if value is None else [f"--{name}", value])
    ]
    wall, cpu = run("mace_run_train", folder, arguments)
    lines = (folder / "logs" / f"mace_run-{SEED}.log").read_text().splitlines()
    trained = moment(lines, "Training complete") - moment(lines, "Initial: ")
    # The log tells wall time alone; the share of it that the thread had is that of the whole process.
    return Training(folder / "mace_stagetwo.model", trained, trained * min(1.0, cpu / wall))


def moment(lines: Sequence[str], what: str) -> float:
    """Return when a line of MACE's log was written, s."""
    line = next((line for line in lines if what in line), None)
    if line is None:
        raise RuntimeError(f"MACE's log has no line with {what!r}")
    return datetime.fromisoformat(" ".join(line.split()[:2])).timestamp()


def test(model: Path, frames: Sequence[Frame], folder: Path, name: str) -> Metrics:
    """Return the errors of a trained model, evaluated by MACE's own `mace_eval_configs`."""
    asked, answered = folder / f"{name}.extxyz", folder / f"{name}_predicted.extxyz"
    write(frames, asked)
    arguments = ["--configs", str(asked), "--model", str(model), "--output", str(answered)]
    run(
        "mace_eval_configs",
        folder,
        [*arguments, "--default_dtype", "float32", "--compute_stress", "--batch_size", "10"],
    )
    predicted = ase.io.read(answered, ":", format="extxyz")
    assert isinstance(predicted, list)
    return metrics(comparison(frames, predicted))


def comparison(frames: Sequence[Frame], predicted: Sequence[Atoms]) -> Comparison:
    """Return labels beside what MACE has written into structures."""
    sizes = np.array([len(frame.structure) for frame in frames])
    energies = np.array([[frame.energy for frame in frames], [atoms.info["MACE_energy"] for atoms in predicted]])
    nothing = np.full((3, 3), np.nan)
    known = np.stack([nothing if frame.stress is None else frame.stress for frame in frames])
    stresses = np.stack([np.asarray(atoms.info["MACE_stress"]).reshape(3, 3) for atoms in predicted])
    return Comparison(
        energies / sizes,
        np.stack(
            [
                np.concatenate([frame.forces for frame in frames]),
                np.concatenate([atoms.arrays["MACE_forces"] for atoms in predicted]),
            ]
        ),
        np.stack([known, np.where(np.isnan(known), np.nan, stresses)]),
        np.array([frame.config_type for frame in frames]),
        np.concatenate([np.array(frame.structure.get_chemical_symbols()) for frame in frames]),
        np.repeat(np.arange(len(frames)), sizes),
    )


def versions() -> dict[str, str]:
    """Return the versions of what trains."""
    packages = ("mace-torch", "torch", "e3nn", "numpy")
    program = f"import importlib.metadata as m, json; print(json.dumps({{p: m.version(p) for p in {packages}}}))"
    done = subprocess.run([environment.interpreter(), "-c", program], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main() -> None:
    """Train, test, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("GNNP_BENCH_DATA"), help="folder of the mlearn files"
    )
    parser.add_argument("--minutes", type=float, required=True, help="CPU time of training on one thread")
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--loss", choices=list(LOSSES), default="universal")
    parser.add_argument(
        "--trial", action="store_true", help="validate only: do not look at the test set, record nothing"
    )
    asked = parser.parse_args()
    if asked.data is None:
        parser.error("name the folder of the mlearn files with --data or in GNNP_BENCH_DATA")
    if asked.out.exists():
        parser.error(f"{asked.out} exists already")
    out, data = asked.out.resolve(), Path(asked.data)
    out.mkdir(parents=True)
    chosen, held = split(read_frames(data / "Si_train.extxyz")[0], SHARE_HELD_OUT, SEED)
    evidence = sanity.examine(prepare(chosen, CUTOFF, "training structures"), ("Si",), CUTOFF, SEED)
    chosen, held = ([sanity.mended(frame, evidence)[0] for frame in frames] for frames in (chosen, held))
    train_file, valid_file = out / "train.extxyz", out / "valid.extxyz"
    write(chosen, train_file)
    write(held, valid_file)
    timed = train(out / "timing", train_file, valid_file, settings(asked.loss, 2))
    epochs = max(2, int(60.0 * asked.minutes / (timed.cpu_s / 2)))
    print(f"an epoch takes {timed.cpu_s / 2:.1f} s: {epochs} epochs", flush=True)
    given = settings(asked.loss, epochs)
    done = train(out / "training", train_file, valid_file, given)
    found: dict[str, Any] = {
        "machine": machine(),
        "versions": versions(),
        "minutes": {"asked": asked.minutes, "cpu": done.cpu_s / 60.0, "wall": done.wall_s / 60.0},
        "epochs": epochs,
        "structures": {"train": len(chosen), "valid": len(held)},
        "settings": {name: True if value is None else value for name, value in given.items()},
        "valid": test(done.model, held, out, "valid"),
    }
    print(f"validation: {summary(found['valid'])}", flush=True)
    if asked.trial:
        return
    tested = [sanity.mended(frame, evidence)[0] for frame in read_frames(data / "Si_test.extxyz")[0]]
    found["test"] = test(done.model, tested, out, "test")
    print(f"test: {summary(found['test'])}", flush=True)
    for path in (RESULTS, out / "result.json"):
        path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
