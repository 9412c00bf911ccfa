"""Crystals that somebody asks about, and their properties measured side by side in full batches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gnnp_bench.engine.batches import MAX_BATCH_ATOMS
from gnnp_bench.engine.ended import Done, Failed, describe
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.properties import named, references
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.lattice import relaxed_crystal
from gnnp_bench.properties.named import Given
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.registry import Measurable
from gnnp_bench.properties.results import CrystalResult, PropertiesResult, PropertyResult, property_result

if TYPE_CHECKING:
    from ase import Atoms

    from gnnp_bench.check import Request
    from gnnp_bench.potential import Capabilities, Prediction


class CrystalError(ValueError):
    """There is no such crystal, or the potential does not know it. The message is one line."""


def given_crystals(texts: Sequence[str], capabilities: Capabilities, chosen: Iterable[str]) -> list[Given]:
    """Return the crystals of names and files; without any, the built-in ones that suit a potential.

    Raises
    ------
    CrystalError
        If one cannot be read, or holds what the potential does not know.
    """
    if not texts:
        species, together = capabilities.species, capabilities.combinations
        found = named.of_collection(species) if set(chosen) == {"delta"} else named.builtin(species, together)
        if not found:
            raise CrystalError(f"no crystal of the built-in set is made of {', '.join(species)} alone: name one")
        return found
    found = [crystal for text in texts for crystal in crystals_of(text)]
    for given in found:
        check_species(given.name, given.structure, capabilities)
    return found


def crystals_of(text: str) -> list[Given]:
    """Return the crystal of a name such as Si:diamond, or those in a file.

    Raises
    ------
    CrystalError
        If there is none.
    """
    if not os.path.exists(text) and ":" in text:
        try:
            return [named.named(text)]
        except ValueError as error:
            raise CrystalError(str(error)) from error
    atoms = read_structures(text)
    names = [text] if len(atoms) == 1 else [f"{text}@{k}" for k in range(len(atoms))]
    for name, one in zip(names, atoms, strict=True):
        if not one.pbc.all() or one.cell.rank < 3:
            raise CrystalError(f"{name} is no crystal: it must be periodic in three directions")
    return [Given(name, one) for name, one in zip(names, atoms, strict=True)]


def check_species(name: str, structure: Atoms, capabilities: Capabilities) -> None:
    """See that a potential knows the species of a structure.

    Raises
    ------
    CrystalError
        If it does not.
    """
    unknown = sorted(set(structure.symbols) - set(capabilities.species))
    if unknown:
        raise CrystalError(f"{name} holds {', '.join(unknown)}, which the potential does not know")


def read_structures(path: str) -> list[Atoms]:
    """Return all structures of a file, without constraints and calculators.

    Raises
    ------
    CrystalError
        If there is none.
    """
    import numpy as np

    from gnnp_bench.structures.reading import structures_in

    try:
        found = list(structures_in(path))
    except Exception as error:  # the readers of ASE raise anything, OSError without an error number among them
        if isinstance(error, OSError) and error.strerror:
            raise CrystalError(f"cannot read {path}: {error.strerror}; crystals by name are as Si:diamond") from error
        raise CrystalError(f"{path} is no structure that ASE can read: {type(error).__name__}: {error}") from error
    if not found or not all(len(atoms) for atoms in found):
        raise CrystalError(f"{path} holds no atoms")
    for atoms in found:
        if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
            raise CrystalError(f"{path} holds positions or cell vectors that are not finite")
        atoms.calc = None
        atoms.set_constraint()
    return found


def measure(
    evaluator: Evaluator,
    crystals: Sequence[Given],
    chosen: Mapping[str, Measurable],
    settings: Settings,
    result: PropertiesResult,
    told: Callable[[str], object],
    kept: Callable[[str, str, Any], object],
) -> None:
    """Relax crystals and measure properties, all side by side; `result` holds at any time what was finished.

    Parameters
    ----------
    evaluator : Evaluator
    crystals : sequence of Given
    chosen : mapping of str to Measurable
    settings : Settings
    result : PropertiesResult
        Is filled in.
    told : callable
        Is told what was finished.
    kept : callable
        Is given crystal, property and value, for whoever draws.
    """
    begun = time.monotonic()
    result.crystals += [
        CrystalResult(one.name, one.structure.symbols.formula.reduce()[0].format(), one.prototype, len(one.structure))
        for one in crystals
    ]

    def counted() -> None:
        result.evaluations, result.elapsed_s = evaluator.meter.evaluations, time.monotonic() - begun

    if "stress" not in settings.capabilities.properties:
        for one in result.crystals:
            one.missing = "the potential has no stress, without which no cell is relaxed"
        return
    relaxed: dict[int, Crystal] = {}
    relaxing = (relaxed_crystal(given.name, given.structure, settings, given.prototype) for given in crystals)
    for place, outcome in evaluator.stream(relaxing, atoms=MAX_BATCH_ATOMS):
        if isinstance(outcome, Done):
            relaxed[place] = outcome.value
        else:
            result.crystals[place].missing = why(outcome)
        told(f"{crystals[place].name}: relaxed")
        counted()
    jobs = [(place, name) for place in sorted(relaxed) for name in chosen]
    known = {place: references.of(crystal) for place, crystal in relaxed.items()}
    rank = {name: k for k, name in enumerate(chosen)}

    def begin() -> Iterator[Generator[Request, list[Prediction], Any]]:
        for place, name in jobs:
            yield _unless_not_applicable(chosen[name], relaxed[place], settings)

    for job, outcome in evaluator.stream(begin(), atoms=MAX_BATCH_ATOMS):
        place, name = jobs[job]
        what = chosen[name]
        if isinstance(outcome, Done):
            told_of = property_result(name, what.title, what.summary(outcome.value), known[place])
            kept(crystals[place].name, name, outcome.value)
        else:
            told_of = PropertyResult(
                name, what.title, missing=why(outcome), applicable=not isinstance(outcome.error, _NotApplicable)
            )
        found = result.crystals[place].properties
        found.append(told_of)
        found.sort(key=lambda one: rank[one.name])
        told(f"{crystals[place].name}: {what.title}")
        counted()


class _NotApplicable(NoValue):
    """There is no such property of this crystal, whatever the potential."""


def _unless_not_applicable(
    what: Measurable, crystal: Crystal, settings: Settings
) -> Generator[Request, list[Prediction], Any]:
    reason = what.applies(crystal)
    if reason is not None:
        raise _NotApplicable(reason)
    missing = sorted(what.needs - settings.capabilities.properties)
    if missing:
        raise NoValue(f"the potential has no {' and no '.join(missing)}")
    return (yield from what.measure(crystal, settings))


def why(failed: Failed) -> str:
    """Return in one sentence why there is no value."""
    return str(failed.error) if isinstance(failed.error, NoValue) else describe(failed.error)
