"""A counterexample is measured again from its certificate alone, and leaves as a test and as a structure."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from benchmarks.planted import maker
from gnnp_bench.certificate.io import decode, encode, read, write
from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.cli import main
from gnnp_bench.commands.reproduce import _measurement, recorded_measurement, same
from gnnp_bench.engine.replay import replay
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from tests.certificate.examples import FAILED, PASSED, certificate
from tests.commands.processes import ROOT, lay_out, refused
from tests.mutants import CHECKS, MUTANTS, WITHOUT_STRENGTHS, Mutant

NET_FORCE = "symmetry/net-force"
RANDOM = {
    "robustness/determinism",
    "robustness/threads",
    "robustness/processes",  # each draws the size of the defect
    "robustness/memory-growth",
    "robustness/call-history",
}
"""Where what is measured depends on chance, on the machine's load, or on what else was evaluated in between: that it
fails comes back, the number does not."""
RACES = 300
"""Attempts in one of which two threads meet: a race is not lost every time."""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The certificate of a potential that pulls every atom by 0.05 eV/Å."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        lay_out(tmp_path_factory.mktemp("certified"), monkeypatch)
        arguments = ("--species", "Cu,Au", "--budget", "quick", "--only", NET_FORCE, "--json", "c.json")
        assert main(["certify", "tempers:Drifting", *arguments]) == 1
        return Path("c.json").read_bytes()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: bytes) -> Path:
    """A directory with potentials and a certificate, which is the current one."""
    place = lay_out(tmp_path, monkeypatch)
    (place / "c.json").write_bytes(failed)
    return place


def run_pytest(place: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(place), str(ROOT)])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    variables = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} | environment
    return subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, timeout=300, check=False)


def test_the_test_fails_for_the_potential_and_passes_for_a_mended_one(workplace: Path) -> None:
    assert main(["reproduce", "c.json", NET_FORCE, "--pytest", "test_drift.py"]) == 0
    (workplace / "c.json").unlink()  # the file stands alone
    (workplace / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
    done = run_pytest(workplace, "test_drift.py")
    assert done.returncode == 1, done.stdout + done.stderr
    for words in (
        "symmetry/net-force on Drifting: Σᵢ Fᵢ = 0",
        "measured     0.05 eV/Å in net force (recorded: 0.05)",
        "significance 0.001 eV/Å, which starts to matter",
        "status       fail",
        "FAILED test_drift.py::test_symmetry_net_force",
    ):
        assert words in done.stdout
    assert "Traceback" not in done.stdout
    mended = run_pytest(workplace, "test_drift.py", PULL="0.0000001")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "1 passed" in mended.stdout


def test_the_test_says_when_the_potential_cannot_be_measured(workplace: Path) -> None:
    assert main(["reproduce", "c.json", NET_FORCE, "--pytest", "test_drift.py"]) == 0
    done = run_pytest(workplace, "test_drift.py", PULL="nan")
    assert done.returncode == 1
    assert "symmetry/net-force could not be measured: " in done.stdout
    assert "not finite" in done.stdout


def test_the_test_is_skipped_where_the_potential_refuses(workplace: Path) -> None:
    assert main(["reproduce", "c.json", NET_FORCE, "--pytest", "test_drift.py"]) == 0
    with (workplace / "tempers.py").open("a") as module:
        module.write("\n\ndef refuse(*arguments):\n    raise NotImplementedError('no crystals')\n\n\n")
        module.write("Drifting.calculate = refuse\n")
    done = run_pytest(workplace, "-rs", "test_drift.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 skipped" in done.stdout
    assert "the potential refuses this input: " in done.stdout
    assert "no crystals" in done.stdout


def test_the_structure_comes_with_what_was_measured(workplace: Path) -> None:
    assert main(["reproduce", "c.json", NET_FORCE, "--structure", "drift.extxyz"]) == 0
    (result,) = read("c.json").checks
    assert result.counterexample is not None
    atoms = ase.io.read("drift.extxyz")
    assert isinstance(atoms, Atoms)
    assert atoms.numbers.tolist() == result.counterexample.structure["numbers"]
    assert np.allclose(atoms.positions, result.counterexample.structure["positions"], rtol=0, atol=1e-8)
    assert np.array_equal(atoms.cell.array, result.counterexample.structure["cell"])
    assert atoms.pbc.tolist() == result.counterexample.structure["pbc"]
    assert atoms.info["check"] == NET_FORCE
    assert atoms.info["potential"] == "tempers:Drifting"
    assert atoms.info["unit"] == "eV/Å"
    assert atoms.info["measured"] == result.counterexample.case["measured"]
    assert atoms.info["significance"] == 0.001
    parameters = atoms.info["parameters"]
    parameters = json.loads(parameters) if isinstance(parameters, str) else parameters
    assert parameters == result.counterexample.case["parameters"]


def test_files_need_no_potential(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = read("c.json")
    write(replace(record, potential=replace(record.potential, spec="not_installed_here:factory")), "c.json")
    message = refused(capsys, "reproduce", "c.json", NET_FORCE, "--pytest", "test_a.py", "--structure", "a.xyz")
    assert "not_installed_here" in message
    assert (workplace / "test_a.py").exists()
    assert (workplace / "a.xyz").exists()


def test_nothing_is_overwritten_unless_asked(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "a.xyz").write_text("mine")
    command = ("reproduce", "c.json", NET_FORCE, "--pytest", "test_a.py", "--structure", "a.xyz")
    assert "a.xyz exists: name another file, or give --force to overwrite it" in refused(capsys, *command)
    assert (workplace / "a.xyz").read_text() == "mine"
    assert not (workplace / "test_a.py").exists()
    assert main([*command, "--force"]) == 0
    assert len(ase.io.read("a.xyz")) == 1
    assert not list(workplace.glob(".gnnp-bench*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--pytest", "test_a.txt"), "pytest reads files whose names end in .py only"),
        (("--structure", "absent/a.xyz"), "there is no directory absent; create it first"),
        (("--structure", "-"), "--structure needs the name of a file"),
        (("--structure", "."), "it is a directory"),
        (("--structure", "c.json", "--force"), "must be different files"),
        (("--pytest", "a.py", "--structure", "./a.py"), "must be different files"),
    ],
)
def test_files_that_cannot_be_written_are_refused(options, message, workplace, failed, capsys) -> None:
    assert message in refused(capsys, "reproduce", "c.json", NET_FORCE, *options)
    assert (workplace / "c.json").read_bytes() == failed
    assert not (workplace / "a.py").exists()


@pytest.mark.parametrize(
    ("structure", "case", "message"),
    [
        ({}, {}, "a structure needs positions"),
        (None, {"noise": {}}, "the counterexample's case is incomplete"),
        (None, {"parameters": None}, "the counterexample's case is incomplete"),
    ],
)
def test_a_counterexample_that_is_none_is_refused(structure, case, message, workplace, failed, capsys) -> None:
    record = decode(failed)
    (result,) = record.checks
    found = result.counterexample
    assert found is not None
    if structure is not None:
        structure = {"numbers": found.structure["numbers"]}
    broken = replace(found, structure=structure or found.structure, case=found.case | case)
    write(replace(record, checks=(replace(result, counterexample=broken),)), "c.json")
    told = refused(capsys, "reproduce", "c.json", NET_FORCE, "--pytest", "test_a.py")
    assert f"the counterexample of {NET_FORCE} in c.json cannot be replayed: " in told
    assert message in told
    assert not (workplace / "test_a.py").exists()


def test_a_check_without_counterexample_says_its_status(workplace, capsys) -> None:
    (workplace / "c.json").write_bytes(encode(certificate(PASSED, FAILED)))
    told = refused(capsys, "reproduce", "c.json", PASSED.id)
    assert f"{PASSED.id} has no counterexample in c.json: its status is pass" in told


def test_a_potential_that_ends_the_program_reproduces_nothing(workplace, failed, capsys) -> None:
    Path("tempers.py").write_text("def Drifting():\n    raise SystemExit(0)\n")
    assert "SystemExit" in refused(capsys, "reproduce", "c.json", NET_FORCE)


def test_a_waived_failure_is_reproduced_as_what_it_is(workplace, failed, capsys) -> None:
    record = decode(failed)
    (result,) = record.checks
    write(replace(record, checks=(replace(result, status="waived"),), seal=None), "c.json")
    assert main(["reproduce", "c.json", NET_FORCE]) == 0
    assert "\nReproduced: " in capsys.readouterr().out


def _mutant_for(check: str) -> Mutant:
    return next(mutant for mutant in (*MUTANTS.values(), *WITHOUT_STRENGTHS) if check in mutant.must_fail)


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_what_was_recorded_comes_back_from_the_file(check: str) -> None:
    """For each check a defect that it must notice, replayed by a potential just loaded."""
    mutant = _mutant_for(check)
    make = maker(mutant, "float64", "unclaimed", mutant.strength)
    attempts = RACES if check == "robustness/threads" else 1
    for seed in range(attempts):
        settings = Settings(spec="mutant", budget="quick", seed=seed, only=(check,))
        *_, last = run(make(), all_checks(), settings, reload=make)
        record = decode(encode(last.certificate))
        recorded = next(result for result in record.checks if result.id == check)
        if recorded.counterexample is not None:
            break
    if recorded.category == "informational":
        assert recorded.grade == "violated"
    else:
        assert recorded.status == "fail"
    assert recorded.counterexample is not None
    for _ in range(attempts):
        again: CheckResult = replay(make(), all_checks(), record, check, reload=make)
        if again.grade == "violated":
            break
    before, after = recorded_measurement(recorded, recorded.counterexample), _measurement(again)
    assert again.grade == "violated"
    if check not in RANDOM:
        assert same(before, after), (before, after)


WARM = """
from ase.calculators.emt import EMT


