"""A folder of files, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from gnnp_bench.certificate.io import folder_of
from gnnp_bench.commands.exits import BadRequest

LIST = ".gnnp-bench-files"
"""In a folder that was written here: its files, so that it is known again."""


def check_folder(path: str) -> None:
    """Refuse a folder that cannot be written, or that holds what was not written here.

    Raises
    ------
    BadRequest
        The message is one line and says why.
    """
    target = Path(os.path.realpath(path))
    if os.path.lexists(target) and not target.is_dir():
        raise BadRequest(f"cannot write {path}: it is a file; name a folder")
    if not target.parent.is_dir():
        raise BadRequest(f"cannot write {path}: there is no directory {folder_of(path)}; create it first")
    if foreign := _foreign(target):
        raise BadRequest(f"{path} holds {foreign}, which gnnp-bench did not write: name another folder, or remove it")
    try:
        _workshop(target).rmdir()
    except OSError as error:
        raise BadRequest(f"cannot write {path}: {error.strerror}") from error


def write_folder(path: str, files: Iterable[tuple[str, bytes]]) -> None:
    """Write a folder, in the place of an earlier one that was written here.

    Parameters
    ----------
    path : str
    files : iterable of (str, bytes)
        Paths in the folder, with slashes, and contents.

    Raises
    ------
    BadRequest
        If it cannot be written; then the earlier one stays. The message is one line and says why.
    """
    check_folder(path)
    target = Path(os.path.realpath(path))
    old = target.with_name(f".gnnp-bench-{secrets.token_hex(6)}.old")
    workshop = None
    try:
        workshop = _workshop(target)
        names = []
        for name, data in files:
            file = _within(workshop, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            names.append(name)
        (workshop / LIST).write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")
        try:
            if target.exists():
                os.replace(target, old)
            os.replace(workshop, target)
        except BaseException:
            if old.exists() and not target.exists():
                os.replace(old, target)
            raise
    except OSError as error:
        raise BadRequest(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        for left in filter(None, (workshop, old)):
            shutil.rmtree(left, ignore_errors=True)


def _within(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder; a name that leads out of it is a mistake of ours."""
    if os.path.isabs(name) or ".." in name.split("/") or any(character in name for character in "\0\n\\"):
        raise ValueError(f"{name!r} leads out of the folder")
    return folder / name


def _workshop(target: Path) -> Path:
    """Make a folder beside its target: only within one file system is a renaming all or nothing."""
    workshop = target.with_name(f".gnnp-bench-{secrets.token_hex(6)}.tmp")
    workshop.mkdir()
    return workshop


def _foreign(target: Path) -> str | None:
    """Return the name of something in a folder that was not written here."""
    if not target.is_dir():
        return None
    known = {LIST}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        known.update((target / LIST).read_text(encoding="utf-8").splitlines())
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        if name not in known and (path.is_symlink() or not path.is_dir()):
            return name
    return None
