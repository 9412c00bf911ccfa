"""Names from certificates and files never lead out of the folder that was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gnnp_bench.certificate import io
from gnnp_bench.certificate.keeping import kept_for_replay
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.cli import main
from gnnp_bench.commands import folders
from gnnp_bench.commands.crystals import slug
from gnnp_bench.environments.asked import check_name
from gnnp_bench.potential import PotentialError
from gnnp_bench.report.html.site import _name, site
from tests.certificate.examples import FAILED, PASSED, certificate
from tests.report.printing import check

HOSTILE = [
    "../../x",
    "/etc/passwd",
    "..",
    ".",
    "a\x00b",
    "a\nb",
    "x" * 5000,
    "~/x",
    "C:\\x",
    "-rf",
    "\u202egnp",
    "con",
    "é" * 400,
    "a\udcffb",
    "",
]


def strange(name: str) -> Certificate:
    """A certificate in which every name is this one."""
    result = replace(FAILED, id=name or "a/b", law=name)
    made = certificate(PASSED, result, verdict="failed", grade=None)
    return replace(made, potential=replace(made.potential, name=name, spec=name, species=(name,), version=name))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_kept_certificate_lies_in_the_cache(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = kept_for_replay(strange(name))
    assert path is not None
    assert Path(path).resolve().parent == (tmp_path / "cache" / "gnnp-bench").resolve()
    assert {one.name for one in tmp_path.iterdir()} == {"cache"}


def test_a_site_lies_in_its_folder(tmp_path):
    known = {one: check(one) for one in (PASSED.id, FAILED.id)}
    certificates = [(name, strange(name)) for name in HOSTILE]
    out = tmp_path / "site"
    folders.write_folder(str(out), site(certificates, {name: name for name in HOSTILE}, known))
    assert {one.name for one in tmp_path.iterdir()} == {"site"}
    assert len(list((out / "certificates").iterdir())) == len(HOSTILE)
    for one in out.rglob("*.html"):
        assert one.resolve().is_relative_to(out.resolve())


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\x00", "a\nb", "..", "a\\..\\x"])
def test_no_file_is_written_out_of_a_folder(name, tmp_path):
    with pytest.raises(ValueError, match="leads out of the folder"):
        folders.write_folder(str(tmp_path / "out"), [("index.html", b""), (name, b"")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", HOSTILE)
def test_pages_and_files_of_crystals_have_names_that_any_disk_holds(name):
    for made in (f"{_name(name, [])}.html", f"{slug(name)}.png"):
        assert "/" not in made
        assert "\x00" not in made
        assert not made.startswith((".", "-"))
        assert len(made.encode()) <= 255


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "con"])
def test_what_is_no_name_of_an_environment_is_refused(name):
    with pytest.raises(PotentialError, match="is no name of an environment"):
        check_name(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_commands_on_a_strange_certificate_write_where_they_are_told(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    io.write(strange(name), "c.json")
    assert main(["badge", "c.json", "--out", "b.svg"]) == 0
    assert main(["report", "c.json", "--markdown", "m.md", "--csv", "t.csv"]) == 0
    status = main(["reproduce", "c.json", name or "a/b", "--structure", "s.xyz", "--pytest", "test_s.py"])
    assert status == 2
    assert {one.name for one in tmp_path.iterdir()} <= {"c.json", "b.svg", "m.md", "t.csv", "s.xyz", "test_s.py"}
    assert "Traceback" not in capsys.readouterr().err
