"""How close atoms sit: contact distances from tabulated radii.

Three radii, each where it is apt:

- *covalent* (Cordero et al., doi:10.1039/b801115j, as in `ase.data.covalent_radii`) between non-metals;
- *metallic* between metals: half the nearest-neighbour distance of the element's own fcc, bcc or hcp crystal
  (`ase.data.reference_states`). Covalent radii of metals come from molecules and complexes and miss metals by up
  to 15 %: 2.42 Å for Al–Al, measured 2.86 Å;
- the smaller of the two for a metal next to a non-metal, whose bonds are shorter than both sums suggest
  (Ti–O 2.11 Å by the metallic, 2.26 Å by the covalent radius; 1.95 Å in SrTiO₃).

Noble gases bind by dispersion, so they count with their van der Waals radii.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols, covalent_radii, reference_states, vdw_radii
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray

IntArray = NDArray[np.int64]

MAX_Z = 118
NOBLE_GASES: frozenset[int] = frozenset({2, 10, 18, 36, 54, 86, 118})
_VALENCES: dict[int, str] = {1: "H F Cl Br I At Ts", 2: "O S Se Te", 3: "B N P As", 4: "C Si Ge"}
NON_METALS: dict[int, int] = {
    atomic_numbers[symbol]: valence for valence, symbols in _VALENCES.items() for symbol in symbols.split()
}
"""Atomic number of each non-metal that forms bonds -> how many of them (8 minus the number of its group; 1 for H)."""


def _metallic_radius(z: int) -> float:
    state: dict[str, Any] = (reference_states[z] if z < len(reference_states) else None) or {}
    match state.get("symmetry"):
        case "fcc":
            return float(state["a"] / np.sqrt(8))
        case "bcc":
            return float(state["a"] * np.sqrt(3) / 4)
        case "hcp":
            # ASE lists the double hexagonal metals (La, Pr, Nd) with c/a = 3.2: their layers are close-packed as well.
            a, c = float(state["a"]), float(state["a"]) * float(state["c/a"])
            return min(a, float(np.sqrt(a * a / 3 + c * c / 4))) / 2
    return float(covalent_radii[z])


def _tables() -> tuple[FloatArray, NDArray[np.bool_]]:
    covalent = np.array(covalent_radii[: MAX_Z + 1], dtype=float)
    metallic = np.array([_metallic_radius(z) for z in range(MAX_Z + 1)])
    metal = np.array([z > 0 and z not in NON_METALS and z not in NOBLE_GASES for z in range(MAX_Z + 1)])
    for z in NOBLE_GASES:
        radius = vdw_radii[z] if z < len(vdw_radii) else np.nan
        covalent[z] = metallic[z] = radius if np.isfinite(radius) else 2.2
    mixed = np.where(metal, np.minimum(covalent, metallic), covalent)
    contact = np.where(metal[:, None] & metal[None, :], metallic[:, None] + metallic, mixed[:, None] + mixed)
    return contact, metal


CONTACT, METAL = _tables()
"""`CONTACT[z1, z2]`: distance in Å at which atoms of these two elements touch. `METAL[z]`: whether z is a metal."""
CONTACT.flags.writeable = False
METAL.flags.writeable = False


def atomic_number(symbol: str) -> int:
    """Return the atomic number of a chemical symbol.

    Raises
    ------
    ValueError
        If it is not the symbol of an element.
    """
    z = atomic_numbers.get(symbol, 0) if isinstance(symbol, str) else 0
    if not 1 <= z <= MAX_Z:
        raise ValueError(f"{symbol!r} is not a chemical symbol; write it as 'Cu'")
    return int(z)


def contact_distance(first: str, second: str) -> float:
    """Return the distance at which atoms of two elements touch, Å: the sum of their radii."""
    return float(CONTACT[atomic_number(first), atomic_number(second)])


def bond_length(first: str, second: str, coordination: int = 1) -> float:
    """Return the distance between neighbours that have `coordination` such neighbours, Å.

    Two non-metals that have more neighbours than bonds share their bonds: Pauling's d(n) = d(1) - 0.6 Å log₁₀ n for
    a bond of order n = valence / coordination. Everything else sits at its contact distance.

    Source
    ------
    L. Pauling, J. Am. Chem. Soc. 69, 542 (1947), doi:10.1021/ja01195a024, eq. 1.
    """
    z1, z2 = atomic_number(first), atomic_number(second)
    length = float(CONTACT[z1, z2])
    if z1 in NON_METALS and z2 in NON_METALS:
        order = (NON_METALS[z1] * NON_METALS[z2]) ** 0.5 / coordination
        length -= 0.6 * float(np.log10(min(1.0, order)))
    return length


def bond_lengths(numbers: IntArray, coordination: int) -> FloatArray:
    """Return `bond_length` for every pair of atoms of a structure: (n_atoms, n_atoms) array, Å."""
    kinds, which = np.unique(numbers, return_inverse=True)
    symbols = [chemical_symbols[z] for z in kinds]
    table = np.array([[bond_length(a, b, coordination) for b in symbols] for a in symbols])
    return table[which[:, None], which[None, :]]