class Warm(EMT):
    \"\"\"Pulls every atom along once it has seen three structures.\"\"\"

    seen = 0

    def calculate(self, *arguments, **named):
        super().calculate(*arguments, **named)
        self.seen += 1
        if self.seen > 3:
            self.results["forces"] = self.results["forces"] + [0.05, 0.0, 0.0]
"""


def test_a_history_is_replayed_and_leaves_with_the_counterexample(tmp_path, monkeypatch, capsys) -> None:
    place = lay_out(tmp_path, monkeypatch)
    (place / "warm.py").write_text(WARM)
    certified = ("certify", "warm:Warm", "--species", "Cu", "--budget", "quick", "--only", NET_FORCE)
    assert main([*certified, "--json", "c.json"]) == 1
    (result,) = read("c.json").checks
    found = result.counterexample
    assert found is not None
    assert len(found.history) == 3
    assert "3 structures evaluated by a potential just loaded" in " ".join(capsys.readouterr().out.split())
    assert main(["reproduce", "c.json", NET_FORCE, "--pytest", "test_warm.py", "--structure", "warm.xyz"]) == 0
    assert "3 structures evaluated, one after the other" in capsys.readouterr().out
    frames = ase.io.read("warm.xyz", index=":")
    assert [len(frame) for frame in frames] == [len(s["numbers"]) for s in (*found.history, found.structure)]
    done = run_pytest(place, "test_warm.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{NET_FORCE} on Warm: " in done.stdout


def test_without_a_file_the_line_repeats_that_very_counterexample(tmp_path, monkeypatch, capsys) -> None:
    lay_out(tmp_path, monkeypatch)
    assert main(["certify", "tempers:Drifting", "--species", "Cu", "--budget", "quick", "--only", NET_FORCE]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "gnnp-bench reproduce" in line]
    command = shlex.split(line.split("gnnp-bench ")[1])
    assert len(line) < 160
    assert main([command[0], os.path.expanduser(command[1]), command[2]]) == 0
    assert "\nReproduced: " in capsys.readouterr().out


UNDECIDED = """
import zlib

