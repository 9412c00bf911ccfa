"""What structures that are evaluated together do to each other: found, and named as such."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.potential import Capabilities, Potential, Prediction, Property, Unsupported
from tests.analytic import embedded_atom
from tests.engine.test_planted_elsewhere import judged, statuses

Together = Callable[[Sequence[Atoms], list[Prediction], frozenset[Property]], list[Prediction]]


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
class Batching:
    """A sound potential that does something to what it is asked for together."""

    together: Together
    sound: Potential = field(default_factory=lambda: embedded_atom(species=("C", "Cu", "Au")))
    name: str = "batching"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        return self.together(structures, found, properties) if len(structures) > 1 else found


def sorted_by_size(
    structures: Sequence[Atoms], found: list[Prediction], asked: frozenset[Property]
) -> list[Prediction]:
    return [found[int(index)] for index in np.argsort([len(structure) for structure in structures], kind="stable")]


def without_the_last(
    structures: Sequence[Atoms], found: list[Prediction], asked: frozenset[Property]
) -> list[Prediction]:
    return found[:-1]


def padded_with_nan(
    structures: Sequence[Atoms], found: list[Prediction], asked: frozenset[Property]
) -> list[Prediction]:
    largest = max(map(len, structures))
    return [p if len(s) == largest else replace(p, energy=float("nan")) for s, p in zip(structures, found, strict=True)]


def only_of_one_size(
    structures: Sequence[Atoms], found: list[Prediction], asked: frozenset[Property]
) -> list[Prediction]:
    if len(set(map(len, structures))) > 1:
        raise RuntimeError("stack expects each tensor to be equal size")
    return found


def shifted(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
    return [replace(p, energy=p.energy + 5e-4 * len(s)) for s, p in zip(structures, found, strict=True)]


def shifted_energies_alone(
    structures: Sequence[Atoms], found: list[Prediction], asked: frozenset[Property]
) -> list[Prediction]:
    return found if "forces" in asked else shifted(structures, found)


def shifted_where_sizes_are_equal(
    structures: Sequence[Atoms], found: list[Prediction], asked: frozenset[Property]
) -> list[Prediction]:
    return shifted(structures, found) if len(set(map(len, structures))) == 1 else found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "together",
    [
        sorted_by_size,
        without_the_last,
        padded_with_nan,
        only_of_one_size,
        shifted_energies_alone,
        shifted_where_sizes_are_equal,
    ],
)
def test_what_a_batch_does_is_named(together: Together, seed: int) -> None:
    found = judged(functools.partial(Batching, together), "robustness/batch", seed=seed)
    assert statuses(found) == {"batch": "fail"}


def test_who_breaks_over_one_structure_alone_is_no_matter_of_batches() -> None:
    def broken(structures: Sequence[Atoms], found: list[Prediction], asked: frozenset[Property]) -> list[Prediction]:
        raise RuntimeError("broken")

    @dataclass(slots=True)
    class Broken(Batching):
        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            if any(len(structure) > 20 for structure in structures):
                raise RuntimeError("too many atoms")
            return self.sound.evaluate(structures, properties)

    found = judged(lambda: Broken(broken), "robustness/batch")
    (result,) = found.checks
    assert result.status in ("error", "pass")


def test_batches_may_be_refused() -> None:
    def refused(structures: Sequence[Atoms], found: list[Prediction], asked: frozenset[Property]) -> list[Prediction]:
        raise Unsupported("one at a time")

    found = judged(lambda: Batching(refused), "robustness/batch")
    assert statuses(found) == {"batch": "not_applicable"}
