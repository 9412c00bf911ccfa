"""Crystals that are known to be stable at 0 K: of these a potential that was made for them is asked for stability.

Two lists, each as it was read. Elements whose structure is the same in `ase.data.reference_states` and in
`ase.collections.dcdft`, the ground states of Lejaeghere et al. (doi:10.1126/science.aad3000), both of ASE 3.29. And
crystals whose elastic constants were measured, as references.toml tells with the page of each: diamond, which is no
ground state but as good as one, and compounds.

Lithium and sodium are not among the body-centred ones: at 0 K they are close-packed, and bcc lives by its heat.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any

from ase import Atoms
from ase.data import atomic_numbers, reference_states

from gnnp_bench.properties import references
from gnnp_bench.properties.named import named
from gnnp_bench.structures.prototypes import PROTOTYPES, crystal

ELEMENTS = MappingProxyType(
    {
        "fcc": ["Ne", "Al", "Ar", "Ca", "Ni", "Cu", "Kr", "Sr", "Rh", "Pd", "Ag", "Xe", "Ir", "Pt", "Au", "Pb"],
        "bcc": ["K", "V", "Cr", "Fe", "Rb", "Nb", "Mo", "Cs", "Ba", "Ta", "W"],
        "hcp": ["Be", "Mg", "Sc", "Ti", "Co", "Zn", "Y", "Zr", "Tc", "Ru", "Cd", "Lu", "Hf", "Re", "Os", "Tl"],
        "diamond": ["Si", "Ge"],
    }
)
OF_ASE = "ase 3.29.0, ase.data.reference_states and ase.collections.dcdft"
LEFT_OUT = ("Li:bcc", "Na:bcc")


@cache
def known_stable() -> MappingProxyType[str, str]:
    """Return the names of the crystals, "Si:diamond", each with where it was read."""
    found = {f"{symbol}:{prototype}": OF_ASE for prototype, symbols in ELEMENTS.items() for symbol in symbols}
    for (formula, prototype), values in references.table().values.items():
        name = f"{formula}:{prototype}"
        measured = [one.source for one in values if one.property == "C11" and one.method == "experiment"]
        if measured and prototype in PROTOTYPES and name not in LEFT_OUT:
            found.setdefault(name, measured[0])
    return MappingProxyType(found)


def known_of(name: str) -> list[str]:
    """Return the crystals that are known to be stable and are meant by a name: "Si:diamond" itself, or all of "Si"."""
    return [known for known in known_stable() if name in (known, known.partition(":")[0])]


@cache
def _as_measured(name: str) -> Atoms:
    formula, _, prototype = name.partition(":")
    state: dict[str, Any] | None = reference_states[atomic_numbers[formula]] if formula in atomic_numbers else None
    if state is not None and state.get("symmetry") == prototype and "a" in state:
        return crystal(prototype, (formula,), state["a"], state.get("c/a") if PROTOTYPES[prototype].axial else None)
    return named(name).structure


def as_measured(name: str) -> Atoms:
    """Return the primitive cell of a crystal, with measured lattice constants where there are any.

    Raises
    ------
    ValueError
        If there is no crystal of that name.
    """
    found: Atoms = _as_measured(name).copy()
    return found
