"""The tutorial, followed step by step: its commands run, and say what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.commands.processes import gnnp_bench

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
