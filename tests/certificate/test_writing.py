"""A certificate is written whole or not at all, and a path that cannot be written is refused beforehand."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import check_writable, read, write
from tests.certificate.examples import certificate, result

ROOT = Path(__file__).parents[2]


def test_writing_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "certificate.json"
    write(certificate(seed=1), path)
    write(certificate(seed=2), path)
    assert read(path) == certificate(seed=2)
    assert [entry.name for entry in tmp_path.iterdir()] == ["certificate.json"]


def test_a_new_file_gets_the_permissions_of_any_new_file_and_an_old_one_keeps_its_own(tmp_path):
    ordinary, path = tmp_path / "ordinary", tmp_path / "certificate.json"
    ordinary.touch()
    write(certificate(), path)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)
    path.chmod(0o640)
    write(certificate(seed=1), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_symbolic_link_stays_one(tmp_path):
    target, link = tmp_path / "runs" / "first.json", tmp_path / "latest.json"
    target.parent.mkdir()
    link.symlink_to(target)
    write(certificate(seed=5), link)
    assert link.is_symlink()
    assert read(target).seed == 5


def test_a_full_disk_costs_neither_the_old_file_nor_leaves_a_part_of_the_new(tmp_path):
    path = tmp_path / "certificate.json"
    write(certificate(seed=1), path)
    before = path.read_bytes()
    program = (
        "import resource, sys\n"
        "from tests.certificate.examples import certificate\n"
        "from gnnp_bench.certificate.io import write\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    write(certificate(seed=2), sys.argv[1])\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {path}: ")
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["certificate.json"]


def test_a_reader_never_sees_a_part_of_a_certificate(tmp_path):
    path = tmp_path / "certificate.json"
    long = [result(f"family/check-{i}") for i in range(100)]
    write(certificate(*long), path)
    finished = threading.Event()

    def rewrite() -> None:
        for seed in range(60):
            write(certificate(*long[: 1 + seed], seed=seed), path)
        finished.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    while not finished.is_set():
        seen.add(read(path).seed)
    writer.join()
    seen.add(read(path).seed)
    assert max(seen) == 59


def test_a_killed_writer_leaves_a_whole_certificate(tmp_path):
    path = tmp_path / "certificate.json"
    program = (
        "import itertools, sys\n"
        "from tests.certificate.examples import certificate, result\n"
        "from gnnp_bench.certificate.io import write\n"
        "checks = [result(f'family/check-{i}') for i in range(200)]\n"
        "for seed in itertools.count():\n"
        "    write(certificate(*checks, seed=seed), sys.argv[1])\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, path], cwd=ROOT) as writer:
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        writer.send_signal(signal.SIGKILL)
    assert len(read(path).checks) == 200


def test_a_path_that_can_be_written_is_accepted_and_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "certificate.json"
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("old")
    check_writable(path)
    assert path.read_text() == "old"
    monkeypatch.chdir(tmp_path)
    check_writable("certificate.json")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/certificate.json", "there is no directory missing; create it first"),
        ("missing/deep/certificate.json", "there is no directory missing/deep; create it first"),
        ("/missing/certificate.json", "there is no directory /missing; create it first"),
        (".", "it is a directory; name a file in it"),
        ("file/certificate.json", "there is no directory file; create it first"),
        ("x" * 300 + ".json", "name too long"),
        ("/dev/null", "it is not a regular file"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_with_the_reason(path, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=f"(?i)^cannot write .*{reason}"):
        check_writable(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_writing_where_one_may_not_is_refused_with_the_reason():
    # Not tmp_path: another user may not enter it, and root may write anywhere.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        path = directory / "certificate.json"
        path.write_text("old")
        path.chmod(0o444)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(ValueError, match="the file is read-only"):
                check_writable(path)
            if not root:
                directory.chmod(0o555)
            with pytest.raises(ValueError, match="Permission denied"):
                check_writable(directory / "other.json")
            with pytest.raises(ValueError, match=r"cannot write .*Permission denied"):
                write(certificate(), directory / "other.json")
        finally:
            if root:
                os.seteuid(0)
            directory.chmod(0o755)
        assert path.read_text() == "old"
