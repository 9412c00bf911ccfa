"""periodicity/cell-choice: one lattice, many cells, the same crystal."""

from __future__ import annotations

import itertools
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
    Sample,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, difference, grown, on_simpler_structures
from gnnp_bench.checks.periodicity.supercell import periodic_somewhere
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, FloatArray
from gnnp_bench.structures.transform import change_cell

SMALLEST_ANGLE = 20.0
"""degrees, between cell vectors"""
SHEARS = (-3, -2, -1, 1, 2, 3)
"""Vectors of a slab that are added to its other one."""
EVEN = ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
LEFT_HANDED = (
    [[0, 1, 0], [1, 0, 0], [0, 0, 1]],
    [[-1, 0, 0], [0, 1, 0], [0, 0, 1]],
    [[1, 0, 0], [0, 1, 0], [0, 0, -1]],
)
SHEARED = ([[1, 0, 0], [1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [0, 1, 1]])


def _suitable(sample: Sample) -> bool:
    return bool(sample.structure.pbc.any())


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, _suitable, "periodic in some direction")
    return sample.case({"matrix": _matrix(rng, sample.structure), "wrapped": bool(rng.integers(2))})


def _near(rng: np.random.Generator, case: Case) -> Case:
    return with_parameters(case, matrix=_matrix(rng, case.structure), wrapped=bool(rng.integers(2)))


def _matrix(rng: np.random.Generator, structure: Atoms) -> list[list[int]]:
    if not structure.pbc.all():
        return _of_periodic_axes(rng, structure)
    cell = structure.cell.array
    kind = rng.random()
    if kind < 0.15:
        return EVEN[int(rng.integers(len(EVEN)))]
    if kind < 0.4:
        return LEFT_HANDED[int(rng.integers(len(LEFT_HANDED)))]
    # Shears one after the other, each kept only if no angle gets too sharp.
    matrix = np.eye(3, dtype=int)
    for _ in range(int(rng.integers(1, 4))):
        i, j = rng.choice(3, size=2, replace=False)
        shear = np.eye(3, dtype=int)
        shear[i, j] = int(rng.choice((-2, -1, 1, 2)))
        if _sharpest(shear @ matrix @ cell) >= SMALLEST_ANGLE:
            matrix = shear @ matrix
    found: list[list[int]] = matrix.tolist()
    return found if not np.array_equal(matrix, np.eye(3)) else EVEN[0]


def _of_periodic_axes(rng: np.random.Generator, structure: Atoms) -> list[list[int]]:
    """Return a matrix of determinant ±1 that leaves alone the directions that are not periodic."""
    axes = np.flatnonzero(structure.pbc)
    matrix = np.eye(3, dtype=int)
    first = int(rng.choice(axes))
    if len(axes) == 1 or rng.random() < 0.4:
        matrix[first, first] = -1
    else:
        second = int(axes[axes != first][0])
        for shear in rng.permutation(SHEARS).tolist():
            matrix[first, second] = shear
            lattice = (matrix @ structure.cell.array)[axes]
            cosine = abs(lattice[0] @ lattice[1]) / np.prod(np.linalg.norm(lattice, axis=1))
            if cosine <= np.cos(np.radians(SMALLEST_ANGLE)):
                break
    found: list[list[int]] = matrix.tolist()
    return found


def _sharpest(cell: FloatArray) -> float:
    """Return the smallest angle between a cell vector and another, or the plane of the other two, in degrees."""
    angles = []
    for i in range(3):
        others = [cell[j] for j in range(3) if j != i]
        length = np.linalg.norm(cell[i])
        normal = np.cross(*others)
        angles.append(np.degrees(np.arcsin(min(1.0, abs(cell[i] @ normal) / (length * np.linalg.norm(normal))))))
    for first, second in itertools.combinations(cell, 2):
        cosine = abs(first @ second) / (np.linalg.norm(first) * np.linalg.norm(second))
        angles.append(np.degrees(np.arccos(min(1.0, cosine))))
    return float(min(angles))


def _simpler(case: Case) -> Iterator[Case]:
    whole = case.structure.pbc.all()
    for matrix in (*LEFT_HANDED, *EVEN, *SHEARED):
        if whole and case.parameters["matrix"] not in (*LEFT_HANDED, *EVEN, *SHEARED):
            yield with_parameters(case, matrix=matrix, wrapped=False)
    if case.parameters["wrapped"]:
        yield with_parameters(case, wrapped=False)
    for simpler in on_simpler_structures(case):
        if (simpler.structure.pbc == case.structure.pbc).all():
            yield simpler


def _measure(case: Case) -> Measurement:
    matrix = np.asarray(case.parameters["matrix"])
    if np.array_equal(matrix, np.eye(3)):
        return vacuous("the cell is the same")
    changed = change_cell(case.structure, matrix, wrapped=bool(case.parameters["wrapped"]))
    before = yield from base_prediction(case)
    (after,) = yield Request([changed], ALL_PROPERTIES)
    components = difference(before, after, grown(case.nu, case.structure, changed), len(changed))
    return Residual(components, kind="left-handed" if np.linalg.det(changed.cell.array) < 0.0 else None)


CELL_CHOICE = Check(
    id="periodicity/cell-choice",
    law="E, F and σ are the same for h and M h, |det M| = 1: skewed cells, axes in another order, left-handed cells",
    category="mandatory",
    needs=ENERGY,
    source="equivalence of bases of a lattice; International Tables for Crystallography A, section 1.5",
    tolerance=LADDER,
    physics=(
        "A crystal does not know which cell describes it. Codes and databases hand over skewed, permuted and "
        "left-handed cells; where the answer depends on them (images missed in skewed cells, a stress whose sign "
        "follows the handedness) relaxations and barostats run away without a warning."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=periodic_somewhere,
    claim="size-extensive",
    feature="skewed and left-handed cells",
)
