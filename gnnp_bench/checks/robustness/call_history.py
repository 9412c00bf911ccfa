"""robustness/call-history: an answer does not depend on what was asked before."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms

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
)
from gnnp_bench.checks.robustness.changes import CHANGES, OF_ONE_ATOM, TOTALS, is_possible, subject_of
from gnnp_bench.checks.robustness.trajectories import WAYS, alike, along_a_way
from gnnp_bench.potential import (
    ALL_PROPERTIES,
    ENERGY,
    ENERGY_FORCES,
    Prediction,
    Property,
)
from gnnp_bench.structures.apart import open_directions
from gnnp_bench.structures.carried import has_others, may_be_charged
from gnnp_bench.structures.transform import carried, strain

AT_ONCE = ("little", "all a little", "cell a little")
"""Changes so small that a memory of the last answer alone takes the structure for the one before."""
SOME = 12
"""Atoms of a molecule or droplet, so that some of them are at any distance from each other."""
FREE_WAYS = ("gradually", "from outside")


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
        return len(structure) >= fewest and is_possible(change, structure)

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


def _simpler(case: Case) -> Iterator[Case]:
    change = str(case.parameters["change"])
    if change == "order of species":  # among few atoms a symmetry
        yield with_parameters(case, change="species")
    yield from (simpler for simpler in on_simpler_structures(case) if is_possible(change, simpler.structure))
    if change != "nothing":
        yield with_parameters(case, change="nothing")


def _measure(case: Case) -> Measurement:
    if case.parameters["change"] in WAYS:
        return (yield from along_a_way(case))
    start, subject = case.structure, subject_of(case)
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
