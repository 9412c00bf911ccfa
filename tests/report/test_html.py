"""The page of a certificate: what stands on it, that all foreign text is data, and that it needs nothing else."""

from __future__ import annotations

import base64
import gzip
import io as streams
import json
import math
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import ase.io
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from markupsafe import escape

from gnnp_bench.certificate import io
from gnnp_bench.certificate.result import Cause, Certificate, Fitness, Score, Series
from gnnp_bench.checks.symmetry.sphere import on_the_sphere
from gnnp_bench.cli import main
from gnnp_bench.report import html as html_report
from gnnp_bench.report.html.figures import of_scores, of_series
from gnnp_bench.report.html.laws import MARGIN, WIDTH, strip
from gnnp_bench.report.html.page import page
from gnnp_bench.report.html.structure import MOST_ATOMS, drawing
from gnnp_bench.structures.serialise import to_json
from tests.certificate.examples import COUNTEREXAMPLE, FAILED, PASSED, certificate, result
from tests.report.printing import check

ROOT = Path(__file__).parents[2]
CHECKS = {one.id: check(one.id) for one in (PASSED, FAILED)}
CURVE = Series(figure="V-curve", name="missed by", x_name="step", x_unit="Å", unit="eV/Å", x=(0.1, 0.2), y=(1e-3, None))
SCORES = (
    Score(kind="accuracy", subject="Si.extxyz", name="forces, MAE", value=50.0, unit="meV/Å", better="lower"),
    Score(kind="accuracy", subject="Si.extxyz", name="forces, RMSE", value=70.0, unit="meV/Å", better="lower"),
    Score(kind="bench", subject="8 atoms", name="energy and forces, time", value=90.0, uncertainty=3.0, unit="µs/atom"),
    Score(kind="bench", subject="64 atoms", name="energy and forces, time", value=40.0, unit="µs/atom"),
    Score(kind="properties", subject="Si:diamond", name="B0", value=95.0, uncertainty=1.0, unit="GPa", reference=100.0),
    Score(kind="properties", subject="Si:diamond", name="C44", value=None, unit="", remark="no minimum"),
)
FULL = certificate(
    PASSED,
    replace(FAILED, series=(CURVE,)),
    result("smoothness/continuity", "inconclusive", None, counterexample=COUNTEREXAMPLE, reason="rough"),
    result("symmetry/net-torque", "not_applicable"),
    verdict="failed",
    grade=None,
    causes=(Cause(name="sign", measured="a", looks_like="b", mend="c", explains=(FAILED.id,)),),
    scores=SCORES,
    uses=(
        Fitness(use="relaxation of cells", answer="not fit", because=(FAILED.id,), reason="the stress is wrong"),
        Fitness(use="dynamics of crystals", answer="fit"),
    ),
)


