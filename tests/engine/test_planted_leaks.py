"""What a potential takes and does not give back, in one way of calling it or another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import IO

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.potential import Prediction, Property
from tests.engine.judging import certified, statuses
from tests.engine.test_planted_elsewhere import Altered

Call = Callable[[Sequence[Atoms], frozenset[Property]], bool]
MIB = 2**17
"""Numbers in a MiB."""


class Leaking(Altered):
    """It keeps something of the calls that a function picks, up to a limit."""

    def __init__(self, picked: Call, numbers: int, limit: int = 10**9) -> None:
        super().__init__()
        self.picked, self.numbers, self.limit = picked, numbers, limit
        self.kept: list[np.ndarray] = []
        self.calls = 0

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        self.calls += 1
        if self.picked(structures, properties) and (self.numbers < MIB or self.calls % 20 == 0):
            self.kept.append(np.ones(self.numbers))
            del self.kept[: -self.limit]
        return self.sound.evaluate(structures, properties)


LEAKS: dict[str, tuple[Call, int]] = {
    "24 KiB of every call": (lambda structures, asked: True, 3072),
    "a MiB of every twentieth call": (lambda structures, asked: True, MIB),
    "of batches": (lambda structures, asked: len(structures) > 1, MIB // 2),
    "of energies alone": (lambda structures, asked: "forces" not in asked, MIB // 2),
    "of isolated structures": (lambda structures, asked: not structures[0].pbc.any(), 25_000),
    "of structures of more than eight atoms": (lambda structures, asked: len(structures[0]) > 8, 25_000),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_named(leak: str) -> None:
    found = certified(functools.partial(Leaking, *LEAKS[leak]), "robustness/memory-growth")
    assert statuses(found) == {"memory-growth": "fail"}


def test_a_cache_with_a_limit_is_no_leak() -> None:
    picked, numbers = LEAKS["24 KiB of every call"]
    found = certified(functools.partial(Leaking, picked, numbers, 128), "robustness/memory-growth")
    assert statuses(found) == {"memory-growth": "pass"}


def test_files_that_stay_open_are_named() -> None:
    files: list[IO[bytes]] = []

    def opened(structure: Atoms) -> Atoms:
        if len(files) < 500:  # an operating system permits no more than a thousand or so
            files.append(open(__file__, "rb"))  # noqa: SIM115
        return structure

    try:
        found = certified(lambda: Altered(before=opened), "robustness/memory-growth")
    finally:
        for file in files:
            file.close()
    (result,) = found.checks
    assert (result.status, result.quantity) == ("fail", "open files")
