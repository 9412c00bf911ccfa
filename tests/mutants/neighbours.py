"""Defects of the neighbour list: neighbours missing, or neighbours of another structure than the one given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Potential, Prediction, Property
from gnnp_bench.structures.wider import widths
from tests.analytic.graph import Graph, Index, Real, dual_basis
from tests.mutants.base import (
    CHECKS,
    CONSERVATION,
    DYNAMICS,
    SMOOTHNESS,
    Extra,
    Mutant,
    Planted,
    add_term,
    forces_only,
    planted,
    reach_of,
)
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


def _by_company(potential: Potential, strength: float) -> Planted:
    """Return a potential that takes the number of shells from the largest cell of a batch."""
    broken = add_term("images-by-company", lambda graph: _within_shells(graph, 1))(potential, strength)
    whole = add_term("images-by-company", lambda graph: _within_shells(graph, 99))(potential, strength)
    reach = reach_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        large = any(s.pbc.all() and widths(s).min() > reach for s in structures)
        found = []
        for structure in structures:
            lost = large and structure.pbc.all() and widths(structure).min() <= reach
            found += (broken if lost else whole).evaluate([structure], properties)
        return found

    return planted(potential, "images-by-company", evaluation)


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


def _without_neighbours(graph: Graph) -> Index:
    """Return 1 for atoms without neighbours in structures where others have some, else 0."""
    neighbours = np.bincount(graph.centres, minlength=graph.n_atoms)
    occupied = np.bincount(graph.owner, weights=neighbours, minlength=graph.n_structures) > 0
    lonely: Index = ((neighbours == 0) & occupied[graph.owner]).astype(np.intp)
    return lonely


def _trailing(graph: Graph) -> Index:
    """Return 1 for atoms after the last of their structure that has neighbours, else 0."""
    last = np.full(graph.n_structures, -1)
    np.maximum.at(last, graph.owner[graph.centres], graph.indices[graph.centres])
    trailing: Index = (graph.indices > last[graph.owner]).astype(np.intp)
    return trailing


def _lost(graph: Graph, lost: Index) -> Extra:
    dtype = graph.vectors.dtype
    extra = forces_only(graph, np.zeros((graph.n_atoms, 3), dtype))
    return Extra(-lost.astype(dtype), extra.forces, extra.virial)


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
        *DYNAMICS,
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
        _CROSSING | CONSERVATION | SMOOTHNESS | {"robustness/size", "physics/elasticity"},
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
        | SMOOTHNESS
        | DYNAMICS
        | {"periodicity/cell-choice", "symmetry/space-group", "robustness/noise-floor", "robustness/precision"}
        | {"smoothness/continuity", "smoothness/continuity-cell", "smoothness/stiffness-continuous", "robustness/size"},
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
                "locality/detached-atom",
                "locality/fragments-add-up",
                "robustness/size",
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
        frozenset(
            {
                "symmetry/translation",
                "symmetry/space-group",
                "periodicity/cell-choice",
                "periodicity/partial",
                "robustness/size",
            }
        ),
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
                "physics/elasticity",
                "robustness/size",
            }
        ),
        add_term("transposed-cell", _plain_bonds, _transposed),
        needs="a rotation or change of cell after which the cell is no symmetric matrix",
    ),
    Mutant(
        "lonely-atoms-lost",
        "Atoms without neighbours lose ε eV each where other atoms of the structure have some.",
        1.0,
        "eV",
        frozenset({"locality/detached-atom"}),
        frozenset(
            {
                "locality/fragments-add-up",
                "locality/lonely-atom",
                "smoothness/continuity",
                "smoothness/stiffness-continuous",
            }
        ),
        add_term("lonely-atoms-lost", lambda graph: _lost(graph, _without_neighbours(graph))),
        consistent=True,
        needs="an atom without neighbours beside others",
    ),
    Mutant(
        "trailing-atoms-lost",
        "The last atoms of the list lose ε eV each if they have no neighbours.",
        1.0,
        "eV",
        frozenset({"locality/detached-atom", "symmetry/permutation"}),
        frozenset(
            {
                "locality/fragments-add-up",
                "periodicity/supercell",
                "robustness/size",
                "smoothness/continuity",
                "smoothness/stiffness-continuous",
            }
        ),
        add_term("trailing-atoms-lost", lambda graph: _lost(graph, _trailing(graph))),
        consistent=True,
        needs="an atom without neighbours beside others",
    ),
    Mutant(
        "images-by-company",
        "Bonds to images of the wrapped atoms more than one shell away are lost beside a structure of a larger cell.",
        0.01,
        "eV/Å",
        frozenset({"robustness/batch"}),
        CHECKS - {"robustness/batch", "robustness/refusals", "robustness/memory-growth"},
        _by_company,
        needs="a small cell in a batch with a large one",
    ),
)
