"""What a potential remembers by half of its input, from call to call or within one: found, and named as such."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic import embedded_atom
from tests.engine.judging import certified, statuses
from tests.engine.test_planted_elsewhere import Altered

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
    found = certified(functools.partial(remembering, overlooked), "robustness/call-history")
    assert statuses(found) == {"call-history": "fail"}


@pytest.mark.parametrize("overlooked", ["numbers", "cell", "periodicity"])
def test_a_cache_that_outlives_the_potential_is_named(overlooked: str) -> None:
    IN_THE_MODULE.clear()
    found = certified(functools.partial(remembering, overlooked, in_the_module=True), "robustness/call-history")
    assert statuses(found) == {"call-history": "fail"}


@pytest.mark.parametrize("overlooked", ["numbers", "composition", "cell", "periodicity"])
def test_what_is_mixed_up_within_a_batch_is_named(overlooked: str) -> None:
    found = certified(functools.partial(remembering, overlooked, within_a_call=True), "robustness/batch")
    assert statuses(found) == {"batch": "fail"}


def test_memory_by_all_that_matters_is_no_defect() -> None:
    for within_a_call in (False, True):
        make = functools.partial(Remembering, all_of_it, within_a_call=within_a_call)
        found = certified(make, "robustness/call-history", "robustness/batch")
        assert statuses(found) == {"call-history": "pass", "batch": "pass"}


@dataclass(slots=True)
class RememberingTheLast:
    """A sound potential that takes a structure that is nearly the last one for the last one."""

    tolerance: float
    last: tuple[Atoms, frozenset[Property], Prediction] | None = None
    sound: Potential = field(default_factory=lambda: embedded_atom(species=("C", "Cu", "Au")))
    name: str = "remembering the last"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = []
        for structure in structures:
            if self.last is None or not self._alike(structure) or properties != self.last[1]:
                (prediction,) = self.sound.evaluate([structure], properties)
                self.last = structure.copy(), properties, prediction
            found.append(self.last[2])
        return found

    def _alike(self, structure: Atoms) -> bool:
        assert self.last is not None
        known = self.last[0]
        return (
            np.array_equal(known.numbers, structure.numbers)
            and np.array_equal(known.pbc, structure.pbc)
            and np.allclose(known.cell.array, structure.cell.array, rtol=0.0, atol=self.tolerance)
            and np.allclose(known.positions, structure.positions, rtol=0.0, atol=self.tolerance)
        )


@pytest.mark.parametrize("seed", [0, 1])
def test_the_last_answer_is_not_that_of_a_structure_nearby(seed: int) -> None:
    found = certified(functools.partial(RememberingTheLast, 1e-3), "robustness/call-history", seed=seed)
    assert statuses(found) == {"call-history": "fail"}


def test_the_last_answer_may_be_that_of_the_very_same_structure() -> None:
    found = certified(functools.partial(RememberingTheLast, 0.0), "robustness/call-history")
    assert statuses(found) == {"call-history": "pass"}


@dataclass(slots=True)
class StaleForces(Altered):
    """Asked for the energy alone, it takes note of the structure and keeps the forces of the one before."""

    forces: dict[int, Prediction] = field(default_factory=dict)
    known: bytes = b""

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = []
        for structure in structures:
            (prediction,) = self.sound.evaluate([structure], properties)
            key = b"".join(all_of_it(structure))
            stale = self.forces.get(len(structure))
            if "forces" not in properties:
                self.known = key
            elif key == self.known and stale is not None:
                prediction = replace(prediction, forces=stale.forces)
            else:
                self.forces[len(structure)], self.known = prediction, key
            found.append(prediction)
        return found


@pytest.mark.parametrize("seed", [0, 1])
def test_forces_are_not_those_of_an_earlier_structure_whose_energy_was_asked_for(seed: int) -> None:
    found = certified(StaleForces, "robustness/call-history", seed=seed)
    assert statuses(found) == {"call-history": "fail"}


@dataclass(slots=True)
class KeptNeighbours(RememberingTheLast):
    """It makes its list of neighbours anew only when an atom moved far since the last call, not since the list."""

    skin: float = 0.6
    built: Atoms | None = None

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = []
        for structure in structures:
            (prediction,) = self.sound.evaluate([structure], properties)
            if self.last is None or not self._alike(structure):
                self.built = structure.copy()
            assert self.built is not None
            if not structure.pbc.any():
                prediction = replace(prediction, energy=prediction.energy - self._missed(structure))
            self.last = structure.copy(), properties, prediction
            found.append(prediction)
        return found

    def _missed(self, structure: Atoms) -> float:
        """Return an energy for every pair that came within 5 Å since the list was made."""
        assert self.built is not None
        before, now = self.built.get_all_distances(), structure.get_all_distances()
        return 1e-2 * float(np.count_nonzero((before > 5.0 + self.skin) & (now < 5.0)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_list_of_neighbours_is_not_kept_for_too_long(seed: int) -> None:
    found = certified(functools.partial(KeptNeighbours, 0.3), "robustness/call-history", seed=seed)
    assert statuses(found) == {"call-history": "fail"}


@dataclass(slots=True)
class Crashing:
    """A potential on a library that a NaN ends, with the process it is in."""

    sound: Potential = field(default_factory=lambda: embedded_atom(species=("C", "Cu", "Au")))
    name: str = "crashing"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if any(not np.isfinite(structure.positions).all() for structure in structures):
            os.kill(os.getpid(), signal.SIGFPE)
        return self.sound.evaluate(structures, properties)


def test_nonsense_that_ends_a_process_does_not_end_the_certificate() -> None:
    settings = Settings(spec="crashing", budget="quick", only=("robustness/refusals",))
    *_, last = run(Crashing(), all_checks(), settings, reload=Crashing)
    (result,) = last.certificate.checks
    assert result.status == "pass"
    assert result.reason is not None
