"""The intrinsic stacking fault of face-centred cubic crystals: (111) layers in the order ABC|BCA.

A cell of n layers whose third vector is shifted by a/6 ⟨112⟩ has one fault and nothing else; its energy per area is
told once atoms and the distance of layers are relaxed. Beside it stands what the axial next-nearest-neighbour Ising
model takes from other stackings, γ = (E_hcp + 2 E_dhcp − 3 E_fcc) / A with energies per atom: Denteneer and van
Haeringen, doi:10.1088/0022-3719/20/32/001.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.cells import TOLERANCE, primitive, spglib_cell
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.planes import facets
from gnnp_bench.properties.relaxation import Relaxed, relaxed
from gnnp_bench.properties.values import Quantity, Summary
from gnnp_bench.structures.geometry import minimum_distance
from gnnp_bench.structures.transform import supercell

LAYERS = (6, 9, 12)
CONVERGED = 2.0
"""mJ/m²: what three more layers may change."""
MILLIJOULE = 16021.76634
"""mJ/m² in eV/Å²."""
ACROSS = np.diag([False, False, True])
"""The strain that is relaxed: layers lie in the plane of x and y."""
FCC = 225
"""The number of its space group."""


@dataclass(frozen=True, slots=True)
class StackingFault:
    """An intrinsic stacking fault.

    Attributes
    ----------
    layers : tuple of int
    unrelaxed, energies : (n,) arrays, mJ/m²
        By number of layers; `energies` after atoms and the distance of layers are relaxed.
    from_stackings : float, mJ/m²
        Of the Ising model, from unrelaxed fcc, hcp and double hcp crystals.
    converged : bool
        All relaxations ended in time.
    """

    layers: tuple[int, ...]
    unrelaxed: FloatArray
    energies: FloatArray
    from_stackings: float
    converged: bool

    @property
    def error(self) -> float:
        """What the last layers changed, mJ/m²."""
        return float(abs(self.energies[-1] - self.energies[-2]))


def applies(crystal: Crystal) -> str | None:
    """Return why a crystal has no such fault."""
    import spglib

    unit = primitive(crystal.structure)
    dataset = spglib.get_symmetry_dataset(spglib_cell(unit), symprec=TOLERANCE)
    is_fcc = len(unit) == 1 and dataset is not None and dataset.number == FCC
    return None if is_fcc else "it is no face-centred cubic crystal of one element"


def stacking_fault(crystal: Crystal, settings: Settings) -> Generator[Request, list[Prediction], StackingFault]:
    """Shift cells of several layers; relax atoms, and the cell across the fault.

    Raises
    ------
    NoValue
        If the crystal has no such fault, or collapses at it.
    """
    if (reason := applies(crystal)) is not None:
        raise NoValue(reason)
    unit = primitive(crystal.structure)
    (plane,) = (facet for facet in facets(unit) if facet.indices == (1, 1, 1))
    layer, _ = supercell(unit, plane.matrix)
    layer.rotate(np.cross(layer.cell.array[0], layer.cell.array[1]), "z", rotate_cell=True)
    shift = _shift(layer)
    area = float(np.linalg.norm(np.cross(layer.cell.array[0], layer.cell.array[1])))
    each = crystal.prediction.energy / len(crystal.structure)
    faulted = [_stacked(layer, "+" * (n - 1) + "-", shift) for n in LAYERS]
    others = [_stacked(layer, "+-", shift), _stacked(layer, "++--", shift)]
    first = yield Request([*faulted, *others], frozenset({"energy"}))
    ends = yield from abreast(
        [relaxed(one, mask=ACROSS, fmax=settings.fmax, steps=settings.steps, symmetric=None) for one in faulted]
    )
    relaxations: list[Relaxed] = []
    for end in ends:
        if isinstance(end, NoValue):
            raise NoValue(f"at the fault {end}")
        relaxations.append(end)

    def excess(energies: list[float]) -> FloatArray:
        return MILLIJOULE * (np.array(energies) - each * np.array(LAYERS)) / area

    *bare, of_hcp, of_dhcp = (prediction.energy for prediction in first)
    return StackingFault(
        LAYERS,
        excess(bare),
        excess([end.prediction.energy for end in relaxations]),
        MILLIJOULE * (of_hcp / 2 + 2 * of_dhcp / 4 - 3 * each) / area,
        all(end.converged for end in relaxations),
    )


def _shift(layer: Atoms) -> FloatArray:
    """Return the vector within the plane that leads from one kind of hollow to the other: a/6 ⟨112⟩, (3,) array, Å."""
    a, b, _ = layer.cell.array
    # The third of the long diagonal of the rhombus; its opposite puts atoms on top of each other.
    third = (a + b) / 3 if a @ b > 0 else (a - b) / 3
    return max(third, -third, key=lambda shift: minimum_distance(_stacked(layer, "+-", shift)))


def _stacked(layer: Atoms, steps: str, shift: FloatArray) -> Atoms:
    """Return layers on top of each other: "+" as in the crystal, "-" shifted; the last one leads to the next image."""
    a, b, up = layer.cell.array
    heights = np.cumsum([np.zeros(3), *(up if step == "+" else up + shift for step in steps)], axis=0)
    stack, _ = supercell(layer, (1, 1, len(steps)))
    stack.set_cell(np.array([a, b, heights[-1]]))
    stack.set_positions(heights[:-1])
    return stack


def summary(values: StackingFault) -> Summary:
    """Return what is told of a stacking fault."""
    settled = values.converged and values.error <= CONVERGED
    told = ", ".join(
        f"{energy:.4g} mJ/m² in {n} layers ({unrelaxed:.4g} unrelaxed)"
        for n, energy, unrelaxed in zip(values.layers, values.energies, values.unrelaxed, strict=True)
    )
    notes = [
        f"Intrinsic fault: {told}; from energies of hcp and double hcp (ANNNI model, unrelaxed) "
        f"{values.from_stackings:.4g} mJ/m²."
    ]
    if not values.converged:
        notes.append("The steps did not suffice to relax the atoms at the fault.")
    if values.energies[-1] < 0:
        notes.append("The fault gains energy: face-centred cubic is not what this potential prefers.")
    quantity = Quantity("stacking_fault_energy", float(values.energies[-1]), "mJ/m²", values.error, settled)
    return Summary((quantity,), {}, tuple(notes))
