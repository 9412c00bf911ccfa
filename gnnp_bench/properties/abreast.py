"""Several generators as one: what they ask for is one request, so that it fills one batch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import TypeVar

from gnnp_bench.check import Request
from gnnp_bench.potential import Prediction, Property
from gnnp_bench.properties.novalue import NoValue

T = TypeVar("T")


def abreast(
    generators: Sequence[Generator[Request, list[Prediction], T]],
) -> Generator[Request, list[Prediction], list[T | NoValue]]:
    """Run generators side by side; use as ``found = yield from abreast([relaxed(a), relaxed(b)])``.

    Parameters
    ----------
    generators : sequence of generators
        Their requests may differ in what they ask for, and in nothing else but structures.

    Returns
    -------
    list
        What each returned, in order; the `NoValue` of one that raised it.

    Raises
    ------
    Exception
        Of the potential, where a generator lets it pass: the others are then given up.
    """
    ended: dict[int, T | NoValue] = {}
    waiting: dict[int, Request] = {}

    def resume(index: int, action: Callable[[], Request]) -> None:
        waiting.pop(index, None)
        try:
            waiting[index] = action()
        except StopIteration as stop:
            ended[index] = stop.value
        except NoValue as sentence:
            ended[index] = sentence

    for index, generator in enumerate(generators):
        resume(index, partial(next, generator))
    while waiting:
        asked = dict(waiting)
        properties: frozenset[Property] = frozenset().union(*(request.properties for request in asked.values()))
        answers: dict[int, list[Prediction] | Exception] = {}
        try:
            predictions = iter((yield Request([s for r in asked.values() for s in r.structures], properties)))
            answers = {index: [next(predictions) for _ in request.structures] for index, request in asked.items()}
        except Exception as error:
            if len(asked) == 1:
                answers = dict.fromkeys(asked, error)
        if not answers:  # whose structure it was is found out by asking for each alone
            for index, request in asked.items():
                try:
                    answers[index] = yield request
                except Exception as error:
                    answers[index] = error
        for index, answer in answers.items():
            if isinstance(answer, Exception):
                resume(index, partial(generators[index].throw, answer))
            else:
                resume(index, partial(generators[index].send, answer))
    return [ended[index] for index in range(len(generators))]
