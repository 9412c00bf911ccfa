"""What a law is made of: checks, cases, requests, residuals.

A check is a value. Its four functions draw a case, find a neighbour of it, make it simpler, and measure by how
much the law is missed on it. `measure` is a generator: it yields `Request` values and is sent the predictions,
so that the engine can evaluate the cases of a check side by side in full batches.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from ase import Atoms

from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, Prediction, Property

Category: TypeAlias = Literal["mandatory", "claimed", "informational"]
Json: TypeAlias = Any
"""None, bool, int, float, str, list of Json, dict of str to Json: whatever a JSON file keeps without loss."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise floor ν of a potential on one structure: what its own rounding does to its outputs.

    Attributes
    ----------
    energy : float, eV/atom
    forces : float, eV/Å, largest component
    stress : float, eV/Å³, largest component
    """

    energy: float
    forces: float
    stress: float

    def of(self, quantity: Property) -> float:
        """Return ν of one property by its name."""
        return {"energy": self.energy, "forces": self.forces, "stress": self.stress}[quantity]


@dataclass(frozen=True, slots=True)
class Case:
    """One drawn input. Structure, ν and parameters are all that is needed to measure it again from a file.

    Attributes
    ----------
    structure : Atoms
        Never changed. `structure.info["recipe"]` tells how it was built, where it is known.
    noise : Noise or None
        None asks the engine to measure it before the case.
    parameters : mapping of str to Json
        The transformation. Must survive a round trip through JSON.
    base : Prediction or None
        The potential's prediction for `structure` itself, if it is known already. Read it through `base_prediction`.
    """

    structure: Atoms
    noise: Noise | None
    parameters: Mapping[str, Json]
    base: Prediction | None = None

    @property
    def nu(self) -> Noise:
        """ν of the structure; the engine guarantees it before `measure`."""
        if self.noise is None:
            raise ValueError("the noise floor of this case has not been measured")
        return self.noise


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
        Evaluate with the potential loaded anew.
    partial_stress : bool
        Ask for the stress of partially periodic structures too.
    together : bool
        Exactly one call of `evaluate`, these very structures and no others, in this order. Other requests are
        merged, and the potential sees copies.
    """

    structures: Sequence[Atoms]
    properties: frozenset[Property]
    fresh: bool = False
    together: bool = False
    partial_stress: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """By how much a law was missed in one quantity, and what excuses it.

    The bound is b = c·noise + 10·error with the check's calibrated factor c, unless it is given as `bound`.

    Attributes
    ----------
    quantity : str
        "energy", "forces", "stress", or what the law speaks of.
    residual : float
        r, by how much the law was missed, in `unit`. A NaN or infinite residual is a violation.
    significance : float
        s, where it begins to matter, in `unit`, for the default profile.
    unit : str
    noise : float
        ν propagated through the law, in `unit`.
    error : float
        Estimated error of quadrature, differences or extrapolation, in `unit`.
    converged : bool
        False if that error could not be made small enough within the check's own limit.
    bound : float or None
        b where it does not come from ν: 0 for boolean laws and for determinism.
    """

    quantity: str
    residual: float
    significance: float
    unit: str
    noise: float = 0.0
    error: float = 0.0
    converged: bool = True
    bound: float | None = None


@dataclass(frozen=True, slots=True)
class Residual:
    """What measuring one case found.

    Attributes
    ----------
    components : tuple of Component
    vacuous : str or None
        Why the law held trivially on this case (the rotation changed nothing, all forces vanish, …). Such a
        case proves nothing and does not count.
    note : str or None
        What a reader should know, such as where an integrand is rough.
    """

    components: tuple[Component, ...]
    vacuous: str | None = None
    note: str | None = None


def vacuous(reason: str) -> Residual:
    """Return the residual of a case that proves nothing."""
    return Residual((), vacuous=reason)


Measurement: TypeAlias = Generator[Request, list[Prediction], Residual]


class InvalidPrediction(Exception):
    """A potential returned something else than it was asked for: a wrong number, a wrong shape, a missing property."""


class NonFinitePrediction(InvalidPrediction):
    """A potential returned NaN or an infinity."""


class NoSuitableStructure(Exception):
    """The pool has no structure that a check can use. The message says which kind it needs."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A structure of the pool with what the potential says about it, and ν there."""

    index: int
    structure: Atoms
    prediction: Prediction
    noise: Noise

    def case(self, parameters: Mapping[str, Json]) -> Case:
        """Return a case on this structure."""
        return Case(self.structure, self.noise, parameters, self.prediction)


@dataclass(slots=True)
class PoolView:
    """The pool as one check sees it: every suitable structure is handed out before any is handed out twice.

    Attributes
    ----------
    samples : tuple of Sample, sorted by number of atoms
    capabilities : Capabilities
    failures : tuple of str
        What went wrong on structures of the pool that are therefore not among the samples.
    """

    samples: tuple[Sample, ...]
    capabilities: Capabilities
    failures: tuple[str, ...] = ()
    _picked: dict[int, int] = field(default_factory=dict)
    _turn: int = 0

    def pick(
        self,
        rng: np.random.Generator,
        suitable: Callable[[Sample], bool] = lambda sample: True,
        needed: str = "any structure",
    ) -> Sample:
        """Return a structure among the least used of the suitable ones.

        Raises
        ------
        NoSuitableStructure
            If there is none; `needed` says what was looked for.
        """
        candidates = [sample for sample in self.samples if suitable(sample)]
        if not candidates:
            raise NoSuitableStructure(f"the pool holds no structure of the kind needed: {needed}")
        fewest = min(self._picked.get(sample.index, 0) for sample in candidates)
        least_used = [sample for sample in candidates if self._picked.get(sample.index, 0) == fewest]
        sample = least_used[int(rng.integers(len(least_used)))]
        self._picked[sample.index] = fewest + 1
        return sample

    def next_of(self, kinds: Sequence[str]) -> str:
        """Return the kinds in turn, so that each is looked at before any is looked at twice."""
        kind = kinds[self._turn % len(kinds)]
        self._turn += 1
        return kind


def always(capabilities: Capabilities) -> str | None:
    """Return no reason not to run: the law holds for any potential."""
    return None


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
    claim : str or None
        The claim under which the law holds by construction.
    feature : str or None
        What the potential may refuse with a ValueError ("left-handed cells"): see `engine.run`.
    factors : mapping of str to float
        c per quantity.
    weight : float
        Share of the tabulated budget: 1 for an ordinary check.
    cost : int
        Evaluations that one case takes at least.
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
    claim: str | None = None
    feature: str | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0
    cost: int = 1


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


def with_parameters(case: Case, **changed: Json) -> Case:
    """Return the case with some parameters changed; structure, ν and base prediction stay."""
    return replace(case, parameters={**case.parameters, **changed})


def on_structure(case: Case, structure: Atoms, **changed: Json) -> Case:
    """Return the case moved to another structure, whose ν and prediction are not known yet."""
    return Case(structure, None, {**case.parameters, **changed})
