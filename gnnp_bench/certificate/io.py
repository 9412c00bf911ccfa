"""Certificates as JSON files: encoding, decoding, atomic writing, and what makes two of them equal.

The fields and the rule by which the format may change are in docs/certificate.md; the schema of version N is
shipped beside this module as ``schema-N.json``.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from gnnp_bench.certificate import chain
from gnnp_bench.certificate.made_here import known_here
from gnnp_bench.certificate.result import SCHEMA_VERSION, Certificate, CheckResult, ComponentResult, Grade

T = TypeVar("T")

READABLE = (1, 2, SCHEMA_VERSION)
"""Version 1 called what rounding limits *approximate*; the numbers tell the two apart. Version 2 had no scores."""


@dataclass(frozen=True, slots=True)
class _Versioned:
    """The one field that is read before anything else is believed."""

    schema_version: int


def encode(certificate: Certificate) -> bytes:
    """Return the certificate as JSON text, indented by 2, ending in a newline.

    Keys stand in the order of the contract. Numbers keep every bit; those that are not finite become null.

    Raises
    ------
    TypeError
        If a counterexample or the environment holds a value that JSON cannot keep.
    """
    return msgspec.json.format(encode_value(certificate), indent=2) + b"\n"


def encode_value(value: Any) -> bytes:
    """Return a part of a certificate, or a value that holds one, as JSON in one line.

    Halves of characters, as Python has them for a file name that is no UTF-8, are written as escapes.

    Raises
    ------
    TypeError
        If it holds a value that JSON cannot keep.
    """
    try:
        return msgspec.json.encode(value, enc_hook=_builtin)
    except UnicodeEncodeError:
        return msgspec.json.encode(_escaped(msgspec.to_builtins(value, enc_hook=_builtin)))


def decode_value(data: bytes | str, kind: type[T]) -> T:
    """Return what `encode_value` wrote, as a value of its class.

    Raises
    ------
    ValueError
        If it is none.
    """
    return msgspec.json.decode(data, type=kind)


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped(name): _escaped(held) for name, held in value.items()}
    return [_escaped(held) for held in value] if isinstance(value, list | tuple) else value


def _builtin(value: Any) -> Any:
    """Return a NumPy value as plain numbers and lists: a check may have left one in its parameters."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a certificate cannot hold a {type(value).__name__}: {value!r}")


