"""Values of a file that people write, taken out of it and judged: each mistake is a line with its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnnp_bench.adapters._factory import suggestion


class FileError(ValueError):
    """A campaign file cannot be used.

    Attributes
    ----------
    mistakes : tuple of str
        One line for each, with its place.
    """

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Look:
    """Takes values of a table and notes what is wrong with them, and where."""

    place: str
    mistakes: list[str]

    def wrong(self, said: str) -> None:
        """Note a mistake."""
        self.mistakes.append(" ".join(f"{self.place}: {said}".split()))

    def within(self, place: str) -> Look:
        """Return the same for a table inside."""
        return Look(f"{self.place}: {place}", self.mistakes)

    def keys(self, table: Mapping[str, Any], known: Sequence[str]) -> None:
        """Note the keys that are not known."""
        for key in table:
            if key not in known:
                self.wrong(f"{key} is not known{suggestion(key, known)}")

    def one(self, table: Mapping[str, Any], key: str, good: Callable[[Any], bool], what: str, default: Any) -> Any:
        """Return a value, or the default where there is none or a wrong one."""
        value = table.get(key, default)
        if key in table and not good(value):
            self.wrong(f"{key} must be {what}, not {value!r}")
            return default
        return value

    def many(
        self, table: Mapping[str, Any], key: str, good: Callable[[Any], bool], what: str, default: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Return the values of a list, or the default where there is none or a wrong one."""
        if key not in table:
            return default
        value = table[key]
        if not isinstance(value, list) or not value:
            self.wrong(f"{key} must be a list of {what}, not {value!r}")
            return default
        for item in value:
            if not good(item):
                self.wrong(f"{key} must be a list of {what}, and {item!r} is none")
                return default
            if value.count(item) > 1:
                self.wrong(f"{key} names {item!r} twice")
                return default
        return tuple(value)


def words(known: Sequence[str]) -> str:
    """Return names as a list in a sentence."""
    return ", ".join(known)


def is_text(value: Any) -> bool:
    """Return whether a value is a text with something in it, that may name a file."""
    return isinstance(value, str) and bool(value.strip()) and "\x00" not in value


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number of at least 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_positive(value: Any) -> bool:
    """Return whether a value is a finite number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
