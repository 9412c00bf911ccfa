"""Processes split off from one that is kept ready: each has evaluated nothing, and none leaves anything to the next."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.check import EndedProcess
from gnnp_bench.engine import nursery
from gnnp_bench.engine.watched import Seen, watched
from gnnp_bench.potential import ENERGY, Capabilities, Prediction, Property

SEEN: list[str] = []
"""What this module remembers, in whichever process it is."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are split on Linux only")


@dataclass(frozen=True)
class Guest:
    """A potential that notes in files what its process is like, and then behaves as it is told."""

    place: str
    behaviour: str = ""
    name: str = "guest"
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(species=("Cu",), properties=ENERGY))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        words = [os.getpid(), os.getppid(), os.environ.get("A_WORD"), os.getcwd(), len(SEEN), random.random()]
        with open(self.place, "a") as notes:
            print(*words, np.random.random(), sep="|", file=notes)  # noqa: NPY002
        SEEN.append(self.behaviour)
        if self.behaviour == "dies":
            print("no space left on device", file=sys.stderr)
            os._exit(7)
        if self.behaviour == "hangs":
            time.sleep(60.0)
        if self.behaviour == "closes":
            os.closerange(0, 64)
        if self.behaviour == "meddles":
            os.environ["A_WORD"] = "meddled"
            os.chdir("/")
            sys.path.clear()
            random.seed(1)
            np.random.seed(1)  # noqa: NPY002
        return [Prediction(0.0) for _ in structures]


def look(place: str, behaviour: str = "", timeout: float = 60.0) -> Seen:
    return watched(partial(Guest, place, behaviour), [([bulk("Cu")], ENERGY)], lambda: None, timeout, split=True)


@pytest.fixture
def place(tmp_path) -> str:
    return str(tmp_path / "notes")


def noted(place: str) -> list[list[str]]:
    with open(place) as notes:
        return [line.strip().split("|") for line in notes]


def test_each_is_a_process_of_its_own_where_nothing_has_happened(place: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_WORD", "now")
    for behaviour in ("meddles", ""):
        look(place, behaviour)
    first, second = noted(place)
    assert first[0] != second[0]
    assert first[1] == second[1] != str(os.getpid())
    assert first[2:4] == second[2:4] == ["now", str(tmp_path)]
    assert first[4] == second[4] == "0"
    assert first[5:] == second[5:], "random numbers begin alike, as they are told to for the comparison"


def test_they_see_the_surroundings_that_a_new_interpreter_sees(place: str) -> None:
    (split, anew) = (
        watched(partial(Guest, place), [([bulk("Cu")], ENERGY)], lambda: None, split=split) for split in (True, False)
    )
    for one, other in zip(split.moments, anew.moments, strict=True):
        own = {"PYTEST_CURRENT_TEST", "file descriptor"}
        differing = {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
        assert not [name for name in differing if not any(word in name for word in own)]


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("dies", "a new process ended itself, with exit status 7: no space left on device"),
        ("hangs", "a new process did not answer within 5 s"),
        ("closes", "a new process ended itself, with exit status"),
    ],
)
def test_one_that_ends_is_told_of_and_costs_no_other(behaviour: str, message: str, place: str) -> None:
    look(place)
    with pytest.raises(EndedProcess, match=message):
        look(place, behaviour, timeout=60.0 if behaviour != "hangs" else 5.0)
    assert len(look(place).answers) == 1
    before, ended, after = (line[0] for line in noted(place))
    assert len({before, ended, after}) == 3
    with pytest.raises(ProcessLookupError):
        os.kill(int(ended), 0)


def test_only_one_is_had_at_a_time() -> None:
    with nursery.split_off({}) as one, nursery.split_off({}) as other:
        assert one is not None
        assert other is None  # whoever asks starts a new one
