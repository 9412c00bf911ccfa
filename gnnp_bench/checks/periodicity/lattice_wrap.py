"""periodicity/lattice-wrap: an atom and its periodic images are one atom."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, difference, displaced, grown, on_simpler_structures, pressed
from gnnp_bench.checks.periodicity.supercell import periodic_somewhere
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Prediction

MOST_CELLS = 2
FARTHEST = 15.0
"""Å. Small cells are small steps: atoms are moved by as many of them as fit, further than any list of images goes."""
MANY_CELLS = 0.25
"""Share of cases in which they are, unless forces are so large that the rounding of coordinates would be all to see."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, lambda s: bool(s.structure.pbc.any()), "periodic in some direction")
    return sample.case({"cells": _cells(rng, sample.structure, many=_bears_many(sample.prediction))})


def _bears_many(prediction: Prediction | None) -> bool:
    return prediction is not None and pressed(prediction) == 1.0


def _cells(rng: np.random.Generator, structure: Atoms, *, many: bool) -> list[list[int]]:
    pbc, n_atoms = structure.pbc, len(structure)
    most = np.full(3, MOST_CELLS)
    if rng.random() < MANY_CELLS and many:
        lengths = structure.cell.lengths()
        most[pbc] = np.maximum(most[pbc], (FARTHEST / lengths[pbc]).astype(int))
    cells = rng.integers(-most, most + 1, size=(n_atoms, 3)) * pbc
    if not cells.any():
        cells[int(rng.integers(n_atoms))] = pbc
    found: list[list[int]] = cells.tolist()
    return found


def _near(rng: np.random.Generator, case: Case) -> Case:
    return with_parameters(case, cells=_cells(rng, case.structure, many=_bears_many(case.base)))


def _simpler(case: Case) -> Iterator[Case]:
    for simpler in on_simpler_structures(case):
        if simpler.structure.pbc.any():
            yield with_parameters(simpler, cells=_one(simpler.structure.pbc, len(simpler.structure)))
    cells = np.asarray(case.parameters["cells"])
    if np.count_nonzero(cells) > 1 or np.abs(cells).max() > 1:
        for atom in range(min(len(cells), 8)):
            yield with_parameters(case, cells=_one(case.structure.pbc, len(cells), atom))
        for moved in np.flatnonzero(cells.any(axis=1)):
            fewer = cells.copy()
            fewer[moved] = 0
            if fewer.any():
                yield with_parameters(case, cells=fewer.tolist())


def _one(pbc: np.ndarray, n_atoms: int, atom: int = 0) -> list[list[int]]:
    cells = np.zeros((n_atoms, 3), dtype=int)
    cells[atom, np.flatnonzero(pbc)[0]] = 1
    found: list[list[int]] = cells.tolist()
    return found


def _measure(case: Case) -> Measurement:
    cells = np.asarray(case.parameters["cells"])
    structure = case.structure
    if not (cells * structure.pbc).any():
        return vacuous("no atom is moved along a periodic direction")
    moved = displaced(structure, (cells * structure.pbc) @ structure.cell.array)
    before = yield from base_prediction(case)
    (after,) = yield Request([moved], ALL_PROPERTIES)
    return Residual(difference(before, after, grown(case.nu, structure, moved), len(structure)))


LATTICE_WRAP = Check(
    id="periodicity/lattice-wrap",
    law="E(x + n h) = E(x), F(x + n h) = F(x), σ(x + n h) = σ(x) for whole n per atom",
    category="mandatory",
    needs=ENERGY,
    source="Born–von Kármán periodicity; Ashcroft and Mermin, Solid State Physics, chapter 8",
    tolerance=LADDER,
    physics=(
        "In a periodic structure it does not matter which of its images stands in the file. Where it does, energies "
        "jump when an atom of a running simulation crosses the border of the cell or a code wraps the coordinates."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=periodic_somewhere,
    claim="size-extensive",
    feature="atoms outside the cell",
)
