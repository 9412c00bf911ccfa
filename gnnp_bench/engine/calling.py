"""One call of `evaluate`: what a program that ends itself, and too few predictions, are turned into."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from ase import Atoms

from gnnp_bench.check import EndedProgram, InvalidPrediction
from gnnp_bench.engine.contract import validated
from gnnp_bench.engine.ended import last_word
from gnnp_bench.engine.threads import at_once
from gnnp_bench.potential import Potential, Prediction, Property


def evaluated(potential: Potential, structures: list[Atoms], properties: frozenset[Property]) -> list[Prediction]:
    """Return the predictions of a potential, as the contract wants them; raises as `called` does."""
    return called(potential.evaluate, structures, properties)[1]


def evaluated_at_once(
    potential: Potential, calls: Sequence[tuple[list[Atoms], frozenset[Property]]]
) -> list[Prediction]:
    """Return the prediction of each call, about one structure, all of them made at the same time, each in a thread.

    The threads meet where the potential lives: if that is another process, it has a method `at_once`.
    """
    there = getattr(potential, "at_once", None)
    if there is None:
        made = at_once([partial(evaluated, potential, structures, properties) for structures, properties in calls])
        return [predictions[0] for predictions in made]
    answers = zip(there(calls), calls, strict=True)
    return [validated(found[0], len(structures[0]), properties) for found, (structures, properties) in answers]


def called(
    evaluate: Callable[[Sequence[Atoms], frozenset[Property]], list[Prediction]],
    structures: list[Atoms],
    properties: frozenset[Property],
) -> tuple[list[Any], list[Prediction]]:
    """Return what a potential returned, and the same as the contract wants it.

    Raises
    ------
    EndedProgram
        The potential called `sys.exit`.
    InvalidPrediction
        It returned another number of predictions, or not what was asked for.
    """
    sizes = [len(structure) for structure in structures]
    try:
        raw = list(evaluate(structures, properties))
    except SystemExit as error:
        raise EndedProgram(last_word(error)) from error
    if len(raw) != len(structures):
        raise InvalidPrediction(f"evaluate returned {len(raw)} predictions for {len(structures)} structures")
    return raw, [validated(p, n, properties) for p, n in zip(raw, sizes, strict=True)]


@contextmanager
def quietly() -> Iterator[None]:
    """Leave out the warnings of a potential, which are its own business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
