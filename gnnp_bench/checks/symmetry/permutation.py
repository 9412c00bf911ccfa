"""symmetry/permutation: the order in which atoms are listed means nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Json,
    Measurement,
    Noise,
    PoolView,
    Request,
    Residual,
    Sample,
    base_prediction,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, difference, energy, grown, pressed
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, FloatArray, Prediction, Unsupported
from gnnp_bench.structures.radii import IntArray
from gnnp_bench.structures.simpler import simpler_structures
from gnnp_bench.structures.transform import permute, supercell

MAX_TRANSPOSITIONS = 12
KINDS = ("laden", "bare", "many", "bare", "bare")
"""Cases whose atoms carry magnetic moments and charges, and cases of many atoms: what goes by the place in the list
grows with its length."""
MANY = 64
"""Atoms at least, made of a cell that is repeated."""
SETTERS: Mapping[str, Callable[[Atoms, Sequence[float]], None]] = {
    "moments": Atoms.set_initial_magnetic_moments,
    "charges": Atoms.set_initial_charges,
}
CHARGE = 0.3
"""e, standard deviation. The energies that they bring are then of the size of those without them."""
ATOM_S = 1e-3
"""eV. How a total is shared among atoms matters to whoever colours a defect by it, a tenth as much as the total."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    kind = view.next_of(KINDS)
    if kind == "many" and any(_repeats_well(s) for s in view.samples):
        sample = view.pick(rng, _repeats_well)
        repeat = _repeat(sample.structure)
        order = _derangement(rng, np.arange(len(sample.structure) * math.prod(repeat)))
        return sample.case({"order": order.tolist(), "moments": None, "charges": None, "repeat": repeat})
    # What a potential declares to read, structures of the pool carry already, with totals that are legal.
    by_atom = any(one.kind in ("charges", "moments") for one in view.capabilities.reads)
    laden = kind == "laden" and not by_atom
    sample = _sample(rng, view, laden=laden)
    numbers = sample.structure.numbers
    order = np.arange(len(numbers))
    repeated = [z for z in np.unique(numbers) if np.count_nonzero(numbers == z) > 1]
    if repeated and rng.random() < 0.5:  # like atoms only: the list of species stays, the positions swap
        for species in repeated:
            sites = np.flatnonzero(numbers == species)
            order[sites] = _derangement(rng, sites)
    else:
        order = _derangement(rng, order)
    # Moments and charges travel with their atoms, if a potential reads them.
    moments = _legal(rng.normal(size=len(numbers)), numbers) if laden else None
    charges = _neutral(rng.normal(scale=CHARGE, size=len(numbers))) if laden else None
    return sample.case({"order": order.tolist(), "moments": moments, "charges": charges})


def _sample(rng: np.random.Generator, view: PoolView, *, laden: bool) -> Sample:
    """Return a structure; for moments and charges one of three atoms or more, for two may change places unnoticed."""
    if laden and any(len(s.structure) > 2 for s in view.samples):
        return view.pick(rng, lambda s: len(s.structure) > 2)
    return view.pick(rng, lambda s: len(s.structure) > 1, "more than one atom")


def _repeats_well(sample: Sample) -> bool:
    """Return whether a structure is periodic, and its atoms are not all alike."""
    return 1 < len(sample.structure) <= MANY // 2 and bool(sample.structure.pbc.any())


def _repeat(structure: Atoms) -> list[int]:
    """Return how often a cell is repeated along each periodic direction to hold `MANY` atoms."""
    repeat = np.ones(3, dtype=int)
    while len(structure) * repeat.prod() < MANY:
        repeat[np.argmin(np.where(structure.pbc, repeat * structure.cell.lengths(), np.inf))] += 1
    return [int(n) for n in repeat]


def _repeated(case: Case) -> Atoms:
    repeat = case.parameters.get("repeat")
    whole: Atoms = case.structure if repeat is None else supercell(case.structure, np.diag(repeat))[0]
    return whole


def _neutral(charges: FloatArray) -> list[float]:
    """Return charges without a sum, which the energy of a crystal does not allow, e."""
    neutral: list[float] = (charges - charges.mean()).tolist()
    return neutral


def _legal(moments: FloatArray, numbers: IntArray) -> list[float]:
    """Return moments that add up to the fewest unpaired electrons that these atoms can have, 0 or 1, in µB.

    Who counts electrons refuses an odd number of them without an unpaired one, and an even one with.
    """
    unpaired = int(numbers.sum()) % 2
    legal: list[float] = (moments - moments.mean() + unpaired / len(moments)).tolist()
    return legal


def _near(rng: np.random.Generator, case: Case) -> Case:
    order = list(case.parameters["order"])
    i, j = rng.choice(len(order), size=2, replace=False)
    order[i], order[j] = order[j], order[i]
    return with_parameters(case, order=order)


