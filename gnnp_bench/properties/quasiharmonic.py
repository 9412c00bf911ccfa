"""Thermal expansion of a crystal: harmonic phonons at several volumes, by phonopy's quasi-harmonic approximation.

At each temperature the free energy E(V) + F_vib(V, T) is fitted to Vinet's equation of state, whose minimum is V(T).
Togo, Chaput, Tanaka and Hug, doi:10.1103/PhysRevB.81.174301.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.cells import Repeats, primitive, repeats, smaller
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.force_constants import ForceConstants, force_constants
from gnnp_bench.properties.imaginary import FLAT
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import Relaxed, relaxed
from gnnp_bench.properties.thermal import MESH, ROOM, TEMPERATURES, formula_units
from gnnp_bench.properties.values import Array, Quantity, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATIOS = (0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08)
"""Volumes, in units of that of the static crystal."""
FEWEST = 5
"""Volumes that phonopy wants."""
SHARE = 0.75
"""Of the length of supercells for phonons: expansion depends on differences, and takes seven volumes."""
CONVERGED = 0.1
"""Relative error of the expansion up to which it is converged."""
COLOUR = "#0072b2"


@dataclass(frozen=True, slots=True)
class Expansion:
    """A crystal at constant pressure zero, as a function of temperature.

    Attributes
    ----------
    temperatures : (n,) array, K
        Up to where the volume leaves those that were sampled.
    volume : (n,) array, Å³/atom
    expansion : (n,) array, 1/K
        Of the volume, (1/V) dV/dT; a third of it in each direction of a cubic crystal.
    bulk_modulus : (n,) array, GPa
        Isothermal.
    grueneisen : (n,) array
    heat_capacity : (n,) array, J/(mol K)
        At constant pressure, per mole of formula units.
    errors : (4,) array or None
        Of volume, expansion, bulk modulus and heat capacity at 300 K: the largest change from a smaller supercell,
        another equation of state, or fewer volumes. None where the cell is so large that there is no smaller supercell.
    ratios : tuple of float
        Volumes at which no mode is imaginary, in units of that of the static crystal.
    repeats : tuple of three int
        The supercell.
    """

    temperatures: FloatArray
    volume: FloatArray
    expansion: FloatArray
    bulk_modulus: FloatArray
    grueneisen: FloatArray
    heat_capacity: FloatArray
    errors: FloatArray | None
    ratios: tuple[float, ...]
    repeats: Repeats

    @property
    def at_room(self) -> FloatArray:
        """Volume, expansion, bulk modulus and heat capacity at 300 K: (4,) array."""
        index = int(np.flatnonzero(self.temperatures == ROOM)[0])
        told = (self.volume, self.expansion, self.bulk_modulus, self.heat_capacity)
        return np.array([values[index] for values in told])


def quasiharmonic(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], Expansion]:
    """Relax the crystal at seven volumes, shape and atoms, and measure force constants at each in two supercells.

    Raises
    ------
    NoValue
        If modes are imaginary at too many volumes, the volume leaves those that were sampled below 300 K, or the
        crystal does not come to rest at one of them.
    """
    unit = primitive(crystal.structure)
    ends = yield from abreast(
        [
            relaxed(_scaled(unit, ratio), constant_volume=True, fmax=settings.fmax, steps=settings.steps)
            for ratio in RATIOS
        ]
    )
    relaxations: list[Relaxed] = []
    for ratio, end in zip(RATIOS, ends, strict=True):
        if isinstance(end, NoValue):
            raise NoValue(f"at {ratio:.0%} of the volume {end}")
        if not end.converged:
            raise NoValue(f"at {ratio:.0%} of the volume the steps did not suffice: {end.left:.2g} eV/Å are left")
        relaxations.append(end)
    sizes = repeats(unit.cell.array, SHARE * settings.supercell)
    less = smaller(sizes)
    asked = [force_constants(end.structure, size) for size in (sizes, less) if size for end in relaxations]
    found = [one for one in (yield from abreast(asked)) if isinstance(one, ForceConstants)]
    large, small = found[: len(RATIOS)], found[len(RATIOS) :]
    stable = _stable(large)
    energies = [end.prediction.energy for end in relaxations]

    best = _expansion(large, energies, stable)
    errors = None
    if small and set(stable) <= set(_stable(small)):
        others = [_expansion(small, energies, stable), _expansion(large, energies, stable, "birch_murnaghan")]
        if len(stable) > FEWEST:
            others.append(_expansion(large, energies, stable[-FEWEST:]))
        errors = np.max([np.abs(other.at_room - best.at_room) for other in others], axis=0)
    return replace(best, errors=errors)


def _scaled(unit: Atoms, ratio: float) -> Atoms:
    scaled: Atoms = unit.copy()
    scaled.set_cell(unit.cell.array * ratio ** (1 / 3), scale_atoms=True)
    return scaled


def _stable(constants: Sequence[ForceConstants]) -> list[int]:
    """Return at which volumes no mode is imaginary, the largest range of them that holds the static crystal's."""
    lowest = [float(np.min(one.phonopy.run_mesh(MESH, is_gamma_center=True).frequencies)) for one in constants]
    middle = RATIOS.index(1.0)
    if lowest[middle] < -FLAT:
        raise NoValue(f"it has imaginary modes (down to {-lowest[middle]:.2f}i THz), and so no harmonic free energy")
    low = max((i for i in range(middle) if lowest[i] < -FLAT), default=-1) + 1
    high = min((i for i in range(middle, len(RATIOS)) if lowest[i] < -FLAT), default=len(RATIOS))
    if high - low < FEWEST:
        raise NoValue(
            f"it has imaginary modes below {RATIOS[low]:.0%} or above {RATIOS[high - 1]:.0%} of its volume: "
            "too few volumes are left"
        )
    return list(range(low, high))


