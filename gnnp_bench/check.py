"""What a law is made of: checks, cases, requests, residuals.

A check is a value. Its four functions draw a case, find a neighbour of it, make it simpler, and measure by how
much the law is missed on it. `measure` is a generator: it yields `Request` values and is sent the predictions,
so that the engine can evaluate the cases of a check side by side in full batches.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from ase import Atoms

from gnnp_bench.answers import (
    CannotBeSent,
    EndedProcess,
    EndedProgram,
    InvalidPrediction,
    MissingPrediction,
    NonFinitePrediction,
    OverwrittenPrediction,
)
from gnnp_bench.binding import Binding, Category, Studied
from gnnp_bench.case import (
    Case,
    Json,
    Noise,
    NoSuitableStructure,
    NotAnswered,
    NothingLeft,
    PoolView,
    Sample,
    Unanswered,
    on_structure,
    with_parameters,
)
from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, Prediction, Property
from gnnp_bench.residual import Component, Residual, vacuous
from gnnp_bench.wellformed import LawError, check_problems, refuse, request_problems

if TYPE_CHECKING:  # laws travel to other Pythons, and certificates do not
    from gnnp_bench.certificate.result import Series

__all__ = [
    "DEFAULT_FACTOR",
    "Binding",
    "CannotBeSent",
    "Case",
    "Category",
    "Check",
    "Component",
    "EndedProcess",
    "EndedProgram",
    "InvalidPrediction",
    "Json",
    "LawError",
    "Measurement",
    "MissingPrediction",
    "NoSuitableStructure",
    "Noise",
    "NonFinitePrediction",
    "NotAnswered",
    "NothingLeft",
    "OverwrittenPrediction",
    "PoolView",
    "Request",
    "Residual",
    "Sample",
    "Studied",
    "Unanswered",
    "Watch",
    "always",
    "base_prediction",
    "for_potential",
    "no_neighbour",
    "nothing_drawn",
    "nothing_simpler",
    "nothing_told",
    "on_structure",
    "vacuous",
    "with_parameters",
]


@dataclass(frozen=True, slots=True)
class Watch:
    """Calls of a potential in a new process, and whom to tell what this process was like in between.

    Attributes
    ----------
    calls : sequence of (sequence of int, frozenset of Property)
        Which structures of the request are given to one `evaluate`, and what is asked for. The first has to be
        answered; another may be refused or break.
    tell : callable
        Is given what each part of the process was like, in words, by the name of the part: before the potential was
        imported, when it was loaded, and after each call; fewer where a call ended the process.
    """

    calls: Sequence[tuple[Sequence[int], frozenset[Property]]]
    tell: Callable[[Sequence[Mapping[str, str]]], None]


@dataclass(frozen=True, slots=True)
class Request:
    """Structures that a check wants evaluated.

    Attributes
    ----------
    structures : sequence of Atoms
    properties : frozenset of Property
        What the check can use. The engine leaves out what the potential does not have, and the stress of
        structures that are not periodic in three directions: these come back as None.
    fresh : bool
        Evaluate with the potential loaded anew; with `elsewhere`, in processes that have evaluated nothing yet.
    partial_stress : bool
        Ask for the stress of partially periodic structures too.
    together : bool
        Exactly one call of `evaluate`, these very structures and no others, in this order. Other requests are
        merged, and the potential sees copies.
    at_once : bool
        Each structure in a thread of its own, all at the same time.
    elsewhere : bool
        The structures one after the other in each of two new processes that load the potential themselves and work
        at the same time: twice as many predictions, those of one process before those of the other.
    device : str
        One of the potential's `other_devices` to evaluate on, the structures one after the other.
    watch : Watch or None
        Calls with these structures, in a new process that is watched; nothing else is evaluated and no prediction
        comes back.
    held : callable or None
        Is told the bytes and open files that the potential's process holds; no prediction comes back.
    driven : bool
        Exactly one call of the potential's `driven`, with these very structures: an instance of the ASE calculator
        that serves such requests alone is attached to them. With `fresh` it is a new one, which stays with the case
        and keeps what it remembers from one request to the next.
    """

    structures: Sequence[Atoms]
    properties: frozenset[Property]
    fresh: bool = False
    together: bool = False
    partial_stress: bool = False
    at_once: bool = False
    elsewhere: bool = False
    device: str = ""
    watch: Watch | None = None
    held: Callable[[tuple[int, int, int]], object] | None = None
    driven: bool = False

    def __post_init__(self) -> None:
        refuse(request_problems(self.structures, self.properties), "a Request")


DEFAULT_FACTOR = 100.0
"""c of a quantity whose law does not state one: more than any calibrated law needs, lest rounding be taken for a fault.