def _simpler(case: Case) -> Iterator[Case]:
    for name in SETTERS:
        if case.parameters.get(name) is not None:
            yield with_parameters(case, **{name: None})
    if case.parameters.get("repeat") is not None:
        yield from _of_fewer_cells(case)
        return
    for structure in simpler_structures(case.structure):
        if len(structure) == len(case.structure):
            yield on_structure(case, structure)
        elif len(structure) > 1:
            fewer = _of_fewer(case, structure)
            yield on_structure(case, structure, order=list(range(len(structure)))[::-1], **fewer)
            yield on_structure(case, structure, order=_transposition(len(structure), 0, 1), **fewer)
    n = len(case.structure)
    if sum(i != j for i, j in enumerate(case.parameters["order"])) > 2:
        for i, j in itertools.islice(itertools.combinations(range(n), 2), MAX_TRANSPOSITIONS):
            yield with_parameters(case, order=_transposition(n, i, j))


def _of_fewer_cells(case: Case) -> Iterator[Case]:
    """Yield the case with fewer cells, in reverse; and with as many of simpler structures."""
    n_atoms, repeat = len(case.structure), list(case.parameters["repeat"])
    yield with_parameters(case, repeat=None, order=list(range(n_atoms))[::-1])
    for axis in range(3):
        for fewer in (1, repeat[axis] // 2, repeat[axis] - 1):
            if 0 < fewer < repeat[axis]:
                smaller = [*repeat[:axis], fewer, *repeat[axis + 1 :]]
                yield with_parameters(case, repeat=smaller, order=list(range(n_atoms * math.prod(smaller)))[::-1])
    for structure in simpler_structures(case.structure):
        yield on_structure(case, structure, order=list(range(len(structure) * math.prod(repeat)))[::-1])


def _of_fewer(case: Case, structure: Atoms) -> dict[str, Json]:
    """Return what the first atoms carry."""
    n_atoms = len(structure)
    moments, charges = (case.parameters.get(name) for name in SETTERS)
    return {
        "moments": None if moments is None else _legal(np.array(moments[:n_atoms]), structure.numbers),
        "charges": None if charges is None else _neutral(np.array(charges[:n_atoms])),
    }


def _measure(case: Case) -> Measurement:
    order = np.asarray(case.parameters["order"])
    n_atoms = len(_repeated(case))
    if sorted(order) != list(range(n_atoms)):
        raise ValueError(f"'order' must be a permutation of {n_atoms} atoms")
    if np.array_equal(order, np.arange(len(order))):
        return vacuous("the permutation is the identity")
    before, after = yield from _before_and_after(case, order)
    expected = Prediction(before.energy, None if before.forces is None else before.forces[order], before.stress)
    noise = grown(case.nu, case.structure, _repeated(case))
    missed = difference(expected, after, noise, n_atoms)
    return Residual((*missed, *_of_atoms(noise, order, before, after)))


def _of_atoms(noise: Noise, order: IntArray, before: Prediction, after: Prediction) -> Iterator[Component]:
    """Yield what the energies of the atoms miss, where there are any: each goes with its atom, and they add up."""
    if before.energies is None or after.energies is None:
        return
    scale, n_atoms = pressed(before), len(order)
    moved = float(np.abs(after.energies - before.energies[order]).max())
    # One atom may be all that is noisy.
    yield Component("energies of atoms", moved, scale * ATOM_S, "eV", noise=noise.energy * n_atoms)
    yield replace(energy(float(before.energies.sum()) - before.energy, noise, n_atoms, scale), quantity="their sum")


def _before_and_after(case: Case, order: IntArray) -> Generator[Request, list[Prediction], list[Prediction]]:
    """Return both predictions, with as much of moments and charges as the potential does not refuse."""
    carried = {name: case.parameters[name] for name in SETTERS if case.parameters.get(name) is not None}
    alone = [{name: values} for name, values in carried.items()] if len(carried) > 1 else []
    for load in [carried, *alone] if carried else []:
        laden = case.structure.copy()
        for name, values in load.items():
            SETTERS[name](laden, values)
        try:
            return (yield Request([laden, permute(laden, order)], ALL_PROPERTIES))
        except (Unsupported, NotImplementedError, ValueError):
            continue
    if case.parameters.get("repeat") is not None:
        many = _repeated(case)
        return (yield Request([many, permute(many, order)], ALL_PROPERTIES))
    before = yield from base_prediction(case)
    (after,) = yield Request([permute(case.structure, order)], ALL_PROPERTIES)
    return [before, after]


def _derangement(rng: np.random.Generator, items: IntArray) -> IntArray:
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
    law="E(Px) = E(x), F(Px) = P F(x), σ(Px) = σ(x); energies of atoms go with them and add up, where there are any",
    category="mandatory",
    needs=ENERGY,
    source="indistinguishability of like nuclei; Behler and Parrinello, doi:10.1103/PhysRevLett.98.146401",
    tolerance=LADDER,
    physics=(
        "The number that an atom has in a file is no property of the atom. Where energy or forces depend on it, two "
        "copies of one structure differ, atoms that change places in a liquid or by diffusion change the energy, and "
        "a restart from a sorted file continues on another potential-energy surface. Magnetic moments and charges "
        "belong to atoms, where a potential reads them, and travel along. Energies of atoms, where a potential gives "
        "them, are shares of one total and belong to the atoms as they are listed."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="permutation-invariant",
)