def _expansion(
    constants: Sequence[ForceConstants], energies: Sequence[float], where: Sequence[int], equation: str = "vinet"
) -> Expansion:
    from phonopy.physical_units import get_physical_units
    from phonopy.qha.qha import run_qha

    chosen = [constants[i] for i in where]
    unit = chosen[0].unit
    with warnings.catch_warnings():
        # Of triclinic crystals, whose lattice vectors are not told, and of temperatures at which there is no fit.
        warnings.simplefilter("ignore")
        found = run_qha(
            [one.phonopy for one in chosen],
            [*TEMPERATURES, TEMPERATURES[-1] + 10],
            [energies[i] for i in where],
            mesh=MESH,
            eos=equation,
            exclude_gamma_acoustic=True,
        )
    volumes = np.array(found.equilibrium_volumes)
    inside = (volumes > found.volumes.min()) & (volumes < found.volumes.max())
    n = len(inside) if inside.all() else int(np.argmin(inside))
    if not np.any(found.temperatures[:n] == ROOM):
        reached = f"above {found.temperatures[n - 1]:.0f} K" if n else "by its zero-point motion"
        raise NoValue(f"{reached} its volume leaves those that were sampled: no minimum within reach at {ROOM} K")
    units = get_physical_units()
    per_mole = 1000 * units.EvTokJmol / formula_units(unit)
    return Expansion(
        np.array(found.temperatures[:n]),
        volumes[:n] / len(unit),
        np.array(found.thermal_expansion[:n]),
        np.array(found.bulk_moduli[:n]) * units.EVAngstromToGPa,
        np.array(found.gruneisen_parameters[:n]),
        np.array(found.heat_capacity_P.heat_capacities[:n]) * per_mole,
        None,
        tuple(RATIOS[i] for i in where),
        chosen[0].repeats,
    )


def summary(values: Expansion) -> Summary:
    """Return what is told of thermal expansion."""
    names = ("volume_300K", "expansion_300K", "bulk_modulus_300K", "heat_capacity_p_300K")
    units = ("Å³/atom", "1e-6/K", "GPa", "J/(mol K)")
    factors = np.array([1.0, 1e6, 1.0, 1.0])
    told = values.at_room * factors
    errors = None if values.errors is None else values.errors * factors
    settled = errors is not None and bool(errors[1] <= CONVERGED * abs(told[1]))
    quantities = tuple(
        Quantity(name, float(value), unit, None if errors is None else float(errors[i]), settled)
        for i, (name, value, unit) in enumerate(zip(names, told, units, strict=True))
    )
    arrays = {
        "temperatures": Array(values.temperatures, "K"),
        "volume": Array(values.volume, "Å³/atom"),
        "expansion": Array(values.expansion, "1/K"),
        "bulk_modulus": Array(values.bulk_modulus, "GPa"),
        "grueneisen": Array(values.grueneisen, ""),
        "heat_capacity_p": Array(values.heat_capacity, "J/(mol K)"),
    }
    size = " × ".join(map(str, values.repeats))
    notes = [
        f"Supercell {size}, {len(values.ratios)} volumes from {values.ratios[0]:.0%} to {values.ratios[-1]:.0%}; "
        f"told up to {values.temperatures[-1]:.0f} K. The expansion is that of the volume."
    ]
    if len(values.ratios) < len(RATIOS):
        notes.append("At other volumes modes are imaginary.")
    if errors is None:
        notes.append(
            "How far it is converged with the supercell is not known: there is no smaller one without imaginary modes."
        )
    elif not settled:
        notes.append("The expansion is not converged with supercell, volumes and equation of state.")
    return Summary(quantities, arrays, tuple(notes))


def draw(values: Expansion, figure: Figure) -> None:
    """Draw volume, expansion and bulk modulus over temperature."""
    figure.set_size_inches(10, 3.5)
    panels = figure.subplots(1, 3)
    curves = (
        (values.volume, "volume, Å³/atom"),
        (values.expansion * 1e6, "expansion of the volume, 10⁻⁶/K"),
        (values.bulk_modulus, "bulk modulus, GPa"),
    )
    for panel, (curve, label) in zip(panels, curves, strict=True):
        panel.plot(values.temperatures, curve, color=COLOUR)
        panel.set(xlabel="temperature, K", ylabel=label)
