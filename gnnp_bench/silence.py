"""What potentials print, kept away from the standard output that holds a report."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

_aloud = False


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Throw away what is printed meanwhile; the stream is put back afterwards, whatever a potential did to it."""
    with contextlib.nullcontext() if _aloud else contextlib.redirect_stdout(io.StringIO()):
        yield


def speak_aloud() -> None:
    """Leave standard output alone in this process from now on, so that what a potential does to it is seen."""
    global _aloud
    _aloud = True
