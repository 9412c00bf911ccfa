"""`gnnp-bench compare`: exit status, table, JSON and Markdown, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import encode, read, write
from gnnp_bench.cli import main
from tests.certificate.examples import FAILED, POTENTIAL, certificate, result
from tests.commands.processes import refused

HELD = result(FAILED.id)
GOOD = certificate(HELD)
BAD = certificate(FAILED, verdict="failed", grade=None)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(GOOD, "good.json")
    write(BAD, "bad.json")
    return tmp_path


def test_a_law_that_no_longer_holds_is_status_1(capsys):
    assert main(["compare", "good.json", "bad.json"]) == 1
    out = capsys.readouterr().out
    assert f"\nworse   {FAILED.id}\n" in out
    assert "        old  exact          " in out
    assert "        new  violated       0.031 eV/Å³ in stress (bound 3.1e-05, significance 0.0001)" in out
    assert out.splitlines()[-1].startswith("WORSE: the verdict dropped from certified to failed; ")
    assert f"{FAILED.id} was exact and is violated." in out


def test_many_laws_that_are_not_run_are_counted(capsys):
    many = tuple(replace(HELD, id=f"family/law-{number}") for number in range(9))
    write(replace(GOOD, checks=(*GOOD.checks, *many)), "whole.json")
    assert main(["compare", "whole.json", "good.json"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "WORSE: 9 laws that held are not run."
    gone = [line for line in lines if line.startswith("gone")]
    assert gone == ["gone    9 laws are not run in the new one: family/law-0, family/law-1 and 7 more"]
    assert main(["compare", "good.json", "whole.json", "--markdown", "-"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| new | 9 laws were not run in the old one: family/law-0, family/law-1 and 7 more | | |" in lines


def test_a_violated_law_that_one_certificate_lacks_is_told_by_itself(capsys):
    many = tuple(replace(HELD, id=f"family/law-{number}") for number in range(4))
    bad = replace(FAILED, id="family/bad")
    write(replace(BAD, checks=(*GOOD.checks, *many, bad)), "whole.json")
    main(["compare", "good.json", "whole.json"])
    out = capsys.readouterr().out
    assert "\nnew     4 laws were not run in the old one: family/law-0, family/law-1 and 2 more\n" in out
    assert "\nnew     family/bad\n" in out


def test_no_worse_is_status_0(capsys):
    assert main(["compare", "bad.json", "good.json"]) == 0
    out = capsys.readouterr().out
    assert f"\nbetter  {FAILED.id}\n" in out
    assert out.endswith("No worse: no law that held is missed by more than before.\n")
    for same in ("good.json", "bad.json"):
        assert main(["compare", same, same]) == 0
        assert capsys.readouterr().out.endswith("No law changed.\n")


def test_an_incomplete_one_is_status_1(capsys):
    write(replace(GOOD, complete=False, verdict="partial", grade=None), "half.json")
    assert main(["compare", "bad.json", "half.json"]) == 1
    out = capsys.readouterr().out
    assert "partial, incomplete" in out
    assert "WORSE: the new certificate is incomplete: what is missing may be worse." in out


def test_another_potential_is_said_and_compared(capsys):
    write(replace(GOOD, potential=replace(POTENTIAL, name="other \x1b[31m")), "other.json")
    assert main(["compare", "good.json", "other.json"]) == 0
    out = capsys.readouterr().out
    assert f"remark: different potentials: {POTENTIAL.name}, then other\n" in out
    assert "\x1b" not in out


def test_json_for_programs(capsys, workplace):
    assert main(["compare", "good.json", "bad.json", "--json", "-"]) == 1
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert "WORSE: " in told.err
    assert (found["comparison_version"], found["worse"], found["remarks"]) == (1, True, [])
    assert [found[side]["verdict"] for side in ("old", "new")] == ["certified", "failed"]
    (change,) = found["changes"]
    assert (change["id"], change["change"], change["step_back"]) == (FAILED.id, "worse", True)
    assert change["new"] == {
        "status": "fail",
        "grade": "violated",
        "quantity": "stress",
        "measured": 0.031,
        "bound": 3.1e-5,
        "significance": 1e-4,
        "unit": "eV/Å³",
    }
    assert main(["compare", "good.json", "bad.json", "--json", "c.json"]) == 1
    assert json.loads((workplace / "c.json").read_text()) == found


def test_markdown_for_pull_requests(capsys, workplace):
    evil = replace(BAD, potential=replace(POTENTIAL, name="a|b<script>"))
    write(evil, "bad.json")
    assert main(["compare", "good.json", "bad.json", "--markdown", "c.md"]) == 1
    lines = (workplace / "c.md").read_text().splitlines()
    assert lines[0].startswith("**WORSE: ")
    assert "a\\|b\\<script\\>" in (workplace / "c.md").read_text()
    row = next(line for line in lines if line.startswith("| worse "))
    assert "violated 0.031 eV/Å³ in stress (bound 3.1e-05, significance 0.0001) |" in row
    assert len({line.replace("\\|", "").count("|") for line in lines if line.startswith("|")}) == 1
    assert "WORSE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "cannot read x.json: No such file"),
        (b"{}", "x.json: not a certificate of gnnp-bench"),
        (encode(GOOD)[:300], "x.json: not a certificate of gnnp-bench: it ends in the middle"),
        (json.dumps(json.loads(encode(GOOD)) | {"schema_version": 99}).encode(), "read it with a newer one"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_certificate_is_refused(data, message, place, workplace, capsys):
    if data is not None:
        (workplace / "x.json").write_bytes(data)
    files = ["good.json", "good.json"]
    files[place] = "x.json"
    assert message in refused(capsys, "compare", *files, "--json", "c.json")
    assert not (workplace / "c.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--json", "good.json"), "must be different files"),
        (("--json", "x", "--markdown", "./x"), "must be different files"),
        (("--json", "-", "--markdown", "-"), "cannot both be standard output"),
        (("--markdown", "absent/c.md"), "there is no directory absent"),
    ],
)
def test_files_that_cannot_be_written_are_refused(options, message, workplace, capsys):
    assert message in refused(capsys, "compare", "good.json", "bad.json", *options)
    assert read(workplace / "good.json") == GOOD