import numpy as np
from ase.calculators.emt import EMT


class Rough(EMT):
    \"\"\"Its forces are rough by 0.03 eV/Å, the same for the same positions.\"\"\"

    def calculate(self, *arguments, **named):
        super().calculate(*arguments, **named)
        rng = np.random.default_rng(zlib.crc32(self.atoms.positions.tobytes()))
        self.results["forces"] = self.results["forces"] + rng.normal(scale=0.03, size=(len(self.atoms), 3))


class BreaksOnLeftHanded(EMT):
    \"\"\"Breaks where a cell is left-handed, and does not say that it refuses.\"\"\"

    def calculate(self, *arguments, **named):
        super().calculate(*arguments, **named)
        if self.atoms.cell.handedness < 0:
            raise RuntimeError("index out of range")
"""


@pytest.mark.parametrize(
    ("potential", "check", "status", "told"),
    [
        ("Rough", "symmetry/rotation", "inconclusive", "\nReproduced: "),
        ("BreaksOnLeftHanded", "periodicity/cell-choice", "error", "index out of range"),
    ],
)
def test_what_led_to_no_conclusion_keeps_its_structure_and_is_replayed(
    potential, check, status, told, tmp_path, monkeypatch, capsys
) -> None:
    place = lay_out(tmp_path, monkeypatch)
    (place / f"{potential.lower()}.py").write_text(UNDECIDED)  # a module of its own, for it stays imported
    certified = ("certify", f"{potential.lower()}:{potential}", "--species", "Cu", "--budget", "quick", "--only", check)
    assert main([*certified, "--json", "c.json"]) == 3
    out = capsys.readouterr().out
    assert f"gnnp-bench reproduce c.json {check}" in out
    (result,) = read("c.json").checks
    assert result.status == status
    assert result.counterexample is not None
    assert len(result.counterexample.structure["numbers"]) > 0
    assert main(["reproduce", "c.json", check]) == 0
    assert told in capsys.readouterr().out
