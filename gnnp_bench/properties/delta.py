"""The Δ value of an element: how far its equation of state is from an all-electron one.

Lejaeghere, Van Speybroeck, Van Oost and Cottenier, doi:10.1080/10408436.2013.772503: the root mean square difference of
two energies over ±6 % around the mean of the two volumes. Structures and all-electron PBE equations of state (WIEN2k)
are those of `ase.collections.dcdft`, the formula is `ase.utils.deltacodesdft.delta`. The potential's own equation of
state is fitted to seven volumes, 94 to 106 % of that of its relaxed crystal, in the collection's shape and coordinates.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import Request
from gnnp_bench.potential import ENERGY, FloatArray, Prediction
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.equation_of_state import Fit, fitted, predicted, scaled
from gnnp_bench.properties.lattice import symmetry_of
from gnnp_bench.properties.values import Array, Quantity, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATIOS = np.linspace(0.94, 1.06, 7)
TRUSTED = 0.05
"""Relative error of Δ up to which it is converged, or half a meV/atom."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A Δ value.

    Attributes
    ----------
    value, error : float, eV/atom
        Δ; its largest change on leaving out one volume.
    fit, reference : Fit
        The potential's equation of state and the all-electron one, whose energy is 0.
    volumes : (7,) array, Å³/atom
    energies : (7,) array, eV/atom
    """

    value: float
    error: float
    fit: Fit
    reference: Fit
    volumes: FloatArray
    energies: FloatArray


def elements() -> tuple[str, ...]:
    """Return the elements of the collection."""
    from ase.collections import dcdft

    return tuple(dcdft.names)


def structure(symbol: str) -> Atoms:
    """Return the collection's structure of an element."""
    from ase.collections import dcdft

    found: Atoms = dcdft[symbol]
    found.calc = None
    return found


def applies(crystal: Crystal) -> str | None:
    """Return why a crystal has no Δ value, or None."""
    symbols = set(crystal.structure.symbols)
    symbol = next(iter(symbols))
    if len(symbols) > 1 or symbol not in elements():
        return f"there is no all-electron equation of state of {crystal.formula}"
    # Their cells may be conventional ones.
    theirs, ours = (symmetry_of(one, 1e-2).number for one in (structure(symbol), crystal.given))
    return None if theirs == ours else f"the all-electron equation of state is that of another structure of {symbol}"


def delta(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], Delta]:
    """Measure the Δ value of the element that a crystal is made of, in the collection's structure."""
    from ase.collections import dcdft

    (symbol,) = set(crystal.structure.symbols)
    known = dcdft.data[symbol]
    reference = Fit(known["wien2k_volume"], 0.0, known["wien2k_B"] * units.GPa, known["wien2k_Bp"])
    one = structure(symbol)
    own = crystal.structure.cell.volume / len(crystal.structure)
    start = own * len(one) / one.cell.volume
    structures = scaled(one, start * RATIOS)
    answers = yield Request(structures, ENERGY)
    volumes = np.array([s.cell.volume for s in structures]) / len(one)
    energies = np.array([answer.energy for answer in answers]) / len(one)
    fit = fitted(volumes, energies)
    value = between(fit, reference)
    others = [
        between(fitted(volumes[keep], energies[keep]), reference)
        for keep in (np.arange(len(volumes)) != left_out for left_out in range(len(volumes)))
    ]
    return Delta(value, max(abs(other - value) for other in others), fit, reference, volumes, energies)


def between(fit: Fit, reference: Fit) -> float:
    """Return the Δ value of two equations of state, eV/atom."""
    from ase.utils.deltacodesdft import delta as formula

    return float(formula(*fit.shape, *reference.shape))


def summary(found: Delta) -> Summary:
    """Return Δ and the two equations of state."""
    good = found.error <= max(TRUSTED * found.value, 5e-4)
    notes = (
        f"all-electron PBE: V0 {found.reference.volume:.4f} Å³/atom, B0 {found.reference.modulus / units.GPa:.1f} GPa,"
        f" B0' {found.reference.derivative:.2f}; here {found.fit.volume:.4f}, {found.fit.modulus / units.GPa:.1f},"
        f" {found.fit.derivative:.2f}",
    )
    return Summary(
        (Quantity("delta", 1e3 * found.value, "meV/atom", 1e3 * found.error, good),),
        {"volumes": Array(found.volumes, "Å³/atom"), "energies": Array(found.energies, "eV/atom")},
        notes,
    )


def draw(found: Delta, figure: Figure) -> None:
    """Draw both equations of state, each from its own minimum."""
    axes = figure.subplots()
    fine = np.linspace(found.volumes.min(), found.volumes.max(), 200)
    axes.plot(fine, 1e3 * predicted(found.reference, fine), color="black", label="all-electron PBE")
    axes.plot(fine, 1e3 * (predicted(found.fit, fine) - found.fit.energy), color="#0072b2", label="potential")
    axes.plot(found.volumes, 1e3 * (found.energies - found.fit.energy), "o", markersize=4, color="#0072b2")
    axes.set(xlabel="volume, Å³/atom", ylabel="energy above its minimum, meV/atom")
    axes.legend(frameon=False, title=f"Δ = {1e3 * found.value:.3g} meV/atom")
