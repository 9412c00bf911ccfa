"""Which unit a constant factor betrays."""

from __future__ import annotations

import math

from ase.units import Bohr, GPa, Hartree, Ry, invcm, kB, kcal, kJ, mol

CLOSE = 0.01
"""Relative. Units whose factors are nearer to one another than this could not be told apart; there are none."""

ENERGIES: dict[str, float] = {
    "kcal/mol": kcal / mol,
    "kJ/mol": kJ / mol,
    "Hartree": Hartree,
    "Rydberg": Ry,
    "meV": 1e-3,
    "kelvin": kB,
    "cm⁻¹": invcm,
}
"""What an energy may come in instead of eV: the unit in eV."""
FORCES: dict[str, float] = {
    "eV/Bohr": 1 / Bohr,
    "eV/nm": 0.1,
    "meV/Å": 1e-3,
    "Hartree/Bohr": Hartree / Bohr,
    "Hartree/Å": Hartree,
    "Rydberg/Bohr": Ry / Bohr,
    "kcal/mol/Å": kcal / mol,
    "kJ/mol/Å": kJ / mol,
    "kJ/mol/nm": kJ / mol / 10,
}
"""What forces may come in instead of eV/Å: the unit in eV/Å."""
STRESSES: dict[str, float] = {
    "GPa": GPa,
    "kbar": 0.1 * GPa,
    "bar": 1e-4 * GPa,
    "MPa": 1e-3 * GPa,
    "Pa": 1e-9 * GPa,
    "eV/Bohr³": 1 / Bohr**3,
    "Hartree/Bohr³": Hartree / Bohr**3,
    "Hartree/Å³": Hartree,
    "Rydberg/Bohr³": Ry / Bohr**3,
    "kcal/mol/Å³": kcal / mol,
}
"""What stress may come in instead of eV/Å³: the unit in eV/Å³."""


def betrayed(factor: float, units: dict[str, float]) -> str | None:
    """Return the unit in which values are too large by a factor, if one is known. The sign of the factor is ignored.

    Examples
    --------
    >>> betrayed(160.2, STRESSES), betrayed(-0.0367, FORCES), betrayed(3.0, FORCES)
    ('GPa', 'Hartree/Å', None)
    """
    size = abs(factor)
    if not 0.0 < size < math.inf:
        return None
    nearest = min(units, key=lambda name: abs(math.log(size * units[name])))
    return nearest if abs(math.log(size * units[nearest])) < CLOSE else None
