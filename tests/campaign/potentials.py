"""Potentials that misbehave in ways that campaigns have to live with."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gnnp_bench.potential import Prediction
from tests.analytic import smooth_pair
from tests.engine.hazards import SPECIES, Hazard


def _once(name: str, deed: Callable[[], object]) -> Hazard:
    """Return a potential that does something at its first evaluation with gold alone in it, in one process only."""

    def do() -> None:
        flag = Path(os.environ["CAMPAIGN_FLAGS"]) / name
        if not flag.exists():
            flag.touch()
            deed()

    return Hazard(do, lambda structure: float(np.linalg.det(structure.cell.array)) < 0.0)


def killed_once() -> Hazard:
    """Be killed from outside in the first task that asks for a left-handed cell."""
    return _once("killed", lambda: os.kill(os.getpid(), signal.SIGKILL))


def killed_while_short_of_memory() -> Hazard:
    """Be killed from outside in each task that asks for a left-handed cell, until the machine has memory again."""

    def deed() -> None:
        if not (Path(os.environ["CAMPAIGN_FLAGS"]) / "memory").exists():
            os.kill(os.getpid(), signal.SIGKILL)

    return Hazard(deed)


def leader_killed_once() -> Hazard:
    """Kill the process that leads, as a cluster does when its time is over."""

    def deed() -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    return _once("leader", deed)


def raises() -> Hazard:
    def deed() -> None:
        raise RuntimeError("no convergence")

    return Hazard(deed)


def chatty() -> Hazard:
    """Print sixteen megabytes before each answer, to both streams and past Python as well."""

    def deed() -> None:
        for _ in range(16):
            sys.stdout.write("x" * 500_000)
            os.write(1, b"y" * 500_000)
            os.write(2, b"z" * 500_000)

    return Hazard(deed, lambda structure: len(structure) == 2)


def greedy() -> Hazard:
    """Take memory until there is none."""
    taken: list[np.ndarray] = []

    def deed() -> None:
        while True:
            taken.append(np.ones(2**24))

    return Hazard(deed)


class Nan:
    """Answers NaN for left-handed cells."""

    def __init__(self) -> None:
        self.sound = smooth_pair(species=SPECIES)
        self.name = "nan"
        self.capabilities = self.sound.capabilities

    def evaluate(self, structures, properties):
        found = self.sound.evaluate(structures, properties)
        return [
            Prediction(float("nan"), p.forces, p.stress) if float(np.linalg.det(s.cell.array)) < 0.0 else p
            for s, p in zip(structures, found, strict=True)
        ]


def tiny() -> Hazard:
    """Be sound, and nothing else."""
    return Hazard(lambda: None, lambda structure: False)


class Drifting:
    """Pulls every atom the same way: actio is not reactio."""

    def __init__(self) -> None:
        self.sound = smooth_pair(species=SPECIES)
        self.name = "drifting"
        self.capabilities = self.sound.capabilities

    def evaluate(self, structures, properties):
        found = self.sound.evaluate(structures, properties)
        return [Prediction(p.energy, None if p.forces is None else p.forces + 0.01, p.stress) for p in found]
