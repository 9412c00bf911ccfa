"""Dask's workers: the same certificates, whatever dies in between; and what a batch system is told."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest

from gnnp_bench.campaign import clusters, executors
from gnnp_bench.campaign.executors import ExecutorError
from gnnp_bench.certificate.io import comparable, encode
from tests.campaign.leading import Led, asked, lead, written

OWN = "tests.campaign.potentials"
LAWS = '"symmetry/net-force", "symmetry/translation", "periodicity/cell-choice"'
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore")  # of Dask's own, about ports and event loops


def found(led: Led) -> list[bytes]:
    whole = [encode(comparable(view.certificate)) for view in led.views if view.certificate is not None]
    return [text.replace(b"killed_once", b"tiny") for text in whole]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Led:
    return lead(written(tmp_path_factory.mktemp("undisturbed"), asked(f"{OWN}:tiny", laws=LAWS)))


@pytest.fixture
def port() -> int:
    import socket

    with socket.socket() as asked_for:
        asked_for.bind(("127.0.0.1", 0))
        return int(asked_for.getsockname()[1])


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def scheduler(folder: Path, port: int) -> subprocess.Popen[bytes]:
    return started(folder, "dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")


def worker(folder: Path, port: int) -> subprocess.Popen[bytes]:
    address = f"tcp://127.0.0.1:{port}"
    return started(folder, "dask_worker", address, "--nthreads", "1", "--no-dashboard", "--death-timeout", "60")


@pytest.fixture
def cluster(tmp_path: Path, port: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    running = [scheduler(tmp_path, port), worker(tmp_path, port)]
    yield running
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_cluster_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Led) -> None:
    monkeypatch.setenv("CAMPAIGN_FLAGS", str(tmp_path))
    before = dict(os.environ)
    led = lead(written(tmp_path, asked(f"{OWN}:killed_once", laws=LAWS)), "dask:1")
    assert dict(os.environ) == before
    assert led.counts["again"] == 1
    assert found(led) == found(undisturbed)


def test_a_scheduler_that_is_killed_and_started_again(
    tmp_path: Path, port: int, cluster: list[subprocess.Popen[bytes]], undisturbed: Led
) -> None:
    path = written(tmp_path, asked(f"{OWN}:tiny", laws=LAWS))
    disturbed: list[float] = []

    def disturb(leading: object) -> None:
        if not disturbed and len(leading.store) >= 2 and leading._running:  # type: ignore[attr-defined]
            disturbed.append(time.monotonic())
            for process in cluster:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            cluster[:] = [scheduler(tmp_path, port), worker(tmp_path, port)]

    led = lead(path, f"dask:tcp://127.0.0.1:{port}", during=disturb)
    assert disturbed
    assert any("its worker was lost" in line for line in led.lines)
    addresses = [row.address for row in led.rows]
    assert len(addresses) == len(set(addresses)) == 5
    assert found(led) == found(undisturbed)


def test_no_scheduler_is_said_in_one_line(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "PATIENCE", 1.0)
    with pytest.raises(ExecutorError, match=rf"executor dask:tcp://127\.0\.0\.1:{port}: "):
        executors.workers(f"dask:tcp://127.0.0.1:{port}")


def test_the_job_script_of_the_documented_configuration(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "campaigns.md").read_text()
    text = page.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "jobqueue.yaml").write_text(text)
    dask.config.refresh(paths=[str(tmp_path)])
    handler = signal.getsignal(signal.SIGINT)
    try:
        cluster = clusters.queued("dask-slurm")
        script = cluster.job_script()
        cluster.close()
    finally:
        dask.config.refresh()
    assert signal.getsignal(signal.SIGINT) is handler  # importing dask_jobqueue makes Ctrl-C end the program at once
    directives = [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH")]
    options = dict(word.partition("=")[::2] if "=" in word else tuple(word.split()[:2]) for word in directives)
    assert options["-p"] == "gpu"
    assert options["--gres"] == "gpu:1"
    assert options["--cpus-per-task"] == "4"
    assert options["-t"] == "04:00:00"
    (line,) = [line for line in script.splitlines() if "dask" in line and "tcp" in line]
    words = shlex.split(line)
    assert words[words.index("--nthreads") + 1] == "1"
    assert "export OMP_NUM_THREADS=1" in script
