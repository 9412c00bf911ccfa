"""Where, when and with what a certificate was made: enough to make it again, nothing about who made it."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("gnnp-bench", "numpy", "ase", "scipy", "torch")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

# An absolute path, a home directory or a Windows drive, at the start of an argument or of one of its parts.
_PATH = re.compile(r"(?:^|(?<=[=:,;?&]))(?:~|[A-Za-z]:[\\/]|/)[^=:,;?&]*")


def environment(packages: Sequence[str] = (), potential: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what may change a number: interpreter, machine, versions, threads; and the date and the command.

    Nothing is imported for it. User names, host names and absolute paths are left out.

    Parameters
    ----------
    packages : sequence of str
        Distributions that the potential needs and that laws come from, besides the usual ones.
    potential : mapping, optional
        What is told of the environment in which the potential lives, where that is another one.
    """
    found = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(sys.argv),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "versions": versions((*PACKAGES, *packages)),
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
    }
    if potential is not None:
        found["potential"] = {**potential, "env": anonymous(str(potential.get("env", "")))}
    return found


def command_line(arguments: Sequence[str]) -> str:
    """Return the command in one line, every absolute path cut down to its last part."""
    program, *rest = arguments or [""]
    return " ".join([Path(program).name, *(anonymous(argument) for argument in rest)]).strip()


def anonymous(argument: str) -> str:
    """Return the text with every absolute path cut down to its last part.

    Examples
    --------
    >>> anonymous("ase:/home/someone/models/best.pt?device=cpu")
    'ase:best.pt?device=cpu'
    """
    return _PATH.sub(lambda match: re.split(r"[\\/]", match.group().rstrip("\\/"))[-1], argument)


def cpu_model() -> str | None:
    """Return the processor's name as its maker calls it, where the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or None


def usable_cores() -> int | None:
    """Return the number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of those distributions that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
