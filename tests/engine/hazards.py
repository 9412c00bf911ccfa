"""Sound potentials that do something terrible on some structures. Their names say what; the environment says where."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities, Potential, Prediction, Property, Unsupported
from tests.analytic import smooth_pair
from tests.mutants.history import TwoDevices

SPECIES = ("Cu", "Au")


def left_handed(structure: Atoms) -> bool:
    return float(np.linalg.det(structure.cell.array)) < 0.0


def gold(structure: Atoms) -> bool:
    return set(structure.symbols) == {"Au"}


def anything(structure: Atoms) -> bool:
    return True


@dataclass(slots=True)
class Hazard:
    """A sound potential behind a deed that is done before the structures for which `when` holds are evaluated."""

    deed: Callable[[], object]
    when: Callable[[Atoms], bool] = left_handed
    sound: Potential = field(default_factory=lambda: smooth_pair(species=SPECIES))
    name: str = "hazard"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if any(self.when(structure) for structure in structures):
            self.deed()
        return self.sound.evaluate(structures, properties)


def kill_myself(number: int) -> None:
    os.kill(os.getpid(), number)


def on_two_devices() -> Potential:
    return TwoDevices(smooth_pair(species=SPECIES), smooth_pair(species=SPECIES))


def segfault() -> Hazard:
    return Hazard(lambda: kill_myself(signal.SIGSEGV))


def killed() -> Hazard:
    return Hazard(lambda: kill_myself(signal.SIGKILL))


def exits() -> Hazard:
    return Hazard(lambda: os._exit(3))


def leaves() -> Hazard:
    return Hazard(lambda: sys.exit(0))


def hangs() -> Hazard:
    # In C, without ever letting another thread of the process run.
    return Hazard(lambda: sum(range(10**15)))


def dies_on_gold() -> Hazard:
    return Hazard(lambda: kill_myself(signal.SIGSEGV), gold)


def leaves_on_gold() -> Hazard:
    return Hazard(lambda: sys.exit(0), gold)


def golden_crystal(structure: Atoms) -> bool:
    """Return whether it is fcc gold with about the measured lattice constant, 4.08 Å."""
    return gold(structure) and len(structure) == 1 and bool(structure.pbc.all()) and abs(structure.cell.volume - 17) < 1


def dies_on_crystals() -> Hazard:
    return Hazard(lambda: kill_myself(signal.SIGSEGV), golden_crystal)


def hangs_on_crystals() -> Hazard:
    return Hazard(lambda: sum(range(10**15)), golden_crystal)


def refuses_crystals() -> Hazard:
    def refuse() -> None:
        raise Unsupported("no gold today")

    return Hazard(refuse, golden_crystal)


def dies_once_on_crystals() -> Hazard:
    """Die the first time ever; from then on there is a file that says so."""

    def die_once() -> None:
        if not Path(os.environ["DIED"]).exists():
            Path(os.environ["DIED"]).touch()
            kill_myself(signal.SIGKILL)

    return Hazard(die_once, golden_crystal)


@dataclass(slots=True)
class Blind:
    """A sound potential whose forces on crystals of gold are not finite."""

    sound: Potential = field(default_factory=lambda: smooth_pair(species=SPECIES))
    name: str = "blind"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        return [
            replace(one, forces=np.full((len(structure), 3), np.nan)) if golden_crystal(structure) else one
            for structure, one in zip(structures, found, strict=True)
        ]


def dies_when_loaded() -> Hazard:
    os._exit(7)


def loads_once() -> Hazard:
    """Load in one process only, ever."""
    Path(os.environ["LOADED"]).touch(exist_ok=False)
    return segfault()


def wants_threads() -> Hazard:
    """Ask for three threads when loaded, as some packages do, and keep a record of those computed with."""
    import torch

    def note() -> None:
        with open(os.environ["THREADS"], "a") as record:
            record.write(f"{os.getpid()} {torch.get_num_threads()}\n")

    torch.set_num_threads(3)
    return Hazard(note, anything)


def with_company() -> Hazard:
    """Start a program that outlives this process unless it is stopped, and keep a record of both."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(os.environ["PIDS"], "a") as record:
        record.write(f"{os.getpid()} {program.pid}\n")
    return Hazard(lambda: None)
