"""What an isolated potential cannot have: secrets, the network, files, more than its share."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from gnnp_bench.adapters.registry import load
from gnnp_bench.cli import main
from gnnp_bench.environments import frames, sandbox
from gnnp_bench.environments.isolation import LIMITS, PASSED, READABLE
from gnnp_bench.environments.limits import limits
from gnnp_bench.environments.process import Lost, raised
from gnnp_bench.environments.sandbox import python_folders, why_not
from gnnp_bench.potential import ENERGY, PotentialError, Unsupported

HERE = Path(__file__).parent
sandboxed = pytest.mark.skipif(bool(why_not()), reason=f"bubblewrap: {why_not()}")
ALLOWED = {"PATH", "HOME", "LANG", "OMP_NUM_THREADS", "PYTHONPATH"}


@pytest.fixture(autouse=True)
def guests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work where the guests can be imported, with a secret."""
    (tmp_path / "work").mkdir()
    (tmp_path / "temporary").mkdir()
    shutil.copy(HERE / "guests.py", tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def seen(spec: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(load(spec).potential.name)
    return found


@pytest.mark.parametrize("kind", ["limits", pytest.param("sandbox", marks=sandboxed)])
def test_no_secret_is_in_its_environment(kind, monkeypatch):
    variables = set(seen(f"guests:Curious?isolate={kind}")["variables"])
    assert not {"GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", PASSED, LIMITS} & variables
    assert {"PATH", "OMP_NUM_THREADS"} & set(os.environ) <= variables
    monkeypatch.setenv(PASSED, "GITHUB_TOKEN,NOT_SET")
    more = set(seen(f"guests:Curious?isolate={kind}")["variables"])
    assert more - variables == {"GITHUB_TOKEN"}


def test_without_isolation_it_has_them(port):
    found = seen(f"guests:Curious?env={sys.executable}&port={port}")
    assert "GITHUB_TOKEN" in found["variables"]
    assert found["network"] == "yes"


@sandboxed
def test_a_sandbox_has_no_network_no_files_and_no_processes_of_others(tmp_path, port, monkeypatch):
    (tmp_path / "key").write_text("secret")
    found = seen(f"guests:Curious?isolate=sandbox&secret={tmp_path / 'key'}&port={port}")
    for name in ("secret", "shadow", "network", "written"):
        assert found[name].startswith("no: "), (name, found[name])
    assert "secret" not in found["parent"]
    assert found["temporary"] == "yes"
    assert not (tmp_path / "temporary" / "written-by-a-guest").exists()
    assert found["processes"] <= 4
    home = str(Path.home())
    packages = [path for path in (*sys.path, sys.base_prefix, os.path.realpath(sys.prefix)) if path.startswith(home)]
    assert set(ast.literal_eval(found["home"])) <= {Path(path).relative_to(home).parts[0] for path in packages}
    monkeypatch.setenv(READABLE, str(tmp_path / "key"))
    assert seen(f"guests:Curious?isolate=sandbox&secret={tmp_path / 'key'}")["secret"] == "secret"


@sandboxed
def test_a_sandbox_holds_another_python_as_well(python):
    potential: Any = load(f"guests:Curious?isolate=sandbox&env={python}").potential
    assert json.loads(potential.name)["shadow"].startswith("no: ")
    assert potential.environment()["isolation"]["kind"] == "sandbox"


@sandboxed
def test_a_home_is_no_working_directory_of_a_sandbox(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for folder in (home, tmp_path, Path("/")):
        monkeypatch.chdir(folder)
        with pytest.raises(PotentialError, match="holds your home: start in"):
            load("ase:ase.calculators.emt:EMT?isolate=sandbox", ["Cu"])


@pytest.mark.parametrize("folder", ["temporary", "."])
@sandboxed
def test_what_all_programs_share_is_no_working_directory_of_a_sandbox(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / folder)
    monkeypatch.setattr(sandbox, "HIDDEN", (str(tmp_path / "temporary"),))
    with pytest.raises(PotentialError, match="lie files and sockets of other programs: start in a folder of its own"):
        load("guests:Curious?isolate=sandbox")


def test_of_a_python_in_local_nothing_else_there_is_seen(tmp_path):
    local = tmp_path / ".local"
    (local / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (local / "bin" / "python3").touch()
    (tmp_path / "venv" / "bin" / "python").symlink_to(local / "bin" / "python3")
    (tmp_path / "venv" / "pyvenv.cfg").write_text(f"home = {local / 'bin'}\n")
    found = set(python_folders(str(tmp_path / "venv" / "bin" / "python")))
    assert {str(tmp_path / "venv"), str(local / "bin"), str(local / "lib")} <= found
    assert str(local) not in found


def heavy(alloy: Atoms, spec: str) -> Exception:
    """Return what evaluating gold raises, after which copper is evaluated all the same."""
    potential = load(spec).potential
    with pytest.raises((MemoryError, OSError, RuntimeError)) as told:
        potential.evaluate([alloy], ENERGY)
    copper = alloy.copy()
    copper.numbers[:] = 29
    assert potential.evaluate([copper], ENERGY)[0].energy is not None
    return told.value


@pytest.mark.parametrize("kind", ["limits", pytest.param("sandbox", marks=sandboxed)])
def test_a_leak_ends_at_its_limit(kind, alloy, monkeypatch):
    monkeypatch.setenv(LIMITS, "memory=600M")
    assert isinstance(heavy(alloy, f"guests:Leaking?isolate={kind}"), MemoryError)


def test_one_file_has_its_limit(alloy, monkeypatch, tmp_path):
    monkeypatch.setenv(LIMITS, "file=1M")
    error = heavy(alloy, "guests:Filling?isolate=limits")
    assert isinstance(error, OSError)
    assert "too large" in str(error)
    assert (tmp_path / "temporary" / "filled-by-a-guest").stat().st_size == 1 << 20


def test_processor_time_has_its_limit(alloy, monkeypatch):
    monkeypatch.setenv(LIMITS, "cpu=2")
    error = heavy(alloy, "guests:Burning?isolate=limits")
    assert isinstance(error, Lost)
    assert "SIGXCPU" in str(error) or "SIGKILL" in str(error)


@pytest.mark.skipif(os.getuid() == 0, reason="a system does not hold root to a number of processes")
def test_processes_have_their_limit(alloy, monkeypatch):
    monkeypatch.setenv(LIMITS, "processes=40")
    assert "can't start new thread" in str(heavy(alloy, "guests:Multiplying?isolate=limits"))


@sandboxed
def test_what_is_killed_in_a_sandbox_leaves_nothing_behind(alloy, monkeypatch, tmp_path):
    monkeypatch.setenv(PASSED, "GUEST_FILE")
    monkeypatch.setenv("GUEST_FILE", "/tmp/number")
    loaded = load("guests:Fleeing?isolate=sandbox")
    process: Any = loaded.potential.home.process()  # type: ignore[attr-defined]
    loaded.potential.evaluate([alloy], ENERGY)
    below = [int(pid) for pid in _below(process.popen.pid)]
    assert len(below) >= 3  # the sandbox's first, Python, and who fled
    process.kill()
    until = time.monotonic() + 10.0
    while any(Path(f"/proc/{pid}/cmdline").exists() and _alive(pid) for pid in below):
        assert time.monotonic() < until
        time.sleep(0.05)


def _below(pid: int) -> list[str]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [*children, *(one for child in children for one in _below(int(child)))]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("text", "memory", "processes"), [("", None, 256), ("memory=2G", 2 << 30, 256), ("processes=7,memory=5", 5, 7)]
)
def test_limits_are_read(text, memory, processes):
    found = limits(text)
    assert found.processes == processes
    assert memory is None or found.memory == memory


@pytest.mark.parametrize("text", ["memory", "memory=", "memory=0", "memory=-1", "disk=3", "memory=9999999T", "cpu=1.5"])
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(PotentialError, match=r"a limit reads|more than any system"):
        limits(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--isolate", "limits", "--limit", "memory=much"], "a limit reads memory=8G"),
        (["--isolate", "limits", "--pass-env", "A B"], "--pass-env takes the name of a variable"),
        (["--isolate", "limits", "--allow-read", "/not/there"], "there is no such file or folder"),
        (["--isolate", "limits", "--allow-read", "/"], "your home lies in it"),
        (["--limit", "memory=8G"], "--limit is for an isolated potential"),
    ],
)
def test_options_that_cannot_be_are_refused(arguments, message, capsys):
    assert main(["certify", "ase:ase.calculators.emt:EMT", "--species", "Cu", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_specs_that_cannot_be_are_refused(monkeypatch):
    for spec, message in (
        ("ase:ase.calculators.emt:EMT?isolate=much", "isolate is one of limits, sandbox, not 'much'"),
        ("ase:ase.calculators.emt:EMT?isolate=sandbox&env=ssh:host//python3", "works on this machine"),
    ):
        with pytest.raises(PotentialError, match=re.escape(message)):
            load(spec, ["Cu"])
    monkeypatch.setenv("PATH", "/nowhere")
    why_not.cache_clear()
    try:
        with pytest.raises(PotentialError, match="needs bubblewrap: it is not installed"):
            load("ase:ase.calculators.emt:EMT?isolate=sandbox", ["Cu"])
    finally:
        why_not.cache_clear()


def test_a_leak_is_an_error_of_the_case_and_the_certificate_says_how_it_was_held(tmp_path, capsys):
    path = tmp_path / "c.json"
    options = ["--species", "Cu,Au", "--budget", "quick", "--only", "robustness/finite-output", "--json", str(path)]
    isolated = ["--isolate", "limits", "--limit", "memory=600M"]
    assert main(["certify", "guests:Leaking", *options, *isolated]) == 3
    assert "isolated by limits: few variables" in capsys.readouterr().out
    record = json.loads(path.read_text())
    assert record["potential"]["spec"] == "guests:Leaking?isolate=limits"
    assert record["environment"]["potential"]["isolation"]["kind"] == "limits"
    assert LIMITS not in os.environ
    assert record["verdict"] == "partial"
    assert [check["status"] for check in record["checks"]] == ["error"]
    assert "MemoryError" in record["checks"][0]["reason"]


class TestWhatAStrangerSays:
    """A process must not be able to do more here than to answer wrongly."""

    @pytest.mark.parametrize(
        "error",
        [
            {
                "name": "exec",
                "own": [],
                "bases": ["exec"],
                "text": "",
                "arguments": {"list": ["raise KeyboardInterrupt"]},
            },
            {"name": "eval", "own": [], "bases": ["eval", "object"], "text": "", "arguments": {"list": ["1/0"]}},
            {"name": "x", "own": ["antigravity:x"], "bases": ["Exception"], "text": "", "arguments": {"list": []}},
            {"name": "x", "own": ["gnnp_bench.cli:main"], "bases": [], "text": "", "arguments": {"list": []}},
            {
                "name": "x",
                "own": ["os:system"],
                "bases": ["KeyboardInterrupt"],
                "text": "t",
                "arguments": {"list": ["ls"]},
            },
            {"name": "a\0\udcff", "own": [], "bases": ["OSError"], "text": "t", "arguments": {"list": ["x"]}},
            {"name": "x", "own": 3, "bases": None, "text": None},
            {
                "name": "UnicodeDecodeError",
                "own": [],
                "bases": ["UnicodeDecodeError"],
                "text": "",
                "arguments": {"list": []},
            },
        ],
    )
    def test_exceptions_are_nothing_else(self, error):
        before = set(sys.modules)
        assert isinstance(raised(error, iter(())), Exception)
        assert not {"antigravity", "gnnp_bench.cli"} & (set(sys.modules) - before)

    def test_a_size_alone_takes_no_memory(self):
        here, there = os.pipe()
        os.write(there, frames.HEAD.pack(2, frames.MOST - 2) + b"{}")
        os.close(there)
        tracemalloc.start()
        with pytest.raises(frames.Closed):
            frames.read(here)
        assert tracemalloc.get_traced_memory()[1] < 2 * frames.AT_ONCE
        tracemalloc.stop()
        os.close(here)

    def test_frames_that_come_in_pieces_are_whole(self, monkeypatch):
        monkeypatch.setattr(frames, "AT_ONCE", 1000)
        here, there = os.pipe()
        sent = bytes(range(256)) * 200
        writer = threading.Thread(target=frames.write, args=(there, {"a": 1}, [sent, b"end"]))
        writer.start()
        header, (first, last) = frames.read(here)
        writer.join()
        assert (header, bytes(first), bytes(last)) == ({"a": 1}, sent, b"end")

    def test_exceptions_of_ours_are_the_same(self):
        told = {
            "name": "Unsupported",
            "own": ["gnnp_bench.potential:Unsupported"],
            "bases": ["Exception"],
            "text": "no",
            "arguments": {"list": ["no"]},
        }
        assert type(raised(told, iter(()))) is Unsupported

    @pytest.mark.parametrize(
        "header",
        [
            b"[" * 100_000,
            b"{",
            b"[]",
            b"{}",
            b'{"sizes": [-1, 1]}',
            b'{"sizes": [3]}',
            b'{"sizes": "no"}',
            b"\xff",
            b"null",
        ],
    )
    def test_frames_that_are_none_close_the_channel(self, header):
        here, there = os.pipe()
        writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=there)
        os.close(there)
        assert writer.stdin is not None
        with writer.stdin:
            writer.stdin.write(frames.HEAD.pack(len(header), 0) + header)
        with pytest.raises(frames.Closed):
            frames.read(here)
        os.close(here)
        writer.wait()
