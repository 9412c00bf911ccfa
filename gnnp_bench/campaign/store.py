"""What a campaign has found: one SQLite file, which only grows. One process writes, the one that leads the campaign.

A row is a result with the address of its task (`work.Work.address`) and a hash over itself, so that a bit that flipped
is seen. Rows are never changed and never removed, which the database itself refuses.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from gnnp_bench.campaign import filesystem
from gnnp_bench.campaign.filesystem import Lock, Mounts, StoreError

SCHEMA = 2
"""Version 1 did not keep what loading took. See `_MIGRATIONS`."""
APPLICATION = 0x676E6E70
"""Stands in the header of the file, by which it is known as ours."""
Counted: TypeAlias = Literal["finished", "died", "killed", "late", "refused"]

COLUMNS = (
    "address", "kind", "spec", "subject", "name", "budget", "profile", "seed", "version", "ending", "said", "value",
    "elapsed_s", "loading_s", "made_at", "made_with",
)  # fmt: skip
_TABLE = f"""
CREATE TABLE results (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    {", ".join(f"{name} {'BLOB' if name == 'value' else 'REAL' if name.endswith('_s') else ''}" for name in COLUMNS)},
    digest TEXT
);
CREATE INDEX by_address ON results (address);
CREATE INDEX by_subject ON results (subject);
CREATE TRIGGER never_changed BEFORE UPDATE ON results BEGIN SELECT RAISE(ABORT, 'results are never changed'); END;
CREATE TRIGGER never_removed BEFORE DELETE ON results BEGIN SELECT RAISE(ABORT, 'results are never removed'); END;
"""
_MIGRATIONS = {
    1: "ALTER TABLE results ADD COLUMN loading_s REAL; CREATE INDEX IF NOT EXISTS by_subject ON results (subject)"
}
"""What makes a store of one version one of the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One result, as it is kept.

    Attributes
    ----------
    address : str
        Of the task.
    kind, spec, name, budget, profile, seed, version
        As of `work.Work`.
    subject : str
        Address of the potential.
    ending : str
        *finished*; *died* and *late*, which are results of a task as well, for it was tried; *killed*, from outside,
        which the next run tries again; *refused*.
    said : str
    value : bytes
        JSON.
    elapsed_s, loading_s : float or None
    made_at : str
        Date and time, UTC, by the clock of who led. Nothing depends on it.
    made_with : str
        JSON: versions of what computed it.
    """

    address: str
    kind: str
    spec: str
    subject: str = ""
    name: str = ""
    budget: str = ""
    profile: str = ""
    seed: int = 0
    version: str = ""
    ending: Counted = "finished"
    said: str = ""
    value: bytes = b""
    elapsed_s: float = 0.0
    loading_s: float | None = 0.0
    made_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    made_with: str = "{}"

    @property
    def digest(self) -> str:
        """A hash over all of it."""
        plain = [
            [name, hashlib.sha256(self.value).hexdigest() if name == "value" else getattr(self, name)]
            for name in COLUMNS
            if getattr(self, name) is not None
        ]
        return hashlib.sha256(json.dumps(plain, ensure_ascii=True).encode()).hexdigest()


@dataclass(slots=True)
class Store:
    """An open store. A context, at the end of which it is closed; use `writing` or `reading` to get one.

    Attributes
    ----------
    path : Path
    connection : sqlite3.Connection
    held : Lock or None
        Where it may be written to.
    shared : bool
        The file system may be shared between machines, so that readers take the snapshot.
    notes : list of str
        What the user should know of how it was opened.
    damaged : list of int
        Numbers of rows that are not what was written. They are not counted.
    """

    path: Path
    connection: sqlite3.Connection
    held: Lock | None = None
    shared: bool = False
    notes: list[str] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let others write."""
        self.connection.close()
        if self.held is not None:
            self.held.release()
            self.held = None

    def add(self, rows: Iterable[Row]) -> None:
        """Append results, all or none of them.

        Raises
        ------
        StoreError
            If they cannot be written.
        """
        if self.held is None:
            raise StoreError(f"{self.path} was opened to be read")
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        values = [(*(_kept(row, name) for name in COLUMNS), row.digest) for row in rows]
        try:
            with self.connection:
                self.connection.executemany(
                    f"INSERT INTO results ({', '.join(COLUMNS)}, digest) VALUES ({marks})", values
                )
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be written to: {error}") from error

    def rows(self, where: str = "", values: Sequence[Any] = ()) -> Iterator[Row]:
        """Yield all results that are what was written, in the order in which they were appended."""
        yield from self._sound(f"SELECT number, {', '.join(COLUMNS)}, digest FROM results {where}", values)

    def _sound(self, query: str, values: Sequence[Any]) -> Iterator[Row]:
        try:
            for number, *found, digest in self.connection.execute(query, values):
                row = row_from(found)
                if row is None or row.digest != digest:
                    if number not in self.damaged:
                        self.damaged.append(number)
                    continue
                yield row
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise StoreError(_damaged(self.path, str(error))) from error

    def __len__(self) -> int:
        (count,) = self.connection.execute("SELECT count(*) FROM results").fetchone()
        return int(count)


