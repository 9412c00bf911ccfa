"""From energies of atoms and their derivatives along edges to energy, forces and stress."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from gnnp_bench.potential import Capabilities, Claim, FloatArray, Prediction, Property, Unsupported
from tests.analytic.graph import DType, Graph, Real, graphs, sum_by

CLAIMS: frozenset[Claim] = frozenset(
    {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}
)
SPECIES = ("H", "C", "N", "O", "Al", "Si", "S", "Cl", "Fe", "Ni", "Cu", "Pt", "Au")
"""Species supported if nothing else is asked for: pairs of them touch within the shortest cutoff in use, 3.3 Å."""

Kernel: TypeAlias = Callable[[Graph], tuple[Real, Real]]
"""Energies of the atoms (n_atoms,), eV, and the total energy's derivatives by the edge vectors (n_edges, 3), eV/Å."""


@dataclass(frozen=True, slots=True)
class AnalyticPotential:
    """A closed formula as a potential.

    Attributes
    ----------
    name : str
    capabilities : Capabilities
    kernel : Kernel
    cutoff : float, Å
    dtype : "float32" or "float64"
        Of the input after rounding, of all arithmetic and of the output.
    offset : float, eV
        Energy of an isolated atom of the lightest species; grows with the atomic number, see `atomic_offset`. Added in
        float64.
    """

    name: str
    capabilities: Capabilities
    kernel: Kernel
    cutoff: float
    dtype: DType = "float64"
    offset: float = 0.0

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return predictions in order, with exactly the properties asked for.

        Raises
        ------
        Unsupported
            If a structure holds a species not declared, or stress is asked for where the cell has no volume.
        ValueError
            If a structure is empty or not finite.
        """
        for structure in structures:
            refuse_undeclared_species(structure, self.capabilities.species)
        predictions: list[Prediction] = []
        for graph in graphs(structures, self.cutoff, self.dtype):
            energies, gradients = self.kernel(graph)
            sound = assemble(graph, energies, gradients, properties)
            predictions += with_offset(sound, atomic_offset(self.offset, graph), graph) if self.offset else sound
        return predictions


def analytic(
    name: str, kernel: Kernel, cutoff: float, species: Iterable[str], dtype: DType, offset: float
) -> AnalyticPotential:
    """Return a potential with one layer of neighbours within `cutoff` that claims every law."""
    known = tuple(sorted(set(species), key=lambda symbol: atomic_numbers[symbol]))
    if dtype == "float32":
        name += "-float32"
    if offset:
        name += "-offset"
    capabilities = Capabilities(
        species=known, cutoff=cutoff, receptive_field=cutoff, dtype=dtype, claims=CLAIMS, smoothness=10
    )
    return AnalyticPotential(name, capabilities, kernel, cutoff, dtype, offset)


def refuse_undeclared_species(structure: Atoms, species: Sequence[str]) -> None:
    """Raise `Unsupported` if the structure holds a species that is not among those declared."""
    foreign = sorted({chemical_symbols[number] for number in structure.numbers} - set(species))
    if foreign:
        raise Unsupported(f"species {', '.join(foreign)} not among those supported: {', '.join(species)}")


def atomic_offset(offset: float, graph: Graph) -> FloatArray:
    """Return E_Z = offset·(1 + Z/100) of each atom, eV, in float64 whatever the graph's precision."""
    energies: FloatArray = offset * (1.0 + graph.numbers / 100.0)
    return energies


def with_offset(predictions: list[Prediction], offsets: FloatArray, graph: Graph) -> list[Prediction]:
    """Return the predictions with constants added in float64: what packages do that keep reference energies apart."""
    shifted = []
    for prediction, begin, end in zip(predictions, graph.first[:-1], graph.first[1:], strict=True):
        assert prediction.energies is not None
        own = offsets[begin:end]
        energy = prediction.energy + float(own.sum())
        shifted.append(replace(prediction, energy=energy, energies=prediction.energies + own))
    return shifted


def forces_from(graph: Graph, gradients: Real) -> Real:
    """Return F_i = Σ_e ∂E/∂d_e over edges that leave i minus those that arrive there, eV/Å."""
    leaving = sum_by(graph.centres, gradients, graph.n_atoms)
    arriving = sum_by(graph.neighbours, gradients, graph.n_atoms)
    return leaving - arriving


def strain_derivatives(graph: Graph, gradients: Real) -> Real:
    """Return the symmetric part of ∂E/∂ε = Σ_e d_e ⊗ ∂E/∂d_e of each structure, eV."""
    rows, columns = (0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)
    voigt = (graph.vectors[:, rows] * gradients[:, columns] + graph.vectors[:, columns] * gradients[:, rows]) * 0.5
    return sum_by(graph.owner[graph.centres], voigt, graph.n_structures)[:, ((0, 5, 4), (5, 1, 3), (4, 3, 2))]


def volumes(cells: Real) -> Real:
    """Return |det h|, Å³, of each cell, in the precision of the cells."""
    a, b, c = cells[:, 0], cells[:, 1], cells[:, 2]
    bc = np.stack(
        [
            b[:, 1] * c[:, 2] - b[:, 2] * c[:, 1],
            b[:, 2] * c[:, 0] - b[:, 0] * c[:, 2],
            b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0],
        ]
    )
    volume: Real = np.abs(a[:, 0] * bc[0] + a[:, 1] * bc[1] + a[:, 2] * bc[2])
    return volume


def assemble(graph: Graph, energies: Real, gradients: Real, properties: frozenset[Property]) -> list[Prediction]:
    """Return the predictions that follow from a kernel's output, one for each structure of the graph.

    Raises
    ------
    Unsupported
        If stress is asked for where the cell has no volume.
    """
    totals = sum_by(graph.owner, energies, graph.n_structures)
    forces = forces_from(graph, gradients).astype(float) if "forces" in properties else None
    stresses = None
    if "stress" in properties:
        space = volumes(graph.cells)
        edge_product = np.sqrt((graph.cells * graph.cells).sum(axis=2)).prod(axis=1)
        if not (space > 1e-6 * edge_product).all():
            raise Unsupported("stress needs a cell with a volume; ask for energy and forces only")
        stresses = (strain_derivatives(graph, gradients) / space[:, None, None]).astype(float)
    predictions = []
    for k, (begin, end) in enumerate(zip(graph.first[:-1], graph.first[1:], strict=True)):
        predictions.append(
            Prediction(
                energy=float(totals[k]),
                forces=None if forces is None else forces[begin:end].copy(),
                stress=None if stresses is None else stresses[k].copy(),
                energies=energies[begin:end].astype(float),
            )
        )
    return predictions
