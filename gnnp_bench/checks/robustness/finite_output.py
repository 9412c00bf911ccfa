"""robustness/finite-output: all that is declared, as finite numbers, on structures that are hard but possible."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Component, InvalidPrediction, Measurement, Noise, PoolView, Request, Residual
from gnnp_bench.checks.virial import with_partial_stress
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Capabilities, Periodicity, Prediction, periodicity_of
from gnnp_bench.structures.build import build
from gnnp_bench.structures.recipe import ISOLATED, PERIODIC, Recipe
from gnnp_bench.structures.simpler import simpler_structures

UNKNOWN_NOISE = Noise(0.0, 0.0, 0.0)
"""No bound of this law depends on ν."""
MOST_SPECIES = 100
LARGE = ((4, 5), (5, 5), (5, 10))
"""From and to how many atoms along each direction: 100 to 250 in all, so that limits at 64, 100, 128 and 200 are
crossed."""
POOL, MOST_BROKEN = "of the pool", 4
"""Structures of the pool that are looked at because what came for them was no answer."""
BOX = 12.0
"""Å of vacuum around an isolated atom or molecule in a periodic box."""
WIDE = 260.0
"""Å, the same for a box as wide as those that molecules come in from other programs."""


def _all_species(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    species = some_species(rng, capabilities)[:MOST_SPECIES]
    return many(species, (2, 2, max(2, math.ceil(len(species) / 4))), pbc, _seed(rng))


def _one_atom(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    vacuum = BOX if any(pbc) else 0.0
    return Recipe("cluster", "atom", (_one(rng, capabilities),), pbc=pbc, vacuum=vacuum)


def _many_atoms(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    a, b, c = (int(rng.integers(low, high + 1)) for low, high in LARGE)
    return many((_one(rng, capabilities),), (a, b, c), pbc, _seed(rng))


def many(species: tuple[str, ...], repeat: tuple[int, int, int], pbc: tuple[bool, bool, bool], seed: int) -> Recipe:
    """Return a packing of so many atoms, or a shaken slab where not all directions are alike."""
    if any(pbc) and not all(pbc):
        return Recipe("slab", "fcc", species, repeat=repeat, pbc=pbc, vacuum=BOX, rattle=0.1, seed=seed)
    return Recipe("liquid", "packing", species, repeat=repeat, pbc=pbc, seed=seed)


def _near_contact(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    vacuum = BOX if any(pbc) else 0.0
    species = (_one(rng, capabilities),)
    return Recipe("cluster", "dimer", species, pbc=pbc, vacuum=vacuum, scale=0.5, contact=0.45)


def _straight(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    vacuum = BOX if any(pbc) else 0.0
    return Recipe("cluster", "line", (_one(rng, capabilities),), pbc=pbc, vacuum=vacuum)


def _very_skewed(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    skew = ((1, 0, 0), (4, 1, 0), (-3, 5, 1))
    species, seed = (_one(rng, capabilities),), _seed(rng)
    if not all(pbc):
        vacuum = BOX if any(pbc) else 0.0
        return Recipe("cluster", "tetrahedron", species, pbc=pbc, vacuum=vacuum, rattle=0.1, seed=seed)
    return Recipe("crystal", "fcc", species, pbc=pbc, skew=skew, rattle=0.1, seed=seed)


def _vacuum(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    if not all(pbc):
        vacuum = BOX if any(pbc) else 0.0
        return Recipe("cluster", "dimer", (_one(rng, capabilities),), pbc=pbc, vacuum=vacuum, scale=3.0)
    return Recipe("slab", "fcc", (_one(rng, capabilities),), repeat=(1, 1, 2), pbc=pbc, vacuum=25.0)


def _flat(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    species = (_one(rng, capabilities),)
    if all(pbc):
        return Recipe("crystal", "honeycomb", species, (2, 2, 1), pbc=pbc)
    if any(pbc):
        return Recipe("slab", "honeycomb", species, (2, 2, 1), pbc=pbc, vacuum=BOX)
    return Recipe("cluster", "square", species, pbc=pbc)


def _in_a_row(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    species = (_one(rng, capabilities),)
    if not any(pbc):
        return Recipe("cluster", "dimer", species, pbc=pbc)
    pbc = pbc if all(pbc) else (True, False, False)
    return Recipe("wire", "zigzag", species, (2, 1, 1), pbc=pbc, vacuum=BOX, rattle=0.05, seed=_seed(rng))


def _wide(rng: np.random.Generator, capabilities: Capabilities, pbc: tuple[bool, bool, bool]) -> Recipe:
    vacuum = WIDE if any(pbc) else 0.0
    return Recipe("cluster", "tetrahedron", (_one(rng, capabilities),), pbc=pbc, vacuum=vacuum)


PBC: Mapping[Periodicity, tuple[bool, bool, bool]] = {
    "periodic": PERIODIC,
    "isolated": ISOLATED,
    "partial": (True, True, False),
}
KINDS: Mapping[str, Callable[[np.random.Generator, Capabilities, tuple[bool, bool, bool]], Recipe]] = {
    "all species": _all_species,
    "one atom": _one_atom,
    "many atoms": _many_atoms,
    "near contact": _near_contact,
    "atoms in line": _straight,
    "very skewed": _very_skewed,
    "vacuum": _vacuum,
    "flat": _flat,
    "chain": _in_a_row,
    "wide box": _wide,
}


def some_species(rng: np.random.Generator, capabilities: Capabilities) -> tuple[str, ...]:
    """Return species that may stand together, as many as there are."""
    allowed = capabilities.combinations or (frozenset(capabilities.species),)
    chosen = allowed[int(rng.integers(len(allowed)))]
    return tuple(s for s in capabilities.species if s in chosen)


def _one(rng: np.random.Generator, capabilities: Capabilities) -> str:
    return capabilities.species[int(rng.integers(len(capabilities.species)))]


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    declared = [pbc for name, pbc in PBC.items() if name in view.capabilities.periodicity]
    # In turn as well: with two or three of these, each kind meets each.
    of_the_pool = [f"{POOL}:{number}" for number in range(min(MOST_BROKEN, len(view.broken)))]
    turn = view.next_of([*of_the_pool, *(f"{kind}:{number}" for number in range(len(declared)) for kind in KINDS)])
    kind, _, number = turn.partition(":")
    if kind == POOL:
        return Case(view.broken[int(number)], UNKNOWN_NOISE, {"kind": kind})
    pbc = declared[(int(number) + list(KINDS).index(kind)) % len(declared)]
    return Case(build(KINDS[kind](rng, view.capabilities, pbc)), UNKNOWN_NOISE, {"kind": kind})


def _simpler(case: Case) -> Iterator[Case]:
    for structure in simpler_structures(case.structure):
        yield Case(structure, UNKNOWN_NOISE, case.parameters)


def _measure(case: Case) -> Measurement:
    note = None
    violations = 0.0
    try:
        yield from _asked(case.structure)
    except InvalidPrediction as error:
        violations, note = 1.0, f"{case.parameters['kind']}: {error}"
    return Residual((Component("unusable answers", violations, 0.0, "", bound=0.0),), note=note)


def _asked(structure: Atoms) -> Generator[Request, list[Prediction], None]:
    """Ask for everything; for the stress of slabs and wires too, where the potential has one."""
    predictions = None
    if periodicity_of(structure) == "partial":
        predictions = yield from with_partial_stress([structure])
    if predictions is None:
        yield Request([structure], ALL_PROPERTIES)


FINITE_OUTPUT = Check(
    id="robustness/finite-output",
    law=(
        "what is declared of E, F and σ comes, in its shape and finite: all species mixed, one atom, many atoms, near "
        "contact, in line, very skewed, in vacuum, flat, in chains, in a wide box"
    ),
    category="mandatory",
    needs=ENERGY,
    source="the contract of evaluate; docs/design.md, section 3",
    tolerance="none: nothing is missing, and every number is finite; a clear refusal is none of it",
    physics=(
        "Searches and simulations meet every corner: one atom, two that nearly touch, a cell gone flat. A NaN there "
        "spreads through an integrator in one step and ends, or silently freezes, a run of days. So does an array of "
        "another shape, or forces that are left out for a single atom."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    without_pool=True,
    weight=1.0,  # on the smallest budget too, each kind in each periodicity
)
