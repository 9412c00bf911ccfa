"""A store on its way: to a compact text file and back, and to Parquet and a DataFrame for those who only read."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import lzma
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gnnp_bench.campaign.executors import imported
from gnnp_bench.campaign.filesystem import Mounts, StoreError
from gnnp_bench.campaign.store import COLUMNS, SCHEMA, Row, Store, reading, row_from
from gnnp_bench.campaign.work import MEASURED
from gnnp_bench.certificate.io import decode_value, replace_file
from gnnp_bench.engine.assemble import Judgement

if TYPE_CHECKING:
    import pandas

HEADER = "gnnp-bench campaign results"
_XZ = b"\xfd7zXZ\x00"
RESULT = ("category", "status", "grade", "quantity", "measured", "bound", "significance", "unit", "evaluations")
_NAMES = tuple(field.name for field in fields(Row))


def salvage(path: str | Path) -> tuple[list[Row], int]:
    """Return the results of a damaged store that can still be read and are what was written, and how many are not."""
    found: list[Row] = []
    lost = 0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        number, silence = 0, 0
        while silence < 2000:  # by number, so that a page that cannot be read costs only what is on it
            number += 1
            try:
                line = connection.execute(
                    f"SELECT {', '.join(COLUMNS)}, digest FROM results WHERE number = ?", (number,)
                ).fetchone()
            except (sqlite3.DatabaseError, UnicodeDecodeError):
                lost, silence = lost + 1, silence + 1
                continue
            if line is None:
                silence += 1
                continue
            row = row_from(line[:-1])
            silence = 0
            if row is not None and row.digest == line[-1]:
                found.append(row)
            else:
                lost += 1
    return found, lost


def export(rows: Iterable[Row], path: str | Path) -> int:
    """Write results as one line of JSON each, compressed, and return how many; a reader finds the whole file or none.

    The same results make the same bytes. A file that is called .xz is a third smaller than one of gzip.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    written = io.BytesIO()
    count = 0
    with _packing(written, path) as packed:
        packed.write(json.dumps({"format": HEADER, "schema": SCHEMA}).encode() + b"\n")
        for row in rows:
            values = {name: value for name, value in asdict(row).items() if value not in ("", b"", None)}
            if row.value:
                values["value"] = row.value.decode()
            packed.write(json.dumps({**values, "digest": row.digest}, ensure_ascii=False).encode() + b"\n")
            count += 1
    _put(path, written.getvalue())
    return count


def latest(rows: Sequence[Row]) -> list[Row]:
    """Return the results without those of a version of a law, or of what measures, that has a later one."""
    last = {_asked(row): row.version for row in rows}
    return [row for row in rows if row.version == last[_asked(row)]]


def _asked(row: Row) -> tuple[str | int, ...]:
    return row.kind, row.spec, row.subject, row.name, row.budget, row.profile, row.seed


