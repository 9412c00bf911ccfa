"""Small labelled structures, whose labels follow from a formula: ASE's effective medium theory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from gnnp_bench.accuracy.frames import Frame


def crystals(n: int, seed: int = 0, symbol: str = "Cu") -> list[Atoms]:
    """Return strained and shaken fcc cells of four atoms."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(n):
        atoms = bulk(symbol, cubic=True)
        strain = 0.04 * rng.standard_normal((3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.5 * (strain + strain.T)), scale_atoms=True)
        atoms.rattle(0.12, rng=rng)
        atoms.info["config_type"] = ("warm", "hot")[index % 2]
        found.append(labelled(atoms))
    return found


def molecules(n: int, seed: int = 0) -> list[Atoms]:
    """Return shaken molecules of water and carbon dioxide."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(n):
        atoms = molecule(("H2O", "CO2")[index % 2])
        atoms.rattle(0.05, rng=rng)
        found.append(labelled(atoms))
    return found


def labelled(atoms: Atoms) -> Atoms:
    """Return a copy with energy, forces and, in a crystal, stress."""
    bare = atoms.copy()
    bare.calc = EMT()
    results = {"energy": bare.get_potential_energy(), "forces": bare.get_forces()}
    if atoms.pbc.all():
        results["stress"] = bare.get_stress()
    bare.calc = SinglePointCalculator(bare, **results)
    return bare


def as_frames(structures: list[Atoms]) -> list[Frame]:
    return [
        Frame(
            Atoms(a.numbers, a.positions, cell=a.cell.array, pbc=a.pbc),
            a.get_potential_energy(),
            a.get_forces(),
            a.get_stress(voigt=False) if a.pbc.all() else None,
            str(a.info.get("config_type", "")),
        )
        for a in structures
    ]


def save(path: Path, structures: list[Atoms]) -> Path:
    write(path, structures, format="extxyz")
    return path