class Reader(HTMLParser):
    """What a browser sees: elements with their attributes, closed as they were opened, and the text of each kind."""

    EMPTY = frozenset({"meta", "input", "br", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.text[tag] = self.text.get(tag, "") + data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [of for name, of in self.elements if name == tag and wanted.items() <= of.items()]


def read(record: Certificate) -> Reader:
    return Reader(page(record, CHECKS).decode())


def test_the_verdict_comes_first_in_words():
    seen = read(FULL)
    assert seen.text["h1"] == "Failed"
    header = seen.text["header"]
    assert "1 of 3 laws is violated: periodicity/left-handed-cell" in header
    assert re.search(r"1 hold.*1 violated.*1 left open.*1 not applicable", " ".join(header.split()))
    assert read(certificate()).text["h1"] == "Certified"
    assert "Grade exact: every law holds to the potential's own rounding." in read(certificate()).text["header"]
    assert read(certificate(verdict="partial", grade=None, complete=False)).text["h1"] == "Not certified"


def test_every_law_stands_in_the_table_with_its_numbers():
    seen = read(FULL)
    rows = page(FULL, CHECKS).decode().split('<tr role="row" data-group=')[1:]
    assert len(rows) == len(FULL.checks)
    assert FAILED.id in rows[0]  # what needs attention first
    for cell in ("0.031", "3.1e-05", "0.0001", "eV/Å³", "violated"):
        assert cell in rows[0]
    assert FAILED.law in seen.text["table"]


def test_what_it_is_fit_for_stands_before_the_laws():
    text = page(FULL, CHECKS).decode()
    assert 0 < text.index("relaxation of cells") < text.index("the stress is wrong") < text.index("What fails</h2>")
    assert "Fit for what" not in page(certificate(), CHECKS).decode()  # earlier certificates do not say


def test_a_failure_is_told_in_full():
    text = read(FULL).text["article"]
    for words in ("A relaxation of the cell would run away", "310 times what is allowed", "Si2, 2 atoms, periodic"):
        assert words in text
    assert f"gnnp-bench reproduce certificate.json {FAILED.id}" in text
    assert "Likely cause: sign" in text


def test_commands_name_the_file_that_the_page_was_drawn_from():
    path = "runs/my <b>potential.json"
    text = page(FULL, CHECKS, file=path).decode()
    assert f"gnnp-bench reproduce {escape(shlex.quote(path))} {FAILED.id}" in text
    assert f"gnnp-bench compare {escape(shlex.quote(path))} NEW.json" in text
    assert io.decode(downloads(text)[str(escape("my <b>potential.json"))]) == FULL
    assert "certificate.json" not in text


def test_by_how_much_a_law_is_missed_is_told_of_the_worst_input_and_of_the_one_that_is_drawn():
    assert FAILED.counterexample is not None
    text = page(FULL, CHECKS).decode()
    assert "<dt>missed at worst by</dt><dd>0.031 eV/Å³ in stress" in text
    assert "<dt>missed here by</dt><dd>0.03 eV/Å³</dd>" in text
    case = FAILED.counterexample.case | {"measured": FAILED.measured}
    same = replace(FAILED, counterexample=replace(FAILED.counterexample, case=case))
    text = page(certificate(same), CHECKS).decode()
    assert "<dt>missed by</dt><dd>0.031 eV/Å³ in stress" in text
    assert "missed here" not in text


def downloads(text: str) -> dict[str, bytes]:
    found = re.findall(r'download="([^"]+)" href="data:[^;]+;base64,([^"]+)"', text)
    return {name: base64.b64decode(data) for name, data in found}


def test_the_counterexample_and_the_certificate_are_files_of_the_page():
    files = downloads(page(FULL, CHECKS).decode())
    assert io.decode(files["certificate.json"]) == FULL
    atoms = ase.io.read(streams.StringIO(files["periodicity-left-handed-cell.extxyz"].decode()), format="extxyz")
    assert isinstance(atoms, Atoms)
    assert atoms.get_chemical_formula() == "Si2"
    assert atoms.info["check"] == FAILED.id


def test_nothing_is_fetched_and_the_page_says_so():
    text = page(FULL, CHECKS).decode()
    seen = Reader(text)
    links = [of[name] for _, of in seen.elements for name in ("src", "href", "action") if name in of]
    assert links
    assert all(link and link.startswith(("#", "data:")) for link in links)
    assert "default-src 'none'" in seen.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]  # type: ignore[operator]
    assert "url(http" not in seen.text["style"]


def test_the_page_is_small_and_carries_plotly_only_where_it_draws():
    drawn, plain = page(FULL, CHECKS), page(certificate(), CHECKS)
    assert len(plain) < 100_000
    assert 1_000_000 < len(drawn) < 6_000_000
    (packed,) = re.findall(rb'<script type="text/plain" id="plotly">([^<]+)<', drawn)
    assert b"plotly.js" in gzip.decompress(base64.b64decode(packed))[:200]
    assert page(FULL, CHECKS) == drawn


HOSTILE = "<script>alert(1)</script></script><!-- \"'><img src=x onerror=alert(1)> {0} {x} \x1b[31m\u202e &amp; ]]>"


def hostile(value: Any) -> Any:
    """Return a value of a certificate with what a potential, a law or a file may have put into its texts."""
    fixed = {"verdict", "grade", "status", "category", "kind", "better", "budget", "profile", "answer"}
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, list):
        return [hostile(item) for item in value]
    if isinstance(value, dict):
        kept = fixed | ({"name"} if "better" in value else set())  # by which figures are chosen
        return {key: item if key in kept else hostile(item) for key, item in value.items()}
    return value


