"""The functions of a check, called: what they return is looked at before the engine works with it.

Laws are written by others too. A function that returns something else is told in one sentence; one that breaks, with
the line of its file.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.certificate.io import encode_value
from gnnp_bench.certificate.result import Series
from gnnp_bench.check import (
    Case,
    Check,
    InvalidPrediction,
    Json,
    LawError,
    Measurement,
    NoSuitableStructure,
    PoolView,
    Request,
    Residual,
    Sample,
)
from gnnp_bench.engine.ended import describe
from gnnp_bench.potential import Capabilities
from gnnp_bench.wellformed import are_series, kind

TOLD = (InvalidPrediction, LawError, NoSuitableStructure)
"""What a law may raise, and means."""


def inapplicable(check: Check, capabilities: Capabilities) -> str | None:
    """Return why a check does not apply to a potential with these capabilities, or None.

    Raises
    ------
    LawError
        It returns something else, or breaks.
    """
    try:
        reason: Any = check.applies(capabilities)
    except Exception as error:
        raise LawError(f"applies of {check.id} broke: {broke(error, check.applies)}") from error
    if reason is None or isinstance(reason, str):
        return reason
    said = f"{reason}" if isinstance(reason, bool) else kind(reason)
    raise LawError(f"applies of {check.id} returned {said}: return None where the law applies, else why not")


def drawn(check: Check, rng: np.random.Generator, view: PoolView) -> Case:
    """Return a case that a check draws.

    Raises
    ------
    NoSuitableStructure
        The pool holds nothing for it.
    InvalidPrediction
        The check speaks for the whole pool.
    LawError
        It returns something else, or breaks.
    """
    try:
        case = check.draw(rng, view)
    except TOLD:
        raise
    except Exception as error:
        raise LawError(f"draw of {check.id} broke: {broke(error, check.draw)}") from error
    return _a_case("draw", check, case)


def neighbour(check: Check, rng: np.random.Generator, case: Case) -> Case:
    """Return a case near another one.

    Raises
    ------
    LawError
        The check returns something else, or breaks.
    """
    try:
        near = check.near(rng, case)
    except Exception as error:
        raise LawError(f"near of {check.id} broke: {broke(error, check.near)}") from error
    return _a_case("near", check, near)


def simpler(check: Check, case: Case) -> Iterator[Case]:
    """Yield simpler cases.

    Raises
    ------
    LawError
        The check yields something else, or breaks.
    """
    try:
        candidates = iter(check.simpler(case))
    except Exception as error:
        raise LawError(f"simpler of {check.id} must yield cases, and broke: {broke(error, check.simpler)}") from error
    while True:
        try:
            candidate = next(candidates)
        except StopIteration:
            return
        except Exception as error:
            raise LawError(f"simpler of {check.id} broke: {broke(error, check.simpler)}") from error
        yield _a_case("simpler", check, candidate)


def measured(check: Check, case: Case) -> Measurement:
    """Measure a case: yield what the check asks for, and return the residual.

    Raises
    ------
    LawError
        The check asks for, or returns, something else.
    """
    measurement = check.measure(case)
    if not isinstance(measurement, Generator):
        raise LawError(
            f"measure of {check.id} returned {kind(measurement)} and is no generator: ask by"
            " `(prediction,) = yield Request([structure], properties)`, and return a Residual"
        )
    before = case.structure.copy()
    residual = yield from _only_requests(check, measurement)
    if not unchanged(before, case.structure):
        raise LawError(f"measure of {check.id} changed the structure of its case: work on case.structure.copy()")
    if not isinstance(residual, Residual):
        raise LawError(f"measure of {check.id} returned {kind(residual)}: return Residual((Component(…),))")
    return residual


def _only_requests(check: Check, measurement: Measurement) -> Measurement:
    """Hand on what a generator asks for and is answered, as long as it asks by requests."""
    resume = partial(next, measurement)
    while True:
        try:
            request = resume()
        except StopIteration as stop:
            return cast(Residual, stop.value)
        if not isinstance(request, Request):
            measurement.close()
            raise LawError(f"measure of {check.id} yielded {kind(request)}: yield a Request, or `yield from` another")
        try:
            answer = yield request
        except Exception as error:  # of the potential: the law may know what to do about it
            resume = partial(measurement.throw, error)
        else:
            resume = partial(measurement.send, answer)


def broke(error: Exception, function: Callable[..., object]) -> str:
    """Return an exception in one line, with the last line of a law's own file that it passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = getattr(inspect.unwrap(function), "__code__", None)
    within = [frame for frame in frames if own is not None and frame.filename == own.co_filename]
    if isinstance(error, LawError) or not frames:
        return describe(error)
    frame = (within or frames)[-1]
    return f"{describe(error)} ({Path(frame.filename).name}, line {frame.lineno})"


def refuse_changed_pool(check: Check, before: Sequence[Sample], after: Sequence[Sample]) -> None:
    """Look whether a check left the structures of the pool as they were: what is known of them is of those.

    Raises
    ------
    LawError
        It changed one.
    """
    if not all(unchanged(one.structure, other.structure) for one, other in zip(before, after, strict=True)):
        raise LawError(
            f"{check.id} changed a structure of the pool: copy it, and make a Case(structure, None, parameters) of it"
        )


def unchanged(before: Atoms, after: Atoms) -> bool:
    """Return whether two structures are the same, bit by bit, in what a potential looks at."""
    parts = zip(_parts(before), _parts(after), strict=True)
    return all(np.array_equal(one, other, equal_nan=one.dtype.kind == "f") for one, other in parts)


def _parts(structure: Atoms) -> tuple[NDArray[Any], ...]:
    return structure.positions, structure.numbers, structure.cell.array, structure.pbc


def pictures(check: Check, told: Sequence[Mapping[str, Json]]) -> tuple[Series, ...]:
    """Return what is to be drawn of all cases together.

    Raises
    ------
    LawError
        The check returns something else, or breaks.
    """
    try:
        found: Any = check.pictures(told)
    except Exception as error:
        raise LawError(f"pictures of {check.id} broke: {broke(error, check.pictures)}") from error
    if not isinstance(found, tuple) or not are_series(found):
        raise LawError(f"pictures of {check.id} returned {kind(found)}: return a tuple of Series")
    return found


def _a_case(function: str, check: Check, case: object) -> Case:
    if isinstance(case, Sample):
        raise LawError(f"{function} of {check.id} returned a Sample: write sample.case({{…}}), which makes it a Case")
    if not isinstance(case, Case):
        raise LawError(f"{function} of {check.id} returned {kind(case)}, but must return a Case")
    try:
        encode_value(dict(case.parameters))
    except (TypeError, ValueError) as error:
        raise LawError(
            f"{function} of {check.id} returned parameters that a JSON file cannot keep: {' '.join(str(error).split())}"
        ) from error
    return case
