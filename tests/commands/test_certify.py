"""Certificates of real potentials, made and replayed by the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from gnnp_bench.certificate import schema
from gnnp_bench.certificate.io import comparable, decode, read, write
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.cli import main
from gnnp_bench.commands.reproduce import Measurement, same
from tests.certificate.examples import COUNTEREXAMPLE, FAILED, PASSED, certificate
from tests.commands.processes import gnnp_bench, lay_out, refused, running

QUICK = ("--species", "Cu,Au", "--budget", "quick")
NET_FORCE = ("--only", "symmetry/net-force")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a module of potentials, which is the current one."""
    return lay_out(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tempers:exploding", "no weights"),
        ("tempers:nothing", "tempers:nothing"),
        ("tempers:absent", "absent"),
        ("no_such_module_at_all:factory", "no_such_module_at_all"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_potential_that_cannot_be_loaded_is_one_line(spec, message, workplace, capsys):
    assert message in refused(capsys, "certify", spec, *QUICK, "--json", "c.json")
    assert not (workplace / "c.json").exists()


def test_a_sound_potential_is_certified(workplace):
    done = gnnp_bench("certify", "tests.analytic:smooth_pair", *QUICK, "--json", "c.json", cwd=workplace)
    assert done.returncode == 0, done.stdout + done.stderr
    found = read(workplace / "c.json")
    assert (found.verdict, found.complete) == ("certified", True)
    assert [result.id for result in found.checks] == [check.id for check in all_checks()]
    jsonschema.validate(json.loads((workplace / "c.json").read_text()), schema.schema())
    assert "is certified" in done.stdout.splitlines()[-1] or "is certified" in done.stdout.splitlines()[-2]
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    assert found.environment["command"].endswith(
        "certify tests.analytic:smooth_pair --species Cu,Au --budget quick --json c.json"
    )


def test_a_violated_law_fails_is_explained_and_is_reproduced(workplace, monkeypatch, capsys):
    assert main(["certify", "tempers:Drifting", *QUICK, *NET_FORCE, "--json", "c.json"]) == 1
    told = capsys.readouterr().out
    assert "FAILED symmetry/net-force" in told
    assert "gnnp-bench reproduce c.json symmetry/net-force" in told
    found = read("c.json")
    assert found.verdict == "failed"
    assert found.checks[0].counterexample is not None
    assert main(["reproduce", "c.json", "symmetry/net-force"]) == 0
    assert "\nReproduced" in capsys.readouterr().out
    for pull, told in (("0.1", "the law is violated again, but by another amount"), ("0", "and was fail")):
        monkeypatch.setenv("PULL", pull)
        assert main(["reproduce", "c.json", "symmetry/net-force"]) == 1
        out = capsys.readouterr().out
        assert "\nNot reproduced: " in out
        assert told in out


def test_a_part_of_the_checks_is_partial_and_json_alone_is_on_standard_output(workplace):
    done = gnnp_bench("certify", "tempers:chatty", *QUICK, *NET_FORCE, "--json", "-", cwd=workplace)
    assert done.returncode == 3, done.stderr
    found = decode(done.stdout)
    assert (found.verdict, found.complete) == ("partial", True)
    assert [result.status for result in found.checks] == ["pass"]
    for word in ("computing", "computing in C", "not certified (partial)"):
        assert word in done.stderr, word


def test_what_a_potential_prints_is_kept_out_of_the_report(workplace):
    done = gnnp_bench("certify", "tempers:chatty", *QUICK, *NET_FORCE, cwd=workplace)
    assert "computing" not in done.stdout
    assert "computing in C" in done.stderr
    assert "not certified (partial)" in done.stdout


def test_the_same_seed_gives_the_same_certificate_and_another_seed_another(workplace):
    def run(seed: str):
        return main(
            ["certify", "tests.analytic:smooth_pair", *QUICK, *NET_FORCE, "--seed", seed, "--json", f"{seed}.json"]
        )

    for seed in ("1", "2"):
        assert run(seed) == 3
    first = read("1.json")
    assert run("1") == 3
    assert comparable(read("1.json")) == comparable(first)
    assert comparable(read("2.json")) != comparable(first)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_what_was_finished(number, workplace):
    path = workplace / "c.json"
    arguments = ("certify", "tempers:slow", *QUICK, "--json", "c.json")
    with running(*arguments, cwd=workplace, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (path.exists() and read(path).checks) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 3, out + err
    found = read(path)
    assert (found.verdict, found.complete) == ("partial", False)
    assert 0 < len(found.checks) < len(all_checks())
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert f"stopped by {name}" in out
    assert "Traceback" not in err
    assert [entry.name for entry in workplace.iterdir() if entry.name.endswith(".tmp")] == []


def test_a_run_goes_on_when_nobody_reads_its_report(workplace):
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ("certify", "tests.analytic:smooth_pair", *QUICK, *NET_FORCE, "--json", "c.json")
    with running(*arguments, cwd=workplace, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (3, "")
    assert read(workplace / "c.json").complete


def test_reproduce_refuses_what_cannot_be_replayed(workplace, capsys):
    write(certificate(PASSED, FAILED), "c.json")
    message = refused(capsys, "reproduce", "c.json", "symmetry/rotation")
    assert "symmetry/rotation has no counterexample in c.json: its status is pass" in message
    assert "did you mean periodicity/left-handed-cell?" in refused(capsys, "reproduce", "c.json", "left-handed")
    unknown = replace(FAILED, id="thirdparty/check", counterexample=COUNTEREXAMPLE)
    write(certificate(unknown), "c.json")
    assert "there is no check 'thirdparty/check'" in refused(capsys, "reproduce", "c.json", "thirdparty/check")


def test_measurements_agree_within_the_bound_or_a_millionth():
    before = Measurement("fail", "forces", 1.0, 1e-3, 1e-2, "eV/Å")
    assert same(before, before)
    assert same(before, replace(before, measured=1.0009))
    assert not same(before, replace(before, measured=1.0011))
    assert not same(before, replace(before, status="pass"))
    assert not same(before, replace(before, quantity="stress"))
    assert not same(before, replace(before, measured=None))
    assert same(replace(before, measured=None), replace(before, measured=None))
    boolean = Measurement("fail", "violations", 3.0, 0.0, 0.0, "violations")
    assert same(boolean, boolean)
    assert not same(boolean, replace(boolean, measured=2.0))