def imported_rows(path: str | Path) -> Iterator[Row]:
    """Yield the results that `export` wrote.

    Raises
    ------
    StoreError
        If the file is none of ours, is of a newer version, ends too early, or a line is not what was written.
    """
    try:
        with _unpacking(path) as lines:
            header = json.loads(next(lines, b"null"))
            if not isinstance(header, dict) or header.get("format") != HEADER:
                raise StoreError(f"{path} holds no results of a campaign")
            if header["schema"] > SCHEMA:
                known = f"this gnnp-bench knows versions up to {SCHEMA}: use a newer one"
                raise StoreError(f"{path} is of version {header['schema']}; {known}")
            for number, line in enumerate(lines, 2):
                values: dict[str, Any] = json.loads(line)
                digest = values.pop("digest", None)
                values["value"] = values.get("value", "").encode()
                row = Row(**{"loading_s": None, **{name: values[name] for name in _NAMES if name in values}})
                if row.digest != digest:
                    raise StoreError(f"{path}, line {number}: it is not what was written")
                yield row
    except (OSError, EOFError, lzma.LZMAError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def _packing(written: io.BytesIO, path: str | Path) -> gzip.GzipFile | lzma.LZMAFile:
    if str(path).endswith(".xz"):
        return lzma.LZMAFile(written, "wb", preset=9)
    return gzip.GzipFile(fileobj=written, mode="wb", mtime=0, filename="")


def _unpacking(path: str | Path) -> gzip.GzipFile | lzma.LZMAFile:
    """Open what `export` wrote, whatever it is called now."""
    with Path(path).open("rb") as file:
        kind = file.read(len(_XZ))
    return lzma.LZMAFile(path) if kind == _XZ else gzip.GzipFile(path)


def take_in(store: Store, rows: Iterable[Row]) -> tuple[int, int]:
    """Append results that a store does not have; return how many these are, and how many it had."""
    known = {row.digest for row in store.rows()}
    new: dict[str, Row] = {}
    had = 0
    for row in rows:
        if row.digest in known or row.digest in new:
            had += 1
        else:
            new[row.digest] = row
    store.add(new.values())
    return len(new), had


def flat(row: Row) -> dict[str, Any]:
    """Return a result as a line of a table: the numbers of a law, and as JSON what was measured beside laws."""
    line = {name: value for name, value in asdict(row).items() if name not in ("value", "made_with")}
    result = decode_value(row.value, Judgement).result if row.kind == "law" and row.value else None
    line.update({name: None if result is None else getattr(result, name) for name in RESULT})
    line["found"] = row.value.decode() if row.kind in MEASURED and row.value else None
    return line


def snapshot(store: Store) -> Path | None:
    """Write all results as Parquet beside the store, renamed into place; None where pyarrow is not installed.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    try:
        pyarrow = __import__("pyarrow")
    except ModuleNotFoundError:
        return None
    path = snapshot_file(store.path)
    _put(path, _parquet(pyarrow, [flat(row) for row in store.rows()]))
    return path


def snapshot_file(store: Path) -> Path:
    """Return where the Parquet snapshot of a store is."""
    return store.with_name(f"{store.name}.parquet")


def to_parquet(rows: Iterable[Row], path: str | Path) -> None:
    """Write results as a Parquet file.

    Raises
    ------
    ExecutorError
        If pyarrow is not installed.
    StoreError
        If the file cannot be written.
    """
    _put(path, _parquet(imported("pyarrow"), [flat(row) for row in rows]))


def query(path: str | Path, mounts: Mounts | None = None) -> pandas.DataFrame:
    """Return all results of a store as a DataFrame: a row for each, with the numbers of laws.

    On a file system that several machines may share, it is read from the Parquet snapshot, which is at most as old as
    the last that the campaign wrote; SQLite is not asked there, for another machine may be writing.

    Parameters
    ----------
    path : path
        Of the store.
    mounts : sequence of (str, str), optional
        Where file systems are mounted and their kinds; by default what the system tells.

    Raises
    ------
    ValueError
        If there is no store, or a package is missing. The message is one line.
    """
    frames = imported("pandas")
    with reading(path, mounts) as store:
        if store.shared and snapshot_file(store.path).exists():
            frame = frames.read_parquet(snapshot_file(store.path))
        else:
            frame = frames.DataFrame([flat(row) for row in store.rows()])
    return cast("pandas.DataFrame", frame)


def _put(path: str | Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except ValueError as error:
        raise StoreError(str(error)) from error


def _parquet(pyarrow: Any, lines: list[dict[str, Any]]) -> bytes:
    import pyarrow.parquet as parquet

    types = {
        **dict.fromkeys(("address", "kind", "spec", "subject", "name", "budget", "profile"), pyarrow.string()),
        "seed": pyarrow.int64(),
        **dict.fromkeys(("version", "ending", "said"), pyarrow.string()),
        **dict.fromkeys(("elapsed_s", "loading_s"), pyarrow.float64()),
        "made_at": pyarrow.string(),
        **dict.fromkeys(("category", "status", "grade", "quantity"), pyarrow.string()),
        **dict.fromkeys(("measured", "bound", "significance"), pyarrow.float64()),
        "unit": pyarrow.string(),
        "evaluations": pyarrow.int64(),
        "found": pyarrow.string(),
    }
    table = pyarrow.Table.from_pylist(lines, schema=pyarrow.schema(list(types.items())))
    written = io.BytesIO()
    parquet.write_table(table, written, compression="zstd")
    return written.getvalue()
