"""How a generator, or a program, ended; and how that is said in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from gnnp_bench.check import InvalidPrediction, LawError
from gnnp_bench.potential import Unsupported

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failed:
    """An exception that ended a generator, and whether the potential raised it."""

    error: Exception
    by_potential: bool


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What a generator returned."""

    value: T


def last_word(error: SystemExit) -> str:
    """Return what a program that ends itself says: `sys.exit` takes a status or a sentence."""
    status = error.code or 0
    said = f", with exit status {status}" if isinstance(status, int) else f": {' '.join(str(status).split())}"
    return f"the potential ended the program{said}"


def is_refusal(failed: Failed) -> bool:
    """Return whether the potential refused clearly, rather than broke."""
    return failed.by_potential and isinstance(failed.error, (Unsupported, NotImplementedError))


def describe(error: Exception) -> str:
    """Return an exception in one line; what was wrong with a prediction, or a law, is said by its message alone."""
    text = " ".join(str(error).split())
    if isinstance(error, InvalidPrediction | LawError) and text:
        return text
    name = type(error).__name__
    return f"{name}: {text}" if text else name
