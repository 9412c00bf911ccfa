"""How much memory this process, and torch on its device, needed at most since it was last asked to forget."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import psutil


def resident() -> int:
    """Return the bytes that this process has in memory now."""
    return int(psutil.Process().memory_info().rss)


def forget_peak() -> None:
    """Let the record of the largest memory start at what is in use now, where the system lets us (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM


def peak() -> int | None:
    """Return the most bytes that this process had in memory since `forget_peak`.

    Elsewhere than on Linux: since it began. None where the system keeps no such record.
    """
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
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
