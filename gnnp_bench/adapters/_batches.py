"""Structures or graphs in batches, in order, as large as memory allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Yield items in order, in batches of at most `most` in all; one that is larger is a batch of its own.

    Parameters
    ----------
    items : iterable
    size : callable
        Of an item: its number of atoms, or of edges.
    most : int
    """
    batch: list[T] = []
    total = 0
    for item in items:
        if batch and total + size(item) > most:
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size(item)
    if batch:
        yield batch
