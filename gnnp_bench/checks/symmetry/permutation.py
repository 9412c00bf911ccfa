"""symmetry/permutation: the order in which atoms are listed means nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, difference
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Prediction
from gnnp_bench.structures.simpler import simpler_structures
from gnnp_bench.structures.transform import permute

MAX_TRANSPOSITIONS = 12
WITH_MOMENTS = 0.2


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, lambda s: len(s.structure) > 1, "more than one atom")
    numbers = sample.structure.numbers
    order = np.arange(len(numbers))
    repeated = [z for z in np.unique(numbers) if np.count_nonzero(numbers == z) > 1]
    if repeated and rng.random() < 0.5:  # like atoms only: the list of species stays, the positions swap
        for species in repeated:
            sites = np.flatnonzero(numbers == species)
            order[sites] = _derangement(rng, sites)
    else:
        order = _derangement(rng, order)
    # Moments travel with their atoms, if a potential reads them.
    moments = rng.normal(size=len(numbers)).tolist() if rng.random() < WITH_MOMENTS else None
    return sample.case({"order": order.tolist(), "moments": moments})


def _near(rng: np.random.Generator, case: Case) -> Case:
    order = list(case.parameters["order"])
    i, j = rng.choice(len(order), size=2, replace=False)
    order[i], order[j] = order[j], order[i]
    return with_parameters(case, order=order)


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["moments"] is not None:
        yield with_parameters(case, moments=None)
    for structure in simpler_structures(case.structure):
        if len(structure) == len(case.structure):
            yield on_structure(case, structure)
        elif len(structure) > 1:
            moments = case.parameters["moments"]
            fewer = None if moments is None else moments[: len(structure)]
            yield on_structure(case, structure, order=list(range(len(structure)))[::-1], moments=fewer)
            yield on_structure(case, structure, order=_transposition(len(structure), 0, 1), moments=fewer)
    n = len(case.structure)
    if sum(i != j for i, j in enumerate(case.parameters["order"])) > 2:
        for i, j in itertools.islice(itertools.combinations(range(n), 2), MAX_TRANSPOSITIONS):
            yield with_parameters(case, order=_transposition(n, i, j))


def _measure(case: Case) -> Measurement:
    order = np.asarray(case.parameters["order"])
    structure = case.structure
    if sorted(order) != list(range(len(structure))):
        raise ValueError(f"'order' must be a permutation of {len(structure)} atoms")
    if np.array_equal(order, np.arange(len(order))):
        return vacuous("the permutation is the identity")
    if case.parameters["moments"] is None:
        before = yield from base_prediction(case)
        (after,) = yield Request([permute(structure, order)], ALL_PROPERTIES)
    else:
        structure = structure.copy()
        structure.set_initial_magnetic_moments(case.parameters["moments"])
        before, after = yield Request([structure, permute(structure, order)], ALL_PROPERTIES)
    expected = Prediction(before.energy, None if before.forces is None else before.forces[order], before.stress)
    return Residual(difference(expected, after, case.nu, len(structure)))


def _derangement(rng: np.random.Generator, items: np.ndarray) -> np.ndarray:
    """Return the items in a random cyclic order: none stays where it was, whatever their number above one."""
    cycle = rng.permutation(len(items))
    moved = items.copy()
    moved[cycle] = items[np.roll(cycle, 1)]
    return moved


def _transposition(n: int, i: int, j: int) -> list[int]:
    order = list(range(n))
    order[i], order[j] = order[j], order[i]
    return order


PERMUTATION = Check(
    id="symmetry/permutation",
    law="E(Px) = E(x), F(Px) = P F(x), σ(Px) = σ(x)",
    category="mandatory",
    needs=ENERGY,
    source="indistinguishability of like nuclei; Behler and Parrinello, doi:10.1103/PhysRevLett.98.146401",
    tolerance=LADDER,
    physics=(
        "The number that an atom has in a file is no property of the atom. Where energy or forces depend on it, two "
        "copies of one structure differ, atoms that change places in a liquid or by diffusion change the energy, and "
        "a restart from a sorted file continues on another potential-energy surface."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="permutation-invariant",
)
