"""What a potential remembers by half of its input, from call to call or within one: found, and named as such."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic import embedded_atom
from tests.engine.test_planted_elsewhere import judged, statuses

Key = Callable[[Atoms], Hashable]
IN_THE_MODULE: dict[str, dict[Hashable, Prediction]] = {}
"""What outlives a potential and meets the next one in the same process."""


def cell(atoms: Atoms) -> bytes:
    return atoms.cell.array.tobytes() + atoms.pbc.tobytes()


def all_of_it(atoms: Atoms) -> tuple[bytes, ...]:
    return atoms.positions.tobytes(), atoms.numbers.tobytes(), cell(atoms)


KEYS: dict[str, Key] = {
    "numbers": lambda a: (a.positions.tobytes(), cell(a)),
    "composition": lambda a: (a.positions.tobytes(), tuple(np.sort(a.numbers)), cell(a)),
    "cell": lambda a: (a.positions.tobytes(), a.numbers.tobytes(), a.pbc.tobytes()),
    "periodicity": lambda a: (a.positions.tobytes(), a.numbers.tobytes(), a.cell.array.tobytes()),
    "whether periodic": lambda a: (
        a.positions.tobytes(),
        a.numbers.tobytes(),
        a.cell.array.tobytes(),
        bool(a.pbc.any()),
    ),
    "angles": lambda a: (
        a.positions.tobytes(),
        a.numbers.tobytes(),
        a.pbc.tobytes(),
        tuple(np.round(a.cell.lengths(), 9)),
    ),
    "shape": lambda a: (
        a.positions.tobytes(),
        a.numbers.tobytes(),
        a.pbc.tobytes(),
        round(abs(np.linalg.det(a.cell.array)), 6),
    ),
    "digits of the cell": lambda a: (
        a.positions.tobytes(),
        a.numbers.tobytes(),
        a.pbc.tobytes(),
        a.cell.array.round(1).tobytes(),
    ),
    "last atom": lambda a: (a.positions[:-1].tobytes(), a.numbers.tobytes(), cell(a)),
    "first atom": lambda a: (a.positions[1:].tobytes(), a.numbers.tobytes(), cell(a)),
    "all but the sum": lambda a: (tuple(np.round(a.positions.sum(axis=0), 9)), a.numbers.tobytes(), cell(a)),
}
"""By what is overlooked -> what predictions are remembered by."""


@dataclass(slots=True)
class Remembering:
    """A sound potential that answers what it believes to know from memory."""

    key: Key
    memory: dict[Hashable, Prediction] = field(default_factory=dict)
    within_a_call: bool = False
    sound: Potential = field(default_factory=lambda: embedded_atom(species=("C", "Cu", "Au")))
    name: str = "remembering"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if self.within_a_call:
            self.memory.clear()
        found = []
        for structure in structures:
            key = (len(structure), properties, self.key(structure))
            if key not in self.memory:
                (self.memory[key],) = self.sound.evaluate([structure], properties)
            found.append(self.memory[key])
        return found


def remembering(overlooked: str, *, in_the_module: bool = False, within_a_call: bool = False) -> Remembering:
    memory = IN_THE_MODULE.setdefault(overlooked, {}) if in_the_module else {}
    return Remembering(KEYS[overlooked], memory, within_a_call)


@pytest.mark.parametrize("overlooked", KEYS)
def test_a_cache_that_overlooks_something_is_named(overlooked: str) -> None:
    found = judged(functools.partial(remembering, overlooked), "robustness/call-history")
    assert statuses(found) == {"call-history": "fail"}


@pytest.mark.parametrize("overlooked", ["numbers", "cell", "periodicity"])
def test_a_cache_that_outlives_the_potential_is_named(overlooked: str) -> None:
    IN_THE_MODULE.clear()
    found = judged(functools.partial(remembering, overlooked, in_the_module=True), "robustness/call-history")
    assert statuses(found) == {"call-history": "fail"}


@pytest.mark.parametrize("overlooked", ["numbers", "composition", "cell", "periodicity"])
def test_what_is_mixed_up_within_a_batch_is_named(overlooked: str) -> None:
    found = judged(functools.partial(remembering, overlooked, within_a_call=True), "robustness/batch")
    assert statuses(found) == {"batch": "fail"}


def test_memory_by_all_that_matters_is_no_defect() -> None:
    for within_a_call in (False, True):
        make = functools.partial(Remembering, all_of_it, within_a_call=within_a_call)
        found = judged(make, "robustness/call-history", "robustness/batch")
        assert statuses(found) == {"call-history": "pass", "batch": "pass"}


@dataclass(slots=True)
class LateInACrowd:
    """The last of many structures is off."""

    more_than: int
    sound: Potential = field(default_factory=lambda: embedded_atom(species=("C", "Cu", "Au")))
    name: str = "late"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        if len(structures) > self.more_than:
            last, n_atoms = found[-1], len(structures[-1])
            found[-1] = Prediction(last.energy + 1e-2 * n_atoms, last.forces, last.stress)
        return found


@pytest.mark.parametrize("more_than", [8, 24, 40])
def test_the_last_of_many_structures_is_looked_at(more_than: int) -> None:
    found = judged(functools.partial(LateInACrowd, more_than), "robustness/batch")
    assert statuses(found) == {"batch": "fail"}


@dataclass(slots=True)
class Crashing:
    """A potential on a library that an infinity ends, with the process it is in."""

    sound: Potential = field(default_factory=lambda: embedded_atom(species=("C", "Cu", "Au")))
    name: str = "crashing"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if any(not np.isfinite(structure.cell.array).all() for structure in structures):
            os.kill(os.getpid(), signal.SIGFPE)
        return self.sound.evaluate(structures, properties)


def test_nonsense_that_ends_a_process_does_not_end_the_certificate() -> None:
    settings = Settings(spec="crashing", budget="quick", only=("robustness/refusals",))
    *_, last = run(Crashing(), all_checks(), settings, reload=Crashing)
    (result,) = last.certificate.checks
    assert result.status == "pass"
    assert result.reason is not None
