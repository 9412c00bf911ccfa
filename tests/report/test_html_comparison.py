"""Certificates side by side as a page, and more than two of them in a terminal."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gnnp_bench.certificate import io
from gnnp_bench.certificate.compare import compare
from gnnp_bench.certificate.result import Certificate, Fitness, Score
from gnnp_bench.cli import main
from gnnp_bench.report.html import trade
from gnnp_bench.report.html.comparison import comparison_page
from tests.certificate.examples import FAILED, PASSED, POTENTIAL, certificate, result
from tests.commands.processes import refused
from tests.report.test_html import Reader, hostile

HELD = result(FAILED.id, measured=2e-6, quantity="stress", unit="eV/Å³")
COUNTED = result("robustness/finite-output", measured=0.0, bound=0.0, significance=0.0, unit="")


def scores(error: float, time: float, machine: str = "Cu") -> tuple[Score, ...]:
    timed = {"kind": "bench", "name": "energy and forces, time", "unit": "µs/atom", "better": "lower"}
    wrong = {"kind": "accuracy", "name": "forces, MAE", "unit": "meV/Å", "better": "lower"}
    return (
        *(Score(subject=f"{n} atoms", value=time * 8 / n, remark=machine, **timed) for n in (8, 64)),  # type: ignore[arg-type]
        Score(subject="Si.extxyz", value=error, **wrong),  # type: ignore[arg-type]
        Score(subject="Si.extxyz: liquid", value=2 * error, **wrong),  # type: ignore[arg-type]
    )


USES = (Fitness(use="phonons", answer="fit"),)
GOOD = certificate(PASSED, HELD, COUNTED, scores=scores(50.0, 40.0), uses=USES)
BAD = certificate(
    PASSED,
    FAILED,
    replace(COUNTED, measured=2.0, status="fail", grade="violated"),
    result("symmetry/net-torque", "not_applicable"),
    verdict="failed",
    grade=None,
    scores=scores(60.0, 400.0),
    uses=(Fitness(use="phonons", answer="not fit", because=(FAILED.id,)),),
)
THIRD = replace(GOOD, potential=replace(POTENTIAL, name="third"), checks=GOOD.checks[1:], scores=())


def shown(*certificates: Certificate) -> bytes:
    first, *others = certificates
    names = [f"{k}.json" for k in range(len(certificates))]
    return comparison_page(certificates, names, [compare(first, other) for other in others])


def test_the_conclusion_comes_first():
    seen = Reader(shown(GOOD, BAD).decode())
    assert seen.text["h1"] == "Worse"
    assert "the verdict dropped from certified to failed" in seen.text["header"]
    assert Reader(shown(BAD, GOOD).decode()).text["h1"] == "No worse"
    assert Reader(shown(GOOD, BAD, GOOD).decode()).text["h1"] == "Worse than A: B"
    assert Reader(shown(GOOD, GOOD, GOOD).decode()).text["h1"] == "None is worse than A"


def row(text: str, check_id: str) -> str:
    rows = [part.partition("</tr>")[0] for part in text.split('<tr role="row"')[1:]]
    return next(part for part in rows if f"{check_id}</code>" in part)


def test_each_law_has_a_cell_of_each_certificate_on_one_scale():
    text = shown(GOOD, BAD, THIRD).decode()
    changed = row(text, FAILED.id)
    assert 'data-group="worse"' in changed
    for words in ("holds, exact", "2e-06 eV/Å³", "violated", "0.031 eV/Å³"):
        assert words in changed
    places = [(kind, float(x)) for kind, x in re.findall(r'<circle class="(\w+)" cx="([\d.]+)"', changed)]
    assert [kind for kind, _ in places] == ["within", "beyond", "within"]
    assert places[0][1] == places[2][1] < places[1][1]
    assert re.findall(r'class="who"[^>]*>(.)<', changed) == ["A", "B", "C"]
    assert "not run" in row(text, PASSED.id)  # in the third
    assert 'data-group="other"' in row(text, PASSED.id)
    assert 'data-group="same"' in row(text, "symmetry/net-torque")  # not judged by any
    assert "none is allowed" in row(text, COUNTED.id)
    assert "<circle" not in row(text, COUNTED.id)


def test_what_changed_is_told_with_what_does_not_count():
    seen = Reader(shown(GOOD, BAD).decode()).text["section"]
    assert f"{FAILED.id}: was exact, missed by 2e-06 eV/Å³ in stress; is violated, missed by 0.031 eV/Å³" in seen
    assert "energy and forces, time (64 atoms): was 5 µs/atom; is 50 µs/atom. This does not count." in seen
    assert "forces, MAE (Si.extxyz): was 50 meV/Å; is 60 meV/Å." in seen
    assert "different potentials: CHGNet, then third" in Reader(shown(GOOD, THIRD).decode()).text["section"]
    assert "Nothing changed." in Reader(shown(GOOD, GOOD).decode()).text["section"]
    answers = row_of_use(shown(GOOD, BAD).decode())
    assert answers == ["fit", "not fit"]


def row_of_use(text: str) -> list[str]:
    (body,) = re.findall(r'id="uses-table".*?<tbody[^>]*>(.*?)</tbody>', text, re.DOTALL)
    return re.findall(r"<b [^>]*>([^<]+)</b>", body)


def test_accuracy_stands_against_cost_where_both_are_known():
    (figure,) = trade.figures(["A", "B", "C"], [GOOD, BAD, THIRD])
    assert figure.title == "Si.extxyz: forces, MAE"  # not those of its groups
    assert "64 atoms" in figure.x  # the largest common size
    assert [(t["name"], t["x"], t["y"]) for t in figure.traces] == [("A", [5.0], [50.0]), ("B", [50.0], [60.0])]
    assert not list(trade.figures(["A", "C"], [GOOD, THIRD]))
    assert any("1 certificate without" in told for told in trade.remarks([GOOD, BAD, THIRD]))
    other = replace(BAD, scores=scores(60.0, 400.0, "Au"))
    assert any("no comparison of potentials" in told for told in trade.remarks([GOOD, other]))
    told = [
        replace(one, scores=tuple(replace(s, remark=r) for s in one.scores)) for one, r in ((GOOD, "54"), (BAD, "9"))
    ]
    assert trade.remarks(told)[0] == "Errors on Si.extxyz are not of the same structures: 54 and 9."
    text = shown(GOOD, THIRD).decode()
    assert "certify --with accuracy:FILE,bench measures them" in text
    assert 'id="plotly"' not in text
    bare = replace(GOOD, scores=())
    assert "Accuracy against cost" not in shown(bare, bare).decode()


def test_whatever_certificates_say_is_text_on_the_page():
    wild = io.decode(json.dumps(hostile(json.loads(io.encode(BAD)))))
    seen = Reader(shown(GOOD, wild, BAD).decode())
    names = {name for _, of in seen.elements for name in of}
    assert not [name for name in names if name.startswith("on")]
    assert "img" not in {tag for tag, _ in seen.elements}
    assert [of.get("type") for of in seen.all("script")].count(None) == 1
    assert "default-src 'none'" in str(seen.all("meta", **{"http-equiv": "Content-Security-Policy"}))
    assert all(str(of["href"]).startswith("#") for of in seen.all("a"))
    ids = [of["id"] for _, of in seen.elements if "id" in of]
    assert len(ids) == len(set(ids))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, one in (("good", GOOD), ("bad", BAD), ("third", THIRD)):
        io.write(one, f"{name}.json")
    return tmp_path


def test_the_command_writes_a_page_and_keeps_its_exit_status(workplace, capsys):
    assert main(["compare", "good.json", "bad.json", "--html", "c.html"]) == 1
    assert (workplace / "c.html").stat().st_size > 1_000_000  # it draws
    assert main(["compare", "bad.json", "good.json", "third.json", "--html", "d.html"]) == 1  # a law is gone
    assert main(["compare", "bad.json", "good.json", "good.json"]) == 0
    capsys.readouterr()


def test_several_are_told_in_a_terminal(workplace, capsys):
    assert main(["compare", "good.json", "bad.json", "third.json"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A  CHGNet 0.3.0: certified (exact)  (good.json)"
    assert "remark: C against A: different potentials: CHGNet, then third" in lines
    words = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert words[FAILED.id] == ["exact", "violated", "exact"]
    assert words[PASSED.id] == ["exact", "exact", "not", "run"]
    assert lines[-2].startswith("B against A: WORSE: ")
    assert lines[-1].startswith(f"C against A: WORSE: {PASSED.id} was exact and is not run")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("good.json", "bad.json", "third.json", "--json", "x"), "--json tells of two certificates, and 3 are given"),
        (("good.json", "bad.json", "--html", "-"), "needs the name of a file"),
        (("good.json", "bad.json", "--html", "./bad.json"), "must be different files"),
        (("good.json", "bad.json", "--html", "x", "--markdown", "./x"), "must be different files"),
        (("good.json", "bad.json", "absent.json", "--html", "x"), "cannot read absent.json"),
        (("good.json",), "Missing argument"),
    ],
)
def test_wrong_requests_are_one_line(arguments, said, workplace, capsys):
    assert said in refused(capsys, "compare", *arguments)
    assert not (workplace / "x").exists()
