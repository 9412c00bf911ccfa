"""Potentials of every temper, which need numpy, ASE and what travels: a pair potential, and what is done around it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

import gnnp_bench
from gnnp_bench import Capabilities, Unsupported

Prediction: Any = gnnp_bench.Prediction  # they break its rules

HEAVY = 79
"""Atomic number of what some of them cannot bear."""
RANGE = 0.8
"""Å, of the Gaussian repulsion."""


def pair(atoms: Atoms) -> Prediction:
    """Return E = Σ exp(-d²/2a²) over the pairs of 3 × 3 × 3 cells, eV."""
    shifts = np.stack(np.meshgrid(*[np.arange(-1, 2) if p else np.zeros(1, int) for p in atoms.pbc]), -1).reshape(-1, 3)
    vectors = atoms.positions[None, :, None] - atoms.positions[None, None] + (shifts @ atoms.cell.array)[:, None, None]
    square = (vectors**2).sum(-1)
    terms = np.where(square > 0.0, np.exp(-square / (2.0 * RANGE**2)), 0.0)
    forces = (terms[..., None] * vectors / RANGE**2).sum((0, 2))
    stress = None
    if atoms.pbc.all():
        stress = -np.einsum("sij,sija,sijb->ab", terms, vectors, vectors) / (2.0 * RANGE**2 * atoms.get_volume())
    return Prediction(float(terms.sum()) / 2.0, forces, stress)


class Potential:
    """The pair potential; what is done around it is given."""

    name = "hazard"
    capabilities = Capabilities(species=("Cu", "Au"))

    def __init__(self, around: Callable[[Sequence[Atoms], list[Prediction]], Any] = lambda s, p: p) -> None:
        self.around = around

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[str]) -> Any:
        return self.around(structures, [pair(structure) for structure in structures])


def _where_heavy(action: Callable[[], Any]) -> Potential:
    def around(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        if any(HEAVY in structure.numbers for structure in structures):
            action()
        return found

    return Potential(around)


def sound() -> Potential:
    return Potential()


def dies() -> Potential:
    def end() -> None:
        os.write(2, b"the kernel panicked\n")
        os.kill(os.getpid(), signal.SIGSEGV)

    return _where_heavy(end)


def leaves() -> Potential:
    return _where_heavy(lambda: os._exit(7))


def quits() -> Potential:
    return _where_heavy(lambda: sys.exit("enough"))


def hangs() -> Potential:
    return _where_heavy(lambda: time.sleep(1000.0))


def hangs_with_another() -> Potential:
    """Hang, with a program started that does so as well; its number is left in a file."""

    def wait() -> None:
        other = subprocess.Popen(["sleep", "1000"])
        Path("numbers").write_text(f"{os.getpid()} {other.pid}")
        other.wait()

    return _where_heavy(wait)


def prints() -> Potential:
    def chatter() -> None:
        print("words " * 1000)
        os.write(1, b"\x00\xff" * 100_000)
        os.write(2, b"complaints\n" * 30_000)
        assert sys.stdin.read() == ""

    return _where_heavy(chatter)


def refuses() -> Potential:
    def refuse() -> None:
        raise Unsupported("no gold")

    return _where_heavy(refuse)


class OwnError(KeyError):
    """Of a package that is not here."""


def breaks() -> Potential:
    def fail() -> None:
        raise OwnError("charge")

    return _where_heavy(fail)


def answers(kind: str) -> Potential:
    """Answer something else than is asked for."""

    def around(structures: Sequence[Atoms], found: list[Prediction]) -> Any:
        one = found[0]
        return {
            "nan": [Prediction(float("nan"), one.forces * np.inf, one.stress)],
            "shape": [Prediction(one.energy, one.forces[:-1], one.stress)],
            "complex": [Prediction(one.energy, one.forces + 1j, one.stress)],
            "masked": [Prediction(one.energy, np.ma.masked_less(one.forces, 0.0), one.stress)],
            "objects": [Prediction(one.energy, one.forces.astype(object), one.stress)],
            "rows": [Prediction(one.energy, [[1.0], [1.0, 2.0]], one.stress)],
            "text": [Prediction("high", one.forces, one.stress)],
            "none": [Prediction(one.energy, None, one.stress)],
            "float32": [Prediction(np.float32(one.energy), one.forces.astype(np.float32), one.stress)],
            "fewer": found[:-1],
            "nothing": None,
        }[kind]

    return Potential(around)


def meddles() -> Potential:
    """Wrap atoms in place, write into `info`, and leave an array behind."""

    def around(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        structures[-1].positions += 1.0
        structures[-1].info["seen"] = True
        structures[-1].set_array("rank", np.arange(len(structures[-1])))
        return found

    return Potential(around)


def reuses() -> Potential:
    """Return the same array every time."""
    buffer = np.zeros((1000, 3))

    def around(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        begin, made = 0, []
        for one in found:
            view = buffer[begin : begin + len(one.forces)]
            view[...] = one.forces
            begin += len(view)
            made.append(Prediction(one.energy, view, one.stress))
        return made

    return Potential(around)


def hoards() -> Potential:
    """Keep 100 kB of each call."""
    kept: list[Any] = []

    def around(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        kept.append(np.ones(12_500))
        return found

    return Potential(around)


def seeds() -> Potential:
    """Seed the random numbers of everybody."""

    def around(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        np.random.seed(len(found))  # noqa: NPY002
        return found

    return Potential(around)


class Shared(Potential):
    """A potential with one work space for all threads."""

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[str]) -> Any:
        self.structures = structures
        found = []
        for k in range(len(structures)):
            time.sleep(1e-3)
            found.append(pair(self.structures[k]))
        return found


def shares() -> Shared:
    return Shared()


class Stale(Calculator):
    """A calculator that computes anew for another object only."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def __init__(self, honest: bool = False) -> None:
        super().__init__()
        self.honest, self.seen = honest, None

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> Any:
        if self.honest:
            return super().check_state(atoms, tol)
        return [] if atoms is self.seen else all_changes

    def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = ()) -> None:
        self.seen = atoms
        found = pair(atoms)
        full = np.zeros((3, 3)) if found.stress is None else found.stress
        voigt = full.flat[[0, 4, 8, 5, 2, 1]]
        self.atoms, self.results = atoms.copy(), {"energy": found.energy, "forces": found.forces, "stress": voigt}


def charged() -> Potential:
    """Say of an environment variable and the seed of sets what they are: energies differ from process to process."""

    def around(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        return [Prediction(one.energy + hash("charge") % 1000, one.forces, one.stress) for one in found]

    return Potential(around)
