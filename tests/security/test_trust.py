"""A certificate of a stranger runs no code, unless the user who is told which code it is wants it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gnnp_bench.certificate import chain, io
from gnnp_bench.cli import main
from gnnp_bench.environments.sandbox import why_not

LAW = "symmetry/net-force"
GUEST = """
import os
from pathlib import Path
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

try:
    (Path(os.environ.get("MARK", "ran"))).touch()
except OSError:
    pass

class Pulling(Calculator):
    implemented_properties = ["energy", "forces", "stress"]

    def calculate(self, atoms=None, properties=(), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces = np.full((len(atoms), 3), 0.05) + atoms.positions * 1e-3
        self.results = {"energy": 0.0, "forces": forces, "stress": np.zeros(6)}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        Path("pulling_guest.py").write_text(GUEST)
        options = ["--species", "Cu", "--budget", "quick", "--only", LAW, "--json", "c.json"]
        assert main(["certify", "pulling_guest:Pulling", *options]) == 1
        return Path("c.json").read_bytes()


@pytest.fixture
def place(tmp_path: Path, made: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a stranger's certificate and code were put; the code was not imported by this process from there."""
    monkeypatch.chdir(tmp_path)
    values = json.loads(made)
    values["potential"]["spec"] = "strangers_guest:Pulling"
    values["seal"] = json.loads(io.encode_value(chain.seal_of(values)))
    Path("theirs.json").write_text(json.dumps(values))
    Path("strangers_guest.py").write_text(GUEST)
    Path("pulling_guest.py").write_text(GUEST)
    Path("mine.json").write_bytes(made)
    return tmp_path


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch):
    import sys

    names = ("strangers_guest", "pulling_guest")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in names:
        sys.modules.pop(name, None)


def test_what_was_made_here_asks_nothing(place, capsys):
    assert main(["reproduce", "mine.json", LAW]) == 0
    assert "comes from elsewhere" not in capsys.readouterr().err


def test_the_code_of_a_stranger_is_named_and_not_run(place, capsys):
    for command in (
        ["reproduce", "theirs.json", LAW, "--structure", "s.xyz", "--pytest", "test_s.py"],
        ["show", "theirs.json"],
        ["verify", "theirs.json"],
        ["report", "theirs.json", "--html", "p.html", "--markdown", "-"],
        ["compare", "theirs.json", "mine.json"],
    ):
        status = main(command)
        told = capsys.readouterr().err
        assert not (place / "ran").exists(), command
        if command[0] == "reproduce":
            assert status == 2
            assert "theirs.json was not made here, and this would run the code of strangers_guest:Pulling" in told
            assert "--trust" in told
            assert "--isolate sandbox" in told


def test_a_file_that_was_changed_is_a_strangers(place, capsys):
    text = Path("mine.json").read_text().replace("pulling_guest:Pulling", "strangers_guest:Pulling")
    Path("mine.json").write_text(text)
    assert main(["reproduce", "mine.json", LAW]) == 2
    assert "its potential was changed" in capsys.readouterr().err
    assert not (place / "ran").exists()
    assert main(["reproduce", "mine.json", LAW, "--trust"]) == 0
    told = capsys.readouterr().err
    assert "mine.json was changed after it was made: its potential was changed and " in told
    assert "; running the code of strangers_guest:Pulling" in told


def test_whoever_trusts_it_runs_it_and_is_told(place, capsys):
    assert main(["reproduce", "theirs.json", LAW, "--trust"]) == 0
    assert "comes from elsewhere; running the code of strangers_guest:Pulling" in capsys.readouterr().err
    assert (place / "ran").exists()


@pytest.mark.skipif(bool(why_not()), reason=f"bubblewrap: {why_not()}")
def test_a_sandbox_needs_no_trust(place, capsys):
    assert main(["reproduce", "theirs.json", LAW, "--isolate", "sandbox"]) == 0
    assert "Reproduced" in capsys.readouterr().out
    assert not (place / "ran").exists()  # the working directory is read-only there


def test_a_signature_of_somebody_known_is_trust(place, capsys):
    pytest.importorskip("cryptography")
    assert main(["new-key", "alice"]) == 0
    assert main(["reproduce", "theirs.json", LAW, "--key", "alice.pub"]) == 2
    assert "theirs.json is not signed by alice.pub: nothing is run" in capsys.readouterr().err
    assert not (place / "ran").exists()
    assert main(["sign", "theirs.json", "--key", "alice"]) == 0
    assert main(["reproduce", "theirs.json", LAW, "--key", "alice.pub"]) == 0
