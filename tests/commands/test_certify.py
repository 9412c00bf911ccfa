"""Certificates of real potentials, made and replayed by the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import jsonschema
import junitparser
import pytest

from gnnp_bench.certificate import schema
from gnnp_bench.certificate.io import comparable, decode, encode, read, write
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.cli import main
from gnnp_bench.commands.reproduce import Measurement, same
from tests.certificate.examples import COUNTEREXAMPLE, FAILED, PASSED, certificate
from tests.commands.processes import gnnp_bench, is_running, lay_out, refused, running, surroundings, wait_until

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
    verdict, _, following = done.stdout.rpartition("\nnext\n")
    assert "is certified" in " ".join(verdict.split("\n\n")[-1].split())
    assert following.splitlines()[0].endswith("gnnp-bench report c.json --html report.html")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    assert found.environment["command"].endswith(
        "certify tests.analytic:smooth_pair --species Cu,Au --budget quick --json c.json"
    )


def test_calculators_on_the_neighbour_search_of_ase_come_back_from_nonsense(workplace, capsys):
    only = ("--only", "robustness/refusals", "--budget", "quick", "--json", "c.json")
    assert main(["certify", "ase:ase.calculators.lj:LennardJones?smooth=true", "--species", "Ar", *only]) == 3
    (result,) = read(workplace / "c.json").checks
    assert result.status == "pass"
    assert result.elapsed_s < 60.0


def test_a_violated_law_fails_is_explained_and_is_reproduced(workplace, monkeypatch, capsys):
    assert main(["certify", "tempers:Drifting", *QUICK, *NET_FORCE, "--json", "c.json"]) == 1
    told = capsys.readouterr().out
    assert "FAILED symmetry/net-force" in told
    assert "gnnp-bench reproduce c.json symmetry/net-force" in told
    found = read("c.json")
    assert found.verdict == "failed"
    assert found.checks[0].counterexample is not None
    repeated = "gnnp-bench certify 'tempers:Drifting' --species Cu,Au --budget quick --seed 0 --only symmetry/net-force"
    assert found.checks[0].counterexample.reproduce == repeated
    assert main(["reproduce", "c.json", "symmetry/net-force"]) == 0
    assert "\nReproduced" in capsys.readouterr().out
    for pull, told in (("0.1", "the law is violated again, but by another amount"), ("0", "and was fail")):
        monkeypatch.setenv("PULL", pull)
        assert main(["reproduce", "c.json", "symmetry/net-force"]) == 1
        out = capsys.readouterr().out
        assert "\nNot reproduced: " in out
        assert told in out


WAIVER = """
[[waiver]]
potential = "{potential}"
check = "{check}"
max = {max}
unit = "{unit}"
expires = {expires}
reason = "pulled on purpose"
"""
FITTING = {
    "potential": "Drifting",
    "check": "symmetry/net-force",
    "max": "1.3",
    "unit": "eV/Å",
    "expires": "2999-12-31",
}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_waived_failure_is_shown_and_fails_nothing(jobs, workplace, capsys):
    (workplace / "w.toml").write_text(WAIVER.format(**FITTING))
    arguments = (*QUICK, *NET_FORCE, "--waivers", "w.toml", "--json", "c.json", "--jobs", jobs)
    assert main(["certify", "tempers:Drifting", *arguments]) == 3  # partial, for --only
    told = capsys.readouterr().out
    (result,) = read("c.json").checks
    jsonschema.validate(json.loads((workplace / "c.json").read_text()), schema.schema())
    assert (result.status, result.waivers[0].reason) == ("waived", "pulled on purpose")
    assert "waived       symmetry/net-force" in told
    assert "symmetry/net-force: waived until 2999-12-31, up to 1.3 eV/Å: pulled on purpose" in " ".join(told.split())
    assert "FAILED" not in told
    assert "warning" not in told


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"max": "0.01"}, "120 times the 0.01 that the waiver allows"),
        ({"expires": "2026-01-31"}, "the waiver expired on 2026-01-31"),
        ({"unit": "eV"}, "but the waiver is in 'eV'"),
        ({"potential": "other"}, "warning: unused waiver: symmetry/net-force of other: what was judged is Drifting"),
    ],
)
def test_a_failure_that_no_waiver_covers_is_told_why(changed, told, workplace, capsys):
    (workplace / "w.toml").write_text(WAIVER.format(**FITTING | changed))
    assert main(["certify", "tempers:Drifting", *QUICK, *NET_FORCE, "--waivers", "w.toml"]) == 1
    assert told in " ".join(capsys.readouterr().out.split())


def test_waivers_that_cannot_be_used_are_refused_before_anything_is_loaded(workplace, capsys):
    arguments = ("certify", "tempers:exploding", *QUICK, "--waivers", "w.toml")
    assert "cannot read w.toml: No such file" in refused(capsys, *arguments)
    (workplace / "w.toml").write_text(WAIVER.format(**FITTING | {"check": "symmetry/netforce"}))
    assert "which there is not; did you mean symmetry/net-force?" in refused(capsys, *arguments)
    (workplace / "w.toml").write_text(WAIVER.format(**FITTING) + "surplus = 1")
    assert "w.toml: waiver 1 has the unknown key 'surplus'" in refused(capsys, *arguments)


def test_a_junit_report_stands_beside_the_certificate(workplace, capsys):
    checks = ("--only", "symmetry/translation", *NET_FORCE)
    assert main(["certify", "tempers:Drifting", *QUICK, *checks, "--json", "c.json", "--junit", "j.xml"]) == 1
    (suite,) = junitparser.JUnitXml.fromfile("j.xml")
    certified = {result.id: result.status for result in read("c.json").checks}
    assert {case.name: case.is_failure for case in suite} == {i: s == "fail" for i, s in certified.items()}
    (failure,) = next(case.result for case in suite if case.name == "symmetry/net-force")
    assert "gnnp-bench reproduce c.json symmetry/net-force" in failure.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--junit", "-"), "--junit needs a file"),
        (("--junit", "one.xml", "--json", "./one.xml"), "--json and --junit name one file, ./one.xml"),
        (("--junit", "absent/j.xml"), "cannot write absent/j.xml: there is no directory absent"),
        (("--json", "."), "cannot write .: it is a directory"),
    ],
)
def test_files_that_cannot_be_written_are_refused_beforehand(options, message, workplace, capsys):
    assert message in refused(capsys, "certify", "tempers:exploding", *QUICK, *options)


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


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, "1"), (signal.SIGTERM, "1"), (signal.SIGINT, "2")])
def test_an_interrupted_run_leaves_what_was_finished(number, jobs, workplace):
    path = workplace / "c.json"
    arguments = ("certify", "tempers:slow", *QUICK, "--jobs", jobs, "--json", "c.json")
    with running(*arguments, cwd=workplace, stdout=PIPE, stderr=PIPE) as process:
        wait_until(lambda: path.exists() and read(path).checks, process)
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


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_in_the_background_goes_on_until_it_is_terminated(jobs, workplace):
    """As under `nohup`, whose programs ignore that the terminal is gone, and in a shell's background, Ctrl-C."""
    path = workplace / "c.json"
    arguments = ("certify", "tempers:slow", *QUICK, "--jobs", jobs, "--json", "c.json")
    ignored = {signal.SIGINT, signal.SIGHUP}
    with running(*arguments, ignored=ignored, cwd=workplace, stdout=PIPE, stderr=PIPE) as process:
        wait_until(lambda: path.exists() and read(path).checks, process)
        for number in ignored:
            process.send_signal(number)
        before = len(read(path).checks)
        wait_until(lambda: len(read(path).checks) > before, process)
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert process.returncode == 3, out + err
    found = read(path)
    assert (found.verdict, found.complete) == ("partial", False)
    assert before < len(found.checks) < len(all_checks())
    assert "stopped by SIGTERM" in out
    assert "Traceback" not in err
    assert [entry.name for entry in workplace.iterdir() if entry.name.endswith(".tmp")] == []


