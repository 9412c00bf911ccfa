"""The template of an adapter package: built, installed in a fresh environment, found by its entry point, certified."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import read

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "docs" / "templates" / "adapter"


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a fresh environment, in which the wheel of the template is installed and nothing else.

    Its dependencies are those of the environment that the tests run in, so that nothing is fetched.
    """
    place = tmp_path_factory.mktemp("adapter")
    shutil.copytree(TEMPLATE, place / "package")
    venv.create(place / "venv", with_pip=True, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = place / "venv" / "lib" / version / "site-packages"
    (site / "beside.pth").write_text("\n".join([sysconfig.get_path("purelib"), str(ROOT)]))
    for command in (
        ("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", "dist", "./package"),
        ("install", "--no-deps", "--no-index", "--find-links", "dist", "gnnp-bench-morse"),
    ):
        done = run(place / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *command, cwd=place)
        assert done.returncode == 0, done.stderr
    assert (site / "gnnp_bench_morse" / "adapter.py").exists()
    return place


def python(workplace: Path) -> Path:
    return workplace / "venv" / "bin" / "python"


def gnnp_bench(workplace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(python(workplace), "-m", "gnnp_bench.cli", *arguments, cwd=workplace)


def test_it_is_found_by_its_entry_point_and_certified(workplace: Path) -> None:
    done = gnnp_bench(workplace, "certify", "morse", "--budget", "quick", "--json", "certificate.json")
    assert done.returncode == 0, done.stdout + done.stderr
    certificate = read(workplace / "certificate.json")
    assert certificate.verdict == "certified"
    assert certificate.complete
    assert certificate.potential.name == "morse-soft"
    version = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]["version"]
    assert certificate.potential.version == version


def test_its_variants_and_refusals(workplace: Path) -> None:
    done = gnnp_bench(workplace, "doctor", "morse:stiff?cutoff=7", "--species", "Cu,Au")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("morse-stiff: nothing found")
    done = gnnp_bench(workplace, "certify", "morse:hard")
    assert done.returncode == 2
    assert "morse has no variant 'hard'; choose from soft, stiff" in done.stderr


def test_its_own_tests_pass(workplace: Path) -> None:
    done = run(python(workplace), "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=workplace / "package")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_it_stays_out_of_other_environments() -> None:
    done = run(sys.executable, "-m", "gnnp_bench.cli", "certify", "morse", cwd=ROOT)
    assert done.returncode == 2
    assert "unknown potential 'morse'" in done.stderr
