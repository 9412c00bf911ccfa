"""What one structure changes to: positions, cell, species, periodicity, charge; much, little, or not at all."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.check import Case
from gnnp_bench.checks.common import species_reordered
from gnnp_bench.checks.robustness.trajectories import WAYS, possible
from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.carried import another, made_legal, totals

CHANGES = (
    "all a little",
    "positions",
    "cell",
    "species",
    "order of species",
    "periodicity",
    "little",
    "last atom",
    "cell a little",
    "angles",
    "nothing",
    "far",
    "first atom",
    "two atoms",
    "shape",
    "one periodicity",
    "cell a little",
    "gradually",
    "exchange",
    "from outside",
    "cell gradually",
)
TOTALS = "totals"
"""Charge and spin, or what atoms carry of them, where a potential reads such: nothing else changes."""
NUDGE = 0.05
"""Å, and strain"""
FAR = 0.4
"""Å, by which every atom moves: further than the skin of a list of neighbours that is kept on purpose, so that one kept
for too long lacks some."""
SLIGHTLY = 1e-3
"""Strain, which a cache that compares cells roughly takes for nothing."""
LITTLE = 5e-4
"""Å, by which one atom moves: a cache that compares roughly takes it for nothing, and forces tell it."""
ALL_A_LITTLE = 9e-4
"""Å, by which every coordinate changes, up or down."""
OF_ONE_ATOM = {"first atom": 0, "last atom": -1}
"""By its index: where indices go wrong."""
OF_POSITIONS = ("positions", "far", "first atom", "last atom", "two atoms", "little", "all a little")
OF_CELL = ("cell", "cell a little", "angles", "shape", "periodicity", "one periodicity")


def is_possible(change: str, structure: Atoms) -> bool:
    """Return whether a structure can change so, and is another one then."""
    if change in OF_CELL:
        # Where no direction is periodic the cell means nothing; with one periodic direction left, two are to differ.
        fewest = 2 if change in ("angles", "shape", "one periodicity") else 1
        return int(structure.pbc.sum()) >= fewest
    if change == TOTALS:
        return bool(totals(structure))
    if change in OF_POSITIONS:  # a single atom, and all its images with it, is only shifted
        return len(structure) > 1
    if change in WAYS:
        return possible(structure, change)
    if change == "exchange":
        return len(set(structure.numbers)) < len(structure)
    return "species" not in change or len(set(structure.numbers)) > 1


def subject_of(case: Case) -> Atoms:
    """Return the structure that the first is changed to."""
    structure, change, seed = case.structure, str(case.parameters["change"]), int(case.parameters["seed"])
    if change == TOTALS:
        other = another(np.random.default_rng(seed), structure, charged=bool(case.parameters["charged"]))
        return structure if other is None else other
    return _changed(structure, change, seed)


def _changed(structure: Atoms, change: str, seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    changed: Atoms = structure.copy()
    n_atoms, cell = len(structure), structure.cell.array
    if change == "positions":
        changed.positions = changed.positions + rng.normal(scale=NUDGE, size=changed.positions.shape)
    elif change == "far":
        changed.positions = changed.positions + FAR * _directions(rng, n_atoms)
    elif change in OF_ONE_ATOM:
        changed.positions[OF_ONE_ATOM[change]] += NUDGE * _directions(rng, 1)[0]
    elif change == "two atoms":  # their sum stays
        first, second = rng.choice(n_atoms, size=2, replace=False)
        step = NUDGE * _directions(rng, 1)[0]
        changed.positions[first] += step
        changed.positions[second] -= step
    elif change == "exchange":  # of atoms of one species: the same structure, in which no index has its neighbours
        order = np.arange(n_atoms)
        for number in np.unique(changed.numbers):
            like = rng.permutation(np.flatnonzero(changed.numbers == number))
            order[like] = np.roll(like, 1)
        changed.positions = changed.positions[order]
    elif change == "little":
        changed.positions[int(rng.integers(n_atoms))] += LITTLE / np.sqrt(3.0)
    elif change == "all a little":
        changed.positions = changed.positions + ALL_A_LITTLE * rng.choice((-1.0, 1.0), size=(n_atoms, 3))
    elif change == "species":  # one atom becomes another; a mere swap may be a symmetry of the crystal
        numbers = changed.numbers.copy()
        numbers[0] = numbers[np.flatnonzero(numbers != numbers[0])[0]]
        changed.numbers = numbers
    elif change == "order of species":  # the composition stays as it is
        changed.numbers = species_reordered(rng, structure)
    elif change == "periodicity":
        changed.pbc = False
    elif change == "one periodicity":
        changed.pbc[int(rng.choice(np.flatnonzero(structure.pbc)))] = False
    elif change in OF_CELL:  # the cell alone: positions stay to the last bit
        changed.set_cell(_changed_cell(rng, cell, structure.pbc, change))
    elif change != "nothing":
        raise ValueError(f"change must be one of {', '.join((TOTALS, *CHANGES))}, got {change!r}")
    return made_legal(changed)


def _changed_cell(rng: np.random.Generator, cell: FloatArray, pbc: NDArray[np.bool_], change: str) -> FloatArray:
    """Return another cell: with lengths kept ("angles"), with volume kept ("shape"), or scaled."""
    if change == "cell":
        return cell * (1.0 + NUDGE)
    if change == "cell a little":
        return cell * (1.0 + SLIGHTLY)
    first, second = rng.permutation(np.flatnonzero(pbc))[:2]
    changed = cell.copy()
    if change == "shape":
        changed[first] *= 1.0 + NUDGE
        changed[second] /= 1.0 + NUDGE
        return changed
    tilted = cell[first] + NUDGE * cell[second]
    changed[first] = tilted * np.linalg.norm(cell[first]) / np.linalg.norm(tilted)
    return changed


def _directions(rng: np.random.Generator, n: int) -> FloatArray:
    """Return (n, 3) unit vectors in random directions."""
    vectors: FloatArray = rng.normal(size=(n, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
