"""Defects of the neighbour list: neighbours missing, or neighbours of another structure than the one given."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from tests.analytic.graph import Graph, Index, Real, dual_basis
from tests.mutants.base import CONSERVATION, Extra, Mutant, add_term
from tests.mutants.energies import bonds

TIE = 0.0137
"""Rounds fractional distances of exactly one half the same way in spite of rounding errors."""


def _fractional(graph: Graph, vectors: Real, owner: Index) -> Real:
    """Return vectors in units of the periodic cell vectors of their structures, 0 where not periodic."""
    duals = np.stack([dual_basis(np.asarray(s.cell.array, float), s.pbc) for s in graph.structures])
    fractional: Real = np.einsum("ea,eab->eb", vectors, duals[owner])
    return fractional


def _minimum_image(graph: Graph) -> Extra:
    fractional = _fractional(graph, graph.vectors, graph.owner[graph.centres])
    return bonds(graph, 0.3 * ~np.rint(fractional + TIE).any(axis=1))


def _within_shells(graph: Graph, shells: int) -> Extra:
    home = np.floor(_fractional(graph, graph.positions, graph.owner)).astype(np.int64)
    shifts = graph.shifts + home[graph.neighbours] - home[graph.centres]
    return bonds(graph, 0.3 * (np.abs(shifts) <= shells).all(axis=1), 1.5)


def _all_periodic(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    changed.pbc = structure.cell.array.any(axis=1)
    return changed


def _all_isolated(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    changed.pbc = False
    return changed


def _transposed(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    if structure.pbc.all():
        changed.set_cell(structure.cell.array.T)
    return changed


def _plain_bonds(graph: Graph) -> Extra:
    return bonds(graph, 0.3)


_CROSSING = frozenset(
    {
        "symmetry/translation",
        "symmetry/rotation",
        "symmetry/inversion",
        "symmetry/space-group",
        "periodicity/lattice-wrap",
        "periodicity/cell-choice",
        "periodicity/partial",
        "robustness/noise-floor",
        "robustness/precision",
    }
)
"""What can move an atom across the boundary of the cell, if only by rounding."""


def _shells(number: int, word: str) -> Mutant:
    name = f"images-beyond-{word}"
    return Mutant(
        name,
        f"Bonds to images of the wrapped atoms more than {word.replace('-', ' ')} away are lost.",
        0.01,
        "eV/Å",
        frozenset({"periodicity/supercell"}),
        _CROSSING | CONSERVATION,
        add_term(name, lambda graph: _within_shells(graph, number)),
        consistent=True,
        needs=f"a cell with two lattice planes nearer than 1/{number + 1} of the cutoff",
    )


NEIGHBOUR_MUTANTS = (
    Mutant(
        "minimum-image",
        "Only the image of a neighbour whose fractional distance rounds to zero is bonded.",
        0.01,
        "eV/Å",
        frozenset({"periodicity/supercell"}),
        CONSERVATION
        | {"periodicity/cell-choice", "symmetry/space-group", "robustness/noise-floor", "robustness/precision"},
        add_term("minimum-image", _minimum_image),
        consistent=True,
        needs="a cell with two lattice planes nearer than twice the length of a bond",
    ),
    _shells(1, "one-shell"),
    _shells(2, "two-shells"),
    Mutant(
        "periodicity-assumed",
        "Bonds are periodic along every cell vector, whatever pbc says.",
        0.01,
        "eV/Å",
        frozenset({"periodicity/partial"}),
        frozenset(
            {
                "symmetry/rotation",
                "symmetry/inversion",
                "symmetry/net-torque",
                "symmetry/space-group",
                "periodicity/cell-choice",
                "periodicity/supercell",
            }
        ),
        add_term("periodicity-assumed", _plain_bonds, _all_periodic),
        consistent=True,
        needs="a slab, wire or molecule whose vacuum is thinner than a bond is long",
    ),
    Mutant(
        "periodicity-ignored",
        "Bonds are those of the isolated atoms, whatever pbc says.",
        0.01,
        "eV/Å",
        frozenset({"periodicity/lattice-wrap", "periodicity/supercell"}),
        frozenset({"symmetry/translation", "symmetry/space-group", "periodicity/cell-choice", "periodicity/partial"}),
        add_term("periodicity-ignored", _plain_bonds, _all_isolated),
        consistent=True,
    ),
    Mutant(
        "transposed-cell",
        "Bonds are those of the transposed cell.",
        0.01,
        "eV/Å",
        frozenset({"symmetry/rotation", "periodicity/cell-choice"}),
        frozenset(
            {
                "symmetry/inversion",
                "symmetry/space-group",
                "periodicity/lattice-wrap",
                "periodicity/supercell",
                "periodicity/partial",
                "conservation/stress-strain",
                "conservation/closed-loop-cell",
            }
        ),
        add_term("transposed-cell", _plain_bonds, _transposed),
        needs="a rotation or change of cell after which the cell is no symmetric matrix",
    ),
)