def test_whatever_a_certificate_says_is_text_on_the_page():
    tame = replace(FULL, checks=(FULL.checks[1],), environment={"cpu": "x", "command": "y", "versions": {"a": "1"}})
    values = json.loads(io.encode(tame))
    wild = io.decode(json.dumps(hostile(values)))
    known = {HOSTILE: check(FAILED.id, law=HOSTILE, physics=HOSTILE, tolerance=HOSTILE, source=HOSTILE)}
    text = page(wild, known | {HOSTILE + "2": known[HOSTILE]}).decode()
    seen = Reader(text)
    names = {name for _, of in seen.elements for name in of}
    assert not [name for name in names if name.startswith("on")]
    assert "img" not in {tag for tag, _ in seen.elements}
    assert "alert(1)" in seen.text["article"]
    assert "\x1b" not in text
    # One script is run; what is data in the others stays data.
    kinds = [of.get("type") for of in seen.all("script")]
    assert kinds.count(None) == 1
    assert set(kinds) == {None, "application/json", "text/plain"}
    for block in re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL):
        assert "<" not in block
        told = json.loads(block)
        assert all("<" not in trace["name"] for trace in told["data"])


@pytest.mark.parametrize("file", sorted((ROOT / "docs" / "findings").glob("*.json")), ids=lambda file: file.stem)
def test_old_certificates_have_pages_too(file, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["report", str(file), "--html", str(out)]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    seen = Reader(out.read_text())
    failing = [one for one in io.read(file).checks if one.status == "fail" and one.category != "informational"]
    assert len(seen.all("svg", **{"class": "turn"})) >= len(failing) > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.json", "--html", "x.html"], "cannot read nowhere.json"),
        (["c.json", "--html", "c.json"], "the certificate and --html name one file, c.json"),
        (["c.json", "--html", "x.html", "--card", "x.html"], "--html and --card name one file, x.html"),
        (["c.json", "--html", "-"], "needs the name of a file"),
        (["c.json", "--html", "no/x.html"], "there is no directory no"),
        (["c.json"], "nothing is asked for: give --html, --markdown, --card, --csv or --parquet"),
    ],
)
def test_wrong_requests_are_one_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    io.write(FULL, "c.json")
    assert main(["report", *arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert not Path("x.html").exists()


def test_what_is_not_installed_is_named_before_anything_is_computed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(html_report, "NEEDED", ("markupsafe", "plotlyless"))
    asked = ["certify", "nowhere:at_all", "--species", "Cu", "--html", str(tmp_path / "x.html")]
    assert main(asked) == 2
    assert "pip install 'gnnp-bench[report]'" in capsys.readouterr().err


def circles(structure: dict[str, Any]) -> tuple[int, int]:
    text = str(drawing(structure, "x"))
    return text.count('class="atom"'), text.count('class="atom image"')


def test_a_structure_is_drawn_with_its_images_bonds_and_cell():
    copper = bulk("Cu", cubic=True)
    assert circles(to_json(copper)) == (4, 10)  # the eight corners and six faces of the cube
    text = str(drawing(to_json(molecule("H2O")), "x"))
    assert text.count('class="bond"') == 2
    assert 'class="cell"' not in text
    assert str(drawing(to_json(copper), "x")).count('class="cell"') == 12
    slab = copper.copy()
    slab.pbc = (True, True, False)
    assert circles(to_json(slab)) == (4, 3 + 1 + 1 + 1 - 1)


def test_what_cannot_be_drawn_is_said():
    broken = to_json(bulk("Cu", cubic=True))
    broken["positions"][0] = [None, 0.0, 0.0]
    assert circles(broken)[0] == 3
    assert "1 atom whose place is no number" in str(drawing(broken, "x"))
    many = {"numbers": [29] * (MOST_ATOMS + 1), "positions": [[0.0] * 3] * (MOST_ATOMS + 1), "pbc": [False] * 3}
    assert "too many atoms to draw" in str(drawing(many, "x"))
    assert "nothing to draw" in str(drawing({"numbers": [], "positions": [], "pbc": [False] * 3}, "x"))


def dot(**changed: Any) -> tuple[float, str]:
    text = str(strip(replace(PASSED, **changed)))
    found = re.search(r'<circle class="(\w+)" cx="([\d.]+)"', text)
    assert found is not None, text
    return float(found[2]), found[1]


def test_numbers_stand_on_one_scale():
    line = re.search(r'class="one" x1="([\d.]+)"', str(strip(PASSED)))
    assert line is not None
    assert dot(measured=1e-3) == (float(line[1]), "within")  # what starts to matter
    decade = (WIDTH - 2 * MARGIN) / 14
    assert dot(measured=1e-2)[0] - dot(measured=1e-3)[0] == pytest.approx(decade, abs=0.1)
    assert dot(measured=2e-3)[1] == "beyond"
    assert dot(measured=2e-3, bound=1e-2)[1] == "within"
    assert dot(measured=None) == (WIDTH - MARGIN, "beyond")  # not finite
    assert dot(measured=0.0)[0] == MARGIN
    assert "none is allowed" in str(strip(replace(PASSED, measured=2.0, bound=0.0, significance=0.0, unit="")))


def test_figures_hold_what_the_certificate_does():
    (curve,) = of_series((CURVE,))
    assert curve.traces[0]["y"] == [1e-3, None]
    assert "0.001" in curve.words
    found = of_scores(SCORES)
    assert [trace["x"] for trace in found["accuracy"][0].traces] == [[50.0], [70.0]]
    times = found["bench"][0].traces[0]
    assert times["x"] == [8, 64]
    assert times["y"] == pytest.approx([0.72, 2.56])  # ms per call
    deviation = found["properties"][0].traces[0]
    assert deviation["x"] == pytest.approx([-5.0])
    assert deviation["error_x"]["array"] == pytest.approx([1.0])


def test_axes_of_rotation_are_a_disc_with_dots_that_grow():
    told = [{"axis": [0.0, 0.6, 0.8], "missed": missed} for missed in (1.0, 0.2, 0.001)]
    (figure,) = of_series(on_the_sphere(told))
    edge, *dots = figure.traces
    assert edge["mode"] == "lines"
    sizes = [trace["marker"]["size"] for trace in dots]
    assert sizes == sorted(set(sizes))
    assert "1 up to the worst" in figure.words
    assert figure.layout["yaxis"]["scaleanchor"] == "x"


def test_a_certificate_without_series_is_read_as_one_that_draws_nothing():
    values = json.loads(io.encode(FULL))
    del values["series"]
    for one in values["checks"]:
        del one["series"]
    bare = io.decode(json.dumps(values))
    assert [one.series for one in bare.checks] == [()] * len(FULL.checks)
    assert replace(bare, checks=()) == replace(FULL, checks=())
    assert len(page(bare, CHECKS)) > 0


def test_numbers_that_are_not_finite_do_not_break_the_page():
    odd = replace(FAILED, measured=None, bound=math.inf)
    seen = read(io.decode(io.encode(certificate(odd, verdict="failed", grade=None))))
    assert "not finite" in seen.text["table"]


def test_the_extra_names_what_a_page_needs():
    declared = (ROOT / "pyproject.toml").read_text()
    (extra,) = re.findall(r"^report = \[(.*?)\]", declared, re.MULTILINE)
    assert all(f'"{name}>=' in extra for name in html_report.NEEDED)
