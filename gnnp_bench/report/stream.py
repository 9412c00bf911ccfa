"""A console on any stream: a terminal, a pipe whose reader goes away, a file that knows only ASCII."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable
from typing import IO

from rich.console import Console

WIDTH = 80
WIDEST = 100
NARROWEST = 40

_ASCII = str.maketrans(
    {
        "Å": "A",
        "·": "*",
        "×": "x",
        "−": "-",
        "–": "-",
        "—": "-",
        "…": "...",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "≈": "~",
        "∝": "~",
        "±": "+-",
        "→": "->",
        "²": "^2",
        "³": "^3",
        "⁺": "^+",
        "⁻": "^-",
        "₊": "_+",
        "₋": "_-",
        "¹": "1",
        "½": "1/2",
        "⅓": "1/3",
        "⅔": "2/3",
        "°": " deg",
        "ᵀ": "^T",
        "Σ": "sum ",
        "∑": "sum ",
        "∫": "int ",
        "∮": "loop-int ",
        "∂": "d",
        "∇": "grad ",
        "√": "sqrt",
        "∈": "in",
        "‖": "|",
        "ᵢ": "_i",
        "ⱼ": "_j",
        "ₖ": "_k",
    }
)
"""What stands in for the signs of our laws where a stream cannot write them."""


class Outlet:
    """The writing end of a report. It outlives its reader, and spells out what its encoding lacks.

    A run must not die, nor lose its certificate, because someone looked at its first lines with ``head``.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write, unless nobody reads any more."""
        self._unless_closed(lambda: self.stream.write(self._spelled(text)))
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        self._unless_closed(self.stream.flush)

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Return the stream's file descriptor."""
        return self.stream.fileno()

    def _spelled(self, text: str) -> str:
        try:
            text.encode(self.encoding)
            return text
        except UnicodeEncodeError:
            return _spelled_out(text).encode(self.encoding, "replace").decode(self.encoding)

    def _unless_closed(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BrokenPipeError:
            # What is still buffered must go somewhere, or Python complains once more when it exits.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


def _spelled_out(text: str) -> str:
    """Return text in ASCII: signs by the table, Greek letters by name, others without their accents."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_ASCII))
    return "".join(_named(character) for character in decomposed if not unicodedata.combining(character))


def _named(character: str) -> str:
    alphabet, _, letter = unicodedata.name(character, "").partition(" LETTER ")
    if alphabet == "GREEK SMALL":
        return letter.lower()
    return letter.capitalize() if alphabet == "GREEK CAPITAL" else character


def console(stream: IO[str] | None = None, *, width: int | None = None) -> Console:
    """Return a console on a stream (standard output by default).

    A terminal gets its own width up to 100 columns and colours unless NO_COLOR is set; anything else gets 80 columns
    (or COLUMNS) and no control characters.
    """
    outlet = Outlet(sys.stdout if stream is None else stream)
    plain = "NO_COLOR" in os.environ or not outlet.isatty()
    return Console(
        file=outlet,  # type: ignore[arg-type]  # rich asks for IO[str] and uses these four methods
        width=width or _width(outlet),
        color_system=None if plain else "auto",
        force_terminal=False if plain else None,
        force_jupyter=False,  # in a notebook rich would display each line, and write none
        highlight=False,
        markup=False,
        emoji=False,
    )


def _width(outlet: Outlet) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return max(NARROWEST, int(columns))
    if not outlet.isatty():
        return WIDTH
    try:
        return max(NARROWEST, min(WIDEST, os.get_terminal_size(outlet.fileno()).columns))
    except OSError:
        return shutil.get_terminal_size((WIDTH, 24)).columns
