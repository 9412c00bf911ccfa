"""The command as a process, and potentials of every temper for it to judge."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from gnnp_bench.cli import main

ROOT = Path(__file__).parents[2]

POTENTIALS = """
import os
import time

import numpy as np
from ase.calculators.calculator import Calculator

from tests.analytic import smooth_pair


class Drifting(Calculator):
    "Every atom is pulled the same way: actio is not reactio."

    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def calculate(self, atoms, *arguments):
        pull = np.array([float(os.environ.get("PULL", "0.05")), 0.0, 0.0])
        energy = -float(np.sum(atoms.positions @ pull))
        forces = np.tile(pull, (len(atoms), 1))
        self.results = {"energy": energy, "free_energy": energy, "forces": forces, "stress": np.zeros(6)}


class Creeping(Drifting):
    def calculate(self, atoms, *arguments):
        time.sleep(0.01)
        super().calculate(atoms, *arguments)


class Peculiar:
    "A sound potential that does something else before it answers."

    def __init__(self, habit):
        self.sound, self.habit = smooth_pair(), habit
        self.name, self.capabilities = "peculiar", self.sound.capabilities

    def evaluate(self, structures, properties):
        self.habit(structures)
        return self.sound.evaluate(structures, properties)


def slow():
    with open(os.environ.get("PIDS", os.devnull), "a") as record:
        record.write(f"{os.getpid()} ")
    return Peculiar(lambda structures: time.sleep(0.01 * len(structures)))


def say(structures):
    print("computing")
    os.write(1, b"computing in C\\n")


def chatty():
    return Peculiar(say)


def exploding():
    raise RuntimeError("no weights\\nanywhere")


def nothing():
    return 3
"""


def lay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the potentials as a module, and make its directory the current one."""
    (tmp_path / "tempers.py").write_text(POTENTIALS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "tempers", raising=False)  # that of another test's directory
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


def surroundings(variables: Mapping[str, str] | None = None) -> dict[str, object]:
    """Return options by which a process finds the package of the tests, and further environment variables."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"env": {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(variables or {})}}


def gnnp_bench(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "gnnp_bench.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **(surroundings() | options))  # type: ignore[call-overload]


def _dispose(ignored: Collection[signal.Signals]) -> None:
    """Ignore these signals, and no other that shells and `nohup` let the programs that they start ignore."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)


@contextmanager
def running(
    *arguments: str, ignored: Collection[signal.Signals] = (), **options: object
) -> Iterator[subprocess.Popen[str]]:
    """Run the command beside the test; it is ended if the test leaves it running.

    What it ignores does not depend on how the tests were started: a shell has programs in the background ignore
    Ctrl-C, and these hand it on to what they start.
    """
    command = [sys.executable, "-m", "gnnp_bench.cli", *arguments]
    options = surroundings() | {"preexec_fn": partial(_dispose, ignored)} | options
    with subprocess.Popen(command, text=True, **options) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def wait_until(true: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until something holds, while a process runs; not for ever."""
    deadline = time.monotonic() + 120.0
    while not true():
        assert time.monotonic() < deadline, "it did not happen within two minutes"
        assert process is None or process.poll() is None, "the process has ended before it happened"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Return whether there is such a process, and it is no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # it has just ended, or there is no /proc
        return Path("/proc").exists() is False


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that a wrong request is answered with."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1, err
    assert err.startswith("gnnp-bench")
    assert "Traceback" not in err
    assert "could not" not in out
    return err
