"""What structures that are evaluated together do to each other: found, and named as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.check import Case, Noise
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.potential import Prediction, Property, Unsupported
from gnnp_bench.structures.serialise import to_json
from tests.checks.test_seldom_seen import Answer, Wrapped
from tests.engine.judging import certified, statuses


def batched(together: Answer) -> Wrapped:
    """Return a sound potential that does something to what it is asked for together."""
    return Wrapped(lambda all_, asked, found: together(all_, asked, found) if len(all_) > 1 else found)


@pytest.mark.parametrize("more_than", [8, 24, 40])
def test_the_last_of_many_structures_is_looked_at(more_than: int) -> None:
    def late(structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]) -> list[Prediction]:
        if len(structures) <= more_than:
            return found
        return [*found[:-1], replace(found[-1], energy=found[-1].energy + 1e-2 * len(structures[-1]))]

    found = certified(lambda: batched(late), "robustness/batch")
    assert statuses(found) == {"batch": "fail"}


def sorted_by_size(
    structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]
) -> list[Prediction]:
    return [found[int(index)] for index in np.argsort([len(structure) for structure in structures], kind="stable")]


def without_the_last(
    structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]
) -> list[Prediction]:
    return found[:-1]


def padded_with_nan(
    structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]
) -> list[Prediction]:
    largest = max(map(len, structures))
    return [p if len(s) == largest else replace(p, energy=float("nan")) for s, p in zip(structures, found, strict=True)]


def only_of_one_size(
    structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]
) -> list[Prediction]:
    if len(set(map(len, structures))) > 1:
        raise RuntimeError("stack expects each tensor to be equal size")
    return found


def shifted(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
    return [replace(p, energy=p.energy + 5e-4 * len(s)) for s, p in zip(structures, found, strict=True)]


def shifted_energies_alone(
    structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]
) -> list[Prediction]:
    return found if "forces" in asked else shifted(structures, found)


def shifted_where_sizes_are_equal(
    structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]
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
def test_what_a_batch_does_is_named(together: Answer, seed: int) -> None:
    found = certified(lambda: batched(together), "robustness/batch", seed=seed)
    assert statuses(found) == {"batch": "fail"}


def test_who_breaks_over_a_companion_alone_is_no_matter_of_batches() -> None:
    check = next(check for check in all_checks() if check.id == "robustness/batch")
    structure, companion = bulk("Cu"), bulk("Au")
    base = Prediction(0.0, np.zeros((1, 3)), np.zeros((3, 3)))
    parameters = {"company": [to_json(companion)], "place": 1, "asked": "all"}
    measurement = check.measure(Case(structure, Noise(0.0, 0.0, 0.0), parameters, base))
    assert len(next(measurement).structures) == 1
    assert len(measurement.send([base]).structures) == 2
    (alone,) = measurement.throw(RuntimeError("over both")).structures
    assert alone == companion
    with pytest.raises(RuntimeError, match="over the companion"):
        measurement.throw(RuntimeError("over the companion"))


def test_batches_may_be_refused() -> None:
    def refused(structures: Sequence[Atoms], asked: frozenset[Property], found: list[Prediction]) -> list[Prediction]:
        raise Unsupported("one at a time")

    found = certified(lambda: batched(refused), "robustness/batch")
    assert statuses(found) == {"batch": "not_applicable"}
