"""The store: append-only, one writer, and what is read is what was written or is not counted."""

from __future__ import annotations

import gzip
import json
import lzma
import random
import sqlite3
from pathlib import Path
from types import ModuleType

import pytest

from gnnp_bench.campaign import exchange, store
from gnnp_bench.campaign.exchange import salvage
from gnnp_bench.campaign.filesystem import StoreError, kind_of, lock_file, takes_wal
from gnnp_bench.campaign.store import SCHEMA, Row, reading, writing

LOCAL = [("/", "ext4")]


def row(number: int, **more: object) -> Row:
    value = json.dumps({"number": number, "filler": random.Random(number).random()}).encode()
    return Row(**{"address": f"a{number}", "kind": "pool", "spec": "x", "value": value, "made_at": "now", **more})  # type: ignore[arg-type]


def filled(path: Path, count: int = 30) -> list[Row]:
    rows = [row(number) for number in range(count)]
    with writing(path, LOCAL) as opened:
        opened.add(rows)
    return rows


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    rows = filled(tmp_path / "s.db")
    with reading(tmp_path / "s.db", LOCAL) as opened:
        assert list(opened.rows()) == rows
        assert opened.damaged == []


def test_rows_are_never_changed_and_never_removed(tmp_path: Path) -> None:
    filled(tmp_path / "s.db")
    with writing(tmp_path / "s.db", LOCAL) as opened:
        for statement in ("UPDATE results SET ending = 'died'", "DELETE FROM results"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                opened.connection.execute(statement)


def test_there_is_one_writer(tmp_path: Path) -> None:
    with writing(tmp_path / "s.db", LOCAL), pytest.raises(StoreError, match=r"is written to by process \d+ on "):
        writing(tmp_path / "s.db", LOCAL)
    writing(tmp_path / "s.db", LOCAL).close()


def test_another_host_that_writes_is_named(tmp_path: Path) -> None:
    filled(tmp_path / "s.db")
    lock_file(tmp_path / "s.db").write_text('{"host": "node17", "process": 4711, "began": 1.0}')
    with pytest.raises(StoreError, match=r"process 4711 on node17, which cannot be.*remove s\.db\.lock"):
        writing(tmp_path / "s.db", LOCAL)
    lock_file(tmp_path / "s.db").unlink()
    writing(tmp_path / "s.db", LOCAL).close()


def test_the_log_is_written_ahead_on_local_file_systems_alone(tmp_path: Path) -> None:
    assert takes_wal(tmp_path, LOCAL)
    assert not takes_wal(tmp_path, [("/", "ext4"), (str(tmp_path.resolve()), "nfs4")])
    assert not takes_wal(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
    assert kind_of(tmp_path, [("/", "ext4"), ("/", "overlay")]) == "overlay"


def test_on_a_shared_file_system_readers_take_the_snapshot(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    shared = [("/", "ext4"), (str(tmp_path.resolve()), "lustre")]
    path = tmp_path / "s.db"
    with writing(path, shared) as opened:
        opened.add([row(1)])
        assert opened.connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert exchange.snapshot(opened) == tmp_path / "s.db.parquet"
        opened.add([row(2)])
        assert sorted(file.name for file in tmp_path.iterdir()) == ["s.db", "s.db.lock", "s.db.parquet"]
        seen = exchange.query(path, shared)
    assert isinstance(seen, pandas.DataFrame)
    assert list(seen["address"]) == ["a1"]  # of the snapshot
    assert list(exchange.query(path, LOCAL)["address"]) == ["a1", "a2"]


def test_a_store_of_version_1_is_brought_to_today(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    old = row(1, loading_s=None)
    with sqlite3.connect(path) as connection:
        names = [name for name in store.COLUMNS if name != "loading_s"]
        connection.executescript(
            f"CREATE TABLE results (number INTEGER PRIMARY KEY AUTOINCREMENT, {', '.join(names)}, digest TEXT);"
            f"PRAGMA user_version=1; PRAGMA application_id={store.APPLICATION};"
        )
        values = [store._kept(old, name) for name in names]
        connection.execute(
            f"INSERT INTO results ({', '.join(names)}, digest) VALUES ({', '.join('?' * (len(names) + 1))})",
            [*values, old.digest],
        )
    with writing(path, LOCAL) as opened:
        assert opened.notes == ["s.db was of version 1 and is of version 2 now"]
        opened.add([row(2)])
        assert list(opened.rows()) == [old, row(2)]


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path / "s.db")
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA + 1}")
    for opening in (writing, reading):
        with pytest.raises(StoreError, match=r"is of version 3; .* knows versions up to 2: use a newer one"):
            opening(tmp_path / "s.db", LOCAL)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"no database at all, but a text" * 100)
    with pytest.raises(StoreError, match="damaged"):
        writing(tmp_path / "s.db", LOCAL)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(StoreError, match="no store of a campaign"):
        writing(tmp_path / "other.db", LOCAL)


def test_a_bit_that_flips_never_makes_another_result(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    rows = filled(path)
    whole = path.read_bytes()
    chosen = random.Random(0)
    noticed = 0
    for _ in range(150):
        place = chosen.randrange(100, len(whole))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << chosen.randrange(8)
        path.write_bytes(damaged)
        try:
            with writing(path, LOCAL) as opened:
                seen = list(opened.rows())
                noticed += bool(opened.damaged)
                # A row may be missing only if that is told; an unused byte of a page changes nothing.
                assert len(seen) + len(opened.damaged) >= len(rows)
        except StoreError as error:
            noticed += "damaged" in str(error) or "no store" in str(error) or "of version" in str(error)
            seen, lost = salvage(path)
            assert lost > 0 or len(seen) == len(rows)
        assert all(one in rows for one in seen)
    assert noticed > 30


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_store_that_ends_too_early_is_refused_and_what_is_left_is_saved(part: float, tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    rows = filled(path, 300)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(StoreError, match=r"damaged.*campaign export"):
        writing(path, LOCAL)
    seen, lost = salvage(path)
    assert all(one in rows for one in seen)
    assert lost > 0


@pytest.mark.parametrize("suffix", ["gz", "xz"])
def test_an_export_makes_the_same_store_elsewhere(tmp_path: Path, suffix: str) -> None:
    rows = filled(tmp_path / "s.db")
    first, second = tmp_path / f"one.jsonl.{suffix}", tmp_path / f"two.jsonl.{suffix}"
    assert exchange.export(rows, first) == len(rows)
    exchange.export(rows, second)
    assert first.read_bytes() == second.read_bytes()
    with writing(tmp_path / "new.db", LOCAL) as opened:
        assert exchange.take_in(opened, exchange.imported_rows(first)) == (30, 0)
        assert exchange.take_in(opened, exchange.imported_rows(first)) == (0, 30)
        assert list(opened.rows()) == rows


def test_of_versions_the_latest_is_what_is_left() -> None:
    old = [row(number, seed=number, version="older") for number in range(5)]
    again = row(5, seed=3, version="newer")
    late = row(6, seed=3, version="newer", ending="late")
    assert exchange.latest([*old, again, late]) == [*old[:3], *old[4:], again, late]
    assert exchange.latest(old) == old


@pytest.mark.parametrize("packer", [gzip, lzma])
def test_an_export_that_was_changed_is_refused(tmp_path: Path, packer: ModuleType) -> None:
    path = tmp_path / ("one.jsonl.gz" if packer is gzip else "one.jsonl.xz")
    exchange.export([row(1), row(2)], path)
    text = packer.decompress(path.read_bytes())
    path.write_bytes(packer.compress(text.replace(b'"a2"', b'"a3"')))
    with pytest.raises(StoreError, match="line 3: it is not what was written"):
        list(exchange.imported_rows(path))
    path.write_bytes(packer.compress(text)[:-20])
    with pytest.raises(StoreError, match="cannot be read"):
        list(exchange.imported_rows(path))
