"""Defects that make energies or forces jump where neighbours come, go or change places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tests.analytic.graph import Graph, Index, Real, sum_by
from tests.analytic.radial import along_edges
from tests.mutants.base import (
    CONSERVATION,
    ENERGY_IN_MOTION,
    Extra,
    Mutant,
    add_term,
    forces_only,
    from_edges,
)
from tests.mutants.energies import bond, bonds

PLACE = 3.1416
"""Å, where pairs jump: within every cutoff in use, and at no distance of an ideal crystal."""
NEAREST = 12
TABLE = 0.25
"""Å between the knots of a table."""


def _energy_step(graph: Graph) -> Extra:
    """Return 1 eV for each pair nearer than `PLACE`."""
    dtype = graph.vectors.dtype
    inside = (graph.distances < PLACE).astype(dtype) * dtype.type(0.5)
    zero = forces_only(graph, np.zeros((graph.n_atoms, 3), dtype))
    return Extra(sum_by(graph.centres, inside, graph.n_atoms), zero.forces, zero.virial)


def _unlike_force_step(graph: Graph) -> Extra:
    """Return (r* − r) eV for each pair of unlike atoms nearer than r* = `PLACE`."""
    dtype = graph.vectors.dtype
    unlike = graph.numbers[graph.centres] != graph.numbers[graph.neighbours]
    inside = ((graph.distances < PLACE) & unlike).astype(dtype) * dtype.type(0.5)
    energies = sum_by(graph.centres, inside * (dtype.type(PLACE) - graph.distances), graph.n_atoms)
    return from_edges(graph, energies, along_edges(graph, -inside))


def _stiffness_step(graph: Graph) -> Extra:
    """Return ½(r − r*)² eV for each pair nearer than r* = `PLACE`."""
    dtype = graph.vectors.dtype
    short = np.minimum(graph.distances - dtype.type(PLACE), dtype.type(0.0)) * dtype.type(0.5)
    energies = sum_by(graph.centres, short * short, graph.n_atoms)
    return from_edges(graph, energies, along_edges(graph, short))


def _ranks(graph: Graph) -> Index:
    """Return the place of each edge among those of its atom, the nearest first."""
    order = np.lexsort((graph.distances, graph.centres))
    first = np.searchsorted(graph.centres, np.arange(graph.n_atoms))
    ranks = np.empty(len(order), np.intp)
    ranks[order] = np.arange(len(order)) - first[graph.centres[order]]
    return ranks


def nearest(number: int, steepness: float = 1.0) -> Callable[[Graph], Extra]:
    """Return a term of bonds to so many nearest neighbours only."""
    return lambda graph: bonds(graph, 0.3 * (_ranks(graph) < number), steepness)


def _straight_lines(graph: Graph) -> Extra:
    """Return Σ w(r) read from a table of values by straight lines."""
    dtype = graph.vectors.dtype
    below = np.floor(graph.distances / dtype.type(TABLE)) * dtype.type(TABLE)
    ends = []
    for end in (below, below + dtype.type(TABLE)):
        moved = np.minimum(np.maximum(end, dtype.type(TABLE)), dtype.type(0.99 * graph.cutoff))
        ends.append(bond(_at_distances(graph, moved))[0])
    slope = (ends[1] - ends[0]) / dtype.type(TABLE)
    energies = sum_by(graph.centres, ends[0] + slope * (graph.distances - below), graph.n_atoms)
    return from_edges(graph, energies, along_edges(graph, slope))


def _at_distances(graph: Graph, distances: Real) -> Graph:
    return replace(graph, distances=distances)


def _images(graph: Graph) -> Extra:
    """Return the number of cells that a list of images of the cell holds, per atom, in eV."""
    dtype = graph.vectors.dtype
    counts = []
    for structure in graph.structures:
        if structure.pbc.all():
            heights = 1.0 / np.linalg.norm(np.linalg.inv(structure.cell.array), axis=0)
            counts.append(float(np.prod(2.0 * np.floor(graph.cutoff / heights) + 1.0)))
        else:
            counts.append(0.0)
    zero = forces_only(graph, np.zeros((graph.n_atoms, 3), dtype))
    return Extra(np.array(counts, dtype)[graph.owner], zero.forces, zero.virial)


_CROSSING = (CONSERVATION | ENERGY_IN_MOTION) | {
    "smoothness/stiffness-continuous",
    "smoothness/one-stiffness",
    "smoothness/ripples",
    "robustness/noise-floor",
    "robustness/precision",
}
"""What moves atoms, and may carry them across a jump."""

JUMP_MUTANTS = (
    Mutant(
        "pair-energy-jump",
        f"The energy jumps by ε eV where a pair is {PLACE} Å long.",
        0.003,
        "eV",
        frozenset({"smoothness/continuity"}),
        _CROSSING | {"smoothness/continuity-cell"},
        add_term("pair-energy-jump", _energy_step),
        consistent=True,
        needs="a pair that passes this distance",
    ),
    Mutant(
        "unlike-force-jump",
        f"Forces between unlike atoms jump by ε where they are {PLACE} Å apart.",
        0.01,
        "eV/Å",
        frozenset({"smoothness/continuity"}),
        _CROSSING | {"smoothness/continuity-cell"},
        add_term("unlike-force-jump", _unlike_force_step),
        consistent=True,
        needs="a pair of unlike atoms that passes this distance",
    ),
    Mutant(
        "twelve-nearest",
        f"Only the {NEAREST} nearest neighbours of an atom are bonded to it.",
        0.05,
        "eV/Å",
        frozenset({"smoothness/continuity"}),
        _CROSSING
        | {
            "smoothness/continuity-cell",
            "symmetry/translation",
            "symmetry/rotation",
            "symmetry/inversion",
            "symmetry/permutation",
            "symmetry/space-group",
            "periodicity/lattice-wrap",
            "periodicity/cell-choice",
            "periodicity/supercell",
            "periodicity/partial",
            *ENERGY_IN_MOTION,
            "robustness/size",
        },
        add_term("twelve-nearest", nearest(NEAREST)),
        consistent=True,
        needs="an atom with more than twelve neighbours, and unlike ones that change places",
    ),
    Mutant(
        "straight-lines",
        f"Bonds are read from a table with a value every {TABLE} Å by straight lines.",
        0.1,
        "eV/Å",
        frozenset({"smoothness/continuity"}),
        _CROSSING | {"smoothness/continuity-cell", "physics/frozen-phonon-stress"},
        add_term("straight-lines", _straight_lines),
        consistent=True,
    ),
    Mutant(
        "stiffness-jump",
        f"The stiffness of pairs jumps by ε where they are {PLACE} Å long.",
        40.0,
        "eV/Å²",
        frozenset({"smoothness/stiffness-continuous"}),
        _CROSSING - {"smoothness/stiffness-continuous"},
        add_term("stiffness-jump", _stiffness_step),
        consistent=True,
        needs="a pair that passes this distance",
    ),
    Mutant(
        "image-count",
        "The energy per atom grows by ε for each image of the cell in the list of those that the cutoff may reach.",
        0.001,
        "eV/atom",
        frozenset({"smoothness/continuity-cell"}),
        CONSERVATION
        | {
            "periodicity/cell-choice",
            "periodicity/supercell",
            "periodicity/partial",
            "locality/detached-atom",
            "locality/lonely-atom",
            "robustness/size",
            "robustness/noise-floor",
        },
        add_term("image-count", _images),
        consistent=True,
        needs="a cell one of whose heights passes a whole part of the cutoff",
    ),
)
