"""robustness/input-intact: a potential reads its input and leaves it alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual, with_parameters
from gnnp_bench.checks.common import on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Property

ASKED: tuple[frozenset[Property], ...] = (ALL_PROPERTIES, ENERGY_FORCES, ENERGY)


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    outside, alone = bool(rng.integers(2)), bool(rng.integers(2))
    return view.pick(rng).case({"outside": outside, "alone": alone, "asked": int(rng.integers(len(ASKED)))})


def _simpler(case: Case) -> Iterator[Case]:
    if not case.parameters["alone"]:
        yield with_parameters(case, alone=True)
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    # In a batch, all of them are to be left alone: one structure may take another way than several do.
    copies = 1 if case.parameters["alone"] else 2
    structures = [_laden(case.structure, outside=bool(case.parameters["outside"])) for _ in range(copies)]
    before = [_state(structure) for structure in structures]
    yield Request(structures, ASKED[case.parameters["asked"]], together=True)
    changed = sorted({key for old, s in zip(before, structures, strict=True) for key in _changed(old, _state(s))})
    note = f"changed by the call: {', '.join(changed)}" if changed else None
    return Residual((Component("changed attributes", float(len(changed)), 0.0, "", bound=0.0),), note=note)


def _laden(structure: Atoms, *, outside: bool) -> Atoms:
    """Return a copy that carries all that a potential might be tempted to change."""
    laden: Atoms = structure.copy()
    if outside and laden.pbc.any():  # an atom outside the cell invites wrapping
        laden.positions[0] += laden.cell.array[np.flatnonzero(laden.pbc)[0]]
    n_atoms = np.arange(len(laden))
    laden.set_tags(n_atoms)
    laden.set_masses(laden.get_masses() + 0.5)
    laden.set_momenta(np.outer(1.0 + n_atoms, [0.1, 0.2, 0.3]))
    laden.set_celldisp([0.1, 0.0, 0.0])
    laden.set_constraint(FixAtoms([0]))
    laden.info["note"] = "left alone"
    return laden


def _state(structure: Atoms) -> dict[str, Any]:
    state: dict[str, Any] = {name: array.copy() for name, array in structure.arrays.items()}
    state |= {"cell": structure.cell.array.copy(), "pbc": structure.pbc.copy()}
    state["celldisp"] = structure.get_celldisp().copy()
    state |= {"constraints": [repr(c) for c in structure.constraints], "calculator": structure.calc}
    return state | {f"info[{key!r}]": repr(value) for key, value in structure.info.items()}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {key for key in before.keys() | after.keys() if not _equal(before.get(key), after.get(key))}


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return first.shape == second.shape and bool(np.array_equal(first, second))
    return type(first) is type(second) and bool(first == second)


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
        "trajectories jump, and neighbour lists kept by the caller are wrong."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=0.5,
)
