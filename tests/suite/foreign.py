"""Somebody else's project: a directory with potentials, where pytest runs as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gnnp_bench.certificate import io
from gnnp_bench.certificate.result import Certificate

ROOT = Path(__file__).parents[2]
ON_CI = ("CI", "BUILD_NUMBER")
"""Where one of these is set pytest repeats messages in full in its summary, which it cuts to a line elsewhere."""

POTENTIALS = """
import os
import signal
import warnings


from tests.analytic import smooth_pair
from tests.mutants import plant


def sound():
    return smooth_pair(3.5, species=("Cu",))


def namesake():
    return smooth_pair(3.5, species=("Cu",))


def pulled():
    "A constant force acts on every atom."
    return plant("net-force", sound())


class Peculiar:
    def __init__(self, habit):
        self.sound, self.habit = sound(), habit
        self.name, self.capabilities = habit.__name__, self.sound.capabilities

    def evaluate(self, structures, properties):
        for structure in structures:
            self.habit(structure)
        return self.sound.evaluate(structures, properties)


def warning(structure):
    warnings.warn("somebody else's code is old", DeprecationWarning)


def segfault_in_left_handed_cells(structure):
    if structure.cell.handedness < 0:
        os.kill(os.getpid(), signal.SIGSEGV)


def warns():
    warnings.warn("loading is old as well", UserWarning)
    return Peculiar(warning)


def dies():
    return Peculiar(segfault_in_left_handed_cells)


def leaves_a_mark():
    open("loaded", "w").close()
    return sound()


def broken():
    raise RuntimeError("no weights\\nanywhere")
"""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A directory that knows nothing of this repository.

    Attributes
    ----------
    path : Path
    """

    path: Path

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        (self.path / name).write_text(text)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in it; the tests' own package can be imported."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        surroundings = {
            key: value for key, value in os.environ.items() if key not in ON_CI and not key.startswith("PYTEST")
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env={**surroundings, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pytest in it."""
        return self.python("-m", "pytest", "-p", "no:cacheprovider", *arguments)

    def suite(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the suite in it, on the smallest budget."""
        return self.pytest("--pyargs", "gnnp_bench.suite", "--gnnp-budget", "quick", *arguments)

    def certificate(self, name: str = "certificate.json") -> Certificate:
        """Return a certificate that was written in it."""
        return io.read(self.path / name)


def statuses(certificate: Certificate) -> dict[str, str]:
    """Return the status of each check by id."""
    return {result.id: result.status for result in certificate.checks}
