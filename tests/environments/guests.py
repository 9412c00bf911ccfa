"""Potentials of strangers: each tries something that an isolated one must not get, and tells what it got."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench import Capabilities, Prediction

HEAVY = 79
"""Atomic number at which they begin."""


class Guest:
    """A potential that does something with what holds gold, and sums squares of positions otherwise."""

    name = "guest"
    capabilities = Capabilities(species=("Cu", "Au"))

    def evaluate(self, structures: list[Atoms], properties: frozenset[str]) -> list[Prediction]:
        return [self._one(atoms) for atoms in structures]

    def _one(self, atoms: Atoms) -> Prediction:
        if HEAVY in atoms.numbers:
            self.misbehave()
        shifts = atoms.positions - atoms.positions.mean(0)
        return Prediction(float((shifts**2).sum()), -2.0 * shifts, np.zeros((3, 3)))

    def misbehave(self) -> Any:
        """Do it."""


class Curious(Guest):
    """Looks around when it is made, and says in its name what it saw."""

    def __init__(self, secret: str = "", port: str = "0") -> None:
        seen = {
            "variables": sorted(os.environ),
            "secret": _text(secret),
            "home": _text(str(Path.home())),
            "parent": _text(f"/proc/{os.getppid()}/environ"),
            "shadow": _text("/etc/shadow"),
            "network": _reached(int(port)),
            "written": _written("written-by-a-guest"),
            "temporary": _written(f"{tempfile.gettempdir()}/written-by-a-guest"),
            "processes": sum(name.isdigit() for name in os.listdir("/proc")),
        }
        self.name = json.dumps(seen)


def _text(path: str) -> str:
    try:
        return (
            str(sorted(os.listdir(path))) if os.path.isdir(path) else Path(path).read_bytes().decode(errors="replace")
        )
    except OSError as error:
        return f"no: {error.strerror}"


def _reached(port: int) -> str:
    try:
        socket.create_connection(("127.0.0.1", port), 2.0).close()
    except OSError as error:
        return f"no: {error.strerror}"
    return "yes"


def _written(path: str) -> str:
    try:
        Path(path).write_text("here")
    except OSError as error:
        return f"no: {error.strerror}"
    return "yes"


class Leaking(Guest):
    """Takes memory until there is none."""

    def misbehave(self) -> Any:
        kept = []
        while True:
            kept.append(np.ones(1 << 21))


class Filling(Guest):
    """Writes one file until it may not."""

    def misbehave(self) -> Any:
        with open(f"{tempfile.gettempdir()}/filled-by-a-guest", "wb") as file:
            for _ in range(64):
                file.write(bytes(1 << 20))
                file.flush()


class Multiplying(Guest):
    """Starts threads until it may not."""

    def misbehave(self) -> Any:
        for _ in range(2000):
            threading.Thread(target=time.sleep, args=(60.0,), daemon=True).start()


class Burning(Guest):
    """Computes for ever."""

    def misbehave(self) -> Any:
        while True:
            pass


class Fleeing(Guest):
    """Leaves a process behind that has a session of its own, whose number is in a file."""

    def misbehave(self) -> Any:
        if os.fork() == 0:
            os.setsid()
            Path(os.environ["GUEST_FILE"]).write_text(str(os.getpid()))
            time.sleep(60.0)
            os._exit(0)
        time.sleep(0.2)
