"""periodicity/supercell: a crystal described by a larger cell is the same crystal."""

from __future__ import annotations

import math
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
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Capabilities, Prediction
from gnnp_bench.structures.carried import is_neutral
from gnnp_bench.structures.transform import supercell

MAX_ATOMS = 48
MAX_IMAGES = 27
LARGE = 200
"""Atoms at most of the few large supercells: codes change their neighbour search or their kernels with the size."""
LONGEST = 64.0
"""Å, of wires: a longer row of cells says more of the rounding of large coordinates than of the potential."""
LARGE_KINDS = {"largest crystal": 3, "large slab": 2, "large wire": 1, "large crystal": 3}
"""Periodic directions of each."""
KINDS = tuple(kind for large in LARGE_KINDS for kind in (large, *["small"] * 3))
DIAGONAL = ((2, 1, 1), (1, 2, 1), (1, 1, 2), (3, 1, 1), (2, 2, 1), (2, 1, 2), (2, 2, 2), (3, 3, 1), (3, 3, 3))


def crystals_only(capabilities: Capabilities) -> str | None:
    """Return why a law of crystals does not apply, or None."""
    return None if "periodic" in capabilities.periodicity else "the potential is not for periodic structures"


def periodic_somewhere(capabilities: Capabilities) -> str | None:
    """Return why a law of structures that repeat in some direction does not apply, or None."""
    if capabilities.periodicity & {"periodic", "partial"}:
        return None
    return "the potential is for isolated structures only"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    # n copies have n times the charge: whether they have n times its energy, only the potential can say.
    add = view.capabilities.totals_add
    small = min((len(s.structure) for s in view.samples if s.structure.pbc.any()), default=0)
    # A potential that refuses small cells has none of a few atoms.
    most = max(small, MAX_ATOMS // 2)

    def suitable(sample: Sample) -> bool:
        summed = add or is_neutral(sample.structure)
        return bool(sample.structure.pbc.any()) and len(sample.structure) <= most and summed

    kind = view.next_of(KINDS)
    if kind in LARGE_KINDS:
        axes = LARGE_KINDS[kind]
        cells = [s for s in view.samples if suitable(s) and s.structure.pbc.sum() == axes]
        if cells:
            # Of the smallest cell, which is the first, most of the atoms that there may be are made.
            sample = cells[0] if kind == "largest crystal" else cells[int(rng.integers(len(cells)))]
            return sample.case({"matrix": _large(rng, sample.structure)})
    sample = view.pick(rng, suitable, "periodic in some direction")
    return sample.case({"matrix": _matrix(rng, sample.structure)})


def _large(rng: np.random.Generator, structure: Atoms) -> list[list[int]]:
    """Return a diagonal supercell as near to a cube, a square or a row of cells as `LARGE` atoms allow."""
    factors = np.ones(int(structure.pbc.sum()), dtype=int)
    while len(structure) * factors.prod() * (factors.min() + 1) // factors.min() <= LARGE:
        factors[factors.argmin()] += 1
    if factors.max() == 1:  # a cell of so many atoms that two of it are more
        factors[0] = 2
    if len(factors) == 1:
        (length,) = structure.cell.lengths()[structure.pbc]
        factors = np.clip(factors, 2, max(2, int(LONGEST / length)))
    return _on_axes(np.diag(factors[rng.permutation(len(factors))]), structure)


def _near(rng: np.random.Generator, case: Case) -> Case:
    return with_parameters(case, matrix=_matrix(rng, case.structure))


def _matrix(rng: np.random.Generator, structure: Atoms) -> list[list[int]]:
    most, axes = min(MAX_IMAGES, max(2, MAX_ATOMS // len(structure))), int(structure.pbc.sum())
    fitting = [d for d in DIAGONAL if np.prod(d) <= most and max(d[:axes]) > 1 and max((*d[axes:], 1)) == 1]
    diagonal = np.array(fitting[int(rng.integers(len(fitting)))][:axes])
    matrix = np.diag(diagonal[rng.permutation(axes)])
    if rng.random() < 0.5:  # Hermite form: every sublattice of this index is reached
        upper = np.triu(rng.integers(0, 3, size=(axes, axes)), k=1)
        matrix = matrix + upper * (np.diag(matrix)[:, None] > 1)
    return _on_axes(matrix, structure)


def _on_axes(matrix: np.ndarray, structure: Atoms) -> list[list[int]]:
    """Return the matrix of three directions that leaves alone those that are not periodic."""
    whole = np.eye(3, dtype=int)
    whole[np.ix_(structure.pbc, structure.pbc)] = matrix
    found: list[list[int]] = whole.tolist()
    return found


def _simpler(case: Case) -> Iterator[Case]:
    images, n_atoms = abs(round(np.linalg.det(case.parameters["matrix"]))), len(case.structure)
    for diagonal in DIAGONAL:
        if any(factor > 1 for factor in np.array(diagonal)[~case.structure.pbc]):
            continue
        if np.prod(diagonal) < images or (np.prod(diagonal) == images and _off_diagonal(case.parameters["matrix"])):
            yield with_parameters(case, matrix=np.diag(diagonal).tolist())
    for fewer in (images // 2, images - 1):
        if fewer > 1:
            yield with_parameters(case, matrix=_row(fewer, case.structure))
    for simpler in on_simpler_structures(case):
        if (simpler.structure.pbc == case.structure.pbc).all() and _as_summed(case, simpler):
            yield simpler
            if len(simpler.structure) < n_atoms:  # a defect of large structures needs as many atoms
                row = _row(math.ceil(images * n_atoms / len(simpler.structure)), simpler.structure)
                yield with_parameters(simpler, matrix=row)


def _as_summed(case: Case, simpler: Case) -> bool:
    """Return whether a simpler structure has totals only where the first has some, and so is known to be a sum."""
    return is_neutral(simpler.structure) or not is_neutral(case.structure)


def _row(images: int, structure: Atoms) -> list[list[int]]:
    axes = int(structure.pbc.sum())
    return _on_axes(np.diag([images, 1, 1][:axes]), structure)


def _off_diagonal(matrix: list[list[int]]) -> bool:
    array = np.asarray(matrix)
    return bool(np.count_nonzero(array - np.diag(np.diag(array))))


def _measure(case: Case) -> Measurement:
    matrix = np.asarray(case.parameters["matrix"])
    if np.array_equal(matrix, np.eye(3)):
        return vacuous("the supercell is the cell")
    larger, image_of = supercell(case.structure, matrix)
    n_images = len(larger) / len(case.structure)
    before = yield from base_prediction(case)
    (after,) = yield Request([larger], ALL_PROPERTIES)
    expected = Prediction(
        before.energy * n_images, None if before.forces is None else before.forces[image_of], before.stress
    )
    return Residual(difference(expected, after, grown(case.nu, case.structure, larger), len(larger)))


SUPERCELL = Check(
    id="periodicity/supercell",
    law="E(Nx) = N E(x), F of each image = F of its atom, σ(Nx) = σ(x)",
    category="mandatory",
    needs=ENERGY,
    source="Bloch periodicity; Ashcroft and Mermin, Solid State Physics, chapter 4",
    tolerance=LADDER,
    physics=(
        "A unit cell and any supercell of it are the same infinite crystal, slab or wire, so the energy per atom, the "
        "forces and the stress agree. Where this fails the potential has missed images (often in cells smaller than "
        "its cutoff) or is not extensive: formation energies, phonons from supercells and finite-size studies are "
        "then wrong by an amount that depends on the cell someone happened to choose. Charge and unpaired electrons of "
        "n cells are n times those of one; with them the law is judged only where the potential says that totals add."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=periodic_somewhere,
    claim="size-extensive",
    cost=4,
)
