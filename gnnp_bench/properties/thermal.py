"""Harmonic free energy, entropy and heat capacity of a crystal, summed over phonons by phonopy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray
from gnnp_bench.properties.force_constants import ForceConstants
from gnnp_bench.properties.imaginary import FLAT
from gnnp_bench.properties.novalue import NoValue

MESH = 60.0
"""Å: a Γ-centred mesh of wave vectors as dense as the reciprocal lattice of cells of that length."""
TEMPERATURES = tuple(range(0, 1010, 10))
ROOM = 300
"""K, where values are told as single numbers."""


@dataclass(frozen=True, slots=True)
class Thermal:
    """Thermal properties at constant volume, per formula unit.

    Attributes
    ----------
    temperatures : (n,) array, K
    free_energy : (n,) array, eV
        Of the vibrations alone: the static energy is not in it. At 0 K, where the temperatures begin, it is the
        zero-point energy.
    entropy, heat_capacity : (n,) arrays, J/(mol K)
    """

    temperatures: FloatArray
    free_energy: FloatArray
    entropy: FloatArray
    heat_capacity: FloatArray


def formula_units(structure: Atoms) -> int:
    """Return how many formula units a cell holds."""
    return int(structure.symbols.formula.reduce()[1])


def thermal(constants: ForceConstants, mesh: float = MESH) -> Thermal:
    """Sum over the phonons of a mesh; the three acoustic modes at Γ, which are no vibrations, are left out.

    Parameters
    ----------
    constants : ForceConstants
    mesh : float
        See `MESH`.

    Raises
    ------
    NoValue
        If a mode of the mesh is imaginary: it has no free energy.
    """
    from phonopy.physical_units import get_physical_units

    phonopy = constants.phonopy
    lowest = float(np.min(phonopy.run_mesh(mesh, is_gamma_center=True).frequencies))
    if lowest < -FLAT:
        raise NoValue(f"a crystal with imaginary modes (down to {-lowest:.2f}i THz) has no harmonic free energy")
    found = phonopy.run_thermal_properties(temperatures=TEMPERATURES, exclude_gamma_acoustic=True)
    n = formula_units(constants.unit)
    return Thermal(
        np.array(TEMPERATURES, dtype=float),
        np.array(found.free_energy) / get_physical_units().EvTokJmol / n,
        np.array(found.entropy) / n,
        np.array(found.heat_capacity) / n,
    )


def at_room(values: Thermal) -> tuple[float, float, float]:
    """Return free energy (eV), entropy and heat capacity (J/(mol K)) at 300 K."""
    index = TEMPERATURES.index(ROOM)
    return float(values.free_energy[index]), float(values.entropy[index]), float(values.heat_capacity[index])
