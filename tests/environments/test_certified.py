"""Potentials in environments that are built for them, certified at `quick`: the verdicts are known.

Building takes a minute and 1.3 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gnnp_bench.cli import main
from tests.environments.conftest import USERS_CACHE, WANTED


@pytest.mark.skipif(WANTED not in os.environ, reason=f"building environments takes a minute: set {WANTED}=1")
@pytest.mark.parametrize(
    ("spec", "options", "status", "verdict", "grade"),
    [
        # ASE's EMT jumps at its cutoff by less than matters.
        ("ase:ase.calculators.emt:EMT", ("--species", "Cu,Au"), 0, "certified", "physical"),
        ("lammps:Si.sw", (), 0, "certified", "exact"),
        # Each energy iterates to self-consistency: some laws, on small molecules.
        (
            "tblite?periodicity=isolated",
            ("--species", "H,O", "--only", "symmetry/*", "--only", "robustness/determinism"),
            3,
            "partial",
            None,
        ),
    ],
)
def test_certified(
    spec: str,
    options: tuple[str, ...],
    status: int,
    verdict: str,
    grade: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("XDG_CACHE_HOME", USERS_CACHE)
    file = tmp_path / "certificate.json"
    found = main(["certify", spec, *options, "--env", "auto", "--budget", "quick", "--json", str(file)])
    certificate = json.loads(file.read_text())
    missed = [check["id"] for check in certificate["checks"] if check["status"] not in ("pass", "not_applicable")]
    assert not missed
    assert (found, certificate["verdict"], certificate["grade"]) == (status, verdict, grade)
