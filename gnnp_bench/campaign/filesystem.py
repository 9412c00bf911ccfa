"""What the file system that a store lies on can do, and whose the store is at the moment."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import secrets
import socket
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs", "jfs", "ntfs", "overlay", "overlayfs"}
    | {"ramfs", "reiserfs", "tmpfs", "ufs", "xfs", "zfs"}
)
"""File systems of one machine, on which processes share memory. All others are taken for shared ones."""


class StoreError(ValueError):
    """A store cannot be used. The message is one line and says why, and what to do about it."""


Mounts = Sequence[tuple[str, str]]
"""Where file systems are mounted, and their kinds."""


def mounts() -> Mounts:
    """Return where file systems are mounted, and their kinds, as the system tells."""
    return [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]


def kind_of(path: Path, table: Mounts) -> str:
    """Return the kind of the file system that a path lies on; an empty text where nobody knows."""
    real = Path(os.path.realpath(path))
    # Of two on one place the later hides the earlier.
    found = [(len(Path(where).parts), n, kind) for n, (where, kind) in enumerate(table) if real.is_relative_to(where)]
    return max(found)[2] if found else ""


def takes_wal(folder: Path, table: Mounts | None = None) -> bool:
    """Return whether SQLite's write-ahead log works in a folder: on a local file system, and when it is tried."""
    if kind_of(folder, mounts() if table is None else table).lower() not in LOCAL:
        return False
    trial = folder / f".gnnp-bench-{secrets.token_hex(6)}.probe"
    try:
        with contextlib.closing(sqlite3.connect(trial)) as writer, contextlib.closing(sqlite3.connect(trial)) as reader:
            (mode,) = writer.execute("PRAGMA journal_mode=WAL").fetchone()
            writer.execute("CREATE TABLE seen (n INTEGER)")
            writer.execute("INSERT INTO seen VALUES (7)")
            writer.commit()
            return bool(mode == "wal" and reader.execute("SELECT n FROM seen").fetchone() == (7,))
    except sqlite3.Error:
        return False
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                Path(f"{trial}{suffix}").unlink()


@dataclass(slots=True)
class Lock:
    """A file beside a store that names who writes to it: host, process and since when. Held until `release`."""

    path: Path
    descriptor: int
    took_over: str | None = None

    def release(self) -> None:
        """Let others write."""
        with contextlib.suppress(OSError):
            os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def lock(store: Path) -> Lock:
    """Become the one that writes to a store.

    Raises
    ------
    StoreError
        If somebody else is, or may be.
    """
    path = lock_file(store)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        kernel = _flocked(descriptor)
        holder = _read(descriptor)
        if kernel is False:
            raise StoreError(f"{store} is written to by {_who(holder)}: wait for its end, or stop it first")
        took_over = None
        if holder is not None:
            if holder.get("host") != socket.gethostname():
                raise StoreError(
                    f"{store} is written to by {_who(holder)}, which cannot be looked at from here; if that process is"
                    f" gone, remove {path.name} and try again"
                )
            if kernel is None and _is_alive(holder):
                raise StoreError(f"{store} is written to by {_who(holder)}: wait for its end, or stop it first")
            took_over = f"the process that wrote to {store.name} before ({_who(holder)}) is gone: going on in its place"
        me = {"host": socket.gethostname(), "process": os.getpid(), "began": psutil.Process().create_time()}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(me).encode(), 0)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(path, descriptor, took_over)


def lock_file(store: Path) -> Path:
    """Return the file that names who writes to a store."""
    return store.with_name(f"{store.name}.lock")


def holder_of(store: Path) -> dict[str, Any] | None:
    """Return who writes to a store at the moment, as its lock file says; None if nobody does, as far as seen from here.

    One on this machine that is gone does not count.
    """
    try:
        descriptor = os.open(lock_file(store), os.O_RDONLY)
    except OSError:
        return None
    try:
        holder = _read(descriptor)
    finally:
        os.close(descriptor)
    if holder is None or (holder.get("host") == socket.gethostname() and not _is_alive(holder)):
        return None
    return holder


def _flocked(descriptor: int) -> bool | None:
    """Return whether the system gave us the lock; None where it has no such locks."""
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _read(descriptor: int) -> dict[str, Any] | None:
    for _ in range(3):
        text = os.pread(descriptor, 4096, 0)
        if not text:
            return None
        try:
            found = json.loads(text)
        except ValueError:
            time.sleep(0.05)  # it is being written
            continue
        return found if isinstance(found, dict) else {}
    return {}


def _is_alive(holder: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(int(holder["process"]))
        # Numbers of processes are given anew; the clock may be set back meanwhile, so only a clear difference counts.
        return bool(process.is_running() and abs(process.create_time() - float(holder["began"])) < 86400.0)
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


def _who(holder: dict[str, Any] | None) -> str:
    if not holder:
        return "another process"
    return f"process {holder.get('process', '?')} on {holder.get('host', '?')}"
