"""``certify --html``: the page is written when the run ends, and what stands in its way is told before it begins."""

from __future__ import annotations

import pytest

from gnnp_bench.certificate import io
from gnnp_bench.cli import main
from tests.accuracy.test_accuracy import SPEC

ONE = ["certify", SPEC, "--species", "Cu,Au", "--budget", "quick", "--only", "conservation/closed-loop"]


def test_a_run_ends_with_a_page(tmp_path):
    out, page = tmp_path / "c.json", tmp_path / "c.html"
    assert main([*ONE, "--json", str(out), "--html", str(page)]) == 3  # --only is a part
    (result,) = io.read(out).checks
    assert result.series[0].figure == "Work around the loop"
    text = page.read_text()
    assert "Not certified" in text
    assert text.count('class="plot"') == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--html", "-"], "--html needs a file"),
        (["--json", "c.x", "--html", "c.x"], "--json and --html name one file, c.x"),
        (["--html", "no/c.html"], "there is no directory no"),
        (["--junit", "-"], "--junit needs a file"),
    ],
)
def test_what_stands_in_its_way_is_one_line(asked, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*ONE, *asked]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
