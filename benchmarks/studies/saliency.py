"""The study of docs/studies/saliency.md: which elements the energies of three networks hang on.

    python -m benchmarks.studies.saliency run [--only GLOB] [--minutes 4]
    python -m benchmarks.studies.saliency table

CHGNet and SevenNet are looked at with all their species. The reference potential is trained three times on twelve
species, each equally often, on structures that CHGNet labels: what it learns is CHGNet's physics. `run` keeps each
result in benchmarks/results/studies, leaves out what is there, and keeps labels and trainings in a folder of the
system's for temporary files until it has what it needs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from benchmarks.sources import ROOT
from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import ALL_PROPERTIES
from gnnp_bench.saliency.structures import balanced

RESULTS = ROOT / "benchmarks" / "results" / "studies"
FIGURES = ROOT / "docs" / "images"
SPECIES = ("Li", "O", "Na", "Mg", "Al", "Si", "Cl", "Ti", "Fe", "Cu", "Ge", "Mo")
LABELLED_BY = "chgnet:0.3.0"
SEEDS = (0, 1, 2)
"""Of the trainings."""
DRAWN = (101, 102, 103, 104)
"""Seeds of the balanced sets that are labelled, none of which saliency is measured on."""
STRAIN = 0.06
LARGEST_FORCE = 20.0
"""eV/Å. What is pressed harder is left out."""
BATCH = 64
NETWORKS = {"chgnet": "chgnet:0.3.0", "sevennet": "sevennet:7net-0"}


def training_set() -> Iterator[Atoms]:
    """Yield structures like those that saliency is measured on, strained as well, with energy, forces and stress."""
    potential = load(LABELLED_BY, None).potential
    rng = np.random.default_rng(0)
    every = [structure for seed in DRAWN for structure in balanced(SPECIES, seed)]
    for structure in every:
        strain = np.eye(3) + rng.uniform(-STRAIN, STRAIN, (3, 3))
        structure.set_cell(structure.cell.array @ (strain + strain.T) / 2, scale_atoms=True)
    for start in range(0, len(every), BATCH):
        batch = every[start : start + BATCH]
        for structure, found in zip(batch, potential.evaluate(batch, ALL_PROPERTIES), strict=True):
            assert found.forces is not None
            assert found.stress is not None
            if np.abs(found.forces).max() < LARGEST_FORCE:
                voigt = found.stress.ravel()[[0, 4, 8, 5, 2, 1]]
                structure.calc = SinglePointCalculator(
                    structure, energy=found.energy, forces=found.forces, stress=voigt
                )
                yield structure


def run(only: str, minutes: float) -> None:
    """Measure what is missing."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name, spec in NETWORKS.items():
        if fnmatchcase(name, only):
            _measured(name, spec)
    wanted = [seed for seed in SEEDS if fnmatchcase(f"reference-{seed}", only)]
    if all(_result(f"reference-{seed}").exists() for seed in wanted):
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "labelled.extxyz"
        ase.io.write(file, list(training_set()))
        for seed in wanted:
            if _result(f"reference-{seed}").exists():
                continue
            out = Path(folder) / f"seed{seed}"
            _command("train", str(file), "--out", str(out), "--seed", str(seed), "--minutes", str(minutes))
            _measured(f"reference-{seed}", f"reference:{out}", json.loads((out / "metrics.json").read_text()))


def _result(name: str) -> Path:
    return RESULTS / f"saliency-{name}.json"


def _command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "gnnp_bench", *arguments], check=True, cwd=ROOT)


def _measured(name: str, spec: str, metrics: dict[str, Any] | None = None) -> None:
    if _result(name).exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        _command("saliency", spec, "--json", str(file), "--plot", str(FIGURES / f"saliency-{name}.png"))
        found = json.loads(file.read_text())
    found["potential"]["spec"] = spec if metrics is None else "reference, trained for this study"
    if metrics is not None:
        found["errors"] = metrics.get("valid", metrics)
    _result(name).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def rows(names: Iterable[str]) -> Iterator[str]:
    """Yield the table of correlations: a row for each property, a column for each network at the layer drawn."""
    found = {name: json.loads(_result(name).read_text()) for name in names if _result(name).exists()}
    yield "| | " + " | ".join(f"{name}, {one['drawn']}" for name, one in found.items()) + " |"
    yield "| --- |" + " --- |" * len(found)
    asked = next(iter(found.values()))
    for title in asked["correlations"][asked["drawn"]]:
        cells = (_cell(one["correlations"][one["drawn"]][title]) for one in found.values())
        yield f"| {title} | " + " | ".join(cells) + " |"


def _cell(one: dict[str, Any]) -> str:
    if one["rho"] is None:
        return "–"
    p = one["p_corrected"]
    return f"{one['rho']:+.2f}" + ("" if p is None else f" (p = {p:.2g})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="measure what is missing")
    running.add_argument("--only", default="*", help="chgnet, sevennet, reference-0 …, as a glob")
    running.add_argument("--minutes", type=float, default=4.0, help="of a training")
    commands.add_parser("table", help="the table of the page")
    arguments = parser.parse_args()
    if arguments.command == "run":
        run(arguments.only, arguments.minutes)
    else:
        print("\n".join(rows([*NETWORKS, *(f"reference-{seed}" for seed in SEEDS)])))


if __name__ == "__main__":
    main()
