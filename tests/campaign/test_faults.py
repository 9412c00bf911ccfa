"""What breaks around a campaign: nothing is lost, nothing invented, nothing counted twice, and a sentence says it."""

from __future__ import annotations

import datetime
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gnnp_bench.campaign import store
from gnnp_bench.campaign.drive import TRIES_IF_KILLED, Lead
from gnnp_bench.campaign.filesystem import StoreError, lock_file
from gnnp_bench.campaign.telling import CampaignError, cancel_file
from gnnp_bench.certificate.io import comparable, encode
from tests.campaign.leading import Led, asked, lead, written

OWN = "tests.campaign.potentials"
LAWS = '"symmetry/net-force", "symmetry/translation", "periodicity/cell-choice"'
ROOT = Path(__file__).parents[2]


def command(path: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CAMPAIGN_FLAGS": str(path.parent)}
    line = [sys.executable, "-m", "gnnp_bench", "campaign", *(words or ("run",)), path.name]
    return subprocess.run(
        line, cwd=path.parent, env=environment, text=True, capture_output=True, timeout=300, check=False, **more
    )


def found(led: Led) -> list[bytes]:
    """Return certificates without what tells a potential that breaks from one that does not."""
    whole = [encode(comparable(view.certificate)) for view in led.views if view.certificate is not None]
    for name in (b"leader_killed_once", b"killed_once", b"killed_while_short_of_memory"):
        whole = [text.replace(name, b"tiny") for text in whole]
    return whole


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Led:
    return lead(written(tmp_path_factory.mktemp("undisturbed"), asked(f"{OWN}:tiny", laws=LAWS)))


def is_whole(led: Led) -> bool:
    """Whether each task has one result that counts."""
    addresses = [row.address for row in led.rows]
    return len(addresses) == len(set(addresses)) == 5


def test_a_worker_that_is_killed_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Led
) -> None:
    monkeypatch.setenv("CAMPAIGN_FLAGS", str(tmp_path))
    led = lead(written(tmp_path, asked(f"{OWN}:killed_once", laws=LAWS)), "processes:2")
    assert led.counts["again"] == 1
    assert any("was ended by SIGKILL" in line and "it is begun again" in line for line in led.lines)
    assert is_whole(led)
    assert found(led) == found(undisturbed)


def test_who_is_killed_each_time_is_tried_again_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Led
) -> None:
    monkeypatch.setenv("CAMPAIGN_FLAGS", str(tmp_path))
    path = written(tmp_path, asked(f"{OWN}:killed_while_short_of_memory", laws=LAWS, executor="processes:1"))
    first = lead(path)
    assert first.counts["again"] == TRIES_IF_KILLED - 1
    assert [row.ending for row in first.rows].count("killed") == 1
    assert first.views[0].killed == 1
    assert first.results["periodicity/cell-choice"][0] == "error"
    (tmp_path / "memory").touch()
    said = command(path, "status").stdout
    assert "1 killed each time (`campaign resume` tries them again)" in said
    second = lead(path)
    assert second.counts["run"] == 2  # loading the potential, and what was killed
    assert [row.ending for row in second.rows].count("finished") == 5
    assert second.views[0].killed == 0
    assert found(second) == found(undisturbed)
    assert lead(path).counts["run"] == 1


def test_a_leader_that_is_killed_goes_on_where_it_was(tmp_path: Path, undisturbed: Led) -> None:
    path = written(tmp_path, asked(f"{OWN}:leader_killed_once", laws=LAWS, executor="processes:1"))
    first = command(path)
    assert first.returncode == -signal.SIGKILL
    holder = json.loads(lock_file(tmp_path / "campaign.db").read_text())
    again = command(path, "resume")
    assert f"process {holder['process']} on {holder['host']}) is gone: going on in its place" in again.stdout
    assert again.returncode == 3  # a part of the laws is never certified
    led = lead(path)
    assert led.counts["run"] == 1
    assert is_whole(led)
    assert found(led) == found(undisturbed)