def decode(data: bytes | str) -> Certificate:
    """Return the certificate that a JSON text holds. Unknown fields are ignored.

    Raises
    ------
    ValueError
        If it is not a certificate, or one of another schema version. The message is one line.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema_version
        if version not in READABLE:
            other = "a newer" if version > SCHEMA_VERSION else "another"
            *earlier, last = map(str, READABLE)
            known = f"this gnnp-bench reads {', '.join(earlier)} and {last}"
            raise ValueError(f"certificate has schema version {version}; {known}: read it with {other} one")
        certificate = msgspec.json.decode(data, type=Certificate)
        certificate = replace(certificate, schema_version=SCHEMA_VERSION)
        return _with_limits(certificate) if version == 1 else certificate
    except RecursionError as error:
        raise ValueError("not a certificate of gnnp-bench: it is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if str(error) == "Input data was truncated":
            raise ValueError("not a certificate of gnnp-bench: it ends in the middle, or is empty") from error
        raise ValueError(f"not a certificate of gnnp-bench: {error}") from error


def _with_limits(certificate: Certificate) -> Certificate:
    """Return a certificate of version 1 with the grades of today."""
    checks = tuple(_regraded(check) for check in certificate.checks)
    return replace(certificate, checks=checks)


def _regraded(check: CheckResult) -> CheckResult:
    components = tuple(replace(c, grade=_grade(c)) for c in check.components)
    missed = [c for c in components if (c.status, c.grade) == ("pass", "approximate")]
    if (check.status, check.grade) != ("pass", "approximate") or _grade(check) == "approximate" or not missed:
        return replace(check, grade=_grade(check), components=components)
    # Another quantity is missed by more than rounding, which is worse: it is the headline now.
    worst = max(missed, key=lambda c: (c.measured or 0.0) / (c.significance or math.inf))
    headline = {name: getattr(worst, name) for name in ("quantity", "measured", "bound", "significance", "unit")}
    return replace(check, **headline, components=components)


def _grade(judged: CheckResult | ComponentResult) -> Grade | None:
    if judged.grade != "approximate" or judged.significance is None:
        return judged.grade
    # A bound that was not finite is null.
    return "limited" if judged.bound is None or judged.bound > judged.significance else judged.grade


def read(path: str | os.PathLike[str]) -> Certificate:
    """Return the certificate in a file.

    Raises
    ------
    ValueError
        If the file cannot be read or is not a certificate. The message is one line and names the file.
    """
    try:
        return decode(Path(path).read_bytes())
    except OSError as error:
        raise ValueError(f"cannot read {os.fspath(path)}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def write(certificate: Certificate, path: str | os.PathLike[str]) -> None:
    """Write the certificate, sealed, so that a reader finds the old file or the new one, never a part of either.

    Raises
    ------
    ValueError
        If the file cannot be written: see `check_writable`.
    """
    replace_file(path, encode(sealed(certificate)))


def sealed(certificate: Certificate) -> Certificate:
    """Return a certificate with a seal: its own if it has one, for what was changed since must be seen."""
    if certificate.seal is not None:
        return certificate
    found = chain.sealed(certificate, encode(certificate))
    return known_here(found)


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part of either.

    The file gets the permissions of the one it replaces, else those of any new file (the umask's). A symbolic link
    stays, and what it points to is replaced.

    Raises
    ------
    ValueError
        If the file cannot be written: see `check_writable`.
    """
    target = _target(path)
    try:
        temporary = _new_file_beside(target)
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_directory(target.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Make sure that a file can be written to `path`, before an hour is spent on computing it.

    Raises
    ------
    ValueError
        If it cannot. The message is one line and says why.
    """
    try:
        target = _target(path)
        if target.is_dir():
            raise ValueError(f"cannot write {os.fspath(path)}: it is a directory; name a file in it")
        if target.exists() and not target.is_file():
            raise ValueError(f"cannot write {os.fspath(path)}: it is not a regular file")
        if not target.parent.is_dir():
            raise ValueError(
                f"cannot write {os.fspath(path)}: there is no directory {folder_of(path)}; create it first"
            )
        if target.exists() and not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise ValueError(f"cannot write {os.fspath(path)}: the file is read-only")
        # Asking for permissions is not enough: a full or read-only file system shows only when a file is made.
        _new_file_beside(target).unlink()
    except OSError as error:
        raise _cannot_write(path, error) from error


def folder_of(path: str | os.PathLike[str]) -> str:
    """Return the directory that a path names, as it was typed; that of the target where the path is a link."""
    typed = os.path.dirname(os.fspath(path).rstrip("/"))
    return typed if typed and not os.path.isdir(typed) else str(_target(path).parent)


def _target(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.realpath(path))


def _cannot_write(path: str | os.PathLike[str], error: OSError) -> ValueError:
    return ValueError(f"cannot write {os.fspath(path)}: {error.strerror or error}")


def _new_file_beside(target: Path) -> Path:
    """Create an empty file in the directory of `target`: only within one file system is a replacement atomic."""
    temporary = target.with_name(f".gnnp-bench-{secrets.token_hex(6)}.tmp")
    # Not `tempfile`: its files are readable by their owner alone, and would stay so under the final name.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def _sync_directory(directory: Path) -> None:
    """Make the new name survive a power cut, where the system lets a directory be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def comparable(certificate: Certificate) -> Certificate:
    """Return the certificate without times, speed, environment and seal.

    It is equal for equal seeds and budgets on one machine.
    """
    return replace(
        certificate,
        environment={},
        seal=None,
        elapsed_s=0.0,
        potential_s=0.0,
        checks=tuple(replace(check, elapsed_s=0.0) for check in certificate.checks),
        scores=tuple(score for score in certificate.scores if score.kind != "bench"),
    )
