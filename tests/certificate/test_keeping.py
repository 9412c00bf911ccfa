"""A certificate with a counterexample is kept where no file was named, and nothing of the user's is touched."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import read
from gnnp_bench.certificate.keeping import MOST, kept_for_replay
from tests.certificate.examples import FAILED, PASSED, certificate


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gnnp-bench"


def test_what_failed_is_kept_under_a_name_of_its_own(cache: Path) -> None:
    one = certificate(PASSED, FAILED)
    other = replace(one, seed=one.seed + 1)
    first, second, again = kept_for_replay(one), kept_for_replay(other), kept_for_replay(one)
    assert first is not None
    assert second is not None
    assert first == again != second
    assert read(first) == one
    assert read(second) == other
    assert Path(first).parent == cache


def test_what_holds_leaves_nothing(cache: Path) -> None:
    assert kept_for_replay(certificate(PASSED)) is None
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_is_no_obstacle(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    path = kept_for_replay(certificate(FAILED))
    assert path is not None
    assert read(path).checks[0].id == FAILED.id
    assert cache.read_text() == "a file where the folder should be"


def test_the_oldest_make_room_and_nothing_else_does(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "mine.txt").write_text("mine")
    for k in range(MOST + 5):
        old = cache / f"old-{k:08d}.json"
        old.write_text("{}")
        os.utime(old, (k, k))
    path = kept_for_replay(certificate(FAILED))
    assert path is not None
    assert len(list(cache.glob("*.json"))) == MOST
    assert Path(path).exists()
    assert not (cache / "old-00000000.json").exists()
    assert (cache / "mine.txt").read_text() == "mine"
