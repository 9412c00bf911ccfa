"""All results as a table: a row for each law and quantity, the same in CSV and in Parquet."""

from __future__ import annotations

import csv
import io as streams
import re
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import parquet

from gnnp_bench.certificate import io
from gnnp_bench.certificate.result import Score
from gnnp_bench.cli import main
from gnnp_bench.report.results_table import COLUMNS, as_csv, as_parquet, rows
from tests.certificate.examples import FAILED, POTENTIAL, certificate, result
from tests.commands.processes import refused
from tests.report.test_html import FULL

ROOT = Path(__file__).parents[2]
OTHER = certificate(result("symmetry/rotation", "error"), verdict="partial", grade=None, complete=False)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    io.write(FULL, "full.json")
    io.write(OTHER, "other.json")
    return tmp_path


def test_each_quantity_of_each_law_has_a_row():
    table = list(rows("full.json", FULL))
    laws = [row for row in table if row["kind"] == "law"]
    assert len(laws) == sum(len(one.components) or 1 for one in FULL.checks) == 5
    assert len(table) - len(laws) == len(FULL.scores)
    energy, stress = (row for row in table if row["law"] == FAILED.id)
    assert (energy["quantity"], energy["status"], energy["headline"]) == ("energy", "pass", False)
    assert (stress["quantity"], stress["status"], stress["headline"]) == ("stress", "fail", True)
    assert (energy["law_status"], stress["law_grade"]) == ("fail", "violated")
    assert (stress["measured"], stress["bound"], stress["significance"]) == (0.031, 3.1e-5, 1e-4)
    assert stress["species"] == "Si Cu Au"
    (bare,) = (row for row in table if row["law"] == "symmetry/net-torque")
    assert (bare["status"], bare["measured"], bare["unit"], bare["headline"]) == ("not_applicable", None, None, False)
    assert all(list(row) == list(COLUMNS) for row in table)


SCORES = (
    Score(kind="accuracy", subject="Si.extxyz", name="forces, MAE", value=50.0, unit="meV/Å", better="lower"),
    Score(kind="bench", subject="64 atoms", name="time", value=80.0, uncertainty=2.0, unit="µs/atom", better="lower"),
    Score(kind="properties", subject="Si:diamond", name="B0", value=95.0, unit="GPa", reference=97.8),
    Score(kind="bench", subject="Cu", name="time", value=None, unit="µs/atom", remark="no such potential"),
)


def test_each_score_has_a_row(tmp_path):
    record = certificate(result("symmetry/rotation", "pass"), scores=SCORES)
    law, *scores = rows("c.json", record)
    assert (law["kind"], law["subject"], law["reference"]) == ("law", None, None)
    assert [(row["kind"], row["subject"], row["quantity"], row["measured"]) for row in scores] == [
        (score.kind, score.subject, score.name, score.value) for score in SCORES
    ]
    assert (scores[1]["uncertainty"], scores[1]["better"], scores[2]["reference"]) == (2.0, "lower", 97.8)
    assert scores[3]["reason"] == "no such potential"
    assert all(row["law"] is None and row["status"] is None and row["verdict"] == "certified" for row in scores)
    (tmp_path / "s.parquet").write_bytes(as_parquet(rows("c.json", record)))
    assert parquet.read_table(tmp_path / "s.parquet").to_pylist() == [law, *scores]
    read = list(csv.DictReader(as_csv(rows("c.json", record)).decode().splitlines()))
    assert [row["measured"] for row in read[1:]] == ["50.0", "80.0", "95.0", ""]


def test_csv_and_parquet_hold_the_same(workplace, capsys):
    assert main(["report", "full.json", "other.json", "--csv", "all.csv", "--parquet", "all.parquet"]) == 0
    assert capsys.readouterr().out == "wrote all.csv\nwrote all.parquet\n"
    expected = [*rows("full.json", FULL), *rows("other.json", OTHER)]
    assert parquet.read_table("all.parquet").to_pylist() == expected
    read = list(csv.DictReader((workplace / "all.csv").read_text().splitlines()))
    assert [row["file"] for row in read] == [row["file"] for row in expected]
    for found, row in zip(read, expected, strict=True):
        assert found["measured"] == ("" if row["measured"] is None else repr(row["measured"]))  # every bit
        assert found["complete"] == str(row["complete"]).lower()
    assert main(["report", "other.json", "--csv", "-"]) == 0
    assert capsys.readouterr().out == as_csv(rows("other.json", OTHER)).decode()


def test_names_are_text_for_spreadsheets_and_parsers():
    wild = certificate(
        potential=replace(POTENTIAL, name='=HYPERLINK("http://a")', version="-1+2", spec='a,"b"\n\x1b[31mc')
    )
    (row,) = csv.DictReader(streams.StringIO(as_csv(rows("@x.json", wild)).decode(), newline=""))
    assert row["potential"] == '\'=HYPERLINK("http://a")'
    assert (row["version"], row["file"], row["spec"]) == ("'-1+2", "'@x.json", 'a,"b" c')


def test_columns_are_documented():
    text = (ROOT / "docs" / "report.md").read_text()
    section = text.partition("## All results as a table")[2].partition("\n## ")[0]
    told = [
        name for line in re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE) for name in re.findall("`(.*?)`", line)
    ]
    assert told == list(COLUMNS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("full.json", "other.json", "--html", "x"), "--html tells of one certificate, and 2 are given"),
        (("full.json", "--csv", "x", "--parquet", "./x"), "--csv and --parquet name one file"),
        (("full.json", "other.json", "--csv", "other.json"), "name one file, other.json"),
        (("full.json", "--parquet", "-"), "--parquet needs the name of a file"),
        (("full.json", "--csv", "-", "--markdown", "-"), "only one of them can be standard output"),
        (("full.json", "absent.json", "--csv", "x"), "cannot read absent.json"),
        (("full.json", "--csv", "no/x"), "there is no directory no"),
    ],
)
def test_wrong_requests_are_one_line(arguments, said, workplace, capsys):
    assert said in refused(capsys, "report", *arguments)
    assert not (workplace / "x").exists()


def test_what_is_not_installed_is_named(workplace, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'gnnp-bench[screen]'" in refused(capsys, "report", "full.json", "--parquet", "x")
