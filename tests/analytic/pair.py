"""Sound pair potentials: E = ½ Σ_ij φ(r_ij), every φ cut off by a C^∞ envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from ase.data import chemical_symbols
from ase.units import Bohr, Hartree

from tests.analytic.evaluation import SPECIES, AnalyticPotential, Kernel, analytic
from tests.analytic.graph import DType, Graph, Real, sum_by
from tests.analytic.radial import along_edges, contact_distances, envelope, exponential, strengths

COULOMB = Hartree * Bohr
"""e²/(4πε₀), eV Å."""
CHARGES = {
    "H": 0.15,
    "C": -0.05,
    "N": -0.25,
    "O": -0.3,
    "Al": 0.3,
    "Si": 0.25,
    "S": -0.2,
    "Cl": -0.25,
    "Fe": 0.2,
    "Ni": 0.18,
}
"""Fixed partial charges, e, signed as electronegativity demands; 0.1 for any other species."""


def _pair_kernel(shape: Callable[[Graph], tuple[Real, Real]]) -> Kernel:
    def kernel(graph: Graph) -> tuple[Real, Real]:
        value, slope = shape(graph)
        cut, cut_slope = envelope(graph.distances, graph.cutoff)
        energies = sum_by(graph.centres, value * cut * 0.5, graph.n_atoms)
        return energies, along_edges(graph, (slope * cut + value * cut_slope) * 0.5)

    return kernel


def _well_depths(graph: Graph) -> Real:
    strength = strengths(graph)
    return np.sqrt(strength[graph.centres] * strength[graph.neighbours])


def _morse(graph: Graph) -> tuple[Real, Real]:
    """Return φ = D (e^{−2a(r/r₀−1)} − 2 e^{−a(r/r₀−1)}) and its slope (Morse, doi:10.1103/PhysRev.34.57)."""
    decay, slope = exponential(graph.distances, contact_distances(graph), 4.0)
    depth = _well_depths(graph) * 0.5
    return depth * (decay * decay - 2.0 * decay), depth * (2.0 * decay - 2.0) * slope


def _screened_coulomb(graph: Graph) -> tuple[Real, Real]:
    """Return φ = q_i q_j e^{−r²/λ²}/√(r²+b²) + the Morse well of `smooth_pair`, λ = 4 Å, b = 1 Å, and its slope."""
    charge_of = np.array([CHARGES.get(symbol, 0.1) for symbol in chemical_symbols], graph.distances.dtype)[
        graph.numbers
    ]
    r = graph.distances
    softened = 1.0 / np.sqrt(r * r + 1.0)
    coulomb = (
        charge_of[graph.centres] * charge_of[graph.neighbours] * np.exp(r * r * (-1.0 / 16.0)) * softened * COULOMB
    )
    well, well_slope = _morse(graph)
    return coulomb + well, coulomb * r * (-softened * softened - 0.125) + well_slope


def _buckingham_zbl(graph: Graph) -> tuple[Real, Real]:
    """Return the screened nuclear repulsion of Ziegler, Biersack and Littmark (1985) with a damped r⁻⁶ attraction.

    φ = k Z_i Z_j/r Σ_m c_m e^{−d_m r/a} − 3 D/(1 + (r/r₀)⁶), a = 0.8854 a_B/(Z_i^0.23 + Z_j^0.23), D about 1 eV.
    """
    dtype = graph.distances.dtype
    r = graph.distances
    charge = graph.numbers.astype(dtype)
    power = charge**0.23
    inverse_length = (power[graph.centres] + power[graph.neighbours]) * (1.0 / (0.8854 * Bohr))
    nuclear = charge[graph.centres] * charge[graph.neighbours] * COULOMB / r
    screening, screening_slope = np.zeros_like(r), np.zeros_like(r)
    for weight, rate in ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162)):
        term = weight * np.exp(-rate * inverse_length * r)
        screening += term
        screening_slope -= term * (rate * inverse_length)
    ratio6 = (r / contact_distances(graph)) ** 6
    attraction = _well_depths(graph) * 3.0 / (1.0 + ratio6)
    value = nuclear * screening - attraction
    slope = nuclear * (screening_slope - screening / r) + attraction * ratio6 * 6.0 / (r * (1.0 + ratio6))
    return value, slope


def smooth_pair(
    cutoff: float = 6.0, *, species: Iterable[str] = SPECIES, dtype: DType = "float64", offset: float = 0.0
) -> AnalyticPotential:
    """Return a Morse potential whose minima lie at sums of covalent radii."""
    return analytic("smooth_pair", _pair_kernel(_morse), cutoff, species, dtype, offset)


def long_range(
    cutoff: float = 8.0, *, species: Iterable[str] = SPECIES, dtype: DType = "float64", offset: float = 0.0
) -> AnalyticPotential:
    """Return Gaussian-screened Coulomb interactions of fixed charges on top of a Morse well."""
    return analytic("long_range", _pair_kernel(_screened_coulomb), cutoff, species, dtype, offset)


def buckingham_zbl(
    cutoff: float = 6.0, *, species: Iterable[str] = SPECIES, dtype: DType = "float64", offset: float = 0.0
) -> AnalyticPotential:
    """Return a potential with the steep core of nuclear repulsion and a damped dispersion. Kept out of calibration."""
    return analytic("buckingham_zbl", _pair_kernel(_buckingham_zbl), cutoff, species, dtype, offset)
