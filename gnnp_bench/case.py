"""What a check is asked about: a case, the noise floor on its structure, and the pool it was drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities, Periodicity, Prediction, Property
from gnnp_bench.wellformed import case_problems, refuse

T = TypeVar("T")
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
    known : object
        What was found out with the pool about this structure, for several laws together: nothing that measuring the
        case would not find out itself. `Unanswered` where the potential has no answer for the structure.
    """

    structure: Atoms
    noise: Noise | None
    parameters: Mapping[str, Json]
    base: Prediction | None = None
    known: object = None

    def __post_init__(self) -> None:
        refuse(case_problems(self), "a Case")

    @property
    def nu(self) -> Noise:
        """ν of the structure; the engine guarantees it before `measure`."""
        if self.noise is None:
            raise ValueError("the noise floor of this case has not been measured")
        return self.noise


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why the potential has no answer for a structure: in words, for exceptions need not survive the way here.

    Attributes
    ----------
    message : str
    refused : bool
        It refused clearly.
    broken : bool
        It returned something else than it was asked for.
    lacks : str or None
        What is to be added to the spec, where the potential lacks something that structures can carry.
    """

    message: str
    refused: bool
    broken: bool = False
    lacks: str | None = None


class NotAnswered(Exception):
    """A law needs what the potential had no answer for when the pool was evaluated; it is not asked again."""

    def __init__(self, why: Unanswered) -> None:
        super().__init__(why.message)
        self.refused = why.refused


class NoSuitableStructure(Exception):
    """The pool has no structure that a check can use. The message says which kind it needs."""


class NothingLeft(NoSuitableStructure):
    """A check has looked at all that there is for it, and would only find the same again."""


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
    refused : tuple of str
        What the potential said of structures of the pool that it refused.
    broken : tuple of Atoms
        Structures of the pool for which it returned something else than it was asked for.
    unhandled : tuple of Periodicity
        Kinds of structures that it declares, none of which it evaluated; others it did.
    unseen : int
        Suitable structures that no pick has handed out yet.
    largest : int
        Atoms of the largest structure that the budget asks for, by a check that makes large ones.
    crystals : tuple
        What was found out about crystals, for laws that say so (`Check.studied`).
    """

    samples: tuple[Sample, ...]
    capabilities: Capabilities
    failures: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    broken: tuple[Atoms, ...] = ()
    unhandled: tuple[Periodicity, ...] = ()
    unseen: int = 0
    largest: int = 400
    crystals: tuple[Any, ...] = ()
    _picked: dict[int, int] = field(default_factory=dict)
    _turn: int = 0

    @property
    def size(self) -> int:
        """How many structures the pool was meant to hold."""
        return len(self.samples) + len(self.failures) + len(self.refused)

    def lacking(self) -> str | None:
        """Return which structures of the pool are not among the samples, and why, or None if all are."""
        were_refused = "was refused" if len(self.refused) == 1 else "were refused"
        told = [
            f"{len(said)} of the pool's {self.size} structures {what}, the first: {said[0]}"
            for what, said in (("could not be evaluated", self.failures), (were_refused, self.refused))
            if said
        ]
        return "; ".join(told) or None

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
            why = self.lacking()
            missing = "" if why is None else f" ({why})"
            raise NoSuitableStructure(f"the pool holds no structure of the kind needed: {needed}{missing}")
        fewest = min(self._picked.get(sample.index, 0) for sample in candidates)
        least_used = [sample for sample in candidates if self._picked.get(sample.index, 0) == fewest]
        sample = least_used[int(rng.integers(len(least_used)))]
        self._picked[sample.index] = fewest + 1
        self.unseen = len(least_used) - 1 if fewest == 0 else 0
        return sample

    def next_of(self, kinds: Sequence[T]) -> T:
        """Return the kinds in turn, so that each is looked at before any is looked at twice."""
        kind = kinds[self._turn % len(kinds)]
        self._turn += 1
        return kind


def with_parameters(case: Case, **changed: Json) -> Case:
    """Return the case with some parameters changed; structure, ν and base prediction stay."""
    return replace(case, parameters={**case.parameters, **changed})


def on_structure(case: Case, structure: Atoms, **changed: Json) -> Case:
    """Return the case moved to another structure, whose ν and prediction are not known yet."""
    return Case(structure, None, {**case.parameters, **changed})
