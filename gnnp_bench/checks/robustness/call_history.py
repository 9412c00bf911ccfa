"""robustness/call-history: an answer does not depend on what was asked before."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.check import (
    CannotBeSent,
    Case,
    Check,
    Measurement,
    NoSuitableStructure,
    PoolView,
    Request,
    Residual,
    Sample,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import (
    FEW,
    LADDER,
    SAME_INPUT,
    difference,
    on_simpler_structures,
    species_reordered,
)
from gnnp_bench.checks.robustness.trajectories import WAYS, alike, along_a_way, possible
from gnnp_bench.potential import (
    ALL_PROPERTIES,
    ENERGY,
    ENERGY_FORCES,
    FloatArray,
    Prediction,
    Property,
)
from gnnp_bench.structures.apart import open_directions
from gnnp_bench.structures.carried import another, has_others, made_legal, may_be_charged, totals
from gnnp_bench.structures.transform import carried, strain

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
AT_ONCE = ("little", "all a little", "cell a little")
"""Changes so small that a memory of the last answer alone takes the structure for the one before."""
NUDGE = 0.05
"""Å, and strain"""
SOME = 12
"""Atoms of a molecule or droplet, so that some of them are at any distance from each other."""
FREE_WAYS = ("gradually", "from outside")
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


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    change = view.next_of((TOTALS, *CHANGES) if view.capabilities.reads else CHANGES)
    sample = _suitable(rng, view, change)
    if sample is None:  # what can change in every pool
        change, sample = "positions", view.pick(rng)
    at_once = change in AT_ONCE
    again = at_once or bool(rng.integers(2))
    # Forces that are remembered beside an energy may stay what they were when only the energy was asked for.
    energy_first = not at_once and bool(rng.integers(2))
    seed = int(rng.integers(2**31))
    case = sample.case({"change": change, "again": again, "energy_first": energy_first, "seed": seed})
    charged = may_be_charged(sample.structure, view.capabilities)
    return with_parameters(case, charged=charged) if change == TOTALS else case


def _suitable(rng: np.random.Generator, view: PoolView, change: str) -> Sample | None:
    if change == "periodicity" and "isolated" not in view.capabilities.periodicity:
        return None
    if change == "one periodicity" and "partial" not in view.capabilities.periodicity:
        return None
    fewest = FEW + 1 if change == "order of species" else 1
    if change in FREE_WAYS:
        # Of many atoms some are at any distance from each other; a crystal of many is cut open.
        for many in (_is_large_and_free, _is_dense):
            if any(many(sample) for sample in view.samples):
                return view.pick(rng, many)

    def suitable(sample: Sample) -> bool:
        structure = sample.structure
        if change == TOTALS:
            return has_others(structure, view.capabilities)
        if change == "exchange" and not _tells_exchanges(sample):
            return False
        if change in OF_ONE_ATOM and not _is_pulled(sample, OF_ONE_ATOM[change]):
            return False
        return len(structure) >= fewest and _possible(change, structure)

    try:
        return view.pick(rng, suitable)
    except NoSuitableStructure:
        return None


def _tells_exchanges(sample: Sample) -> bool:
    """Return whether atoms of one species feel different forces, which is all that tells that they changed places."""
    forces, numbers = sample.prediction.forces, sample.structure.numbers
    if forces is None:
        return False
    spread = max(float(np.ptp(forces[numbers == number], axis=0).max()) for number in np.unique(numbers))
    return spread > 10.0 * SAME_INPUT * sample.noise.forces


def _is_pulled(sample: Sample, index: int) -> bool:
    """Return whether others feel where an atom is: one that is far from all is of no consequence."""
    forces = sample.prediction.forces
    return forces is None or bool(np.abs(forces[index]).max() > 10.0 * SAME_INPUT * sample.noise.forces)


def _is_free(sample: Sample) -> bool:
    return not sample.structure.pbc.any()


def _is_large_and_free(sample: Sample) -> bool:
    return _is_free(sample) and len(sample.structure) > SOME


def _is_dense(sample: Sample) -> bool:
    structure = sample.structure
    return bool(structure.pbc.all()) and not open_directions(structure).any() and len(structure) > FEW


def _possible(change: str, structure: Atoms) -> bool:
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


def _simpler(case: Case) -> Iterator[Case]:
    change = str(case.parameters["change"])
    if change == "order of species":  # among few atoms a symmetry
        yield with_parameters(case, change="species")
    yield from (simpler for simpler in on_simpler_structures(case) if _possible(change, simpler.structure))
    if change != "nothing":
        yield with_parameters(case, change="nothing")


def _measure(case: Case) -> Measurement:
    if case.parameters["change"] in WAYS:
        return (yield from along_a_way(case))
    start, subject = case.structure, _subject(case)
    # One object throughout, as dynamics do it: a cache that looks at identities or at half of the input is caught.
    object_ = start.copy()
    # Without periodicity there is no stress to ask for, and what is remembered may depend on what was asked.
    asked = ENERGY_FORCES if "periodicity" in case.parameters["change"] else ALL_PROPERTIES
    yield Request([object_], asked, together=True)
    yield Request([strain(start, 0.1 * np.eye(3))], asked, together=True)
    if case.parameters["again"]:  # else the last one asked for has another cell
        yield Request([object_], asked, together=True)
    object_.numbers[:] = subject.numbers
    object_.positions[:] = subject.positions
    object_.cell[:] = subject.cell.array
    object_.pbc[:] = subject.pbc
    object_.info.update(subject.info)
    for name, values in carried(subject).items():
        object_.arrays[name][:] = values
    if case.parameters.get("energy_first"):
        yield Request([object_], ENERGY, together=True)
    (after_history,) = yield Request([object_], asked, together=True)
    (fresh,) = yield Request([subject], asked, fresh=True)
    if case.parameters["change"] != "nothing":
        # What was answered above does not tell: it may itself come from a cache.
        base = case.base or (yield Request([start], asked, fresh=True))[0]
        if alike(difference(base, fresh, case.nu, len(subject))):
            # Or what is remembered outlives the potential, in a module: then a new process knows better.
            fresh = yield from _in_a_new_process(subject, asked, fresh)
            if alike(difference(fresh, after_history, case.nu, len(subject))):
                return vacuous(f"the change of {case.parameters['change']} changes nothing")
    return Residual(difference(fresh, after_history, case.nu, len(subject)))


def _in_a_new_process(
    subject: Atoms, asked: frozenset[Property], otherwise: Prediction
) -> Generator[Request, list[Prediction], Prediction]:
    try:
        return (yield Request([subject], asked, fresh=True, elsewhere=True))[0]
    except CannotBeSent:
        return otherwise


def _subject(case: Case) -> Atoms:
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


CALL_HISTORY = Check(
    id="robustness/call-history",
    law="X(x) after other structures = X(x) from a potential just loaded, for X = E, F, σ",
    category="mandatory",
    needs=ENERGY,
    source="statelessness; caching in calculators: ASE documentation, Calculator.calculation_required",
    tolerance=LADDER,
    physics=(
        "An energy belongs to a structure, not to the order of calls. Caches that miss a changed cell or species, "
        "neighbour lists reused for too long, and iterative solvers started from the last answer make results that "
        "nobody can repeat, and relaxations that converge on the answer to yesterday's question. Changes are sudden "
        "or gradual, as in dynamics: halves that come together, an atom that comes from outside, a cell that shrinks, "
        "in steps of ångströms to hundredths of one, so that lists kept for too long lack pairs whatever their skin."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=7.6,
    cost=5,
    side_by_side=1,  # or the last answer that a potential remembers is always that of another case
)
