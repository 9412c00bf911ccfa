"""Reference values of materials, each with its source: experiment, or a functional of density-functional theory.

They stand in references.toml, which says of each where it was read. To these come, from the installed ASE, the
all-electron equations of state of `ase.collections.dcdft` and the lattice constants of `ase.data.reference_states`.
None is a pass mark: experiment holds zero-point motion, temperature and everything that a functional misses.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import ase
from ase.formula import Formula

from gnnp_bench.properties.crystal import Crystal
from gnnp_bench.properties.lattice import symmetry_of
from gnnp_bench.properties.novalue import NoValue

LATTICES = {"fcc", "bcc", "diamond"}
"""Symmetries of `ase.data.reference_states` whose lattice constant is that of the conventional cell."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A value and where it was read.

    Attributes
    ----------
    property : str
        The name of a `values.Quantity`.
    value : float
    unit : str
    method : str
        "experiment", or a functional.
    temperature : float or None, K
        None where the source does not tell.
    source : str
        A package with its version, or an address.
    """

    property: str
    value: float
    unit: str
    method: str
    temperature: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Table:
    """What references.toml holds.

    Attributes
    ----------
    values : dict of (formula, prototype) to tuple of Reference
    space_groups : dict of str to tuple of int
        Of prototypes.
    """

    values: dict[tuple[str, str], tuple[Reference, ...]]
    space_groups: dict[str, tuple[int, ...]]


@lru_cache(maxsize=1)
def table() -> Table:
    """Return the table of references."""
    data = tomllib.loads(resources.files("gnnp_bench.properties").joinpath("references.toml").read_text("utf-8"))
    values: dict[tuple[str, str], list[Reference]] = {}
    for row in data["table"]["rows"]:
        found = values.setdefault((row["formula"], row["prototype"]), [])
        found += [
            Reference(
                name, value, data["units"][name], row["method"], row.get("temperature"), data["sources"][row["source"]]
            )
            for name, value in row["values"].items()
        ]
    groups = {name: tuple(numbers) for name, numbers in data["space_groups"].items()}
    return Table({key: tuple(found) for key, found in values.items()}, groups)


def of(crystal: Crystal) -> tuple[Reference, ...]:
    """Return all references of a crystal, by its composition and space group; none where it has none."""
    try:
        number = symmetry_of(crystal.given, 1e-2).number
    except NoValue:
        return ()
    wanted = Formula(crystal.formula).count()
    known = table()
    found: list[Reference] = []
    for (formula, prototype), references in known.values.items():
        if number in known.space_groups[prototype] and Formula(formula).count() == wanted:
            found += references
    if len(wanted) == 1:
        found += _of_ase(next(iter(wanted)), number)
    return tuple(found)


def lattice_constant(formula: str, prototype: str) -> float | None:
    """Return a measured lattice constant, Å, from which a relaxation may start."""
    for reference in table().values.get((formula, prototype), ()):
        if reference.property == "a" and reference.method == "experiment":
            return reference.value
    return None


def _of_ase(symbol: str, number: int) -> list[Reference]:
    """Return what ASE knows of an element in a space group."""
    from ase.collections import dcdft
    from ase.data import atomic_numbers, reference_states

    from gnnp_bench.properties import delta

    found = []
    state: dict[str, Any] = reference_states[atomic_numbers[symbol]] or {}
    lattice = state.get("symmetry", "")
    if lattice in LATTICES and number in table().space_groups[lattice]:
        source = f"ase {ase.__version__}, ase.data.reference_states"
        found.append(Reference("a", state["a"], "Å", "experiment", None, source))
    if symbol in delta.elements() and symmetry_of(delta.structure(symbol), 1e-2).number == number:
        source = f"ase {ase.__version__}, ase.collections.dcdft"
        for prefix, method, temperature in (("wien2k", "PBE, all-electron", 0.0), ("exp", "experiment", None)):
            for name, key, unit in (("V0", "volume", "Å³/atom"), ("B0", "B", "GPa"), ("B0_prime", "Bp", "")):
                value = dcdft.data[symbol].get(f"{prefix}_{key}")
                if value is not None:
                    found.append(Reference(name, value, unit, method, temperature, source))
    return found
