"""Phonons of a crystal: bands along the standard path, density of states, thermal properties, imaginary modes.

Long-range dipoles are not added: bands of polar crystals have the splitting of longitudinal and transverse modes at Γ
only as far as the potential has it by itself.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.units import _k, _Nav

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
GAMMA = np.zeros((1, 3))
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
        Of free energy, entropy and heat capacity at 300 K: what a smaller supercell, a larger displacement and a
        coarser mesh change. None where modes are imaginary there.
    band_errors : (n, 3 atoms) array or None, THz
        How much bands change from the smaller supercell to this one. None where the cell is so large that there is no
        smaller one.
    gamma_errors : (3 atoms,) array or None, THz
        The same of the modes at Γ.
    displacement_error : float
        THz: how much any band changes where the displacement is twice as large. Three times what the displacement
        itself costs a smooth potential; forces that are rough on that scale have no better limit.
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
    band_errors: FloatArray | None
    gamma_errors: FloatArray | None
    displacement_error: float


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
    displacement_error = float(np.abs(coarse.frequencies(path.kpts) - small_bands).max())
    at_gamma, modes = constants.frequencies(GAMMA)[0], imaginary(constants, path)
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
        at_gamma,
        np.array(states.frequency_points),
        np.array(states.dos),
        modes,
        harmonic,
        None if isinstance(harmonic, NoValue) else _thermal_errors(harmonic, constants, small, coarse),
        np.abs(bands - small_bands) if less else None,
        np.abs(at_gamma - small.frequencies(GAMMA)[0]) if less else None,
        displacement_error,
    )


def _thermal(constants: ForceConstants, mesh: float = MESH) -> Thermal | NoValue:
    try:
        return thermal(constants, mesh)
    except NoValue as why:
        return why


def _thermal_errors(
    best: Thermal, constants: ForceConstants, small: ForceConstants, coarse: ForceConstants
) -> tuple[float, float, float] | None:
    """Return None where modes of the other supercell, or of the other displacement, are imaginary."""
    others = [_thermal(small), _thermal(coarse), _thermal(constants, MESH / 2)]
    told = [np.array(at_room(other)) for other in others if isinstance(other, Thermal)]
    if len(told) < len(others):
        return None
    of_small, of_coarse, of_mesh = told
    here = np.array(at_room(best))
    a, b, c = np.abs(of_small - here) + np.abs(of_coarse - of_small) + np.abs(of_mesh - here)
    return float(a), float(b), float(c)


def summary(values: Phonons) -> Summary:
    """Return what is told of phonons."""
    highest = float(values.bands.max())

    def told(name: str, frequency: float, size_error: float | None) -> Quantity:
        error = values.displacement_error + (size_error or 0.0)
        return Quantity(name, frequency, "THz", error, size_error is not None and error <= CONVERGED * highest)

    quantities = []
    ends = [("phonon_highest", values.bands.argmax()), ("phonon_lowest", values.bands.argmin())]
    for name, place in ends if values.modes else ends[:1]:
        error = None if values.band_errors is None else float(values.band_errors.flat[place])
        quantities.append(told(name, float(values.bands.flat[place]), error))
    optical = sorted(sorted(range(len(values.at_gamma)), key=lambda i: abs(values.at_gamma[i]))[3:])
    last, number = -np.inf, 0
    for i in optical:
        if values.at_gamma[i] - last > ONE_LEVEL:
            number += 1
            error = None if values.gamma_errors is None else float(values.gamma_errors[i])
            quantities.append(told(f"phonon_gamma_{number}", float(values.at_gamma[i]), error))
        last = values.at_gamma[i]
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
    return Summary(tuple(quantities), arrays, tuple(_notes(values)))


def _notes(values: Phonons) -> list[str]:
    constants = values.constants
    size = f"Supercell {' × '.join(map(str, constants.repeats))} ({len(constants.phonopy.supercell)} atoms)"
    if values.band_errors is None:
        notes = [f"{size}: what its size leaves open is not known, for there is no smaller one."]
    else:
        largest = float(values.band_errors.max())
        where = values.q[int(values.band_errors.max(axis=1).argmax())]
        notes = [
            f"{size}: from the one before it bands change by {largest:.2g} THz at most, at "
            f"({' '.join(f'{x:.3g}' for x in where)}), and by {float(values.band_errors.mean()):.1g} THz on average."
        ]
        if 1 in constants.repeats:
            notes.append("Along vectors that are there once nothing shows what the size of the supercell leaves open.")
        if largest > CONVERGED * values.bands.max():
            notes.append("Frequencies are not converged with the supercell.")
    if values.displacement_error > CONVERGED * values.bands.max():
        notes.append("Forces are not linear in displacements so small: frequencies depend on them.")
    notes += [
        f"Displacements twice as large as {constants.displacement:g} Å change bands by "
        f"{values.displacement_error:.1g} THz at most.",
        f"A shift of the whole crystal costs {constants.sum_rule:.1g} eV/Å² (acoustic sum rule, before it is imposed); "
        f"force constants miss their symmetry by {constants.asymmetry:.1g} eV/Å².",
    ]
    if values.modes:
        notes.append(f"{sentence(values.modes)}.")
    if isinstance(values.thermal, NoValue):
        notes.append(f"No thermal properties: {values.thermal}.")
    else:
        notes.append("Thermal properties are those of vibrations at constant volume, per mole of formula units.")
        if values.thermal_errors is None:
            notes.append(
                "How far they are converged is not known: elsewhere, in a smaller supercell or with larger "
                "displacements, modes are imaginary."
            )
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
