"""Defects by which atoms feel what stands at any distance. Forces and stress are derivatives of the wrong energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Potential, Prediction, Property
from tests.analytic.graph import DType, Graph, Real, sum_by
from tests.analytic.radial import along_edges, strengths
from tests.mutants.base import (
    Extra,
    Mutant,
    Plant,
    Planted,
    add_term,
    forces_only,
    from_edges,
    plus,
    precision_of,
    summed,
)
from tests.mutants.energies import bond

VOLUME = 20.0
"""Å³ of an atom."""


def _sizes(graph: Graph) -> Real:
    """Return the number of atoms of the structure of each atom."""
    sizes: Real = np.diff(graph.first)[graph.owner].astype(graph.vectors.dtype)
    return sizes


def _pairs_per_atom(graph: Graph) -> Extra:
    """Return N (p/N)²/2 with p = Σ_e w_e/2: extensive in crystals, whatever their size."""
    weight, slope = bond(graph)
    sizes = _sizes(graph)
    mean = sum_by(graph.owner[graph.centres], weight, graph.n_structures)[graph.owner] / (2.0 * sizes)
    mean = mean.astype(weight.dtype)
    return from_edges(graph, 0.5 * mean * mean, along_edges(graph, 0.5 * mean[graph.centres] * slope))


def _atoms(graph: Graph, energies: Real) -> Extra:
    """Return energies of atoms that no position changes."""
    nothing = forces_only(graph, np.zeros_like(graph.positions))
    return Extra(energies.astype(graph.vectors.dtype), nothing.forces, nothing.virial)


def _mean_composition(graph: Graph) -> Extra:
    """Return N z̄² with z̄ the mean of Z/30 over the structure."""
    charges = (graph.numbers / 30.0).astype(graph.vectors.dtype)
    mean = sum_by(graph.owner, charges, graph.n_structures)[graph.owner] / _sizes(graph)
    return _atoms(graph, mean * mean)


def _shared_charge(graph: Graph) -> Extra:
    """Return min over q with Σq = 0 of Σ_i (χ_i q_i + q_i²/2) = −½ Σ_i (χ_i − χ̄)², χ_i = s_i + Σ_j w_ij/4.

    Equalisation of electronegativity without a law of distance, after Rappé and Goddard, doi:10.1021/j100161a070.
    """
    weight, slope = bond(graph)
    chi = strengths(graph).astype(weight.dtype) + 0.25 * sum_by(graph.centres, weight, graph.n_atoms)
    mean = sum_by(graph.owner, chi, graph.n_structures)[graph.owner] / _sizes(graph)
    charge = mean - chi
    return from_edges(graph, -0.5 * charge * charge, along_edges(graph, 0.25 * charge[graph.centres] * slope))


def _mean_density(graph: Graph) -> Extra:
    """Return N d/2 with d = N·20 Å³/V, in structures that are periodic in all directions."""
    dtype = graph.vectors.dtype
    periodic = np.array([structure.pbc.all() for structure in graph.structures])
    sizes = np.diff(graph.first)
    spaces = np.array(
        [abs(structure.cell.volume) if p else 1.0 for structure, p in zip(graph.structures, periodic, strict=True)]
    )
    energies = np.where(periodic, 0.5 * VOLUME * sizes / spaces, 0.0)
    nothing = forces_only(graph, np.zeros_like(graph.positions))
    virial = -(energies * sizes)[:, None, None] * np.eye(3)
    return Extra(energies[graph.owner].astype(dtype), nothing.forces, virial.astype(dtype))


def _lonely(graph: Graph) -> Extra:
    """Return 1 eV for a structure of one atom without neighbours."""
    alone = (np.bincount(graph.centres, minlength=graph.n_atoms) == 0) & (_sizes(graph) == 1)
    return _atoms(graph, alone.astype(graph.vectors.dtype))


def _tail(name: str, power: float, weight: Callable[[Real, Real], Real]) -> Plant:
    """Return a plant that adds ε w(Z_i, Z_j) (10 Å/r)ᵖ between any two atoms of a free structure, softened below 2 Å.

    Nothing is declared any more of how far it reaches.
    """

    def term(structure: Atoms, dtype: DType) -> tuple[Real, Real]:
        vectors = (structure.positions[:, None] - structure.positions[None]).astype(dtype)
        soft = (vectors * vectors).sum(axis=2) + np.asarray(4.0, dtype)
        numbers = structure.numbers.astype(dtype)
        pairs = weight(numbers[:, None], numbers[None]) * (soft / np.asarray(100.0, dtype)) ** (-0.5 * power)
        np.fill_diagonal(pairs, 0.0)
        forces = (power * (pairs / soft)[..., None] * vectors).sum(axis=1)
        return (0.5 * pairs.sum(axis=1)).astype(dtype), forces.astype(dtype)

    def plant(potential: Potential, strength: float) -> Planted:
        dtype = precision_of(potential)

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            predictions = potential.evaluate(structures, properties)
            for index, (structure, prediction) in enumerate(zip(structures, predictions, strict=True)):
                if structure.pbc.any() or len(structure) < 2:
                    continue
                energies, forces = term(structure, dtype)
                predictions[index] = Prediction(
                    energy=float(summed(prediction.energy, strength * energies.sum(), dtype)),
                    forces=plus(prediction.forces, strength * forces, dtype),
                    stress=prediction.stress,
                    energies=plus(prediction.energies, strength * energies, dtype),
                )
            return predictions

        known = potential.capabilities
        local = {"strictly-local", "size-extensive"}
        far = replace(known, cutoff=None, receptive_field=None, claims=known.claims - local)
        return Planted(f"{potential.name}+{name}", far, evaluation)

    return plant


FELT_FAR = frozenset(
    {"locality/detached-atom", "locality/lonely-atom", "locality/reach", "periodicity/partial", "robustness/size"}
)

APART_MUTANTS = (
    Mutant(
        "lonely-offset",
        "An atom without neighbours in a structure of its own is ε eV too high, as one from a table would be.",
        0.01,
        "eV",
        frozenset({"locality/lonely-atom"}),
        frozenset({"locality/detached-atom", "locality/fragments-add-up"}),
        add_term("lonely-offset", _lonely),
        consistent=True,
    ),
    Mutant(
        "pairs-per-atom",
        "A term depends on the number of bonds per atom, averaged over the structure.",
        0.1,
        "eV/Å",
        frozenset({"locality/fragments-add-up", "locality/reach"}),
        frozenset({"locality/detached-atom", "locality/lonely-atom"}),
        add_term("pairs-per-atom", _pairs_per_atom),
        consistent=True,
    ),
    Mutant(
        "mean-composition",
        "The energy of an atom depends on the mean atomic number of the structure.",
        0.01,
        "eV",
        frozenset({"locality/fragments-add-up"}),
        frozenset({"locality/detached-atom", "locality/lonely-atom", "locality/reach"}),
        add_term("mean-composition", _mean_composition),
        consistent=True,
        needs="fragments of different composition",
    ),
    Mutant(
        "shared-charge",
        "Charge is shared out between atoms at any distance, until their electronegativities are equal.",
        0.1,
        "eV/Å",
        frozenset({"locality/fragments-add-up", "locality/reach"}),
        frozenset({"locality/detached-atom", "locality/lonely-atom"}),
        add_term("shared-charge", _shared_charge),
        consistent=True,
        needs="fragments with unlike atoms",
    ),
    Mutant(
        "mean-density",
        "The energy of an atom depends on the number of atoms per volume of the cell.",
        0.01,
        "eV",
        frozenset({"locality/fragments-add-up"}),
        frozenset({"locality/detached-atom", "locality/lonely-atom", "periodicity/partial"}),
        add_term("mean-density", _mean_density),
        consistent=True,
        needs="a periodic box with vacuum",
    ),
    Mutant(
        "slower-than-charges",
        "Atoms feel each other as R^-1/2, ε eV at 10 Å.",
        0.01,
        "eV",
        frozenset({"locality/fragments-add-up"}),
        FELT_FAR,
        _tail("slower-than-charges", 0.5, lambda i, j: np.ones_like(i + j)),
        consistent=True,
        needs="free structures, and a potential that does not declare how far it reaches",
    ),
    Mutant(
        "no-product-of-charges",
        "Atoms feel each other as R^-1 in proportion to the sum of their atomic numbers, ε (Z + Z')/60 eV at 10 Å.",
        0.01,
        "eV",
        frozenset({"locality/fragments-add-up"}),
        FELT_FAR,
        _tail("no-product-of-charges", 1.0, lambda i, j: (i + j) / np.asarray(60.0, i.dtype)),
        consistent=True,
        needs="free structures, and a potential that does not declare how far it reaches",
    ),
    Mutant(
        "inverse-square",
        "Atoms feel each other as R^-2, ε eV at 10 Å, though none has a charge or a dipole.",
        0.01,
        "eV",
        frozenset({"locality/fragments-add-up"}),
        FELT_FAR,
        _tail("inverse-square", 2.0, lambda i, j: np.ones_like(i + j)),
        consistent=True,
        needs="free structures, and a potential that does not declare how far it reaches",
    ),
)
