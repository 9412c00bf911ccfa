"""What the C library does with memory that was freed."""

from __future__ import annotations

import torch

LARGEST = 2**25 - 2**14
"""Bytes; the largest block that glibc learns from is one of 32 MiB, header included."""


def keep_freed() -> None:
    """Let the C library keep up to 64 MiB that were freed, instead of giving them back at once.

    An evaluation takes and frees tens of megabytes, a megabyte at a time. glibc gives back what is free beyond twice
    the largest block that it ever mapped and unmapped (M_MMAP_THRESHOLD in mallopt(3)); to be given it again, page by
    page, takes a sixth of the time of an evaluation. So one large block is taken here, and freed untouched. With other
    libraries nothing changes.
    """
    torch.empty(LARGEST, dtype=torch.uint8)
