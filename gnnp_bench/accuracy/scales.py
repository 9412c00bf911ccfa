"""How stiff and how deep matter is, roughly: what tells one unit from another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from ase import units
from ase.data import atomic_numbers, covalent_radii

from gnnp_bench.accuracy.frames import Frame
from gnnp_bench.potential import FloatArray

KCAL, KJ, HARTREE = units.kcal / units.mol, units.kJ / units.mol, units.Hartree
ENERGY_UNITS = {"eV": 1.0, "kcal/mol": KCAL, "kJ/mol": KJ, "hartree": HARTREE}
FORCE_UNITS = {
    "eV/Å": 1.0,
    "kcal/mol/Å": KCAL,
    "kJ/mol/Å": KJ,
    "hartree/Å": HARTREE,
    "hartree/bohr": HARTREE / units.Bohr,
}
STRESS_UNITS = {"eV/Å³": 1.0, "GPa": units.GPa, "kbar": 0.1 * units.GPa}
"""Unit -> its size in eV, eV/Å, eV/Å³."""
VOIGT = {
    "xx yy zz xy yz zx (VASP's)": (1, 2, 0),
    "xx yy zz xy xz yz": (2, 1, 0),
    "xx yy zz xz yz xy": (1, 0, 2),
    "xx yy zz yz xy xz": (0, 2, 1),
    "xx yy zz xz xy yz": (2, 0, 1),
}
"""Order in which labels may stand -> where among the last three ASE's yz, xz and xy are then found."""
KITTEL = (
    "H:2.24 He:0.01 Li:1.63 Be:3.32 B:5.77 C:7.37 N:4.92 O:2.60 F:0.84 Ne:0.02 Na:1.11 Mg:1.51 Al:3.39 Si:4.63"
    " P:3.43 S:2.85 Cl:1.40 Ar:0.08 K:0.93 Ca:1.84 Sc:3.90 Ti:4.85 V:5.31 Cr:4.10 Mn:2.92 Fe:4.28 Co:4.39 Ni:4.44"
    " Cu:3.49 Zn:1.35 Ga:2.81 Ge:3.85 As:2.96 Se:2.25 Br:1.22 Kr:0.12 Rb:0.85 Sr:1.72 Y:4.37 Zr:6.25 Nb:7.57"
    " Mo:6.82 Tc:6.85 Ru:6.74 Rh:5.75 Pd:3.89 Ag:2.95 Cd:1.16 In:2.52 Sn:3.14 Sb:2.75 Te:2.23 I:1.11 Xe:0.16"
    " Cs:0.80 Ba:1.90 La:4.47 Ce:4.32 Pr:3.70 Nd:3.40 Sm:2.14 Eu:1.86 Gd:4.14 Tb:4.05 Dy:3.04 Ho:3.14 Er:3.29"
    " Tm:2.42 Yb:1.60 Lu:4.43 Hf:6.44 Ta:8.10 W:8.90 Re:8.03 Os:8.17 Ir:6.94 Pt:5.84 Au:3.81 Hg:0.67 Tl:1.88"
    " Pb:2.03 Bi:2.18 Po:1.50 Rn:0.20 Ra:1.66 Ac:4.25 Th:6.20 U:5.55 Np:4.73 Pu:3.60 Am:2.73 Cm:3.99"
)
"""Cohesive energies of the elements, eV/atom (C. Kittel, Introduction to Solid State Physics, chapter 3)."""
UNKNOWN = 3.0
"""eV/atom, where Kittel has none."""
STIFFNESS = 2.2
"""k r²/E_coh, k the curvature of the energy as one atom moves, r its covalent radius. From Debye temperatures and
vibrations of molecules it is 0.6 for H, 0.8 for Li, 1.3 for Na, 1.8 for Al, 3.1 for Si, 3.2 for Cu, 3.8 for diamond, 5
for N₂ and 5.9 for Mo: within a factor of 4 of this, while units differ by 23 and more."""


def expected_stiffness(symbols: Sequence[str]) -> float:
    """Return the mean curvature, eV/Å², that atoms of these elements typically have when one of them moves."""
    return float(np.mean([STIFFNESS * _cohesive(s) / float(covalent_radii[atomic_numbers[s]]) ** 2 for s in symbols]))


def all_electron_energy(symbols: Sequence[str]) -> float:
    """Return about what the total energy is, in hartree, if no electron is left out.

    The expansion of Thomas, Fermi, Scott and Schwinger for atoms, −0.768745 Z^(7/3) + Z²/2 − 0.269900 Z^(5/3)
    (B.-G. Englert and J. Schwinger, Phys. Rev. A 32, 26 (1985)); good to some percent, from Z = 1 on.
    """
    z: FloatArray = np.array([atomic_numbers[symbol] for symbol in symbols], float)
    return float((-0.768745 * z ** (7 / 3) + 0.5 * z**2 - 0.269900 * z ** (5 / 3)).sum())


def all_electron_unit(frames: Iterable[Frame]) -> str | None:
    """Return the key of `ENERGY_UNITS` in which the energies are those of all electrons, or None."""
    chosen = list(frames)
    labelled = sum(frame.energy for frame in chosen)
    expected = HARTREE * all_electron_energy([s for f in chosen for s in f.structure.get_chemical_symbols()])
    return next((name for name, unit in ENERGY_UNITS.items() if abs(labelled * unit / expected - 1.0) < 0.04), None)


@cache
def _cohesive(symbol: str) -> float:
    entry = next((one for one in KITTEL.split() if one.startswith(f"{symbol}:")), f":{UNKNOWN}")
    return float(entry.partition(":")[2])
