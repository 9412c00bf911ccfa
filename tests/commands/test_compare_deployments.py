"""The command line of `compare-deployments`, with calculators of ASE."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gnnp_bench.cli import main

EMT = "ase:ase.calculators.emt:EMT"
MODULE = """
from ase.calculators.emt import EMT
from ase.units import GPa


class InGPa(EMT):
    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        if "stress" in self.results:
            self.results["stress"] = self.results["stress"] / GPa


def in_gpa():
    return InGPa()
"""


def run(*arguments: str) -> int:
    return main(["compare-deployments", *arguments, "--budget", "quick"])


def test_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(EMT, EMT, "--species", "Cu,Au") == 0
    out = capsys.readouterr().out
    assert "energy  differs by 0 eV/atom" in out
    assert out.endswith("The same potential, to its rounding.\n")


def test_another_unit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "otherwise.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    assert run(EMT, "otherwise:in_gpa", "--species", "Cu,Au", "--json", "found.json") == 1
    out = capsys.readouterr().out
    assert "in the second, stress is 160.218 times as large: GPa in the second" in out
    assert "with that taken back:" in out
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["verdict"] == "different"
    assert [one["name"] for one in found["named"]] == ["stress-unit"]
    assert {one["status"] for one in found["mended"]} == {"pass"}


def test_species_of_the_one_that_tells(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(EMT, "tests.commands.test_compare_deployments:sound") == 1
    assert "of Al, Cu" in capsys.readouterr().out


def sound() -> object:
    from tests.analytic import smooth_pair

    return smooth_pair(species=("Al", "Cu"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((EMT, EMT), "does not tell which species it supports"),
        (("nothing", EMT, "--species", "Cu"), "unknown potential 'nothing'"),
        ((EMT, EMT, "--species", "Cu", "--json", "no/such/folder.json"), "no/such"),
        ((EMT,), "SPEC"),
    ],
)
def test_wrong_requests(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
