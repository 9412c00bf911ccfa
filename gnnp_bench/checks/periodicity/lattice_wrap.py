"""periodicity/lattice-wrap: an atom and its periodic images are one atom."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Json,
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
from gnnp_bench.structures.transform import translate

MOST_CELLS = 2
FARTHEST = 15.0
"""Å. Small cells are small steps: atoms are moved by as many of them as fit, further than any list of images goes."""
KINDS = ("few", "many", "few", "face", "few")
"""Cases whose atoms are moved by a few cells, and by as many as that, unless forces are so large that the rounding of
coordinates would be all to see; and cases of one atom on a corner of the cell, and then a rounding error outside."""
ROUNDING = (1e-17, 4e-52)
"""Å. Below half an ulp of any cell vector: what is left of a coordinate that should be zero. Added to a cell vector by
wrapping it leaves the upper face exactly, where lists of bins end."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    kind = view.next_of(KINDS)
    if kind == "many" and any(_bears_many(s.structure, s.prediction) for s in view.samples):
        sample = view.pick(rng, lambda s: _bears_many(s.structure, s.prediction))
    else:
        sample = view.pick(rng, lambda s: bool(s.structure.pbc.any()), "periodic in some direction")
    return sample.case(_parameters(rng, sample.structure, sample.prediction, kind))


def _parameters(
    rng: np.random.Generator, structure: Atoms, prediction: Prediction | None, kind: str
) -> dict[str, Json]:
    face: Json = None
    if kind == "face":
        face = [int(rng.integers(len(structure))), float(rng.choice(ROUNDING))]
    return {"cells": _cells(rng, structure, many=kind == "many" and _bears_many(structure, prediction)), "face": face}


def _bears_many(structure: Atoms, prediction: Prediction | None) -> bool:
    return bool(structure.pbc.any()) and prediction is not None and pressed(prediction) == 1.0


def _cells(rng: np.random.Generator, structure: Atoms, *, many: bool) -> list[list[int]]:
    pbc, n_atoms = structure.pbc, len(structure)
    most = np.full(3, MOST_CELLS)
    if many:
        lengths = structure.cell.lengths()
        most[pbc] = np.maximum(most[pbc], (FARTHEST / lengths[pbc]).astype(int))
    cells = rng.integers(-most, most + 1, size=(n_atoms, 3)) * pbc
    if not cells.any():
        cells[int(rng.integers(n_atoms))] = pbc
    found: list[list[int]] = cells.tolist()
    return found


def _near(rng: np.random.Generator, case: Case) -> Case:
    return with_parameters(case, **_parameters(rng, case.structure, case.base, str(rng.choice(KINDS))))


def _simpler(case: Case) -> Iterator[Case]:
    face = case.parameters.get("face")
    for simpler in on_simpler_structures(case):
        if simpler.structure.pbc.any():
            first = None if face is None else [0, face[1]]
            yield with_parameters(simpler, cells=_one(simpler.structure.pbc, len(simpler.structure)), face=first)
    if face is not None:
        return
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
    face = case.parameters.get("face")
    if face is not None:
        return (yield from _measure_at_a_face(case, *face))
    if not (cells * structure.pbc).any():
        return vacuous("no atom is moved along a periodic direction")
    moved = displaced(structure, (cells * structure.pbc) @ structure.cell.array)
    before = yield from base_prediction(case)
    (after,) = yield Request([moved], ALL_PROPERTIES)
    return Residual(difference(before, after, grown(case.nu, structure, moved), len(structure)))


def _measure_at_a_face(case: Case, atom: int, rounding: float) -> Measurement:
    """Compare an atom on the corner of the cell with the same atom a rounding error outside, along all directions."""
    inside = translate(case.structure, -case.structure.positions[atom])
    outside = inside.copy()
    outside.positions[atom] -= rounding * case.structure.pbc
    before, after = yield Request([inside, outside], ALL_PROPERTIES)
    return Residual(difference(before, after, grown(case.nu, case.structure, inside), len(inside)))


LATTICE_WRAP = Check(
    id="periodicity/lattice-wrap",
    law="E(x + n h) = E(x), F(x + n h) = F(x), σ(x + n h) = σ(x) for whole n per atom",
    category="mandatory",
    needs=ENERGY,
    source="Born–von Kármán periodicity; Ashcroft and Mermin, Solid State Physics, chapter 8",
    tolerance=LADDER,
    physics=(
        "In a periodic structure it does not matter which of its images stands in the file. Where it does, energies "
        "jump when an atom of a running simulation crosses the border of the cell or a code wraps the coordinates. "
        "An atom on a face of the cell is looked at as well, and one that rounding has left outside by nothing."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=periodic_somewhere,
    claim="size-extensive",
    feature="atoms outside the cell",
)