def test_two_campaigns_on_one_store(tmp_path: Path) -> None:
    path = written(tmp_path, asked(f"{OWN}:tiny"))
    with store.writing(tmp_path / "campaign.db"):
        second = command(path)
    assert second.returncode == 2
    assert f"is written to by process {os.getpid()} on " in second.stderr
    assert len(second.stderr.splitlines()) == 1


def test_a_disk_that_is_full(tmp_path: Path, undisturbed: Led) -> None:
    path = written(tmp_path, asked(f"{OWN}:tiny", laws=LAWS))
    small = 60_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (small, small))

    first = command(path, preexec_fn=limit)
    assert first.returncode == 3
    assert "results could not be kept" in first.stdout
    assert "campaign resume" in first.stdout
    led = lead(path)
    assert 1 < led.counts["run"] <= 5
    assert is_whole(led)
    assert found(led) == found(undisturbed)


def small_disk(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder that is a disk of 300 kB, which `larger` makes larger; it is gone afterwards."""
    lines = (
        'mount -t tmpfs -o "size=300k" none "$1" || exit 77',
        'larger() { mount -o "remount,size=20m" "$1"; }',
        'cd "$1"',
        script,
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHON": sys.executable}
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", "\n".join(lines), "sh", str(folder)],
        env=environment,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )


def test_a_small_disk_that_is_full(tmp_path: Path, undisturbed: Led) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    if shutil.which("unshare") is None or small_disk(disk, "true").returncode != 0:
        pytest.skip("no file system may be mounted here")
    written(kept, asked(f"{OWN}:tiny", laws=LAWS, export="all.jsonl.gz"))
    run = f'"$PYTHON" -m gnnp_bench campaign run campaign.toml > "{kept}/first.txt" 2>&1'
    script = f'''
cp "{kept}/campaign.toml" .
# As much is taken as leaves room for a store without results.
head -c 200000 /dev/zero > ballast
{run}; echo "status $?" >> "{kept}/first.txt"
df --output=avail . | tail -1 >> "{kept}/first.txt"
larger "$1"
cp campaign.db* "{kept}/"
'''
    assert small_disk(disk, script).returncode == 0
    first = (kept / "first.txt").read_text()
    assert "results could not be kept" in first, first
    assert "database or disk is full" in first
    assert "cannot write all.jsonl.gz: No space left on device; results are kept in campaign.db" in first
    assert "campaign resume" in first
    assert "status 3" in first
    led = lead(kept / "campaign.toml")
    assert 1 < led.counts["run"] <= 5
    assert is_whole(led)
    assert found(led) == found(undisturbed)


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    path = written(tmp_path, asked(f"{OWN}:tiny", store="nowhere/campaign.db"))
    refused = command(path)
    assert refused.returncode == 2
    assert "create it first" in refused.stderr
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreError, match="cannot write"):
        store.writing(tmp_path / "folder.db")


def test_a_clock_that_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Led) -> None:
    path = written(tmp_path, asked(f"{OWN}:tiny", laws='"symmetry/net-force"'))
    now: Any = datetime.datetime

    class Ahead(now):  # type: ignore[misc]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now.now(tz).replace(year=2099)

    with monkeypatch.context() as patched:
        patched.setattr(store, "datetime", Ahead)
        first = lead(path)
    assert all(row.made_at.startswith("2099") for row in first.rows)
    path.write_text(asked(f"{OWN}:tiny", laws=LAWS))
    led = lead(path)
    assert is_whole(led)
    assert found(led) == found(undisturbed)


def test_a_campaign_that_is_cancelled_keeps_what_is_finished(tmp_path: Path, undisturbed: Led) -> None:
    path = written(tmp_path, asked(f"{OWN}:tiny", laws=LAWS))

    def stop(leading: Lead) -> None:
        if len(leading.store) >= 3:
            cancel_file(leading.store.path).touch()

    with pytest.raises(CampaignError, match="asked to stop"):
        lead(path, during=stop)
    led = lead(path)
    assert led.counts["before"] >= 2
    assert led.counts["before"] + led.counts["run"] == 5
    assert is_whole(led)
    assert found(led) == found(undisturbed)
