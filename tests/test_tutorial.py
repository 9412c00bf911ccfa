"""The tutorial, followed step by step: its commands run, and say what it shows. And what the page after it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.commands.processes import gnnp_bench

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(sh|python|text|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d[\d.]*(e[-+]?\d+)?")
FAILS = "certify mypotential:Pulled"


def said(text: str) -> str:
    """Return text without numbers, which differ by rounding, and without line breaks."""
    return " ".join(NUMBER.sub("#", text).split())


def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
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
                arguments += [
                    "--only",
                    "symmetry/net-force",
                ]  # the whole certificate is made of the wheel, in .ci/wheel
            done = gnnp_bench(*arguments, cwd=tmp_path)
            asked_for = 1 if line.startswith(f"gnnp-bench {FAILS}") else 3 if arguments[0] == "certify" else 0
            assert done.returncode == asked_for, done.stdout + done.stderr
            told = said(done.stdout)
    for name in ("emt.json", "lonely.extxyz", "test_pulled.py", "pulled.html"):
        assert (tmp_path / name).exists()

    potential = tmp_path / "mypotential.py"
    potential.write_text(potential.read_text(encoding="utf-8").replace("+= 0.01", "+= 0.0"), encoding="utf-8")
    mended = gnnp_bench("reproduce", "pulled.json", "symmetry/net-force", cwd=tmp_path)
    assert mended.returncode == 1
    assert "Not reproduced" in mended.stdout


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
