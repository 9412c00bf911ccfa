"""Phonons of a crystal: bands along the standard path, density of states, thermal properties, imaginary modes.

Long-range dipoles are not added: bands of polar crystals have the splitting of longitudinal and transverse modes at Γ
only as far as the potential has it by itself.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.units import _Nav, _k

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.cells import primitive, repeats, smaller
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.force_constants import DISPLACEMENT, ForceConstants, force_constants
from gnnp_bench.properties.imaginary import Mode, imaginary, sentence
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.thermal import MESH, Thermal, at_room, formula_units, thermal
from gnnp_bench.properties.values import Array, Quantity, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 200
"""Along the path."""
CONVERGED = 0.02
"""Of the highest frequency: by how much a smaller supercell or larger displacements may change any, to be trusted."""
GAS_CONSTANT = _Nav * _k
"""J/(mol K)."""
COLOUR = "#0072b2"
ONE_LEVEL = 1e-3
"""THz, within which modes at Γ are told as one."""


@dataclass(frozen=True, slots=True)
class Phonons:
    """Phonons of a crystal.

    Attributes
    ----------
    constants : ForceConstants
        In the largest supercell.
    q : (n, 3) array
        Wave vectors along the path, in units of the reciprocal vectors of the primitive cell.
    along : (n,) array
        How far along the path, 1/Å without 2π.
    ticks : tuple of (float, str)
        Where on it the points of high symmetry are.
    bands : (n, 3 atoms) array, THz
        Imaginary ones are negative.
    at_gamma : (3 atoms,) array, THz
    levels, density : (m,) arrays, THz and 1/THz
        Density of states of the primitive cell: its integral is 3 atoms.
    modes : tuple of Mode
        The imaginary ones.
    thermal : Thermal or NoValue
    thermal_errors : tuple of three float, or None
        Of free energy, entropy and heat capacity at 300 K: what a smaller supercell or a coarser mesh changes.
    size_error : float or None
        THz: how much any frequency of the path changes from the smaller supercell to this one. None where the cell is
        so large that there is no smaller one.
    displacement_error : float
        THz: how far the finite displacement is from an infinitesimal one, from a displacement twice as large.
    """

    constants: ForceConstants
    q: FloatArray
    along: FloatArray
    ticks: tuple[tuple[float, str], ...]
    bands: FloatArray
    at_gamma: FloatArray
    levels: FloatArray
    density: FloatArray
    modes: tuple[Mode, ...]
    thermal: Thermal | NoValue
    thermal_errors: tuple[float, float, float] | None
    size_error: float | None
    displacement_error: float

    @property
    def error(self) -> float:
        """Error bar of a frequency, THz."""
        return self.displacement_error + (self.size_error or 0.0)


def phonons(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], Phonons]:
    """Measure force constants in two supercells and with two displacements, in one request."""
    unit = primitive(crystal.structure)
    sizes = repeats(unit.cell.array, settings.supercell)
    less = smaller(sizes)
    asked = [force_constants(unit, sizes), force_constants(unit, less or sizes, 2 * DISPLACEMENT)]
    found = yield from abreast([*asked, force_constants(unit, less)] if less else asked)
    constants, coarse, *others = (one for one in found if isinstance(one, ForceConstants))
    small = others[0] if others else constants
    path = unit.cell.bandpath(npoints=POINTS)
    along, places, labels = path.get_linear_kpoint_axis()
    bands, small_bands = constants.frequencies(path.kpts), small.frequencies(path.kpts)
    # Central differences err by the square of the displacement: three quarters of the change come from the larger one.
    displacement_error = float(np.abs(coarse.frequencies(path.kpts) - small_bands).max()) / 3
    modes = imaginary(constants, path)
    harmonic = _thermal(constants)
    phonopy = constants.phonopy
    phonopy.run_mesh(MESH, is_gamma_center=True)
    states = phonopy.run_total_dos()
    return Phonons(
        constants,
        path.kpts,
        along,
        tuple(zip(map(float, places), labels, strict=True)),
        bands,
        constants.frequencies(np.zeros((1, 3)))[0],
        np.array(states.frequency_points),
        np.array(states.dos),
        modes,
        harmonic,
        None if isinstance(harmonic, NoValue) else _thermal_errors(harmonic, constants, small),
        float(np.abs(bands - small_bands).max()) if less else None,
        displacement_error,
    )


def _thermal(constants: ForceConstants, mesh: float = MESH) -> Thermal | NoValue:
    try:
        return thermal(constants, mesh)
    except NoValue as why:
        return why


def _thermal_errors(
    best: Thermal, constants: ForceConstants, small: ForceConstants
) -> tuple[float, float, float] | None:
    others = [_thermal(small), _thermal(constants, MESH / 2)]
    told = [at_room(other) for other in others if isinstance(other, Thermal)]
    if len(told) < len(others):
        return None
    a, b, c = np.abs(np.array(told) - at_room(best)).max(axis=0)
    return float(a), float(b), float(c)


def summary(values: Phonons) -> Summary:
    """Return what is told of phonons."""
    highest = float(values.bands.max())
    converged = values.size_error is not None and values.error <= CONVERGED * highest
    quantities = [
        Quantity("phonon_highest", highest, "THz", values.error, converged),
        Quantity("phonon_lowest", float(values.bands.min()), "THz", values.error, converged),
    ]
    optical = np.sort(sorted(values.at_gamma, key=abs)[3:])
    starts = np.flatnonzero(np.diff(optical, prepend=-np.inf) > ONE_LEVEL)
    for number, level in enumerate(optical[starts], start=1):
        quantities.append(Quantity(f"phonon_gamma_{number}", float(level), "THz", values.error, converged))
    arrays = {
        "q": Array(values.q, ""),
        "path": Array(values.along, "1/Å"),
        "bands": Array(values.bands, "THz"),
        "frequencies": Array(values.levels, "THz"),
        "density_of_states": Array(values.density, "1/THz"),
    }
    if isinstance(values.thermal, Thermal):
        free, entropy, capacity = at_room(values.thermal)
        errors = values.thermal_errors or (None, None, None)
        settled = values.thermal_errors is not None and values.thermal_errors[2] <= CONVERGED * abs(capacity)
        quantities += [
            Quantity("zero_point_energy", float(values.thermal.free_energy[0]), "eV", errors[0], settled),
            Quantity("free_energy_300K", free, "eV", errors[0], settled),
            Quantity("entropy_300K", entropy, "J/(mol K)", errors[1], settled),
            Quantity("heat_capacity_300K", capacity, "J/(mol K)", errors[2], settled),
        ]
        arrays |= {
            "temperatures": Array(values.thermal.temperatures, "K"),
            "free_energy": Array(values.thermal.free_energy, "eV"),
            "entropy": Array(values.thermal.entropy, "J/(mol K)"),
            "heat_capacity": Array(values.thermal.heat_capacity, "J/(mol K)"),
        }
    return Summary(tuple(quantities), arrays, tuple(_notes(values, converged)))


def _notes(values: Phonons, converged: bool) -> list[str]:
    constants = values.constants
    n = len(constants.phonopy.supercell)
    size = " × ".join(map(str, constants.repeats))
    told = "is not known, for there is no smaller one" if values.size_error is None else f"{values.size_error:.2g} THz"
    notes = [
        f"Supercell {size} ({n} atoms): what its size leaves open {told}; displacements of "
        f"{constants.displacement:g} Å, {values.displacement_error:.1g} THz.",
        f"A shift of the whole crystal costs {constants.sum_rule:.1g} eV/Å² (acoustic sum rule, before it is imposed); "
        f"force constants miss their symmetry by {constants.asymmetry:.1g} eV/Å².",
    ]
    if values.modes:
        notes.append(f"{sentence(values.modes)}.")
    if isinstance(values.thermal, NoValue):
        notes.append(f"No thermal properties: {values.thermal}.")
    else:
        notes.append("Thermal properties are those of vibrations at constant volume, per mole of formula units.")
    if not converged and values.size_error is not None:
        notes.append("Frequencies are not converged with the supercell.")
    return notes


def draw(values: Phonons, figure: Figure) -> None:
    """Draw bands, density of states and heat capacity."""
    heat = values.thermal if isinstance(values.thermal, Thermal) else None
    figure.set_size_inches(11 if heat else 8, 4)
    bands, states, *others = figure.subplots(1, 3 if heat else 2, width_ratios=[3, 1, 2] if heat else [3, 1])
    bands.plot(values.along, values.bands, color=COLOUR, linewidth=1)
    names: dict[float, str] = {}
    for place, name in values.ticks:
        told = name.replace("G", "Γ")
        names[place] = f"{names[place]}|{told}" if place in names else told
        bands.axvline(place, color="black", linewidth=0.5)
    bands.axhline(0, color="black", linewidth=0.5)
    bands.set_xticks(list(names), list(names.values()))
    bands.set(xlim=(0, values.along[-1]), ylabel="frequency, THz (imaginary below zero)")
    states.fill_betweenx(values.levels, values.density, color=COLOUR, alpha=0.5)
    states.set(ylim=bands.get_ylim(), xlim=(0, None), xlabel="states per THz", yticklabels=[])
    if heat:
        unit = values.constants.unit
        classical = 3 * len(unit) / formula_units(unit) * GAS_CONSTANT
        (panel,) = others
        panel.plot(heat.temperatures, heat.heat_capacity, color=COLOUR)
        panel.axhline(classical, color="black", linewidth=0.5, linestyle="--", label="Dulong and Petit")
        panel.set(xlabel="temperature, K", ylabel="heat capacity, J/(mol K)", ylim=(0, None))
        panel.legend(frameon=False)
