"""A potential as a spec wants it: asked for fewer species or kinds of structures, with what structures are to carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ase import Atoms
from ase.formula import Formula

from gnnp_bench.adapters._carried import Declared
from gnnp_bench.potential import (
    Capabilities,
    Identity,
    Periodicity,
    Potential,
    PotentialError,
    Prediction,
    Property,
)


@dataclass(frozen=True, slots=True)
class _Restricted:
    """A potential with other capabilities than its own; everything else is the potential's own."""

    potential: Potential
    capabilities: Capabilities

    @property
    def name(self) -> str:
        return self.potential.name

    @property
    def identity(self) -> Identity | None:
        return getattr(self.potential, "identity", None)

    @property
    def calculator(self) -> object:
        return getattr(self.potential, "calculator", None)

    @property
    def feature_gradients(self) -> object:
        return getattr(self.potential, "feature_gradients", None)

    def on(self, device: str) -> _Restricted:
        there: Potential = self.potential.on(device)  # type: ignore[attr-defined]  # who declares others has it
        has = self.capabilities
        kept = replace(
            there.capabilities,
            species=has.species,
            combinations=has.combinations,
            fitted_alone=has.fitted_alone,
            undetermined=has.undetermined,
            periodicity=has.periodicity,
            reads=has.reads,
            totals_add=has.totals_add,
            smearing=has.smearing,
            stable=has.stable,
        )
        return _Restricted(there, kept)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return self.potential.evaluate(structures, properties)

    def driven(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found: list[Prediction] = self.potential.driven(structures, properties)  # type: ignore[attr-defined]  # as `on`
        return found


def restricted(
    spec: str,
    potential: Potential,
    species: tuple[str, ...] | None,
    periodicity: frozenset[Periodicity] | None,
    carries: Declared,
    smearing: float | None = None,
    stable: tuple[str, ...] = (),
) -> Potential:
    """Return the potential, with its capabilities cut down to what is asked for; None asks for all that there is.

    What `carries` says is added to what it declares to read, and crystals that the user takes for stable are added to
    those that it declares. The width by which electrons are smeared, eV, is noted where it is given.

    Raises
    ------
    PotentialError
        It does not support what is asked for.
    """
    has = potential.capabilities
    asked = carries.on(has)
    if periodicity is not None:
        asked = _of_periodicity(spec, asked, periodicity)
    if species is not None:
        asked = _of_species(spec, asked, species)
    if smearing is not None:
        asked = replace(asked, smearing=smearing)
    if stable:
        asked = _of_crystals(spec, asked, stable)
    return potential if asked == has else _Restricted(potential, asked)


def _of_periodicity(spec: str, has: Capabilities, periodicity: frozenset[Periodicity]) -> Capabilities:
    if lacking := sorted(periodicity - has.periodicity):
        handled = ", ".join(sorted(has.periodicity))
        raise PotentialError(f"{spec} declares that it handles {handled}, not {', '.join(lacking)} structures")
    return replace(has, periodicity=periodicity)


def _of_species(spec: str, has: Capabilities, species: tuple[str, ...]) -> Capabilities:
    if lacking := [symbol for symbol in species if symbol not in has.species]:
        raise PotentialError(
            f"{spec} does not support {', '.join(lacking)}: leave it out of --species, or choose from"
            f" {', '.join(has.species)}"
        )
    if set(species) == set(has.species):
        return has
    # A set of species that were trained on together stays one when some of them are left out.
    combinations = dict.fromkeys(together.intersection(species) for together in has.combinations)
    return replace(
        has,
        species=species,
        combinations=tuple(filter(None, combinations)),
        fitted_alone=tuple(s for s in has.fitted_alone if s in species),
        undetermined=tuple(s for s in has.undetermined if s in species),
        stable=tuple(crystal for crystal in has.stable if species_of(crystal) <= set(species)),
    )


def _of_crystals(spec: str, has: Capabilities, stable: tuple[str, ...]) -> Capabilities:
    for crystal in stable:
        if not species_of(crystal) <= set(has.species):
            raise PotentialError(f"{spec} is asked for {', '.join(has.species)}, of which there is no {crystal}")
    return replace(has, stable=tuple(dict.fromkeys((*has.stable, *stable))))


def names_a_crystal(name: str) -> bool:
    """Say whether this names a crystal, "Si:diamond", or the crystals of a composition, "Si"."""
    _, colon, prototype = name.partition(":")
    return bool(species_of(name)) and bool(prototype) == bool(colon)


def species_of(crystal: str) -> set[str]:
    """Return the chemical symbols of a crystal such as "NaCl:rocksalt", or of a formula; none of anything else."""
    try:
        return set(Formula(crystal.partition(":")[0]).count())
    except ValueError:
        return set()
