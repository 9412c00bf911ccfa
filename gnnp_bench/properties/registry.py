"""All properties by name: what `gnnp-bench properties` measures, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gnnp_bench.check import Request
from gnnp_bench.potential import ALL_PROPERTIES, Prediction, Property
from gnnp_bench.properties import (
    cohesive,
    delta,
    elasticity,
    elasticity_told,
    equation_of_state,
    lattice,
    phonons,
    polymorphs,
    quasiharmonic,
    stacking_fault,
    surfaces,
    vacancy,
)
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.values import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Measurable:
    """A property of a relaxed crystal.

    Attributes
    ----------
    title : str
        In a few words, for tables.
    measure : callable
        Takes a `Crystal` and `Settings`; a generator of requests that returns a frozen dataclass of its own, or raises
        `NoValue`.
    summary : callable
        Takes what `measure` returned; returns what is told of it.
    draw : callable or None
        Takes what `measure` returned and an empty matplotlib figure, and draws into it.
    needs : frozenset of Property
        What the potential has to have.
    packages : tuple of str
        Modules that have to be importable, beyond the project's own requirements: "spglib", "phonopy".
    applies : callable
        Returns the reason why a crystal has no such property, as one sentence, or None.
    """

    title: str
    measure: Callable[[Crystal, Settings], Generator[Request, list[Prediction], Any]]
    summary: Callable[[Any], Summary]
    draw: Callable[[Any, Figure], None] | None = None
    needs: frozenset[Property] = ALL_PROPERTIES
    packages: tuple[str, ...] = ()
    applies: Callable[[Crystal], str | None] = lambda crystal: None


PHONOPY = ("phonopy", "spglib")
PROPERTIES: dict[str, Measurable] = {
    "lattice": Measurable("relaxed lattice", lattice.lattice, lattice.summary),
    "eos": Measurable(
        "equation of state", equation_of_state.equation_of_state, equation_of_state.summary, equation_of_state.draw
    ),
    "elasticity": Measurable(
        "elastic tensor and its averages", elasticity.elasticity, elasticity_told.summary, elasticity_told.draw
    ),
    "cohesive": Measurable("cohesive energy", cohesive.cohesive, cohesive.summary),
    "polymorphs": Measurable(
        "other prototypes of the composition", polymorphs.polymorphs, polymorphs.summary, applies=polymorphs.applies
    ),
    "delta": Measurable(
        "Δ value against all-electron PBE", delta.delta, delta.summary, delta.draw, applies=delta.applies
    ),
    "vacancy": Measurable(
        "vacancy formation energy", vacancy.vacancy, vacancy.summary, packages=("spglib",), applies=vacancy.applies
    ),
    "surfaces": Measurable("surfaces of low indices", surfaces.surfaces, surfaces.summary, packages=("spglib",)),
    "stacking_fault": Measurable(
        "intrinsic stacking fault",
        stacking_fault.stacking_fault,
        stacking_fault.summary,
        packages=("spglib",),
        applies=stacking_fault.applies,
    ),
    "phonons": Measurable(
        "phonons, and what they make of heat", phonons.phonons, phonons.summary, phonons.draw, packages=PHONOPY
    ),
    "expansion": Measurable(
        "quasi-harmonic thermal expansion",
        quasiharmonic.quasiharmonic,
        quasiharmonic.summary,
        quasiharmonic.draw,
        packages=PHONOPY,
    ),
}
"""By name, in the order of reports."""
