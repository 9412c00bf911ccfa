"""robustness/input-intact: a potential reads its input and leaves it alone."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual, vacuous, with_parameters
from gnnp_bench.checks.common import on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Property

ASKED: tuple[frozenset[Property], ...] = (ALL_PROPERTIES, ENERGY_FORCES, ENERGY)
COPIES = (1, 2, 5, 12)
"""Structures in a batch: one, two and several may each take another way."""
BATCHES = ("1 as it is", "2 left-handed", "5 as it is", "1 left-handed", "2 as it is", "5 left-handed", "12 as it is")

DRIVEN = ("1 driven", "1 driven left-handed")
DRIVEN_TOO = tuple(kind for k, batch in enumerate(BATCHES) for kind in (batch, DRIVEN[k % 2]))
"""For ASE calculators, which see the caller's own structure only where they are attached to it."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    copies, *way = view.next_of(DRIVEN_TOO if view.capabilities.driven else BATCHES).split(" ")
    outside, asked, driven = bool(rng.integers(2)), int(rng.integers(len(ASKED))), "driven" in way
    parameters = {"copies": int(copies), "left_handed": "left-handed" in way, "outside": outside or driven}
    return view.pick(rng).case({**parameters, "asked": asked, "driven": driven})


def _simpler(case: Case) -> Iterator[Case]:
    for copies in COPIES:
        if copies < case.parameters["copies"]:
            yield with_parameters(case, copies=copies)
    if case.parameters["left_handed"]:
        yield with_parameters(case, left_handed=False)
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    outside, left_handed = bool(case.parameters["outside"]), bool(case.parameters["left_handed"])
    driven = bool(case.parameters.get("driven"))
    # In a batch, all of them are to be left alone.
    structures = [
        _laden(case.structure, outside=outside, left_handed=left_handed) for _ in range(int(case.parameters["copies"]))
    ]
    if driven:  # which is put back, unless the calculator has put something else in its own place
        for structure in structures:
            structure.calc = SinglePointCalculator(structure)
    before = [_state(structure) for structure in structures]
    try:
        yield Request(structures, ASKED[case.parameters["asked"]], together=True, driven=driven)
    except ValueError:
        if not any(structure.cell.handedness < 0 for structure in structures):
            raise
        return vacuous("the potential refuses left-handed cells")  # which is for periodicity/cell-choice to judge
    changed = sorted({key for old, s in zip(before, structures, strict=True) for key in _changed(old, _state(s))})
    note = f"changed by the call: {', '.join(changed)}" if changed else None
    return Residual((Component("changed attributes", float(len(changed)), 0.0, "", bound=0.0),), note=note)


def _laden(structure: Atoms, *, outside: bool, left_handed: bool) -> Atoms:
    """Return a copy that carries all that a potential might be tempted to change."""
    from ase.constraints import FixAtoms  # which imports half of scipy

    laden: Atoms = structure.copy()
    laden.info = copy.deepcopy(structure.info)  # which Atoms.copy shares
    if left_handed and laden.pbc.any() and laden.cell.handedness > 0:  # invites turning it around
        cell = laden.cell.array.copy()
        cell[np.flatnonzero(laden.pbc)[0]] *= -1.0  # the same lattice: atoms stay where they are
        laden.set_cell(cell)
    if outside and laden.pbc.any():  # an atom outside the cell invites wrapping
        laden.positions[0] += laden.cell.array[np.flatnonzero(laden.pbc)[0]]
    n_atoms = np.arange(len(laden))
    laden.set_tags(n_atoms)
    laden.set_masses(laden.get_masses() + 0.5)
    laden.set_momenta(np.outer(1.0 + n_atoms, [0.1, 0.2, 0.3]))
    laden.set_celldisp([0.1, 0.0, 0.0])
    laden.set_constraint(FixAtoms([0]))
    laden.info["note"] = "left alone"
    laden.info["list"] = [1, "two", [3.0]]
    laden.info["array"] = np.arange(3.0)
    laden.info["dict"] = {"one": 1, "array": np.arange(3.0), "list": [1, 2]}
    return laden


def _state(structure: Atoms) -> dict[str, Any]:
    state: dict[str, Any] = {name: array.copy() for name, array in structure.arrays.items()}
    state |= {"cell": structure.cell.array.copy(), "pbc": structure.pbc.copy()}
    state["celldisp"] = structure.get_celldisp().copy()
    state |= {"constraints": [repr(c) for c in structure.constraints], "calculator": structure.calc}
    return state | {f"info[{key!r}]": copy.deepcopy(value) for key, value in structure.info.items()}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {key for key in before.keys() | after.keys() if not _equal(before.get(key), after.get(key))}


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if type(first) is not type(second):
        return False
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(_equal, first, second))
    return bool(first == second)


INPUT_INTACT = Check(
    id="robustness/input-intact",
    law="x before the call = x after it",
    category="mandatory",
    needs=ENERGY,
    source="the contract of evaluate; docs/design.md, section 3",
    tolerance="none: nothing may change",
    physics=(
        "Evaluating is looking. A potential that wraps positions, turns the cell or adds arrays in the caller's "
        "structure moves atoms behind the integrator's back: velocities no longer belong to the positions, "
        "trajectories jump, and neighbour lists kept by the caller are wrong. What is noted beside a structure, in "
        "`info`, is the caller's as well, down to the lists and arrays within it."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=1.5,
)
