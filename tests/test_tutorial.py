"""The tutorial, followed step by step: its commands run, and say what it shows. And what the page after it shows."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from gnnp_bench.cli import main
from tests.commands.processes import gnnp_bench

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(sh|python|text|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d[\d.]*(e[-+]?\d+)?")
FAILS = "certify mypotential:Pulled"


def said(text: str) -> str:
    """Return text without numbers, which differ by rounding, and without line breaks."""
    return " ".join(NUMBER.sub("#", text).split())


def test_the_tutorial_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delitem(sys.modules, "mypotential", raising=False)
    told = ""
    for language, text in BLOCK.findall((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if language == "python":
            (tmp_path / text.split()[1]).write_text(text, encoding="utf-8")
            continue
        if language == "text":
            assert said(text) in told
            continue
        for line in text.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "gnnp-bench"
            if arguments[0] == "certify" and "--only" not in arguments:
                # The whole certificate is made of the wheel, by the command as a process, in .ci/wheel.
                arguments += ["--only", "symmetry/net-force"]
            asked_for = 1 if line.startswith(f"gnnp-bench {FAILS}") else 3 if arguments[0] == "certify" else 0
            assert main(arguments) == asked_for
            told = said(capsys.readouterr().out)
    for name in ("emt.json", "lonely.extxyz", "test_pulled.py", "pulled.html"):
        assert (tmp_path / name).exists()

    potential = tmp_path / "mypotential.py"
    potential.write_text(potential.read_text(encoding="utf-8").replace("+= 0.01", "+= 0.0"), encoding="utf-8")
    sys.modules.pop("mypotential")  # what was imported before it was mended
    assert main(["reproduce", "pulled.json", "symmetry/net-force"]) == 1
    assert "Not reproduced" in capsys.readouterr().out
    sys.modules.pop("mypotential")


def test_what_is_shown_of_ones_own_potential_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = BLOCK.findall((DOCS / "your_potential.md").read_text(encoding="utf-8"))
    ((_, module), (_, settings)) = ((kind, text) for kind, text in blocks if text.startswith("# "))
    for text in (module, settings, "# waivers.toml\n"):
        (tmp_path / text.split()[1]).write_text(text, encoding="utf-8")
    done = gnnp_bench("certify", "--only", "symmetry/net-force", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "spec         mymodule:make_calculator\n" in done.stdout
    assert "nothing was violated" in done.stdout
    assert gnnp_bench("doctor", cwd=tmp_path).returncode == 0
    monkeypatch.chdir(tmp_path)
    (snippet,) = (text for kind, text in blocks if kind == "python" and text.startswith("import"))
    exec(snippet, {})
    assert (tmp_path / "certificate.json").exists()


def test_what_is_shown_of_python_works(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}  # those of one block are known to the next
    for _, snippet in BLOCK.findall((DOCS / "python.md").read_text(encoding="utf-8")):
        exec(snippet, names)
    out = capsys.readouterr().out
    assert "symmetry/rotation" in out
    assert out.endswith("pass\n")
