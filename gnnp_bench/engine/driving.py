"""Generators that ask for predictions, run side by side so that what they ask for fills batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import TypeVar

from gnnp_bench.check import Request
from gnnp_bench.engine.ended import Done, Failed
from gnnp_bench.potential import Prediction

T = TypeVar("T")


def outcomes(
    answer: Callable[[dict[int, Request]], dict[int, list[Prediction] | Exception]],
    generators: Iterable[Generator[Request, list[Prediction], T]],
    atoms: float = math.inf,
) -> Iterator[tuple[int, Done[T] | Failed]]:
    """Run generators side by side, and yield outcomes as they come.

    Parameters
    ----------
    answer : callable
        Answers what is asked for now, by the place of the generator that asks; an exception is thrown into it.
    generators : iterable of generators
        However many: new ones are begun as others end.
    atoms : float, optional
        No more are begun than ask for so many atoms together, if the next asks for no more than any did so far; one
        at least. By default all are begun at once.

    Yields
    ------
    int, Done or Failed
        The place of a generator, and what became of it.
    """
    running: dict[int, Generator[Request, list[Prediction], T]] = {}
    waiting: dict[int, Request] = {}
    ended: list[tuple[int, Done[T] | Failed]] = []

    def resume(index: int, action: Callable[[], Request], thrown: Exception | None = None) -> None:
        waiting.pop(index, None)
        try:
            waiting[index] = action()
            return
        except StopIteration as stop:
            ended.append((index, Done(stop.value)))
        except Exception as error:
            ended.append((index, Failed(error, by_potential=error is thrown)))
        del running[index]

    coming, largest = enumerate(generators), 0
    while True:
        yield from ended
        ended.clear()
        asked = sum(map(_atoms, waiting.values()))
        while (asked + largest <= atoms or not asked) and (following := next(coming, None)) is not None:
            index, running[following[0]] = following
            resume(index, partial(next, running[index]))
            size = _atoms(waiting[index]) if index in waiting else 0
            asked, largest = asked + size, max(largest, size)
        if not waiting:
            yield from ended
            return
        answers = answer(waiting)
        for index in sorted(waiting):
            generator, given = running[index], answers[index]
            if isinstance(given, Exception):
                resume(index, partial(generator.throw, given), given)
            else:
                resume(index, partial(generator.send, given))


def _atoms(request: Request) -> int:
    return sum(len(structure) for structure in request.structures)
