"""Processes split off from one that is kept ready: each has evaluated nothing, and none leaves anything to the next."""

from __future__ import annotations

import importlib
import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.check import EndedProcess
from gnnp_bench.engine import nursery
from gnnp_bench.engine.processes import Process
from gnnp_bench.engine.watched import Seen, watched
from gnnp_bench.potential import ENERGY, Capabilities, Prediction, Property

SEEN: list[str] = []
"""What this module remembers, in whichever process it is."""

KEPT: list[ProcessPoolExecutor] = []
"""Executors that nobody shuts down."""

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
        if self.behaviour == "is gone soon":
            threading.Timer(0.1, os._exit, (3,)).start()
        if self.behaviour == "hangs with a child" and os.fork() == 0:
            time.sleep(30.0)
            os._exit(0)
        if self.behaviour == "leaves an executor":
            KEPT.append(ProcessPoolExecutor(1))
            KEPT[-1].submit(abs, -1).result()
        if self.behaviour.startswith("hangs"):
            time.sleep(60.0)
        if self.behaviour.startswith("imports "):
            importlib.import_module(self.behaviour.partition(" ")[2])
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


def is_gone(pid: int) -> bool:
    for _ in range(100):  # one whose parent has ended as well is buried by the system's first process, some time
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


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
        ("hangs with a child", "a new process did not answer within 5 s"),
        ("closes", "a new process ended itself, with exit status"),
    ],
)
def test_one_that_ends_is_told_of_and_costs_no_other(behaviour: str, message: str, place: str) -> None:
    look(place)
    start = time.monotonic()
    with pytest.raises(EndedProcess, match=message):
        look(place, behaviour, timeout=5.0 if behaviour.startswith("hangs") else 60.0)
    assert time.monotonic() - start < 29.0, "what it has started is not waited for"
    assert len(look(place).answers) == 1
    before, ended, after = (line[0] for line in noted(place))
    assert len({before, ended, after}) == 3
    assert is_gone(int(ended))


def test_only_one_is_had_at_a_time() -> None:
    with nursery.split_off({}) as one, nursery.split_off({}) as other:
        assert one is not None
        assert other is None  # whoever asks starts a new one


def test_one_that_ends_while_nobody_waits_for_it_costs_no_other(place: str) -> None:
    call = ([bulk("Cu")], ENERGY)
    ended = watched(partial(Guest, place, "is gone soon"), [call] * 2, lambda: time.sleep(0.5), split=True)
    assert len(ended.answers) == 1  # what was sent to it then is read by nobody else
    assert [len(look(place).answers) for _ in range(2)] == [1, 1]


def test_an_interruption_leaves_no_answer_to_the_next(place: str, monkeypatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with nursery.split_off({}) as one:
        assert one is not None
        monkeypatch.setattr(Process, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            one.receive(60.0)
        monkeypatch.undo()
    assert len(look(place).answers) == 1


def test_what_is_left_to_be_ended_at_the_end_is_ended(place: str) -> None:
    look(place)
    start = time.monotonic()
    look(place, "leaves an executor")
    assert time.monotonic() - start < nursery.ENDING
    look(place)
    assert len({line[1] for line in noted(place)}) == 1, "none had to be ended, and with it the process kept ready"


def test_folders_of_modules_may_come_later(place: str, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "later"
    monkeypatch.syspath_prepend(str(folder))
    look(place)
    folder.mkdir()
    (folder / "come_later.py").write_text("NAME = 1\n")
    assert len(look(place, "imports come_later").answers) == 1


def test_where_it_cannot_go_there_is_none(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: str(tmp_path / "closed to others"))
    with nursery.split_off({}) as none:
        assert none is None
