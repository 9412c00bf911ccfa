"""A small data set of our own making, and a network fitted to it: what benchmarks measure accuracy on.

    python -m benchmarks.alloy

Crystals of copper and gold, strained and shaken, labelled by a closed formula (the embedded atom of tests/analytic, in
float64), hence without noise. Writes benchmarks/data/alloy_{train,test}.extxyz and the network, benchmarks/data/alloy.
asv trains anew at every revision (`trained_errors`), which tells of the recipe and of the model; the gate evaluates the
network that is committed (`errors`), which tells of the arithmetic.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

DATA = Path(__file__).parent / "data"
NETWORK = DATA / "alloy"
FRAMES = {"train": 80, "test": 24}
EPOCHS = 100
"""A quarter of a minute on one core."""
STRAIN, SHAKEN = 0.04, (0.02, 0.2)
"""Largest component of strain; standard deviations of displacements, Å."""
KEYS = {
    "energy, meV/atom": "energy_mae_mev_per_atom",
    "forces, meV/Å": "forces_mae_mev_per_ang",
    "stress, GPa": "stress_mae_gpa",
}


def file(use: str) -> Path:
    """Return the file of the structures to train on or to test on."""
    return DATA / f"alloy_{use}.extxyz"


def crystal(rng: np.random.Generator) -> Atoms:
    """Return eight atoms of copper and gold on a strained fcc lattice, shaken."""
    atoms: Atoms = bulk("Cu", "fcc", a=rng.uniform(3.6, 4.1), cubic=True).repeat((2, 1, 1))
    atoms.symbols = rng.choice(["Cu", "Au"], size=len(atoms))
    strain = rng.uniform(-STRAIN, STRAIN, size=(3, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    atoms.positions += rng.normal(scale=rng.uniform(*SHAKEN), size=atoms.positions.shape)
    return atoms


def labelled(use: str) -> list[Atoms]:
    """Return the structures with energy, forces and stress."""
    from gnnp_bench.potential import ALL_PROPERTIES
    from tests.analytic import embedded_atom

    rng = np.random.default_rng(list(FRAMES).index(use))
    structures = [crystal(rng) for _ in range(FRAMES[use])]
    truth = embedded_atom(species=("Cu", "Au")).evaluate(structures, ALL_PROPERTIES)
    for atoms, found in zip(structures, truth, strict=True):
        atoms.calc = SinglePointCalculator(atoms, energy=found.energy, forces=found.forces, stress=found.stress)
    return structures


def trained_errors(variant: str, out: Path | None = None) -> dict[str, float]:
    """Train with the defaults of this revision; return mean absolute errors on the test structures.

    Raises
    ------
    NotImplementedError
        This revision does not train, or not this variant.
    """
    try:
        from gnnp_bench.cli import main
    except ImportError as error:
        raise NotImplementedError("this revision does not train") from error
    with tempfile.TemporaryDirectory() as folder:
        place = out or Path(folder) / "run"
        options = {"--test": file("test"), "--variant": variant, "--epochs": EPOCHS, "--out": place}
        asked = [str(word) for option in options.items() for word in option]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = main(["train", str(file("train")), "--trust-labels", *asked])
        if status:
            raise NotImplementedError(f"this revision does not train {variant}: {said.getvalue().strip()[-200:]}")
        test = json.loads((place / "metrics.json").read_text())["test"]
    return {name: float(test[key]) for name, key in KEYS.items()}


@cache
def test_structures() -> list[Atoms]:
    """Return the labelled test structures as they are committed."""
    return ase.io.read(file("test"), ":")  # type: ignore[return-value]


def errors(predictions: Sequence[Any]) -> dict[str, float]:
    """Return mean absolute errors of predictions for the test structures, in the units of `KEYS`."""
    off: dict[str, list[float]] = {name: [] for name in KEYS}
    for atoms, found in zip(test_structures(), predictions, strict=True):
        deviations = (
            1e3 * (found.energy - atoms.get_potential_energy()) / len(atoms),
            1e3 * (found.forces - atoms.get_forces()),
            (found.stress - atoms.get_stress(voigt=False)) / units.GPa,
        )
        for name, deviation in zip(KEYS, deviations, strict=True):
            off[name].append(float(np.abs(deviation).mean()))
    return {name: float(np.mean(values)) for name, values in off.items()}


def main() -> int:
    """Make the data set and the network, and print the errors of the latter."""
    DATA.mkdir(exist_ok=True)
    for use in FRAMES:
        ase.io.write(file(use), labelled(use))
    with tempfile.TemporaryDirectory() as folder:
        found = trained_errors("lmax1", Path(folder) / "run")
        NETWORK.mkdir(exist_ok=True)
        shutil.copyfile(Path(folder) / "run" / "model.safetensors", NETWORK / "model.safetensors")
    print(", ".join(f"{value:.3g} {name}" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