def test_an_interrupted_run_that_has_found_a_violation_has_failed(workplace):
    path = workplace / "c.json"

    def violated():
        return path.exists() and any(result.status == "fail" for result in read(path).checks)

    arguments = ("certify", "tempers:Creeping", *QUICK, "--json", "c.json", "--junit", "j.xml")
    with running(*arguments, cwd=workplace, stdout=PIPE, stderr=PIPE) as process:
        wait_until(violated, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    found = read(path)
    assert (found.verdict, found.complete) == ("failed", False)
    assert "Creeping FAILED, and is not complete: the run ended after" in " ".join(out.split())
    assert "stopped by Ctrl-C: the certificate holds what was finished and is not complete" in " ".join(out.split())
    suite = next(iter(junitparser.JUnitXml.fromfile(str(workplace / "j.xml"))))
    assert {p.name: p.value for p in suite.properties()}["verdict"] == "failed"


def test_the_package_is_the_command(workplace):
    command = [sys.executable, "-m", "gnnp_bench", "certify", "tempers.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **surroundings())  # type: ignore[call-overload]
    assert done.returncode == 2
    assert "unknown potential 'tempers.py': did you mean tempers:slow" in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_in_a_terminal_reaches_all_processes_and_only_the_leader_answers(workplace):
    path, pids = workplace / "c.json", workplace / "pids"
    arguments = ("certify", "tempers:slow", *QUICK, "--jobs", "2", "--json", "c.json")
    environment = surroundings({"PIDS": str(pids)})["env"]
    with running(
        *arguments, cwd=workplace, env=environment, stdout=PIPE, stderr=PIPE, start_new_session=True
    ) as process:
        wait_until(lambda: path.exists() and read(path).checks, process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (3, "")
    assert "stopped by Ctrl-C" in out
    assert len(pids.read_text().split()) == 2
    wait_until(lambda: not any(map(is_running, map(int, pids.read_text().split()))))


def test_processes_do_not_outlive_a_leader_that_is_killed(workplace):
    pids = workplace / "pids"
    arguments = ("certify", "tempers:slow", *QUICK, "--jobs", "2", "--json", "c.json")
    environment = surroundings({"PIDS": str(pids)})["env"]
    with running(*arguments, cwd=workplace, env=environment, stdout=PIPE, stderr=PIPE) as process:
        wait_until(lambda: (workplace / "c.json").exists(), process)
        process.kill()
        process.communicate(timeout=30)
    assert len(pids.read_text().split()) == 2
    wait_until(lambda: not any(map(is_running, map(int, pids.read_text().split()))))


def test_the_processes_of_a_run_report_as_one(workplace):
    arguments = ("tests.analytic:smooth_pair", *QUICK, "--only", "symmetry/*")
    alone, together = (
        gnnp_bench("certify", *arguments, "--jobs", n, "--json", f"{n}.json", cwd=workplace) for n in "12"
    )
    told = re.sub(r"\b2\.json", "1.json", together.stdout)
    assert (together.returncode, together.stderr) == (alone.returncode, alone.stderr) == (3, "")
    assert encode(comparable(read(workplace / "1.json"))) == encode(comparable(read(workplace / "2.json")))
    assert sorted(without_times(alone.stdout)) == sorted(without_times(told))


def without_times(report: str) -> list[str]:
    return [line for line in report.splitlines() if not line.startswith("spent")]


def test_a_potential_that_hangs_is_stopped_where_a_time_limit_is_given(workplace, monkeypatch):
    arguments = ("certify", "tests.engine.hazards:hangs", *QUICK, *NET_FORCE, "--only", "periodicity/cell-choice")
    done = gnnp_bench(*arguments, "--timeout", "2", "--json", "c.json", cwd=workplace)
    assert done.returncode == 3, done.stderr
    statuses = {result.id: result.status for result in read(workplace / "c.json").checks}
    assert statuses == {"symmetry/net-force": "pass", "periodicity/cell-choice": "error"}
    assert "an evaluation took longer than 2 s (--timeout)" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--jobs", "0"), "Invalid value for '--jobs'"),
        (("--jobs", "two"), "Invalid value for '--jobs'"),
        (("--timeout", "0"), "--timeout must be a number of seconds above 0, not 0"),
        (("--timeout", "inf"), "--timeout must be a number of seconds above 0, not inf"),
    ],
)
def test_impossible_numbers_of_processes_and_seconds_are_refused(options, message, workplace, capsys):
    assert message in refused(capsys, "certify", "tests.analytic:smooth_pair", *options)


def test_a_run_goes_on_when_nobody_reads_its_report(workplace):
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ("certify", "tests.analytic:smooth_pair", *QUICK, *NET_FORCE, "--json", "c.json")
    with running(*arguments, cwd=workplace, stdout=writing, stderr=PIPE) as process:
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
    message = refused(capsys, "reproduce", "c.json", "thirdparty/check")
    assert "thirdparty/check is a law of another package, which is not installed here" in message


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


def test_crystals_that_must_be_stable_are_part_of_the_spec(workplace, capsys):
    only = ("--only", "physics/equation-of-state", "--budget", "quick", "--json", "c.json")
    potential = ("certify", "tests.analytic:smooth_pair", "--species", "Cu,Au")
    assert main([*potential, "--stable", "Cu:fcc", "--stable", "Au:fcc", *only]) == 3
    found = read(workplace / "c.json")
    assert found.potential.spec == "tests.analytic:smooth_pair?stable=Cu:fcc,Au:fcc"
    assert (found.checks[0].category, found.checks[0].status) == ("mandatory", "pass")
    assert main([*potential, "--stable", "Li:bcc", *only]) == 2
    assert "not among the crystals that are known to be stable" in capsys.readouterr().err
