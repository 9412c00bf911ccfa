"""How much an isolated potential may use: what is asked for, and what the operating system is told."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, TypeAlias

from gnnp_bench.potential import PotentialError

Isolate: TypeAlias = Literal["limits", "sandbox"]

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,15})([KMGT]?)")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process of an isolated potential may use. The operating system holds it to them.

    Attributes
    ----------
    memory : int
        Bytes that it writes to and that are its own. Reserved address space, of which accelerators need terabytes,
        does not count.
    file : int
        Bytes of one file.
    processes : int
        Processes and threads besides those that the user has already. A system does not hold its root to it.
    cpu : int
        Seconds of a processor's time of one process. How long one call may take is said by `--timeout`.
    """

    memory: int
    file: int = 1 << 30
    processes: int = 256
    cpu: int = 86_400

    @property
    def words(self) -> str:
        """What is allowed, in words."""
        return (
            f"memory {_in_units(self.memory)}, one file {_in_units(self.file)}, "
            f"{self.processes} processes and threads more, {self.cpu} s of processor time"
        )

    def told(self) -> dict[str, int]:
        """Return the numbers by the names of the system's limits."""
        return {
            # Not RLIMIT_AS: torch and CUDA reserve far more than they use.
            "RLIMIT_DATA": self.memory,
            "RLIMIT_FSIZE": self.file,
            "RLIMIT_NPROC": self.processes + _tasks(),
            "RLIMIT_CPU": self.cpu,
            "RLIMIT_CORE": 0,  # it would write its memory to the disk
        }


def usual() -> Limits:
    """Return the limits where nothing else is said: three quarters of the machine's memory."""
    import psutil  # not needed by those who isolate nothing

    return Limits(memory=int(psutil.virtual_memory().total * 0.75))


def limits(text: str) -> Limits:
    """Return the limits that a text such as ``memory=8G,processes=64`` asks for, the usual ones elsewhere.

    Raises
    ------
    PotentialError
        If it is none. The message is one line.
    """
    found = usual()
    names = [field.name for field in fields(Limits)]
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        read = _SIZE.fullmatch(value)
        if name not in names or read is None or int(read[1]) == 0:
            raise PotentialError(
                f"a limit reads memory=8G, file=100M, processes=64 or cpu=3600 (seconds), not {part!r}"
            )
        if int(read[1]) * _UNITS[read[2]] >= 1 << 62:
            raise PotentialError(f"the limit {part!r} is more than any system can hold a process to")
        found = replace(found, **{name: int(read[1]) * _UNITS[read[2]]})
    return found


def _in_units(size: int) -> str:
    for unit in ("T", "G", "M", "K"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.3g} {unit}iB"
    return f"{size} B"


def _tasks() -> int:
    """Return how many processes and threads this user has: the system counts those together with new ones."""
    import psutil

    mine, count = os.getuid(), 0
    for process in psutil.process_iter():
        try:
            if process.uids().real == mine:
                count += process.num_threads()
        except psutil.Error:  # it has ended meanwhile
            continue
    return count


ALLOWED = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUTF8", "PYTHONIOENCODING",
    "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME",
    "TORCH_HOME", "HF_HOME", "HF_HUB_OFFLINE",
    "LAMMPS_POTENTIALS", "CONDA_PREFIX",
)  # fmt: skip
"""Variables of the environment that an isolated potential is given: where things lie, and how to count threads."""
ALLOWED_BEGINNINGS = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "KMP_", "CUDA_", "ROCR_", "HIP_", "KIM_API_")


def allowed(variables: Mapping[str, str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """Return those variables that an isolated potential is given.

    Parameters
    ----------
    variables : mapping of str to str
    more : tuple of str
        Names that the user allows, besides those that hold no secret.
    """
    return {
        name: value
        for name, value in variables.items()
        if name in ALLOWED or name in more or name.startswith(ALLOWED_BEGINNINGS)
    }
