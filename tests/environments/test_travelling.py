"""What travels is read by every Python that it is meant for; older ones say that they are too old."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ase import Atoms
from ase.calculators.emt import EMT

from gnnp_bench.adapters import registry
from gnnp_bench.environments import pythons
from gnnp_bench.environments.place import place
from gnnp_bench.environments.process import Process
from gnnp_bench.environments.travelling import sources
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError

ROOT = Path(__file__).parents[2]
COMPILE = "import json, sys\nfor name, (_, text) in json.load(sys.stdin).items(): compile(text, name, 'exec')"


def of_version(version: str) -> str:
    """Return the path of a Python, looked for as `env create --python` does."""
    try:
        if tuple(map(int, version.split("."))) >= pythons.OLDEST:
            return pythons.find(version, (), "test").path
    except PotentialError:
        pytest.skip(f"Python {version} is not on this machine")
    path = next((one for one in pythons._candidates(version) if pythons.version_of(one) == version), None)
    if path is None:
        pytest.skip(f"Python {version} is not on this machine")
    return path


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_it_is_read_by_every_python_that_is_new_enough(version: str):
    text = json.dumps(sources()["sources"])
    subprocess.run([of_version(version), "-I", "-c", COMPILE], input=text, text=True, check=True)


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9"])
def test_older_ones_say_so(version: str):
    with pytest.raises(PotentialError, match=rf"Python {version} is too old: at least 3\.10 is needed"):
        Process(place(of_version(version), "ase"))


def test_a_python_without_ase_says_so():
    bare = of_version("3.10")
    with pytest.raises(PotentialError, match=r"(ase|numpy) cannot be imported there"):
        Process(place(bare, "ase"))


def test_adapters_have_the_same_names_there_as_here_whether_they_are_registered_or_not():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["gnnp_bench.potentials"]
    here = {f"{name} = {value}" for name, value in declared.items()}
    _, *there = sources()["files"]["entry_points.txt"].splitlines()
    assert set(there) == here


def test_whatever_a_travelling_module_imports_travels():
    travelling = sources()["sources"]
    for name, (_, text) in travelling.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gnnp_bench"):
                beside = {f"{node.module}.{one.name}" for one in node.names}
                assert node.module in travelling or beside <= travelling.keys(), f"{name} imports {node.module}"


def test_a_program_behind_a_socket_is_asked_from_another_python(python: str, copper: Atoms):
    driver = f"{sys.executable} -m gnnp_bench.adapters.ipi_driver ase:ase.calculators.emt:EMT {{structure}} {{address}}"
    potential = registry.load(f"socket:{driver}?env={python}", ("Cu",)).potential
    (found,) = potential.evaluate([copper], ALL_PROPERTIES)
    copper.calc = EMT()
    assert found.energy == pytest.approx(copper.get_potential_energy(), abs=1e-10)