Where ν is so large that this matters, a law says *limited* or *inconclusive* rather than *violated*.
"""
Measurement: TypeAlias = Generator[Request, list[Prediction], Residual]


def always(capabilities: Capabilities) -> str | None:
    """Return no reason not to run: the law holds for any potential."""
    return None


def nothing_told(told: Sequence[Mapping[str, Json]]) -> str | None:
    """Return nothing: what is to be said of a case stands in its note."""
    return None


def nothing_drawn(told: Sequence[Mapping[str, Json]]) -> tuple[Series, ...]:
    """Return nothing: what is to be drawn is of one case."""
    return ()


def no_neighbour(rng: np.random.Generator, case: Case) -> Case:
    """Return the case itself: it has no parameters to vary."""
    return case


def nothing_simpler(case: Case) -> Iterator[Case]:
    """Yield nothing: the case is as simple as it gets."""
    return iter(())


@dataclass(frozen=True, slots=True)
class Check:
    """A law, a way to draw cases, and a residual with a unit.

    Attributes
    ----------
    id : str
        "family/name".
    law : str
        The physical statement, as one equation.
    category : "mandatory", "claimed" or "informational"
    binding : Binding or None
        Of an informational law: for which potentials it is more than that.
    needs : frozenset of Property
        Properties without which the check is not applicable.
    source : str
        Where the law and its tolerance come from.
    tolerance : str
        What starts to matter, in words.
    physics : str
        The law in a paragraph for a physicist, and what a failure does to a simulation.
    draw, near, simpler, measure : callable
        See the module's docstring. `simpler` yields candidates from the boldest to the most timid, each with
        `noise=None` where its structure differs from the case's.
    applies : callable
        Returns the reason why the check does not apply to a potential with these capabilities, or None.
    tell : callable
        Returns what the certificate says of all cases together, from their `Residual.told`: numbers that users need
        where the law holds.
    pictures : callable
        Returns what is to be drawn of all cases together, from their `Residual.told`.
    claim : str or None
        The claim under which the law holds by construction.
    feature : str or None
        What the potential may refuse with a ValueError ("left-handed cells"): see `engine.run`.
    factors : mapping of str to float
        c per quantity. A quantity that is not among them has `DEFAULT_FACTOR`.
    weight : float
        Share of the tabulated budget: 1 for an ordinary check.
    cost : int
        Evaluations that one case takes at least.
    without_pool : bool
        It draws structures of its own, and is judged where the potential answers for none of the pool.
    studied : "", "noise", "rest" or "waves"
        What it wants to know of crystals, each word with all before it: their ν, where they come to rest, their force
        constants. It is found out with the pool, once for all laws.
    base_points : int
        At which ν is measured of structures that it draws of its own: three where a kink at one may pass for noise.
    side_by_side : int
        Cases that may run side by side: enough to fill batches, few enough for the search to learn from the worst.

    Raises
    ------
    LawError
        If one of these is not as described: a ValueError of one sentence.
    """

    id: str
    law: str
    category: Category
    needs: frozenset[Property]
    source: str
    tolerance: str
    physics: str
    draw: Callable[[np.random.Generator, PoolView], Case]
    measure: Callable[[Case], Measurement]
    near: Callable[[np.random.Generator, Case], Case] = no_neighbour
    simpler: Callable[[Case], Iterator[Case]] = nothing_simpler
    applies: Callable[[Capabilities], str | None] = always
    tell: Callable[[Sequence[Mapping[str, Json]]], str | None] = nothing_told
    pictures: Callable[[Sequence[Mapping[str, Json]]], tuple[Series, ...]] = nothing_drawn
    claim: str | None = None
    binding: Binding | None = None
    feature: str | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0
    cost: int = 1
    without_pool: bool = False
    studied: Studied = ""
    base_points: int = 1
    side_by_side: int = 8

    def __post_init__(self) -> None:
        refuse(check_problems(self), f"the check {self.id!r}")


def for_potential(check: Check, capabilities: Capabilities) -> Check:
    """Return a check as it judges a potential with these capabilities: binding there, or informational."""
    binding = check.binding
    return check if binding is None or not binding.where(capabilities) else replace(check, category=binding.category)


def base_prediction(
    case: Case, needed: frozenset[Property] = ALL_PROPERTIES
) -> Generator[Request, list[Prediction], Prediction]:
    """Return the prediction for the untransformed structure, asking for it only if it is not known yet.

    Use as ``base = yield from base_prediction(case, needed)`` inside `measure`.
    """
    if case.base is not None:
        return case.base
    (prediction,) = yield Request([case.structure], needed)
    return prediction
