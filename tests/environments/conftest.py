"""Another Python, with numpy and ASE alone, built as the command builds it; and structures."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.environments.asked import ask
from gnnp_bench.environments.building import Built, create

HERE = Path(__file__).parent
USERS_CACHE = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
"""Read before the tests get a cache of their own: large environments stay there from one run to the next."""
TEST_CACHE = os.environ.get("GNNP_BENCH_TEST_CACHE")
"""Where small environments of the tests stay; they are in pytest's temporary folder otherwise."""
WANTED = "GNNP_BENCH_TEST_ENVIRONMENTS"


@contextlib.contextmanager
def environment(name: str) -> Iterator[Built]:
    """Yield the environment that an adapter declares, kept in the user's own cache; skip where it is not wanted."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", USERS_CACHE)
        asked = ask(name)
        folder = Path(USERS_CACHE) / "gnnp-bench" / "environments" / f"{name}-{asked.digest}"
        if WANTED not in os.environ and not folder.exists():
            pytest.skip(f"building the environment takes minutes and more than 1 GB: set {WANTED}=1")
        yield create(asked)


def made(built: Built, script: str, path: Path, *arguments: str) -> Path:
    """Return a path to which a script of this folder, run by the Python of an environment, has written a model."""
    python = str(built.folder / "bin" / "python")
    variables = {**os.environ, **built.record["variables"], "PYTHONPATH": ""}
    command = [python, "-W", "ignore", str(HERE / script), str(path), *arguments]
    subprocess.run(command, check=True, env=variables, capture_output=True)
    return path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return an environment with numpy and ASE, one for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", TEST_CACHE or str(shared / "environments"))
        made = create(ask("ase"))
    return made


@pytest.fixture(scope="session")
def python(built: Built) -> str:
    return str(built.folder / "bin" / "python")


@pytest.fixture
def hazards(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the potentials of `hazards.py` can be imported."""
    monkeypatch.chdir(HERE)
    return HERE


@pytest.fixture
def copper() -> Atoms:
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


@pytest.fixture
def alloy(copper: Atoms) -> Atoms:
    mixed: Atoms = copper.copy()
    mixed.numbers[1] = 79
    return mixed
