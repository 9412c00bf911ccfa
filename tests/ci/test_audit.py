"""The audit of dependencies never says that it found nothing where it could not look."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOUND = {"name": "numpy", "version": "2.4.6", "vulns": []}
SKIPPED = {"name": "ase", "skip_reason": "Dependency not found on PyPI and could not be audited: ase (3.29.0)"}
HURT = {
    "name": "x",
    "version": "1",
    "vulns": [{"id": "GHSA-1", "fix_versions": ["2"], "aliases": [], "description": ""}],
}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([SOUND], 0, "1 of 1 packages looked up, 0 known vulnerabilities"),
        ([SOUND, SKIPPED], 0, "1 of 2 packages looked up, 0 known vulnerabilities; not looked up: ase"),
        ([SKIPPED, SKIPPED], 0, "whether any is vulnerable is not known"),
        ([], 0, "whether any is vulnerable is not known"),
        ([SOUND, HURT], 1, "audit: x 1: GHSA-1, mended in 2"),
        (None, 0, "whether any package is vulnerable is not known"),
    ],
)
def test_what_was_not_looked_up_is_not_sound(packages: Any, status: int, said: str, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    if packages is not None:
        file.write_text(json.dumps({"dependencies": packages, "fixes": []}))
    done = subprocess.run([sys.executable, ROOT / ".ci" / "audit", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")
    assert said in done.stdout


def pinned(path: str) -> set[tuple[str, str]]:
    text = (ROOT / path).read_text()
    return {
        (name.lower().replace("_", "-"), version)
        for name, version in re.findall(r"^([\w.-]+)==([^ ;\\\n]+)", text, re.M)
    }


def test_hashes_are_of_the_versions_that_are_pinned() -> None:
    locked, constrained = pinned("requirements-lock.txt"), pinned("constraints.txt")
    assert len(locked) > 100
    assert locked <= constrained
    left = {name for name, _ in constrained - locked}
    assert "torch" in left
    assert "numpy" not in left


def test_every_locked_package_has_a_hash() -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements-lock.txt").read_text().strip())[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_lock_holds_what_the_tests_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(one for name in ("reference", "chgnet", "sevennet", "test", "dev", "docs") for one in extras[name]),
    ]
    names = {re.split(r"[<>=\[ ]", one)[0].lower() for one in wanted} - {"torch"}
    assert names <= {name for name, _ in pinned("requirements-lock.txt")}
