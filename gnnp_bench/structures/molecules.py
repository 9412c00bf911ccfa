"""Isolated arrangements of atoms: molecules with their measured shapes, and clusters of any species.

Molecular geometries: the G2/97 set (MP2/6-31G(d), L. A. Curtiss et al., doi:10.1063/1.473182; as in
`ase.collections.g2`), rounded to 1e-3 Å; the linear ones are exactly linear, the planar ones exactly planar.
Sulfur hexafluoride, phosphorus pentafluoride: bond lengths of the CRC Handbook of Chemistry and Physics, section 9.
Bromochlorofluoromethane, the smallest chiral molecule with a stable centre: tetrahedral, sums of covalent radii.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from ase.data import atomic_numbers

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.radii import IntArray

_MOLECULES: dict[str, str] = {
    "hydrogen": "H 0 0 0.369; H 0 0 -0.369",
    "nitrogen": "N 0 0 0.565; N 0 0 -0.565",
    "oxygen": "O 0 0 0.623; O 0 0 -0.623",
    "fluorine": "F 0 0 0.71; F 0 0 -0.71",
    "chlorine": "Cl 0 0 1.008; Cl 0 0 -1.008",
    "hydrogen fluoride": "F 0 0 0.093; H 0 0 -0.841",
    "hydrogen chloride": "Cl 0 0 0.071; H 0 0 -1.209",
    "carbon monoxide": "O 0 0 0.493; C 0 0 -0.657",
    "lithium fluoride": "Li 0 0 -1.175; F 0 0 0.392",
    "sodium chloride": "Na 0 0 -1.452; Cl 0 0 0.939",
    "water": "O 0 0 0.119; H 0 0.763 -0.477; H 0 -0.763 -0.477",
    "hydrogen sulfide": "S 0 0 0.102; H 0 0.974 -0.817; H 0 -0.974 -0.817",
    "carbon dioxide": "C 0 0 0; O 0 0 1.179; O 0 0 -1.179",
    "hydrogen cyanide": "C 0 0 -0.512; N 0 0 0.664; H 0 0 -1.581",
    "ozone": "O 0 1.104 -0.229; O 0 0 0.457; O 0 -1.104 -0.229",
    "sulfur dioxide": "S 0 0 0.37; O 0 1.278 -0.37; O 0 -1.278 -0.37",
    "nitrous oxide": "N 0 0 -1.232; N 0 0 -0.061; O 0 0 1.131",
    "hypochlorous acid": "O 0.037 1.114 0; H -0.918 1.329 0; Cl 0.037 -0.602 0",
    "ammonia": "N 0 0 0.116; H 0 0.94 -0.272; H 0.814 -0.47 -0.272; H -0.814 -0.47 -0.272",
    "phosphine": "P 0 0 0.125; H 0 1.201 -0.623; H 1.04 -0.6 -0.623; H -1.04 -0.6 -0.623",
    "formaldehyde": "O 0 0 0.684; C 0 0 -0.537; H 0 0.934 -1.124; H 0 -0.934 -1.124",
    "acetylene": "C 0 0 0.608; C 0 0 -0.608; H 0 0 -1.674; H 0 0 1.674",
    "hydrogen peroxide": "O 0 0.734 -0.053; O 0 -0.734 -0.053; H 0.84 0.881 0.422; H -0.84 -0.881 0.422",
    "boron trifluoride": "B 0 0 0; F 0 1.322 0; F 1.145 -0.661 0; F -1.145 -0.661 0",
    "methane": "C 0 0 0; H 0.629 0.629 0.629; H -0.629 -0.629 0.629; H 0.629 -0.629 -0.629; H -0.629 0.629 -0.629",
    "silane": "Si 0 0 0; H 0.856 0.856 0.856; H -0.856 -0.856 0.856; H -0.856 0.856 -0.856; H 0.856 -0.856 -0.856",
    "carbon tetrafluoride": (
        "C 0 0 0; F 0.767 0.767 0.767; F -0.767 -0.767 0.767; F -0.767 0.767 -0.767; F 0.767 -0.767 -0.767"
    ),
    "chloromethane": "C 0 0 -1.121; Cl 0 0 0.656; H 0 1.029 -1.474; H 0.891 -0.515 -1.474; H -0.891 -0.515 -1.474",
    "ethylene": "C 0 0 0.667; C 0 0 -0.667; H 0 0.923 1.238; H 0 -0.923 1.238; H 0 0.923 -1.238; H 0 -0.923 -1.238",
    "hydrazine": (
        "N 0 0.719 -0.078; N 0 -0.719 -0.078; H 0.211 1.093 0.848; H -0.948 1.005 -0.304; "
        "H -0.211 -1.093 0.848; H 0.948 -1.005 -0.304"
    ),
    "methanol": (
        "C -0.047 0.664 0; O -0.047 -0.759 0; H -1.093 0.97 0; H 0.879 -1.048 0; H 0.437 1.08 0.892; "
        "H 0.437 1.08 -0.892"
    ),
    "methanethiol": (
        "C -0.048 1.15 0; S -0.048 -0.665 0; H 1.283 -0.823 0; H -1.093 1.461 0; H 0.432 1.551 0.892; "
        "H 0.432 1.551 -0.892"
    ),
    "ethane": (
        "C 0 0 0.762; C 0 0 -0.762; H 0 1.019 1.157; H -0.882 -0.509 1.157; H 0.882 -0.509 1.157; "
        "H 0 -1.019 -1.157; H -0.882 0.509 -1.157; H 0.882 0.509 -1.157"
    ),
    "ethanol": (
        "C 1.168 -0.4 0; C 0 0.559 0; O -1.19 -0.228 0; H -1.947 0.382 0; H 0.043 1.208 0.887; "
        "H 0.043 1.208 -0.887; H 2.116 0.145 0; H 1.129 -1.037 0.886; H 1.129 -1.037 -0.886"
    ),
    "benzene": (
        "C 0 1.395 0; C 1.208 0.698 0; C 1.208 -0.698 0; C 0 -1.395 0; C -1.208 -0.698 0; C -1.208 0.698 0; "
        "H 0 2.482 0; H 2.15 1.241 0; H 2.15 -1.241 0; H 0 -2.482 0; H -2.15 -1.241 0; H -2.15 1.241 0"
    ),
    "bromochlorofluoromethane": (
        "C 0 0 0; H 0.618 0.618 0.618; F -0.768 -0.768 0.768; Cl -1.028 1.028 -1.028; Br 1.132 -1.132 -1.132"
    ),
    "phosphorus pentafluoride": (
        "P 0 0 0; F 0 0 1.577; F 0 0 -1.577; F 1.534 0 0; F -0.767 1.328 0; F -0.767 -1.328 0"
    ),
    "sulfur hexafluoride": ("S 0 0 0; F 1.561 0 0; F -1.561 0 0; F 0 1.561 0; F 0 -1.561 0; F 0 0 1.561; F 0 0 -1.561"),
}

_H = 0.5
_T = 1 / 8**0.5
_O = 0.5**0.5
_PHI = (1 + 5**0.5) / 2

CLUSTERS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "atom": ((0.0, 0.0, 0.0),),
    "dimer": ((-_H, 0.0, 0.0), (_H, 0.0, 0.0)),
    "line": ((-1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
    "corner": ((1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "triangle": ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.5, 0.75**0.5, 0.0)),
    "square": ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)),
    "tetrahedron": ((_T, _T, _T), (_T, -_T, -_T), (-_T, _T, -_T), (-_T, -_T, _T)),
    "cross": ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)),
    "octahedron": (
        (_O, 0.0, 0.0),
        (-_O, 0.0, 0.0),
        (0.0, _O, 0.0),
        (0.0, -_O, 0.0),
        (0.0, 0.0, _O),
        (0.0, 0.0, -_O),
    ),
    "cube": tuple((x, y, z) for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)),
    # Vertices of edge 1 about a centre, which sits 0.951 from them.
    "icosahedron": (
        (0.0, 0.0, 0.0),
        *((0.0, s * _H, t * _H * _PHI) for s in (1, -1) for t in (1, -1)),
        *((s * _H, t * _H * _PHI, 0.0) for s in (1, -1) for t in (1, -1)),
        *((t * _H * _PHI, 0.0, s * _H) for s in (1, -1) for t in (1, -1)),
    ),
}
"""Positions in units of the bond length, from the fewest atoms to the most: angles of 60°, 90° and 180°, equal
distances, flat and linear ones."""

CHAINS: dict[str, tuple[tuple[tuple[float, float, float], ...], float]] = {
    "chain": (((0.0, 0.0, 0.0),), 1.0),
    "zigzag": (((0.0, 0.0, 0.0), (0.75**0.5, 0.5, 0.0)), 3**0.5),
}
"""Wires along x: positions of one period and its length, in units of the bond length; angles of 180° and 120°."""


@cache
def molecule(name: str) -> tuple[IntArray, FloatArray]:
    """Return atomic numbers and positions (n, 3) in Å of a molecule, read-only.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in _MOLECULES:
        raise ValueError(f"no molecule {name!r}; choose one of {', '.join(_MOLECULES)}")
    words = [atom.split() for atom in _MOLECULES[name].split(";")]
    numbers = np.array([atomic_numbers[word[0]] for word in words])
    positions = np.array([[float(x) for x in word[1:]] for word in words])
    numbers.flags.writeable = positions.flags.writeable = False
    return numbers, positions


def _formula(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(atom.split()[0] for atom in text.split(";")))


MOLECULES: dict[str, tuple[str, ...]] = {name: _formula(text) for name, text in _MOLECULES.items()}
"""Name of each molecule -> its species, in order of appearance; from the fewest atoms to the most."""
