"""The Pythons of this machine, found by version or path."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gnnp_bench.potential import PotentialError

OLDEST = (3, 10)
"""The adapters need it."""
FOLDERS = (
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "~/.local/bin",
    "~/.pyenv/versions/{version}*/bin",
    "~/.local/share/uv/python/cpython-{version}*/bin",
)
"""Where pythonX.Y is looked for besides the PATH."""
ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


@dataclass(frozen=True, slots=True)
class Found:
    """A Python of this machine.

    Attributes
    ----------
    path : str
    version : str
        Such as 3.11.
    """

    path: str
    version: str


def find(wanted: str | None, allowed: Sequence[str], name: str) -> Found:
    """Return a Python for an environment.

    Parameters
    ----------
    wanted : str or None
        A version or a path.
    allowed : sequence of str
        Versions that the environment is declared for, the best first; empty: any.
    name : str
        Of the environment, for messages.

    Raises
    ------
    PotentialError
        If there is none. The message is one line.
    """
    if wanted is not None and "/" in wanted:
        version = version_of(os.path.expanduser(wanted))
        if version is None:
            raise PotentialError(f"{wanted} is no Python that can be run")
        return Found(os.path.abspath(os.path.expanduser(wanted)), _allowed(version, allowed, name))
    if wanted is not None:
        found = _of_version(_allowed(wanted, allowed, name))
        if found is None:
            raise PotentialError(f"Python {wanted} is not on this machine: install it, or give its path")
        return found
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for version in allowed or (here,):
        if found := _of_version(version):
            return found
    raise PotentialError(f"{name} needs Python {' or '.join(allowed)}, and none of them is on this machine")


def version_of(path: str) -> str | None:
    """Return the version of a Python, such as 3.11; None if it does not run."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", ASK], capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout.strip() or None


def _allowed(version: str, allowed: Sequence[str], name: str) -> str:
    parts = version.split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        raise PotentialError(f"{version!r} is no version of Python: write one such as 3.11, or a path")
    if tuple(map(int, parts[:2])) < OLDEST:
        raise PotentialError(f"Python {version} is too old: at least {OLDEST[0]}.{OLDEST[1]} is needed")
    short = ".".join(parts[:2])
    if allowed and short not in allowed:
        raise PotentialError(f"{name} is declared for Python {', '.join(allowed)}, not {version}")
    return short


def _of_version(version: str) -> Found | None:
    for path in _candidates(version):
        if version_of(path) == version:
            return Found(path, version)
    return None


def _candidates(version: str) -> Iterator[str]:
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        yield getattr(sys, "_base_executable", None) or sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    for folder in FOLDERS:
        pattern = os.path.join(os.path.expanduser(folder.format(version=version)), f"python{version}")
        yield from sorted(glob.glob(pattern), reverse=True)
