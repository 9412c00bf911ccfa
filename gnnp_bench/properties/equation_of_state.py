"""Energy against volume at fixed shape: equilibrium volume, bulk modulus and its derivative.

Birch's third-order equation of state, as ASE fits it (`ase.eos`; equation 3 of Mehl, Papaconstantopoulos, Kioussis
and Herbst, doi:10.1103/PhysRevB.70.224107). Where symmetry leaves atoms free, they are relaxed at each volume. The
error bar is the largest change on leaving out any one point, or twice that on fitting the inner half of the range: what
third order leaves out goes with the square of the range or faster, so that half the range has less than half of it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import Relaxed, relaxed
from gnnp_bench.properties.values import Array, Quantity, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATIOS = np.linspace(0.94, 1.06, 13)
"""Volumes over that of the relaxed crystal: the range of Lejaeghere et al., doi:10.1126/science.aad3000."""
TRUSTED = (1e-3, 0.02, 0.1)
"""Relative errors of volume, bulk modulus and its derivative up to which they are converged."""


@dataclass(frozen=True, slots=True)
class Fit:
    """An equation of state.

    Attributes
    ----------
    volume : float, Å³/atom
    energy : float, eV/atom
    modulus : float, eV/Å³
    derivative : float
        Of the bulk modulus by pressure.
    """

    volume: float
    energy: float
    modulus: float
    derivative: float

    @property
    def shape(self) -> FloatArray:
        """Volume, modulus and derivative: what error bars are told for."""
        return np.array([self.volume, self.modulus, self.derivative])


@dataclass(frozen=True, slots=True)
class EquationOfState:
    """Energies at several volumes, and their fit.

    Attributes
    ----------
    volumes : (n,) array, Å³/atom
    energies : (n,) array, eV/atom
    fit : Fit
    errors : (3,) array
        Of `Fit.shape`.
    residual : float, eV/atom
        Root mean square of what the fit leaves.
    relaxed_atoms : bool
        Atoms were moved at some volume.
    converged : (3,) array of bool
    """

    volumes: FloatArray
    energies: FloatArray
    fit: Fit
    errors: FloatArray
    residual: float
    relaxed_atoms: bool
    converged: FloatArray


def equation_of_state(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], EquationOfState]:
    """Fit energies of a crystal at volumes from 94 % to 106 %.

    Raises
    ------
    NoValue
        If the energies have no minimum there, or atoms do not come to rest.
    """
    structures = scaled(crystal.structure, RATIOS)
    ends = yield from abreast(
        [
            relaxed(structure, cell=False, fmax=settings.fmax, steps=settings.steps, symmetric=settings.symmetric)
            for structure in structures
        ]
    )
    done: list[Relaxed] = []
    for ratio, end in zip(RATIOS, ends, strict=True):
        if isinstance(end, NoValue) or not end.converged:
            why = str(end) if isinstance(end, NoValue) else f"atoms do not come to rest in {settings.steps} steps"
            raise NoValue(f"at {ratio:.0%} of the volume {why}")
        done.append(end)
    n = len(crystal.structure)
    volumes = np.array([structure.cell.volume for structure in structures]) / n
    energies = np.array([end.prediction.energy for end in done]) / n
    fit = fitted(volumes, energies)
    others = [fitted(volumes[keep], energies[keep]) for keep in subsets(len(volumes))]
    changes = np.abs([other.shape - fit.shape for other in others])
    errors = np.maximum(2.0 * changes[0], changes[1:].max(axis=0))
    residual = energies - predicted(fit, volumes)
    return EquationOfState(
        volumes,
        energies,
        fit,
        errors,
        float(np.sqrt(np.mean(residual**2))),
        any(end.steps for end in done),
        errors <= np.array(TRUSTED) * np.abs(fit.shape),
    )


def scaled(structure: Atoms, ratios: Sequence[float] | FloatArray) -> list[Atoms]:
    """Return a crystal with its volume multiplied by each of some ratios."""
    found = []
    for ratio in ratios:
        one = structure.copy()
        one.set_cell(one.cell.array * ratio ** (1 / 3), scale_atoms=True)
        found.append(one)
    return found


def fitted(volumes: FloatArray, energies: FloatArray) -> Fit:
    """Return the equation of state through energies (eV/atom) at volumes (Å³/atom).

    Raises
    ------
    NoValue
        If they have no minimum between the volumes.
    """
    from ase.eos import EquationOfState as AseFit

    missing = NoValue(
        f"the energies have no minimum between {volumes.min():.4g} and {volumes.max():.4g} Å³/atom, and so there is no"
        " equation of state"
    )
    if np.polyfit(volumes, energies, 2)[0] <= 0:
        raise missing
    ase = AseFit(volumes, energies, eos="birchmurnaghan")
    try:
        volume, energy, modulus = ase.fit(warn=False)
    except RuntimeError as error:  # scipy's, where it does not converge
        raise missing from error
    if not (volumes.min() < volume < volumes.max() and modulus > 0):
        raise missing
    return Fit(float(volume), float(energy), float(modulus), float(ase.eos_parameters[2]))


def predicted(fit: Fit, volumes: FloatArray) -> FloatArray:
    """Return the energies of a fit, eV/atom."""
    from ase.eos import birchmurnaghan

    energies: FloatArray = birchmurnaghan(volumes, fit.energy, fit.modulus, fit.derivative, fit.volume)
    return energies


def subsets(n: int) -> list[FloatArray]:
    """Return the points of other fits: the inner half of the range, and all but one of the points."""
    inner = np.abs(np.arange(n) - n // 2) <= n // 4
    return [inner, *(np.arange(n) != left_out for left_out in range(n))]


def summary(found: EquationOfState) -> Summary:
    """Return V₀, E₀, B₀ and B₀′."""
    (volume, modulus, derivative), errors, converged = found.fit.shape, found.errors, found.converged
    notes = []
    if not converged.all():
        names = [name for name, good in zip(("V0", "B0", "B0'"), converged, strict=True) if not good]
        notes.append(
            f"not converged: {', '.join(names)}; without the outer half of the volumes, or without one of them, the fit"
            f" changes so much that errors exceed {', '.join(f'{share:.1%}' for share in TRUSTED)} (V0, B0, B0')"
        )
    if found.relaxed_atoms:
        notes.append("atoms were relaxed at each volume, the shape of the cell was not")
    return Summary(
        (
            Quantity("V0", volume, "Å³/atom", errors[0], bool(converged[0])),
            Quantity("E0", found.fit.energy, "eV/atom", found.residual),
            Quantity("B0", modulus / units.GPa, "GPa", errors[1] / units.GPa, bool(converged[1])),
            Quantity("B0_prime", derivative, "", errors[2], bool(converged[2])),
        ),
        {"volumes": Array(found.volumes, "Å³/atom"), "energies": Array(found.energies, "eV/atom")},
        tuple(notes),
    )


def draw(found: EquationOfState, figure: Figure) -> None:
    """Draw energies, the fit, and what it leaves."""
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    fine = np.linspace(found.volumes.min(), found.volumes.max(), 200)
    above.plot(fine, 1e3 * (predicted(found.fit, fine) - found.fit.energy), color="black", linewidth=0.8)
    above.plot(found.volumes, 1e3 * (found.energies - found.fit.energy), "o", markersize=4, color="#0072b2")
    above.set(ylabel="E − E₀, meV/atom")
    below.plot(found.volumes, 1e3 * (found.energies - predicted(found.fit, found.volumes)), "o", markersize=4)
    below.axhline(0.0, color="black", linewidth=0.6)
    below.set(xlabel="volume, Å³/atom", ylabel="residual, meV/atom")
