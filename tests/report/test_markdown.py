"""Summaries for pull requests and model cards, and badges."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ruamel.yaml import YAML

from gnnp_bench.certificate import io
from gnnp_bench.cli import main
from gnnp_bench.report.badge import badge
from gnnp_bench.report.markdown import card, summary
from tests.certificate.examples import FAILED, POTENTIAL, certificate
from tests.report.test_html import FULL


def test_a_summary_tells_verdict_failures_open_laws_and_numbers():
    text = summary(FULL)
    assert text.startswith("**CHGNet 0.3.0: failed**\n")
    assert f"| {FAILED.id} | fail violated | 0.031 eV/Å³ in stress | 3.1e-05 | 0.0001 |" in text
    assert "| smoothness/continuity | inconclusive |" in text
    assert "| symmetry/rotation |" not in text  # it holds
    assert "| relaxation of cells | not fit | the stress is wrong |" in text
    assert "| Si.extxyz | forces, MAE | 50 meV/Å |" in text
    assert "| Si:diamond | C44 | none: no minimum |" in text
    assert "**CHGNet 0.3.0: certified, exact**" in summary(certificate())


@pytest.mark.parametrize("text", ["a|b\n| c |", "<img src=x>", "`x` *y* [z](http://a)", "# title", "\\"])
def test_foreign_text_stays_text(text):
    wild = replace(FAILED, quantity=text, unit=text)
    told = summary(certificate(wild, verdict="failed", grade=None, potential=replace(POTENTIAL, name=text)))
    rows = [line for line in told.splitlines() if line.startswith("| periodicity")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", rows[0])) == 6
    assert not re.search(r"(?<!\\)[`\[<]", told)


def front_matter(text: str):
    _, block, rest = re.split(r"^---$", text, maxsplit=2, flags=re.MULTILINE)
    return YAML(typ="safe").load(block), rest


def test_a_card_has_the_block_that_hubs_read():
    front, rest = front_matter(card(FULL))
    (model,) = front["model-index"]
    assert model["name"] == "CHGNet 0.3.0"
    verdict, *numbers = model["results"]
    assert verdict["metrics"][0]["value"] == "failed"
    assert verdict["metrics"][1] == {"type": "laws", "name": "laws that hold, of 3", "value": 1}
    told = {(one["dataset"]["name"], m["name"]): m["value"] for one in numbers for m in one["metrics"]}
    assert told["Si.extxyz", "forces, MAE, meV/Å"] == 50.0
    assert told["Si:diamond", "B0, GPa"] == 95.0
    assert ("Si:diamond", "C44") not in told  # there is none
    for one in model["results"]:
        assert one["task"]["type"]
        assert one["dataset"].keys() == {"type", "name"}
    assert rest.strip().startswith("# CHGNet 0.3.0")


def test_a_hostile_name_does_not_leave_its_place_in_the_block():
    name = '": x\n---\n- {y: [\u2028'
    front, _ = front_matter(card(certificate(potential=replace(POTENTIAL, name=name, version=None))))
    assert front["model-index"][0]["name"] == '": x --- - {y: ['


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "certified (exact)"),
        ({"grade": "physical"}, "certified (physical)"),
        ({"verdict": "failed", "grade": None, "checks": (FAILED,)}, "failed: 1 law"),
        ({"verdict": "partial", "grade": None}, "not certified"),
    ],
)
def test_a_badge_says_the_verdict(changed, told):
    checks = changed.pop("checks", ())
    root = ElementTree.fromstring(badge(certificate(*checks, **changed)))
    texts = [of.text for of in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["physics", told]
    assert root.attrib["aria-label"] == f"physics: {told}"


def test_commands_write_files_or_standard_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    io.write(FULL, "c.json")
    assert main(["report", "c.json", "--markdown", "s.md", "--card", "README.md"]) == 0
    assert capsys.readouterr().out == "wrote s.md\nwrote README.md\n"
    assert Path("README.md").read_text().endswith(Path("s.md").read_text())
    assert main(["badge", "c.json", "--out", "-"]) == 0
    assert capsys.readouterr().out == badge(FULL)
    assert main(["report", "c.json", "--markdown", "-"]) == 0
    assert "**CHGNet 0.3.0: failed**" in capsys.readouterr().out
    assert main(["badge", "nowhere.json", "--out", "b.svg"]) == 2
    assert "cannot read nowhere.json" in capsys.readouterr().err
    assert not Path("b.svg").exists()