def writing(path: str | Path, table: Mounts | None = None) -> Store:
    """Open a store to append to it; one that is not there is made.

    Raises
    ------
    StoreError
        If another process writes to it, it cannot be written, is damaged, or was made by a newer gnnp_bench.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise StoreError(f"cannot write {path}: there is no directory {path.parent}; create it first")
    held = filesystem.lock(path)
    try:
        shared = not filesystem.takes_wal(path.parent, table)
        connection = sqlite3.connect(path, timeout=30.0)
        store = Store(path, connection, held, shared)
        if held.took_over:
            store.notes.append(held.took_over)
        try:
            _ready(store)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        held.release()
        raise StoreError(f"cannot write {path}: {error}") from error
    except BaseException:
        held.release()
        raise
    return store


def reading(path: str | Path, table: Mounts | None = None) -> Store:
    """Open a store to read what is in it.

    Raises
    ------
    StoreError
        If there is none, or it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"there is no store {path}: `gnnp-bench campaign run` makes it")
    shared = filesystem.kind_of(path, filesystem.mounts() if table is None else table).lower() not in filesystem.LOCAL
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30.0)
    store = Store(path, connection, None, shared)
    try:
        version = _version(store)
        if version < SCHEMA:
            connection.close()
            with writing(path, table):
                pass  # which brings it to today's version
            return reading(path, table)
    except BaseException:
        connection.close()
        raise
    return store


def _ready(store: Store) -> None:
    connection, path = store.connection, store.path
    new = not path.exists() or path.stat().st_size == 0
    try:
        mode = "DELETE" if store.shared else "WAL"
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute(f"PRAGMA synchronous={'FULL' if store.shared else 'NORMAL'}")
        if new:
            with connection:
                connection.executescript(f"BEGIN; {_TABLE} PRAGMA user_version={SCHEMA}; COMMIT;")
                connection.execute(f"PRAGMA application_id={APPLICATION}")
            return
        version = _version(store)
        said = [text for (text,) in connection.execute("PRAGMA quick_check(3)")]
        if said != ["ok"]:
            raise StoreError(_damaged(path, said[0].splitlines()[-1]))
        for step in range(version, SCHEMA):
            connection.executescript(f"BEGIN; {_MIGRATIONS[step]}; PRAGMA user_version={step + 1}; COMMIT;")
            store.notes.append(f"{path.name} was of version {step} and is of version {step + 1} now")
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        said_by_sqlite = str(error)
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in said_by_sqlite:
            raise StoreError(f"cannot write {path}: {said_by_sqlite}") from error
        raise StoreError(_damaged(path, said_by_sqlite)) from error


def _version(store: Store) -> int:
    """Return the version of a store that is ours and that we can read."""
    try:
        (version,) = store.connection.execute("PRAGMA user_version").fetchone()
        (ours,) = store.connection.execute("PRAGMA application_id").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise StoreError(_damaged(store.path, str(error))) from error
    if ours != APPLICATION:
        raise StoreError(f"{store.path} is no store of a campaign")
    if version > SCHEMA:
        raise StoreError(
            f"{store.path} is of version {version}; this gnnp-bench knows versions up to {SCHEMA}: use a newer one"
        )
    return int(version)


def _damaged(path: Path, why: str) -> str:
    return (
        f"{path} is damaged ({why}); nothing was changed: `gnnp-bench campaign export {path} --out saved.jsonl.gz`"
        " saves the results that can still be read, and `campaign import` makes a new store of them"
    )


def _kept(row: Row, name: str) -> Any:
    value = getattr(row, name)
    return zlib.compress(value, 6) if name == "value" else value


def row_from(found: Sequence[Any]) -> Row | None:
    """Return what the columns of a row hold, or None if that is no result."""
    values = dict(zip(COLUMNS, found, strict=True))
    try:
        values["value"] = zlib.decompress(values["value"])
        return Row(**values)
    except (zlib.error, TypeError):
        return None
