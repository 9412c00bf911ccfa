"""What bubblewrap is told: which files an isolated potential sees, and that it has no network."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from gnnp_bench.potential import PotentialError

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
CONFIGURATION = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
)
"""Of the system's configuration: what finds libraries and names users. Passwords and keys stand elsewhere."""
MACHINE = ("/sys/devices/system", "/sys/class/drm", "/sys/bus/pci", "/sys/module/nvidia")
DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")
"""Accelerators."""
HIDDEN = ("/tmp", "/var/tmp", "/run", "/dev/shm")
"""What all programs share. A socket there is a way out, read-only or not: behind it may be an agent with keys."""
PROGRAM = "bwrap"


def check_sandbox() -> None:
    """See that there is a sandbox here.

    Raises
    ------
    PotentialError
        If bubblewrap is missing or cannot work. The message is one line.
    """
    if why := why_not():
        raise PotentialError(f"isolate=sandbox needs bubblewrap: {why}; isolate=limits is weaker and needs nothing")


@cache
def why_not() -> str:
    """Return why bubblewrap cannot be used here; nothing if it can."""
    program = shutil.which(PROGRAM)
    if program is None:
        return "it is not installed (apt-get install bubblewrap, dnf install bubblewrap)"
    try:
        tried = subprocess.run(
            [program, "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20.0,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be run ({error})"
    said = " ".join(tried.stderr.decode(errors="replace").split())[:200]
    return "" if tried.returncode == 0 else f"it cannot work here ({said or f'exit status {tried.returncode}'})"


def wrapped(command: list[str], folders: Iterable[str], memory: int) -> list[str]:
    """Return the command that runs another one in a sandbox.

    It sees the system's programs and libraries, the working directory and `folders`, all read-only; an empty home and
    an empty /tmp of its own in memory, which are gone when it ends; no network, and no processes but its own.

    Parameters
    ----------
    command : list of str
    folders : iterable of str
        Paths that are seen besides. What is the user's home, or above it, is not.
    memory : int
        Bytes that its files in memory may take, for each place.

    Raises
    ------
    PotentialError
        If the working directory is the user's home, or above it, or one in which other programs keep files.
    """
    here = os.getcwd()
    if _is_shared(here):
        raise PotentialError(
            f"isolate=sandbox lets a potential read the working directory, and in {here} lie files and sockets of other"
            " programs: start in a folder of its own"
        )
    if holds_home(here):
        raise PotentialError(
            f"isolate=sandbox lets a potential read the working directory, and {here} holds your home:"
            " start in a folder of its own"
        )
    said = [str(shutil.which(PROGRAM)), "--unshare-all", "--die-with-parent"]
    for path in SYSTEM:
        if os.path.islink(path):
            said += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            said += ["--ro-bind", path, path]
    for path in (*CONFIGURATION, *MACHINE):
        said += ["--ro-bind-try", path, path]
    said += ["--proc", "/proc", "--dev", "/dev"]
    for device in sorted(found for pattern in DEVICES for found in glob.glob(pattern)):
        said += ["--dev-bind-try", device, device]
    hidden = [path for path in (_home(), *HIDDEN) if path != "/"]
    for empty in dict.fromkeys(hidden):
        said += [*(["--size", str(memory)] if _knows_sizes() else []), "--tmpfs", empty]
    for path in _seen([here, *folders]):
        said += ["--ro-bind", os.path.realpath(path), path]
    return [*said, "--chdir", here, "--", *command]


def _seen(paths: Iterable[str]) -> list[str]:
    """Return what is to be bound, outer folders first: each under its own name and where its links lead."""
    wanted: dict[str, None] = {}
    for path in paths:
        for name in (os.path.realpath(path), os.path.abspath(path)):
            system = any(name == folder or name.startswith(f"{folder}/") for folder in SYSTEM)
            if os.path.exists(name) and not system and not holds_home(name):
                wanted[name] = None
    outer = sorted(wanted, key=lambda path: (path.count("/"), path))
    # A name that leads through a link inside another folder is there already, and a link cannot be bound over.
    return [path for path in outer if not _linked_within(path, outer)]


def _linked_within(path: str, bound: Iterable[str]) -> bool:
    return path != os.path.realpath(path) and any(path.startswith(f"{folder}/") for folder in bound if folder != path)


def _is_shared(path: str) -> bool:
    real = os.path.realpath(path)
    shared = {os.path.realpath(one) for one in HIDDEN}
    return real in shared or any(one.startswith(f"{real}/") for one in shared) or os.path.dirname(real) == "/run/user"


def _home() -> str:
    return os.path.realpath(os.path.expanduser("~"))


def holds_home(path: str) -> bool:
    """Return whether a path is the user's home, or above it."""
    home, real = _home(), os.path.realpath(path)
    return real == home or home.startswith(real.rstrip("/") + "/")


@cache
def _knows_sizes() -> bool:
    """Whether this bubblewrap, of 0.7 or later, can bound files in memory."""
    told = subprocess.run([PROGRAM, "--help"], capture_output=True, check=False)
    return b"--size" in told.stdout + told.stderr


def python_folders(python: str) -> Iterator[str]:
    """Yield the folders of an interpreter: its own, and of a virtual environment that of the Python it stands on.

    The interpreter is not asked: what is installed in it may run code when it starts.
    """
    path = os.path.abspath(python)
    for _ in range(16):  # links, one after the other
        folder = os.path.dirname(os.path.dirname(path))
        yield from _parts(folder)
        if home := _based_on(Path(folder)):
            yield from _parts(os.path.dirname(home))
            yield from _parts(os.path.dirname(os.path.realpath(home)))
        if not os.path.islink(path):
            return
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def _parts(folder: str) -> Iterator[str]:
    """Yield what of an interpreter's folder belongs to it: ~/.local holds keyrings, tokens and histories as well."""
    shared = os.path.basename(folder) == ".local"
    yield from (os.path.join(folder, part) for part in ("bin", "include", "lib", "lib64")) if shared else (folder,)


def _based_on(folder: Path) -> str | None:
    """Return the folder of programs of the Python that a virtual environment stands on."""
    try:
        text = (folder / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"^home\s*=\s*(.+?)\s*$", text, re.MULTILINE)
    return found[1] if found else None
