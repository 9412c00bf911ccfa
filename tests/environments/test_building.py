"""Environments: built once, by one process at a time, and nothing half made."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ase.build import bulk

from gnnp_bench.adapters import registry
from gnnp_bench.cli import main
from gnnp_bench.environments import building
from gnnp_bench.environments.asked import ask, declared
from gnnp_bench.environments.building import Built, create
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError

EMT = "ase:ase.calculators.emt:EMT"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "gnnp-bench" / "environments"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip find nothing, as without a network."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")


def left(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("*") if path.name != ".locks")


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("gnnp-bench: building")]
    assert len(lines) == 1
    return lines[0]


def test_what_is_asked_for_has_a_hash_of_its_own():
    first, again = ask("ase"), ask("ase")
    assert first.digest == again.digest
    assert ask("ase", requirements=("ase==3.29.0", "numpy")).digest != first.digest
    assert {"ase", "chgnet", "mace", "sevennet"} <= set(declared())
    assert all("==" in requirement for name in declared() for requirement in ask(name).requirements)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "nothing"], "no environment is declared for 'nothing'"),
        (["create", "../up"], "is no name of an environment"),
        (["create", "ase", "--python", "3.9"], "Python 3.9 is too old"),
        (["create", "ase", "--python", "2.7"], "Python 2.7 is too old"),
        (["create", "ase", "--python", "new"], "no version of Python"),
        (["create", "ase", "--python", "/nowhere/python"], "is no Python that can be run"),
        (["create", "mace", "--python", "3.99"], "is declared for Python"),
        (["create", "mine", "--python", "3.99", "--requirement", "ase"], "Python 3.99 is not on this machine"),
        (["show", "nothing"], "there is no environment 'nothing'"),
        (["remove", "ase"], "no environment 'ase' is built"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(
    cache: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
):
    assert words in told(["env", *arguments], capsys)
    assert not left(cache)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ("nothing", "there is no environment 'nothing'"),
        ("ase", "is not built yet: gnnp-bench env create ase"),
        ("/nowhere/bin/python", "there is no /nowhere/bin/python"),
        ("/etc/hostname", "cannot be run"),
        ("/", "has no bin/python"),
        ("a&b=c", "--env takes"),
    ],
)
def test_a_place_that_is_none_is_answered_in_one_line(
    cache: Path, capsys: pytest.CaptureFixture[str], env: str, words: str
):
    assert words in told(["doctor", EMT, "--species", "Cu", "--env", env], capsys)


def test_auto_needs_a_declaration(cache: Path, capsys: pytest.CaptureFixture[str]):
    assert "no environment is declared for 'mine'" in told(["doctor", "mine:make", "--env", "auto"], capsys)
    words = told(["doctor", f"{EMT}?env=auto", "--env", "auto"], capsys)
    assert "names an environment, and so does --env" in words


def test_without_a_network_nothing_is_left(cache: Path, offline: None, capsys: pytest.CaptureFixture[str]):
    words = told(["env", "create", "ase"], capsys)
    assert "no package index can be reached" in words
    assert not left(cache)


def test_where_nothing_can_be_written_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "could not be built: Not a directory" in told(["env", "create", "ase"], capsys)


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine does not let root mount a small disk")
    try:
        monkeypatch.setenv("XDG_CACHE_HOME", str(disk))
        assert "the disk is full" in told(["env", "create", "ase"], capsys)
        assert not left(disk / "gnnp-bench" / "environments")
    finally:
        subprocess.run([unmount, str(disk)], check=True)


def test_two_builds_at_once_are_one(cache: Path):
    """The second waits, says so, and finds what the first has built; here of an environment without requirements."""
    command = [sys.executable, "-m", "gnnp_bench", "env", "create", "ase"]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 60.0
    while not left(cache) and time.monotonic() < until:
        time.sleep(0.05)
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    out, err = first.communicate()
    assert first.returncode == 0
    assert "building the environment ase" in err
    assert "building" not in second.stderr
    assert "another process builds the environment ase; waiting for it" in second.stderr
    assert out == second.stdout
    assert len(left(cache)) == 1
    assert main(["env", "remove", "ase"]) == 0
    assert not left(cache)


def _heeding_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_build_leaves_nothing_half_made(
    cache: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
):
    command = [sys.executable, "-m", "gnnp_bench", "env", "create", "ase"]
    # A test that runs in the background may have inherited that Ctrl-C is ignored.
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=_heeding_signals)
    until = time.monotonic() + 60.0
    while not list(cache.glob("*/bin/python")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate()
    if number == signal.SIGKILL:
        assert building.built() == []  # what is there is no environment
        until = time.monotonic() + 120.0
        while left(cache) and time.monotonic() < until:  # its tools hold the lock to their end
            building.sweep()
            time.sleep(0.2)
    else:
        assert process.returncode == 2
        assert f"stopped by {number.name if number == signal.SIGTERM else 'Ctrl-C'}" in err
    assert not left(cache)


def test_an_environment_is_found_by_name_and_hash(built: Built, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(built.folder.parents[2]))
    assert create(ask("ase")) == built
    assert building.named("ase").python == building.named(built.label).python == str(built.folder / "bin" / "python")
    assert building.automatic(EMT).built == built.label
    with pytest.raises(PotentialError, match="not built yet"):
        building.named("mace")
    assert main(["env", "list"]) == 0
    listed = capsys.readouterr().out
    assert f"{built.label} " in listed
    assert "declared, not built" in listed
    assert main(["env", "show", "ase"]) == 0
    assert "ase==3.29.0" in capsys.readouterr().out
    assert main(["env", "show", "mace"]) == 0
    assert "mace-torch==" in capsys.readouterr().out


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("uv", path=path) is None:
        pytest.skip("uv is not installed")
    monkeypatch.setenv("PATH", path)


def test_uv_builds_what_is_asked_for_and_not_what_the_project_around_it_wants(
    cache: Path, uv: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project = tmp_path / "project"
    project.mkdir()
    settings = '[project]\nname = "x"\nversion = "0"\n[tool.uv]\nconstraint-dependencies = ["numpy<2"]\n'
    (project / "pyproject.toml").write_text(settings)
    monkeypatch.chdir(project)
    made = create(ask("ase"))
    assert made.record["packages"]["numpy"] == "2.2.6"
    assert "pip" not in made.record["packages"]
    potential = registry.load(f"{EMT}?env=ase", ["Cu"]).potential
    (found,) = potential.evaluate([bulk("Cu")], ALL_PROPERTIES)
    assert found.energy == pytest.approx(-0.00568, abs=1e-4)
    assert left(cache) == [made.label]
