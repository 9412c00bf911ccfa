"""A folder of certificates as a site: every cell leads somewhere, nothing is left out unsaid, nothing half written."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import urldefrag

import pytest

from gnnp_bench.certificate import io
from gnnp_bench.cli import main
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.folders import write_folder
from gnnp_bench.report.html.leaderboard import Entry, leaderboard
from tests.certificate.examples import POTENTIAL, certificate, result
from tests.commands.processes import refused
from tests.report.test_html import FULL, Reader, hostile
from tests.report.test_html_comparison import BAD, GOOD, THIRD

ZINC = replace(THIRD, potential=replace(POTENTIAL, name="a zinc", species=("Zn",)))


def fill(folder: Path) -> Path:
    """Write certificates of all verdicts and files that are none."""
    folder.mkdir()
    for name, one in (("good", GOOD), ("bad", BAD), ("zinc", ZINC), ("full", FULL)):
        io.write(one, folder / f"{name}.json")
    (folder / "readme.md").write_text("no certificate")
    (folder / "other.json").write_text("{}")
    newer = json.loads(io.encode(GOOD)) | {"schema_version": 99}
    (folder / "newer.json").write_text(json.dumps(newer))
    (folder / "deeper").mkdir()
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("leaderboard")
    assert main(["leaderboard", str(fill(place / "certs")), "--out", str(place / "site")]) == 0
    return place / "site"


def rows(text: str) -> list[str]:
    return [part.partition("</tr>")[0] for part in text.split('<tr role="row" data-group=')[1:]]


def test_rows_stand_in_the_order_that_is_said(made):
    text = (made / "index.html").read_text()
    assert "Rows stand in the alphabetical order of their names. That is no ranking." in text
    places = [text.index(f"certificates/{name}.html") for name in ("zinc", "bad", "full", "good")]
    assert places == sorted(places)  # "a zinc", then three of one name by their files
    assert len(rows(text)) == 4


def test_every_cell_leads_to_what_is_there(made):
    seen = Reader((made / "index.html").read_text())
    cells = [of for tag, of in seen.elements if tag == "td" or of.get("class") == "head"]
    links = [str(of["href"]) for tag, of in seen.elements if tag == "a" and not str(of["href"]).startswith("#")]
    assert len(links) == len(cells) == 4 * 14
    ids = {}
    for link in links:
        page, place = urldefrag(link)
        if page not in ids:
            ids[page] = {of.get("id") for _, of in Reader((made / page).read_text()).elements}
        assert not place or place in ids[page], link
    assert "law-periodicity-left-handed-cell" in {urldefrag(link)[1] for link in links}


def test_pages_share_one_script_and_lead_back(made):
    pages = sorted((made / "certificates").iterdir())
    assert [page.name for page in pages] == ["bad.html", "full.html", "good.html", "zinc.html"]
    assert (made / "plotly.min.js").stat().st_size > 1_000_000
    for page in (*pages, made / "index.html"):
        assert page.stat().st_size < 200_000
        seen = Reader(page.read_text())
        assert "default-src 'none'" in str(seen.all("meta", **{"http-equiv": "Content-Security-Policy"}))
    assert 'href="../index.html"' in pages[0].read_text()
    assert 'data-from="../plotly.min.js"' in (made / "certificates" / "full.html").read_text()


def test_what_is_no_certificate_is_named_and_left_out(tmp_path, capsys):
    assert main(["leaderboard", str(fill(tmp_path / "c")), "--out", str(tmp_path / "s")]) == 0
    told = capsys.readouterr()
    assert told.out == f"wrote {tmp_path / 's' / 'index.html'}: 4 certificates\n"
    lines = sorted(told.err.splitlines())
    assert [line.partition(":")[0] for line in lines] == [
        "skipped newer.json",
        "skipped other.json",
        "skipped readme.md",
    ]
    assert "schema version 99" in lines[0]
    section = Reader((tmp_path / "s" / "index.html").read_text()).text["section"]
    assert all(name in section for name in ("newer.json", "other.json", "readme.md", "does not end in .json"))


def cells(one: Entry, *others: Entry) -> dict[str, str]:
    text = leaderboard([one, *others], {}, [r.id for r in one.certificate.checks]).decode()
    row = next(row for row in rows(text) if f"{one.page}" in row)
    found = {}
    for cell in row.split("<td ")[1:]:
        label = cell.partition('data-label="')[2].partition('"')[0]
        found[label] = " ".join(Reader(f"<table><tr><td {cell}</tr></table>").text["td"].split())
    return found


def test_cells_say_what_was_found_and_what_was_not():
    good, bad = (Entry(certificate=c, file=f"{n}.json", page=f"{n}.html") for n, c in (("good", GOOD), ("bad", BAD)))
    told = cells(bad, good)
    assert told["verdict"] == "Failed"
    assert told["periodicity"] == "1 violated"
    assert told["symmetry"] == "1 hold"
    assert told["periodicity/left-handed-cell"] == "violated0.031 eV/Å³"
    assert told["µs/atom at 64 atoms"] == "50"
    assert cells(good, bad)["symmetry/net-torque"] == "not run"
    part = certificate(
        result("symmetry/a", "inconclusive", None),
        result("symmetry/b"),
        result("locality/a", "not_applicable"),
        verdict="partial",
        grade=None,
        complete=False,
    )
    told = cells(Entry(certificate=part, file="part.json", page="part.html"), good)
    assert told["verdict"] == "Not certifiedincomplete"
    assert told["symmetry"] == "1 left open1 hold, 1 not run"
    assert told["locality"] == "none judged"
    assert told["µs/atom at 64 atoms"] == "not measured"


def test_what_is_not_judged_is_sorted_as_no_value():
    part = certificate(result("symmetry/a", "inconclusive", None), result("locality/a", "not_applicable"))
    text = leaderboard([Entry(certificate=part, file="p.json", page="p.html")], {}, []).decode()
    for law in ("symmetry/a", "locality/a", "locality"):
        assert f'data-label="{law}" data-value=""' in text


def test_whatever_files_and_certificates_say_is_text(tmp_path, capsys):
    folder = tmp_path / "certs"
    folder.mkdir()
    wild = json.dumps(hostile(json.loads(io.encode(FULL))))
    for name in ("<b onclick=x>&amp; 'x\".json", "a b.json", "A-b.json", "....json", "ünï.json"):
        (folder / name).write_text(wild)
    (folder / "<script>").write_text("x")
    with open(os.fsencode(folder) + b"/\xff.json", "w") as file:
        file.write(wild)
    assert main(["leaderboard", str(folder), "--out", str(tmp_path / "site")]) == 0
    capsys.readouterr()
    names = sorted(path.name for path in (tmp_path / "site" / "certificates").iterdir())
    assert len({name.lower() for name in names}) == len(names) == 6
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") for name in names)
    seen = Reader((tmp_path / "site" / "index.html").read_text())
    assert not [name for _, of in seen.elements for name in of if name.startswith("on")]
    assert {"img", "b onclick"}.isdisjoint({tag for tag, _ in seen.elements})
    assert [of.get("type") for of in seen.all("script") if "src" not in of].count(None) == 1
    assert "<script>" in seen.text["section"]


def test_a_site_is_written_anew_whole_or_not_at_all(tmp_path, capsys):
    folder, site = fill(tmp_path / "certs"), tmp_path / "site"
    command = ["leaderboard", str(folder), "--out", str(site)]
    assert main(command) == 0
    (folder / "bad.json").unlink()
    assert main(command) == 0
    assert not (site / "certificates" / "bad.html").exists()
    before = (site / "index.html").read_bytes()
    with pytest.raises(BadRequest, match="No space left"):
        write_folder(str(site), _full_disk())
    assert (site / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certs", "site"]
    (site / "CNAME").write_text("example.org")
    capsys.readouterr()
    assert "site holds CNAME, which gnnp-bench did not write" in refused(capsys, *command)
    assert (site / "CNAME").exists()


def _full_disk():
    yield "index.html", b"half"
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("absent", "--out", "site"), "there is no folder absent"),
        (("certs/good.json", "--out", "site"), "is a file, not a folder"),
        (("certs", "--out", "certs"), "would replace the certificates"),
        (("certs", "--out", "."), "would replace the certificates"),
        (("certs", "--out", "no/site"), "there is no directory no"),
        (("certs", "--out", "certs/good.json"), "it is a file; name a folder"),
        (("certs/deeper", "--out", "site"), "there is no certificate in certs/deeper"),
        (("certs",), "Missing option"),
    ],
)
def test_wrong_requests_are_one_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fill(Path("certs"))
    assert said in refused(capsys, "leaderboard", *arguments)
    assert not Path("site").exists()
    assert len(list(Path("certs").iterdir())) == 8
