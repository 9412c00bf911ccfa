"""What is wrong with an object that is to be a potential. The types of its attributes are not trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from ase.data import chemical_symbols

from gnnp_bench.adapters import _carried
from gnnp_bench.adapters._restricted import names_a_crystal, species_of
from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, Claim, Identity, Periodicity


def problems(potential: Any) -> Iterator[str]:
    """Yield what is wrong with the attributes of a potential, each as one sentence."""
    if not (isinstance(potential.name, str) and potential.name.strip()):
        yield f"its name must be a string that is not empty, not {potential.name!r}"
    if not callable(potential.evaluate):
        yield "its evaluate cannot be called"
    if not isinstance(getattr(potential, "identity", None), Identity | None):
        yield f"its identity must be a gnnp_bench.Identity or None, not {type(potential.identity).__name__}"
    if isinstance(potential.capabilities, Capabilities):
        yield from _capability_problems(potential.capabilities)
    else:
        yield f"its capabilities must be a gnnp_bench.Capabilities, not {type(potential.capabilities).__name__}"


def _capability_problems(has: Any) -> Iterator[str]:
    if isinstance(has.species, str) or not has.species:
        yield f"capabilities.species must be a tuple of chemical symbols, not {has.species!r}"
    elif unknown := [symbol for symbol in has.species if symbol not in chemical_symbols[1:]]:
        yield f"capabilities.species holds {unknown[0]!r}, which is no chemical symbol"
    elif has.combinations and frozenset().union(*has.combinations) != set(has.species):
        yield "capabilities.combinations must be empty, or hold each of its species and no others"
    if "energy" not in has.properties:
        yield "capabilities.properties must hold 'energy'"
    yield from _carried.problems(has.reads)
    for name in ("fitted_alone", "undetermined"):
        if strange := [symbol for symbol in getattr(has, name) if symbol not in has.species]:
            yield f"capabilities.{name} holds {strange[0]!r}, which is not among its species"
    for crystal in has.stable:
        if not (isinstance(crystal, str) and names_a_crystal(crystal)):
            yield f"capabilities.stable holds {crystal!r}: name crystals such as 'Si:diamond', or 'Si'"
        elif strange := sorted(species_of(crystal) - set(has.species)):
            yield f"capabilities.stable holds {crystal!r}, but {strange[0]} is not among its species"
    for name, allowed in (
        ("properties", ALL_PROPERTIES),
        ("periodicity", frozenset(get_args(Periodicity))),
        ("claims", frozenset(get_args(Claim))),
    ):
        if strange := sorted(map(repr, set(getattr(has, name)) - allowed)):
            yield f"capabilities.{name} holds {strange[0]}: choose from {', '.join(sorted(allowed))}"
    if not has.periodicity:
        yield "capabilities.periodicity is empty: name what the potential handles"
    for name in ("cutoff", "receptive_field"):
        distance = getattr(has, name)
        if distance is not None and not (isinstance(distance, int | float) and distance > 0):
            yield f"capabilities.{name} must be a positive distance in Å or None, not {distance!r}"
    if has.dtype not in ("float32", "float64", None):
        yield f"capabilities.dtype must be 'float32', 'float64' or None, not {has.dtype!r}"
