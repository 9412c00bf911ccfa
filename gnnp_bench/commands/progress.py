"""How much of something long is done, said now and then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

EVERY = 10.0
"""Seconds between two lines."""


class Progress:
    """Counts what is done, and says with how much time is left.

    Parameters
    ----------
    total : int
    console : Console
        Where it is said.
    unit : str, optional
        What is counted.
    """

    def __init__(self, total: int, console: Console, unit: str = "") -> None:
        self.total, self.console, self.unit, self.done = total, console, unit and f" {unit}", 0
        self.begun = self.last = time.monotonic()

    def told(self, n: int = 1, what: str = "") -> None:
        """Count some more; `what` is said beside it."""
        self.done += n
        now = time.monotonic()
        if now - self.last > EVERY:
            self.last = now
            left = (now - self.begun) / self.done * (self.total - self.done)
            line = f"{self.done} of {self.total}{self.unit}, about {left:.0f} s left{what and f'; {what}'}"
            self.console.print(line, soft_wrap=True, markup=False)
