"""What a process holds: memory, as the allocators count it and as the operating system does, and open files."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress
from typing import Any

from gnnp_bench.potential import Unsupported

SMALL_OBJECT = 64
"""Bytes. Python's own allocator counts objects of up to 512 bytes, and tells their number only."""


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of the GNU C library."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks")
    ] + [("keepcost", ctypes.c_size_t)]


def held() -> tuple[int, int, int]:
    """Return bytes as the allocators count them, bytes as the operating system does, and the number of open files.

    What a leak takes may lie in memory that was given back to the allocator before and never left the process, which
    the operating system cannot see; and what was not taken from the allocators, these cannot see.

    Raises
    ------
    Unsupported
        If the operating system tells neither to Python nor to psutil.
    """
    gc.collect()
    try:
        import psutil
    except ImportError:
        return _without_psutil()
    process = psutil.Process()
    allocated = SMALL_OBJECT * sys.getallocatedblocks()
    with suppress(AttributeError):  # an operating system or C library that does not tell
        heap = psutil.heap_info()
        psutil.heap_trim()
        allocated += heap.heap_used + heap.mmap_used
    return allocated, int(process.memory_info().rss), _files(process)


def held_by(potential: Any) -> tuple[int, int, int]:
    """Return the same of the process in which a potential computes: this one, unless it lives in another."""
    there = getattr(potential, "held", None)
    found: tuple[int, int, int] = held() if there is None else there()
    return found


def _files(process: Any) -> int:
    try:
        return int(process.num_fds())
    except AttributeError:
        return 0


def _without_psutil() -> tuple[int, int, int]:
    allocated = SMALL_OBJECT * sys.getallocatedblocks()
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallinfo2.restype = _Mallinfo
        heap = library.mallinfo2()
        library.malloc_trim(0)
        allocated += heap.uordblks + heap.hblkhd
    try:
        with open("/proc/self/statm", encoding="ascii") as pages:
            resident = int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return allocated, resident, len(os.listdir("/proc/self/fd")) - 1
    except OSError as error:
        raise Unsupported("memory cannot be seen in the potential's environment: it lacks psutil and /proc") from error
