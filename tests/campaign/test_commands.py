"""`gnnp-bench campaign` from end to end, with its exit statuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnp_bench.certificate.io import read
from gnnp_bench.cli import main
from tests.campaign.leading import PAIR, asked, written


def test_a_campaign_from_its_file_to_its_certificates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, f'export = "all.jsonl.gz"\nexport_every = 1\n{asked(PAIR, "tests.nowhere:thing")}')
    file, store = str(path), tmp_path / "campaign.db"

    assert main(["campaign", "resume", file]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert main(["campaign", "run", file]) == 3
    said = capsys.readouterr().out
    assert "tests.nowhere:thing cannot be loaded: there is no module 'tests.nowhere'" in said
    assert f"{PAIR} (quick, seed 0): partial" in said

    assert main(["campaign", "status", file]) == 3
    assert "1 partial, 1 without a certificate; nobody is at it" in capsys.readouterr().out
    assert main(["campaign", "cancel", file]) == 2
    assert main(["campaign", "certificates", file, "--out", str(tmp_path / "out")]) == 3
    (certificate,) = (tmp_path / "out").glob("*.json")
    assert [check.id for check in read(certificate).checks] == ["symmetry/net-force"]
    assert read(certificate).environment["command"].startswith(f"gnnp-bench certify {PAIR} --species Cu,Au")
    assert main(["campaign", "table", file, "--csv", str(tmp_path / "all.csv")]) == 3
    assert "symmetry/net-force" in (tmp_path / "all.csv").read_text()

    capsys.readouterr()
    assert main(["campaign", "import", str(tmp_path / "all.jsonl.gz"), "--store", str(tmp_path / "new.db")]) == 0
    assert capsys.readouterr().out == "4 results taken in, 0 were there already\n"
    store.unlink()
    (tmp_path / "new.db").rename(store)
    assert main(["campaign", "resume", file]) == 3
    assert "2 run, 2 had a result already" in " ".join(capsys.readouterr().out.split())


def test_one_that_fails_is_exit_status_1(tmp_path: Path) -> None:
    text = asked("tests.campaign.potentials:Drifting", laws='"symmetry/net-force"')
    assert main(["campaign", "run", str(written(tmp_path, text))]) == 1


def test_an_export_without_a_folder_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, f'export = "nowhere/all.jsonl.gz"\n{asked(PAIR)}')
    assert main(["campaign", "run", str(path)]) == 2
    assert f"there is no directory {tmp_path / 'nowhere'}; create it first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["e.txt", "nowhere/e.jsonl.gz"])
def test_what_cannot_be_read_is_said_in_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "e.txt").write_text("nothing of ours")
    assert main(["campaign", "import", str(tmp_path / name), "--store", str(tmp_path / "s.db")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "s.db").exists()
