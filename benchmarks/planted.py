"""Mutants as the strength scan and its test judge them: where each defect is planted, and by which certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.potential import Potential
from tests.analytic import AnalyticPotential, embedded_atom, smooth_pair, three_body
from tests.analytic.evaluation import SPECIES
from tests.analytic.graph import DType
from tests.engine.judging import certified
from tests.mutants import Mutant

Claims: TypeAlias = Literal["claimed", "unclaimed"]

CLAIMS: tuple[Claims, ...] = ("claimed", "unclaimed")
DTYPES: tuple[DType, ...] = ("float64", "float32")


@dataclass(frozen=True, slots=True)
class Base:
    """The sound potential into which a defect is planted."""

    make: Callable[..., AnalyticPotential]
    cutoff: float
    offset: float = 0.0
    species: tuple[str, ...] = SPECIES
    stable: tuple[str, ...] = ()

    def __str__(self) -> str:
        offset = f", {self.offset:g} eV" if self.offset else ""
        species = "" if self.species == SPECIES else f", {' '.join(self.species)}"
        return f"{self.make.__name__}, {self.cutoff:g} Å{offset}{species}"

    def potential(self, dtype: DType, claims: Claims) -> AnalyticPotential:
        """Return the potential, with all its claims or with none."""
        potential = self.make(self.cutoff, species=self.species, dtype=dtype, offset=self.offset)
        if self.stable:
            potential = replace(potential, capabilities=replace(potential.capabilities, stable=self.stable))
        if claims == "claimed":
            return potential
        return replace(potential, capabilities=replace(potential.capabilities, claims=frozenset()))


USUAL = Base(embedded_atom, 6.0)
BASES: Mapping[str, Base] = {
    "cubic-harmonic": Base(three_body, 5.0),
    "index-order": Base(smooth_pair, 6.0),
    "external-field": Base(smooth_pair, 6.0),
    "parity-odd": Base(three_body, 5.0),
    "misread-moments": Base(smooth_pair, 6.0),
    "images-beyond-two-shells": Base(smooth_pair, 8.0),
    "minimum-image": Base(smooth_pair, 6.0),
    "net-force": Base(smooth_pair, 6.0),
    "curl": Base(smooth_pair, 6.0),
    "non-central": Base(three_body, 5.0),
    "shear-halved": Base(three_body, 5.0),
    "batch-leak": Base(smooth_pair, 3.3),
    "warm-start": Base(smooth_pair, 3.3),
    "float32-inside-constant": Base(embedded_atom, 6.0, -1000.0),
    "energy-on-request": Base(smooth_pair, 6.0, -10.0),
    "mass-leak": Base(smooth_pair, 3.3),
    "hole-of-one-pair": Base(embedded_atom, 6.0, species=("C", "Cu", "Au")),
    "hole-in-crystals": Base(smooth_pair, 6.0),
    "negative-shear": Base(embedded_atom, 6.0, species=("Cu", "Au"), stable=("Cu:fcc", "Au:fcc")),
    "soft-optical": Base(smooth_pair, 6.0, species=("Ti",), stable=("Ti:hcp",)),
    "second-minimum": Base(smooth_pair, 6.0, species=("Cu", "Au"), stable=("Cu:fcc", "Au:fcc")),
}
"""Where the defect shows, with every functional form and cutoff in use; `USUAL` for the others."""


def base_of(mutant: Mutant) -> Base:
    """Return the sound potential that a defect is planted into."""
    return BASES.get(mutant.name, USUAL)


def maker(mutant: Mutant, dtype: DType, claims: Claims, strength: float) -> Callable[[], Potential]:
    """Return a function that makes the mutant anew, without memory."""
    return lambda: mutant.plant(base_of(mutant).potential(dtype, claims), strength)


def dtypes_of(mutant: Mutant) -> tuple[DType, ...]:
    """Return the precisions in which a mutant is a defect."""
    return ("float64",) if mutant.unit == "mantissa spacing" else DTYPES


def judge(
    mutant: Mutant, dtype: DType, claims: Claims, strength: float, seed: int, only: Iterable[str] = ()
) -> tuple[CheckResult, ...]:
    """Return what a quick certificate says of a mutant, all checks or some of them.

    No counterexample is made simpler, and no cause is looked for: that changes no status, and takes most of the time.
    """
    make = maker(mutant, dtype, claims, strength)
    return certified(make, *only, seed=seed).checks


def killed_by(results: Iterable[CheckResult]) -> set[str]:
    """Return the ids of the checks that failed; an informational one never does, and tells by its grade."""
    return {r.id for r in results if r.status == "fail" or (r.category == "informational" and r.grade == "violated")}
