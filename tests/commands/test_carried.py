"""What a structure carries reaches a calculator by every command, and stays in a counterexample and its files."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import pytest
from ase import Atoms

from gnnp_bench.certificate.io import read
from gnnp_bench.cli import main
from tests.commands.test_reproduce import run_pytest

MODULE = '''
from ase.calculators.emt import EMT


class Pulled(EMT):
    """It needs a charge, and pulls every atom along x in proportion to it."""

    pull = 0.05

    def calculate(self, atoms=None, *arguments):
        charge = atoms.info["charge"]
        super().calculate(atoms, *arguments)
        self.results["forces"] = self.results["forces"] + [self.pull * charge, 0.0, 0.0]


class Sound(Pulled):
    pull = 0.0
'''
NET_FORCE = "symmetry/net-force"
SPEC = "charged:Pulled?info=charge:0"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "charged", raising=False)
    (tmp_path / "charged.py").write_text(MODULE)
    return tmp_path


def certified(spec: str, *arguments: str) -> int:
    return main(["certify", spec, "--species", "Cu,Au", "--budget", "quick", "--only", NET_FORCE, *arguments])


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_missing_entry_is_a_bad_request_that_names_the_option(
    workplace: Path, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    assert certified("charged:Pulled", "--jobs", jobs) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert line == "gnnp-bench: the potential needs info['charge']: add ?info=charge:0 to the spec"


def test_doctor_names_the_option_and_finds_nothing_with_it(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "charged:Sound", "--species", "Cu,Au"]) == 1
    out = capsys.readouterr().out
    assert "reads-what-structures-lack" in out
    assert "KeyError: 'charge'" in out
    assert "add ?info=charge:0 to the spec" in out
    assert main(["doctor", "charged:Sound?info=charge:0", "--species", "Cu,Au"]) == 0


def test_bench_gives_structures_what_they_need(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--species", "Cu", "--sizes", "2", "--json", "bench.json"]
    status = main(["bench", "charged:Sound?info=charge:0", *arguments])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    assert "KeyError" not in (workplace / "bench.json").read_text()


def test_a_counterexample_with_a_charge_replays_and_keeps_it_in_its_files(workplace: Path) -> None:
    assert certified(SPEC, "--json", "c.json") == 1
    (result,) = read("c.json").checks
    assert result.counterexample is not None
    charge = result.counterexample.structure["info"]["charge"]
    assert charge in (-2, -1, 1, 2)
    assert result.counterexample.case["measured"] == pytest.approx(0.05 * abs(charge), rel=1e-6)
    assert main(["reproduce", "c.json", NET_FORCE]) == 0
    assert main(["reproduce", "c.json", NET_FORCE, "--structure", "c.extxyz", "--pytest", "test_charged.py"]) == 0
    atoms = ase.io.read("c.extxyz")
    assert isinstance(atoms, Atoms)
    assert atoms.info["charge"] == charge
    (workplace / "c.json").unlink()
    done = run_pytest(workplace, "test_charged.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "status       fail" in done.stdout


def test_whoever_declares_nothing_gets_nothing(workplace: Path) -> None:
    (workplace / "plain.py").write_text(MODULE.replace('atoms.info["charge"]', 'atoms.info.get("charge", 0)'))
    assert certified("plain:Pulled", "--json", "p.json") == 3  # partial, for one law alone was asked for
    certificate = json.loads((workplace / "p.json").read_text())
    assert [check["status"] for check in certificate["checks"] if check["id"] == NET_FORCE] == ["pass"]
    assert certificate["structures"] == 10
