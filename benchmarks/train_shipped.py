"""Trains the weights that are shipped, and those behind the tables of docs/training.md.

    python -m benchmarks.train_shipped run --data /path/to/mlearn --out runs [--only default silicon …]
    python -m benchmarks.train_shipped ship --out runs
    python -m benchmarks.train_shipped report

`run` trains one model after the other on one thread, each in its folder under `--out` with a log; what is finished is
left alone, what was interrupted goes on. `ship` copies the weights of finished models to reference_model/weights,
metrics and logs of all of them to benchmarks/results/training, from which `report` prints the tables of
docs/training.md. Seeds and epochs are fixed, so that one kind of CPU gives the same bits again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "reference_model" / "weights"
RESULTS = ROOT / "benchmarks" / "results" / "training"
SIX = ("Li", "Si", "Ni", "Cu", "Ge", "Mo")
PAIR = ("Si", "Cu")


@dataclass(frozen=True, slots=True)
class Plan:
    """One model.

    Attributes
    ----------
    elements : tuple of str
    epochs : int
    variant : str
    penalty : float
        On what swapping like atoms changes.
    shipped : bool
        The others are trained for the tables alone.
    """

    elements: tuple[str, ...]
    epochs: int
    variant: str = "lmax2"
    penalty: float = 0.0
    shipped: bool = True


EPOCHS = 40
VARIANT_EPOCHS = 12
PLANS = {
    "default": Plan(SIX, EPOCHS),
    "silicon": Plan(("Si",), 60, shipped=False),
    "silicon-equivariant": Plan(("Si",), 60, "equivariant", shipped=False),
    "silicon-lmax3": Plan(("Si",), 60, "lmax3", shipped=False),
    "silicon-equivariant-lmax3": Plan(("Si",), 60, "equivariant-lmax3", shipped=False),
    "nickel-lmax3": Plan(("Ni",), 60, "lmax3", shipped=False),
    "nickel-equivariant-lmax3": Plan(("Ni",), 60, "equivariant-lmax3", shipped=False),
    **{
        name: Plan(PAIR, VARIANT_EPOCHS, name)
        for name in (
            "lmax2",
            "twobody",
            "invariant",
            "direct",
            "ordered",
            "lmax1",
            "adaptive",
            "equivariant",
            "lmax3",
        )
    },
    "equivariant-lmax3": Plan(PAIR, VARIANT_EPOCHS, "equivariant-lmax3", shipped=False),
    "ordered-penalised": Plan(PAIR, VARIANT_EPOCHS, "ordered", penalty=1.0),
    **{f"only-{element}": Plan((element,), EPOCHS, shipped=False) for element in SIX},
}


def command(name: str, data: Path, out: Path) -> list[str]:
    """Return the arguments of `gnnp-bench` that train a model."""
    plan = PLANS[name]
    arguments = ["train", *(str(data / f"{element}_train.extxyz") for element in plan.elements)]
    for element in plan.elements:
        arguments += ["--test", str(data / f"{element}_test.extxyz")]
    arguments += ["--variant", plan.variant, "--epochs", str(plan.epochs), "--seed", "0", "--out", str(out / name)]
    return arguments + (["--permutation-penalty", str(plan.penalty)] if plan.penalty else [])


def run(names: list[str], data: Path, out: Path) -> int:
    """Train models one after the other; return how many could not be."""
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in names:
        if (out / name / "metrics.json").exists():
            continue
        with (out / f"{name}.log").open("a") as log:
            line = [sys.executable, "-m", "gnnp_bench.cli", *command(name, data, out)]
            done = subprocess.run(line, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
        print(f"{name}: {'done' if done.returncode == 0 else f'failed, see {out / name}.log'}", flush=True)
        failed += done.returncode != 0
    return failed


def ship(out: Path) -> None:
    """Copy what is finished."""
    WEIGHTS.mkdir(exist_ok=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name, plan in PLANS.items():
        if not (out / name / "metrics.json").exists():
            print(f"{name} is not finished")
            continue
        shutil.copyfile(out / name / "metrics.json", RESULTS / f"{name}.json")
        # Logs name folders of the machine that trained.
        log = (out / f"{name}.log").read_text().replace(str(out), "run")
        (RESULTS / f"{name}.log").write_text(log)
        if plan.shipped:
            shutil.copyfile(out / name / "model.safetensors", WEIGHTS / f"{name}.safetensors")


def found(name: str) -> dict[str, Any] | None:
    """Return the metrics of a model that was shipped, or None."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def errors() -> list[str]:
    """Return mean absolute errors on the test sets, a line of a Markdown table for each model."""
    lines = [
        "| network | trained on | variant | epochs | minutes | energy, meV/atom | forces, meV/Å | stress, GPa |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, plan in PLANS.items():
        if (metrics := found(name)) is None:
            continue
        data = "six elements" if plan.elements == SIX else ", ".join(plan.elements)
        test, minutes = metrics["test"], metrics["seconds"] / 60.0
        lines.append(
            f"| `{name}` | {data} | {plan.variant} | {metrics['epochs']} | {minutes:.1f} |"
            f" {test['energy_mae_mev_per_atom']:.2f} | {test['forces_mae_mev_per_ang']:.1f} |"
            f" {test['stress_mae_gpa']:.3f} |"
        )
    return lines


def together() -> list[str]:
    """Return what it costs that six elements share a network, a line of a Markdown table for each."""
    default = found("default")
    lines = [
        "| element | alone: RMSE of energy, meV/atom | RMSE of forces, meV/Å | MAE of forces, meV/Å"
        " | in `default`: MAE of forces, meV/Å | more |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for element in SIX:
        alone = found(f"only-{element}")
        if default is None or alone is None:
            continue
        test, shared = alone["test"], default["test"]["per_species"][element]["forces_mae_mev_per_ang"]
        lines.append(
            f"| {element} | {test['energy_rmse_mev_per_atom']:.2f} | {test['forces_rmse_mev_per_ang']:.1f} |"
            f" {test['forces_mae_mev_per_ang']:.1f} | {shared:.1f} |"
            f" {100.0 * (shared / test['forces_mae_mev_per_ang'] - 1.0):+.0f} % |"
        )
    return lines


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["run", "ship", "report"])
    parser.add_argument("--data", type=Path, default=os.environ.get("GNNP_BENCH_DATA"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(PLANS), default=list(PLANS))
    arguments = parser.parse_args()
    if arguments.action == "report":
        print("\n".join([*errors(), "", *together()]))
        return 0
    if arguments.out is None:
        parser.error("name the folder of the runs with --out")
    if arguments.action == "ship":
        ship(arguments.out)
        return 0
    if arguments.data is None:
        parser.error("name the folder of the mlearn files with --data or in GNNP_BENCH_DATA")
    return 1 if run(arguments.only, Path(arguments.data), arguments.out) else 0


if __name__ == "__main__":
    sys.exit(main())
