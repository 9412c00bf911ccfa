"""robustness/batch: the company in a batch, and the place in it, mean nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    NoSuitableStructure,
    OverwrittenPrediction,
    PoolView,
    Request,
    Residual,
    Sample,
    base_prediction,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import FEW, LADDER, difference, displaced, pressed, species_reordered
from gnnp_bench.checks.simplifying import in_turn
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Unsupported
from gnnp_bench.structures.carried import another, has_others, is_neutral, made_legal, may_be_charged, without_totals
from gnnp_bench.structures.serialise import from_json, to_json
from gnnp_bench.structures.simpler import simpler_structures
from gnnp_bench.structures.transform import supercell
from gnnp_bench.structures.wider import widths

MOST_COMPANIONS = 4
CROWD, CROWD_ATOMS = 48, 1000
"""Companions, once in a while, and atoms of them at most: an index or a buffer may be right for a few structures and
wrong for many."""
ALIKE = 0.5
"""Share of cases whose companions are periodic in three directions if the structure itself is, and are not if it is
not."""
ALONE = 0.5
"""Share of twins without other company."""
ENERGY_ALONE = 0.25
"""Share of cases in which the energy alone is asked for."""
NUDGE = 0.05
"""Å, and strain"""
WIDE = 25.0
"""Å, of a cell beside which images of a small one are forgotten, where their number is taken from the largest."""
THINNEST = 2
"""Cells that are taken for small: those with the nearest lattice planes."""
COMPANIES = (
    "unlike",
    "displaced",
    "other species",
    "large cell",
    "other cell",
    "other periodicity",
    "other order of species",
    "large cell",
    "crowd",
    "copy",
    "others",
)
"""Other structures, first of all some that are periodic where the structure is not; and before it a twin that differs
in one thing: who tells them apart by the rest mixes them up."""
OF_TOTALS = ("other totals", "without totals")
"""The same for potentials that read charge or spin: twins that have others, and twins that do not say."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    company = view.next_of((*OF_TOTALS, *COMPANIES) if view.capabilities.reads else COMPANIES)
    sample = _suitable(rng, view, company)
    others = [s for s in view.samples if s.index != sample.index]
    if company == "unlike":
        others = [s for s in others if s.structure.pbc.all() != sample.structure.pbc.all()]
    elif rng.random() < ALIKE:  # then their stresses are compared, too
        others = [s for s in others if s.structure.pbc.all() == sample.structure.pbc.all()]
    count = min(len(others), int(rng.integers(1, MOST_COMPANIONS + 1)))
    chosen = [others[int(i)].structure for i in rng.choice(len(others), size=count, replace=False)] if count else []
    first = 0
    if chosen and company == "crowd":
        each = max(1, sum(map(len, chosen)) // len(chosen))
        chosen = [chosen[k % len(chosen)] for k in range(min(CROWD, CROWD_ATOMS // each))]
        first = len(chosen)  # where indices and buffers end
    elif chosen and company == "unlike":
        first = 1
    elif not chosen or company != "others":
        if rng.random() < ALONE:  # structures of one size may take another way than those of several
            chosen = []
        first = int(rng.integers(len(chosen) + 1)) + 1  # what is taken for known is what came before
        chosen.insert(first - 1, _twin(rng, sample.structure, company, view))
    place = int(rng.integers(first, len(chosen) + 1))
    asked = "energy" if rng.random() < ENERGY_ALONE else "all"
    case = sample.case({"company": [to_json(s) for s in chosen], "place": place, "asked": asked})
    return with_parameters(case, silent=True) if company == "without totals" else case


def _suitable(rng: np.random.Generator, view: PoolView, company: str) -> Sample:
    try:
        return view.pick(rng, lambda sample: _possible(company, sample.structure, view))
    except NoSuitableStructure:
        return view.pick(rng)


def _possible(company: str, structure: Atoms, view: PoolView) -> bool:
    """Return whether a structure has a twin that differs in this."""
    if company == "unlike":  # one that is not periodic is mistaken for one that is more easily
        return not structure.pbc.any()
    if company == "other species":
        return any(set(s.structure.numbers) != set(structure.numbers) for s in view.samples)
    if company == "other order of species":
        return len(structure) > FEW and len(set(structure.numbers)) > 1
    if company == "other cell":
        return bool(structure.pbc.any())
    if company == "large cell":
        crystals = [s.structure for s in view.samples if s.structure.pbc.all()]
        thin = sorted(float(widths(crystal).min()) for crystal in crystals)[:THINNEST]
        return bool(structure.pbc.all()) and float(widths(structure).min()) <= thin[-1]
    if company == "other periodicity":
        return bool(structure.pbc.any()) and "isolated" in view.capabilities.periodicity
    if company == "other totals":
        return has_others(structure, view.capabilities)
    if company == "without totals":  # those of the twin are taken for the defaults
        return not is_neutral(structure)
    return True


def _twin(rng: np.random.Generator, structure: Atoms, company: str, view: PoolView) -> Atoms:
    """Return a copy that differs in one thing; where that cannot be, in its positions."""
    twin: Atoms = structure.copy()
    if company == "copy":
        return twin
    if company == "without totals":
        return without_totals(structure)
    if company == "large cell" and _possible(company, structure, view):
        return _in_a_large_cell(rng, structure)
    if not company.startswith("other ") or not _possible(company, structure, view):
        return displaced(structure, NUDGE * rng.normal(size=structure.positions.shape))
    if company == "other totals":
        twin = another(rng, structure, charged=may_be_charged(structure, view.capabilities)) or twin
    elif company == "other species":
        twin.numbers = _other_species(rng, twin.numbers, view)
    elif company == "other order of species":
        twin.numbers = species_reordered(rng, structure)
    elif company == "other cell":
        twin.set_cell(twin.cell.array * (1.0 + NUDGE))
    else:
        twin.pbc = False
    return made_legal(twin)


def _in_a_large_cell(rng: np.random.Generator, structure: Atoms) -> Atoms:
    """Return the atoms in a cell with much vacuum, or many cells of them as one."""
    factors = np.ceil(WIDE / widths(structure)).astype(int)
    if len(structure) > 1 and rng.random() < 0.5:
        alone: Atoms = structure.copy()
        alone.set_cell(structure.cell.array * factors[:, None])
        return made_legal(alone)
    while len(structure) * factors.prod() > CROWD_ATOMS // 4 and factors.max() > 1:
        factors[factors.argmax()] -= 1
    return made_legal(supercell(structure, np.diag(factors))[0])


def _other_species(rng: np.random.Generator, numbers: NDArray[np.int_], view: PoolView) -> NDArray[np.int_]:
    """Return the elements of another structure of the pool, which may stand together, over and over."""
    others = [s.structure.numbers for s in view.samples if set(s.structure.numbers) != set(numbers)]
    chosen = others[int(rng.integers(len(others)))]
    return np.asarray(np.resize(np.unique(chosen)[::-1], len(numbers)))


def _near(rng: np.random.Generator, case: Case) -> Case:
    company = list(case.parameters["company"])
    order = rng.permutation(len(company))
    return with_parameters(case, company=[company[int(i)] for i in order], place=int(rng.integers(len(company) + 1)))


def _simpler(case: Case) -> Iterator[Case]:
    company, place = case.parameters["company"], case.parameters["place"]
    if len(company) > 1:
        # A crowd holds the same few structures many times.
        for index, companion in enumerate(company[:MOST_COMPANIONS]):
            yield with_parameters(case, company=[companion], place=int(place > index))
        if len(company) > MOST_COMPANIONS + 1:
            fewer = len(company) // 2
            yield with_parameters(case, company=company[:fewer], place=min(place, fewer))
    itself = (on_structure(case, structure) for structure in simpler_structures(case.structure))
    yield from in_turn(itself, *(_simpler_company(case, index) for index in range(min(len(company), MOST_COMPANIONS))))


def _simpler_company(case: Case, index: int) -> Iterator[Case]:
    company = case.parameters["company"]
    for structure in simpler_structures(from_json(company[index])):
        yield with_parameters(case, company=[*company[:index], to_json(structure), *company[index + 1 :]])


def _measure(case: Case) -> Measurement:
    company = [from_json(companion) for companion in case.parameters["company"]]
    place = int(case.parameters["place"])
    asked = ENERGY if case.parameters.get("asked") == "energy" else ALL_PROPERTIES
    base = yield from base_prediction(case)
    if case.parameters.get("silent"):
        try:
            for companion in company:
                yield Request([companion], asked, together=True)
        except Exception:  # it must be told, as it may want to be
            return vacuous("the potential does not answer for structures without charge and spin")
    (alone,) = yield Request([case.structure.copy()], asked, together=True)
    batch = [*company[:place], case.structure.copy(), *company[place:]]
    try:
        together = yield Request(batch, asked, together=True)
    except (Unsupported, NotImplementedError, OverwrittenPrediction, MemoryError):
        raise
    except Exception as error:
        if "OutOfMemory" in type(error).__name__:  # of an accelerator
            raise
        # Each of them has an answer alone, or this raises again what is not the batch's fault.
        for companion in {json.dumps(c): from_json(c) for c in case.parameters["company"]}.values():
            yield Request([companion], asked, together=True)
        note = f"no answer for {len(batch)} structures that are answered one by one: {type(error).__name__}: {error}"
        return Residual((Component("not answered", 1.0, 0.0, "", bound=0.0),), note=note)
    return Residual(difference(alone, together[place], case.nu, len(case.structure), scale=pressed(base)))


BATCH = Check(
    id="robustness/batch",
    law="X(x) in a batch = X(x) alone, in any company and at any place, for X = E, F, σ",
    category="mandatory",
    needs=ENERGY,
    source="evaluation is a function of one structure; leakage between graphs: orb-models issue 159",
    tolerance=LADDER,
    physics=(
        "Structures evaluated together share a call, not a world. If one structure feels another (an index that is "
        "not offset, a statistic over the batch, padding that counts as atoms) then screening, training and batched "
        "dynamics give results that depend on what else happened to be computed at the time."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    weight=3.0,
    cost=6,
)
