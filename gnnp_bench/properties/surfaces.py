"""Energies of surfaces: γ = (E(slab) − n E(crystal)) / 2A of slabs of three thicknesses, bare and relaxed.

Slabs are whole numbers of primitive cells, so that a compound keeps its composition and no chemical potential enters.
Where the two faces differ, γ is their mean. Surfaces have the periods of the crystal: none is reconstructed.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.cells import primitive
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.planes import SAME_PLANE, Facet, cut, facets, terminations
from gnnp_bench.properties.relaxation import relaxed
from gnnp_bench.properties.values import Quantity, Summary

MOST = 4
"""Families of planes: those that lie furthest apart. Cubic crystals have three up to indices of 1."""
THICKNESSES = (8.0, 12.0, 16.0)
"""Å, which slabs have at least."""
VACUUM = 15.0
"""Å, and more where the potential sees further."""
CONVERGED = 0.02
"""J/m²: what the last 4 Å of a slab may change."""
JOULE = 16.02176634
"""J/m² in eV/Å²."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A surface, cut where that costs least.

    Attributes
    ----------
    facet : Facet
    terminations : tuple of float
        J/m², unrelaxed, of all places where the crystal can be cut between two lattice planes: the lowest was relaxed.
    unlike : bool
        The two faces of the slab end with different species, or numbers of atoms.
    layers : tuple of int
        Primitive cells of which slabs are high.
    unrelaxed, energies : (n,) arrays, J/m²
        By thickness; `energies` after the atoms are relaxed.
    left : float
        The largest force that is left in the thickest, eV/Å.
    converged : bool
        All relaxations ended in time.
    """

    facet: Facet
    terminations: tuple[float, ...]
    unlike: bool
    layers: tuple[int, ...]
    unrelaxed: FloatArray
    energies: FloatArray
    left: float
    converged: bool

    @property
    def error(self) -> float:
        """What thicker slabs may change, J/m²: how far γ is from the intercept of E(n) through the two thickest.

        There the slabs themselves tell the energy of the crystal within.
        """
        slope = (self.energies[-1] - self.energies[-2]) / (self.layers[-1] - self.layers[-2])
        return float(abs(slope) * self.layers[-1])


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Surfaces of a crystal, and the sentences on those that have no energy."""

    surfaces: tuple[Surface, ...]
    lost: tuple[str, ...]


def surfaces(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], Surfaces]:
    """Cut a crystal along its planes of low indices wherever it can be cut, and relax the cheapest cut of each.

    Raises
    ------
    NoValue
        If no surface has an energy.
    """
    unit = primitive(crystal.structure)
    each = crystal.prediction.energy / len(crystal.structure)
    vacuum = max(VACUUM, (settings.capabilities.cutoff or 0.0) + 3.0)
    planes = facets(unit)[:MOST]
    cuts = [(facet, where, _layers(facet)) for facet in planes for where in terminations(unit, facet)]
    slabs = [[cut(unit, facet, n, where, vacuum) for n in layers] for facet, where, layers in cuts]
    predictions = yield Request([slab for one in slabs for slab in one], frozenset({"energy"}))
    told = iter(predictions)
    bare = [np.array([_energy(slab, next(told).energy, each) for slab in one]) for one in slabs]
    chosen = []
    for facet in planes:
        places = [i for i, (other, _, _) in enumerate(cuts) if other is facet]
        chosen.append((facet, min(places, key=lambda i: bare[i][-1]), tuple(float(bare[i][-1]) for i in places)))
    ends = yield from abreast(
        [
            relaxed(slab, cell=False, fmax=settings.fmax, steps=settings.steps, symmetric=None)
            for _, place, _ in chosen
            for slab in slabs[place]
        ]
    )
    found, lost = [], []
    for number, (facet, place, all_bare) in enumerate(chosen):
        mine = ends[number * len(THICKNESSES) : (number + 1) * len(THICKNESSES)]
        whole = [end for end in mine if not isinstance(end, NoValue)]
        if len(whole) < len(mine):
            lost.append(f"({facet.name}): {next(end for end in mine if isinstance(end, NoValue))}")
            continue
        energies = np.array([_energy(end.structure, end.prediction.energy, each) for end in whole])
        unlike, layers = _unlike(slabs[place][0]), cuts[place][2]
        left, ended = whole[-1].left, all(end.converged for end in whole)
        found.append(Surface(facet, all_bare, unlike, layers, bare[place], energies, left, ended))
    if not found:
        raise NoValue("; ".join(lost))
    return Surfaces(tuple(found), tuple(lost))


def _layers(facet: Facet) -> tuple[int, ...]:
    layers: list[int] = []
    for thickness in THICKNESSES:
        layers.append(max(int(np.ceil(thickness / facet.spacing)), layers[-1] + 1 if layers else 2))
    return tuple(layers)


def _energy(slab: Atoms, energy: float, each: float) -> float:
    area = float(np.linalg.norm(np.cross(slab.cell.array[0], slab.cell.array[1])))
    return JOULE * (energy - len(slab) * each) / (2 * area)


def _unlike(slab: Atoms) -> bool:
    normal = np.cross(slab.cell.array[0], slab.cell.array[1])
    heights = slab.positions @ normal / np.linalg.norm(normal)
    low, high = heights < heights.min() + SAME_PLANE, heights > heights.max() - SAME_PLANE
    return bool(sorted(slab.numbers[low]) != sorted(slab.numbers[high]))


def summary(values: Surfaces) -> Summary:
    """Return what is told of surfaces."""
    quantities, notes = [], []
    for one in values.surfaces:
        settled = one.converged and one.error <= CONVERGED
        quantities.append(
            Quantity(f"surface_energy_{one.facet.name}", float(one.energies[-1]), "J/m²", one.error, settled)
        )
        note = (
            f"({one.facet.name}): {one.unrelaxed[-1]:.4g} J/m² unrelaxed; relaxed "
            + ", ".join(f"{energy:.4g}" for energy in one.energies)
            + f" in {', '.join(map(str, one.layers))} layers"
        )
        if len(one.terminations) > 1:
            others = ", ".join(f"{energy:.4g}" for energy in sorted(one.terminations))
            note += f"; the cheapest of {len(one.terminations)} cuts ({others} J/m², unrelaxed)"
        notes.append(note + ("; the two faces differ, this is their mean." if one.unlike else "."))
        if not one.converged:
            notes.append(f"({one.facet.name}): the steps did not suffice, {one.left:.2g} eV/Å are left.")
        if one.energies[-1] <= 0:
            notes.append(f"({one.facet.name}): the crystal gains energy by splitting, and has no such surface.")
    return Summary(tuple(quantities), {}, (*notes, *values.lost, "Surfaces keep the periods of the crystal."))
