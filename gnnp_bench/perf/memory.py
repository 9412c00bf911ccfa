"""How much memory a process, and torch on its device, needed at most since it was last asked to forget.

The process is this one, or the one of this machine in which a potential lives, given by its number.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import psutil


def resident(number: int | None = None) -> int:
    """Return the bytes that the process has in memory now."""
    return int(psutil.Process(number).memory_info().rss)


def forget_peak(number: int | None = None) -> None:
    """Let the record of the largest memory start at what is in use now, where the system lets us (Linux)."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{number or 'self'}/clear_refs").write_text("5")  # proc(5): resets VmHWM


def peak(number: int | None = None) -> int | None:
    """Return the most bytes that the process had in memory since `forget_peak`.

    Elsewhere than on Linux: since it began. None where the system keeps no such record.
    """
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{number or 'self'}/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    if number is not None:
        return None
    with contextlib.suppress(ImportError):
        import resource

        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest if sys.platform == "darwin" else 1024 * largest
    return None


def accelerator(device: str) -> Any | None:
    """Return torch's module of a CUDA device, if the potential computes on one."""
    torch = sys.modules.get("torch")
    if torch is None or not device.startswith("cuda") or not torch.cuda.is_available():
        return None
    return torch.cuda


def free_gigabytes() -> float:
    """Return four fifths of the memory that is free, GB: what a process may take unless it is told otherwise."""
    import psutil

    return 0.8 * float(psutil.virtual_memory().available) / 1e9
