"""Environments that are built here, once, and kept in the user's cache under the hash of what was asked for.

A folder is an environment once it holds the file `complete.json`, which is written last. Any other one was left by a
build that was killed, and is swept away. One process builds an environment at a time; others wait for it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gnnp_bench.environments.asked import Asked, ask, declared
from gnnp_bench.environments.installing import install
from gnnp_bench.environments.place import Place
from gnnp_bench.potential import PotentialError

RECORD = "complete.json"


@dataclass(frozen=True, slots=True)
class Built:
    """An environment that is there.

    Attributes
    ----------
    name, digest : str
    folder : Path
    record : dict
        What was asked for, and what was installed.
    """

    name: str
    digest: str
    folder: Path
    record: dict[str, Any]

    @property
    def label(self) -> str:
        """Name and hash, which tell it from all others."""
        return f"{self.name}-{self.digest}"

    def place(self, text: str) -> Place:
        """Return it as a place for a potential."""
        variables = {
            key: value.replace("{prefix}", str(self.folder)) for key, value in self.record["variables"].items()
        }
        return Place(text, str(self.folder / "bin" / "python"), variables=variables, built=self.label)


def root() -> Path:
    """Return the folder of all environments."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(named) if os.path.isabs(named) else Path.home() / ".cache"
    return cache / "gnnp-bench" / "environments"


def built() -> list[Built]:
    """Return the environments that are there, by name, the newest of a name first."""
    found = []
    with contextlib.suppress(OSError):
        for folder in root().iterdir():
            with contextlib.suppress(OSError, ValueError, KeyError):
                record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
                found.append(Built(record["name"], record["hash"], folder, record))
    newest_first = sorted(found, key=lambda one: one.record["created"], reverse=True)
    return sorted(newest_first, key=lambda one: one.name)


def known(name: str) -> Built | None:
    """Return the newest environment of a name, or the one of a name and a hash; None if there is none."""
    return next((one for one in built() if name in (one.name, one.label)), None)


def named(name: str) -> Place:
    """Return an environment that was built, as a place.

    Raises
    ------
    PotentialError
        If there is none of that name.
    """
    found = known(name)
    if found is not None:
        return found.place(name)
    if name in declared():
        raise PotentialError(
            f"the environment {name} is not built yet: gnnp-bench env create {name}, or --env auto, builds it"
        )
    names = sorted({one.name for one in built()} | set(declared()))
    path = f"; for a file of that name write ./{name}" if os.path.exists(name) else ""
    raise PotentialError(f"there is no environment {name!r}: choose from {', '.join(names)}, or give a path{path}")


def automatic(spec: str) -> Place:
    """Return the environment that is declared for a spec's adapter, built if it is not there.

    Raises
    ------
    PotentialError
        If none is declared, or it cannot be built.
    """
    name = spec.partition("?")[0].partition(":")[0]
    if name not in declared():
        raise PotentialError(
            f"no environment is declared for {name!r}, only for {', '.join(declared())}: name one, --env PATH/TO/python"
        )
    return create(ask(name)).place("auto")


def create(asked: Asked) -> Built:
    """Return the environment that is asked for, built now if it is not there.

    Raises
    ------
    PotentialError
        If it cannot be built. Then nothing is left of it.
    """
    folder = root() / f"{asked.name}-{asked.digest}"
    try:
        root().mkdir(parents=True, exist_ok=True)
        with _alone(folder, f"another process builds the environment {asked.name}; waiting for it") as lock:
            sweep()
            found = known(folder.name)
            return _build(asked, folder, lock) if found is None else found
    except OSError as error:
        raise PotentialError(
            f"the environment {asked.name} could not be built: {error.strerror or error} ({folder})"
        ) from error


def _build(asked: Asked, folder: Path, lock: int) -> Built:
    print(
        f"gnnp-bench: building the environment {asked.name} with Python {asked.python.version} "
        f"({', '.join((*asked.requirements, *asked.alone))}); this can take minutes",
        file=sys.stderr,
        flush=True,
    )
    try:
        packages = install(asked, folder, lock)
        record = {
            "name": asked.name,
            "hash": asked.digest,
            "python": asked.python.version,
            "requirements": [*asked.requirements, *asked.alone],
            "variables": dict(asked.variables),
            "packages": packages,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "bytes": _size(folder),
        }
        unfinished = folder / f".{RECORD}"
        unfinished.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / RECORD)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Built(asked.name, asked.digest, folder, record)


def remove(name: str) -> list[Built]:
    """Remove the environment of a name and a hash, or all of a name, and return what was removed.

    Raises
    ------
    PotentialError
        If there is none, or it cannot be removed.
    """
    chosen = [one for one in built() if name in (one.name, one.label)]
    if not chosen:
        there = ", ".join(one.label for one in built()) or "none"
        raise PotentialError(f"no environment {name!r} is built; there are: {there}")
    for one in chosen:
        with _alone(one.folder, f"another process builds the environment {one.name}; waiting for it"):
            try:
                (one.folder / RECORD).unlink()  # from now on it is none, whatever becomes of the rest
                shutil.rmtree(one.folder)
            except OSError as error:
                raise PotentialError(f"{one.label} could not be removed: {error.strerror or error}") from error
    return chosen


def sweep() -> list[str]:
    """Remove what builds that were killed have left behind, and return its names."""
    swept = []
    with contextlib.suppress(OSError):
        for folder in list(root().iterdir()):
            if folder.is_dir() and not folder.name.startswith(".") and not (folder / RECORD).exists():
                with contextlib.suppress(BlockingIOError), _alone(folder, None):
                    shutil.rmtree(folder, ignore_errors=True)
                    swept.append(folder.name)
    return swept


@contextlib.contextmanager
def _alone(folder: Path, waiting: str | None) -> Iterator[int]:
    """Hold the lock of an environment, which ends with this process and its tools; say so if it has to be waited for.

    Raises
    ------
    BlockingIOError
        If somebody else holds it and there is nothing to say.
    """
    fcntl: Any = importlib.import_module("fcntl")
    locks = folder.parent / ".locks"
    locks.mkdir(exist_ok=True)
    with open(locks / folder.name, "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is None:
                raise
            print(f"gnnp-bench: {waiting}", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _size(folder: Path) -> int:
    """Return the bytes that an environment takes: those of files with several names count once."""
    seen: dict[tuple[int, int], int] = {}
    for where, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(where, file))
                seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())
