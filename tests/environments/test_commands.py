"""`--env` of every command that takes a SPEC, and certificates that are replayed from where they were made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gnnp_bench.cli import main
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.loading import moved_to, with_env

EMT_SPEC = "ase:ase.calculators.emt:EMT"


def test_the_flag_is_an_option_of_the_spec():
    assert with_env("chgnet", None) == "chgnet"
    assert with_env("chgnet", "auto") == "chgnet?env=auto"
    assert with_env("chgnet:r2scan?device=cpu", "ssh:a//b") == "chgnet:r2scan?device=cpu&env=ssh:a//b"
    assert moved_to("chgnet?env=auto&device=cpu", "./there") == "chgnet?device=cpu&env=./there"
    assert moved_to("chgnet?env=auto", None) == "chgnet?env=auto"
    with pytest.raises(BadRequest, match="leave one of them out"):
        with_env("chgnet?device=cpu&env=auto", "auto")


def test_a_failure_there_is_certified_in_processes_and_reproduced_from_its_certificate(
    python: str, hazards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "certificate.json"
    command = ["certify", "hazards:seeds", "--env", python, "--only", "robustness/process-state", "--budget", "quick"]
    assert main([*command, "--jobs", "2", "--json", str(path)]) == 1
    certificate = json.loads(path.read_text())
    assert certificate["potential"]["spec"] == f"hazards:seeds?env={python}"
    assert certificate["environment"]["potential"]["packages"]["ase"] == "3.29.0"
    assert main(["reproduce", str(path), "robustness/process-state"]) == 0
    assert main(["reproduce", str(path), "robustness/process-state", "--env", python]) == 0
    assert "Reproduced" in capsys.readouterr().out


def test_a_case_that_hangs_is_an_error_and_the_rest_goes_on(python: str, hazards: Path, tmp_path: Path):
    path = tmp_path / "certificate.json"
    command = ["certify", "hazards:hangs", "--env", python, "--only", "symmetry/trans*", "--budget", "quick"]
    assert main([*command, "--timeout", "1", "--json", str(path)]) in (1, 3)
    certificate = json.loads(path.read_text())
    assert certificate["complete"]


def test_the_doctor_examines_it_there(python: str, hazards: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", "hazards:sound", "--env", python]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_two_deployments_are_compared_where_they_live(python: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "found.json"
    compared = ["compare-deployments", EMT_SPEC, EMT_SPEC, "--species", "Cu", "--budget", "quick", "--json", str(path)]
    assert main([*compared, "--env", python]) == 0
    found = json.loads(path.read_text())
    assert found["first"] == found["second"] == f"{EMT_SPEC}?env={python}"
    # The same Python by another name.
    folder = str(Path(python).parents[1])
    assert main([*compared, "--env", python, "--env", folder]) == 0
    found = json.loads(path.read_text())
    assert (found["first"], found["second"]) == (f"{EMT_SPEC}?env={python}", f"{EMT_SPEC}?env={folder}")
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((EMT_SPEC, EMT_SPEC, "--env", "a", "--env", "b", "--env", "c"), "--env was given 3 times: once for both"),
        ((EMT_SPEC, f"{EMT_SPEC}?env=auto", "--env", "auto"), "leave one of them out"),
        ((EMT_SPEC, EMT_SPEC, "--env", "nothing", "--env", "auto"), "there is no environment 'nothing'"),
        ((EMT_SPEC, EMT_SPEC, "--env", "a", "b"), "unexpected extra argument"),
    ],
)
def test_what_is_no_place_for_two_deployments(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["compare-deployments", *arguments, "--species", "Cu"]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_its_speed_is_measured_there(python: str, hazards: Path, tmp_path: Path):
    path = tmp_path / "bench.json"
    command = ["bench", "hazards:sound", "--env", python, "--species", "Cu", "--sizes", "2", "--seconds", "0.05"]
    assert main([*command, "--json", str(path)]) == 0
    (measured,) = json.loads(path.read_text())["potentials"]
    assert measured["subject"]["versions"]["numpy"] == "2.2.6"
    assert 0 < measured["subject"]["loaded_bytes"] < 120_000_000  # this process has three times as much


def test_pytest_judges_it_there(python: str, hazards: Path, tmp_path: Path):
    path = tmp_path / "certificate.json"
    asked = ["--potential", "hazards:sound", "--gnnp-env", python, "--gnnp-budget", "quick", "-k", "translation"]
    asked += ["--gnnp-certificate", str(path)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "gnnp_bench.suite", *asked]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "passed" in done.stdout
    assert json.loads(path.read_text())["environment"]["potential"]["packages"]["numpy"] == "2.2.6"
