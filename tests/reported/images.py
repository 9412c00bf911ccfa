"""Images of atoms that are forgotten, made where there are none, or put in another place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms

from tests.analytic.graph import Graph
from tests.reported.base import (
    Mask,
    Reported,
    by_structure,
    fractional,
    github,
    heights,
    keep,
    keeping,
    on_graph,
    raising,
)


def _lost_by_rounding(graph: Graph) -> Mask:
    """−4e−52 − ⌊−4e−52⌋ is 1.0, which is outside the last bin: the atom is in none."""
    inside = fractional(graph)
    lost = np.any(inside - np.floor(inside) >= 1.0, axis=1)
    return ~(lost[graph.centres] | lost[graph.neighbours])


def _on_the_upper_face(structure: Atoms) -> Exception | None:
    if not structure.pbc.all():
        return None
    wrapped = np.linalg.solve(structure.cell.array.T, structure.positions.T)
    wrapped -= np.floor(wrapped)
    if (wrapped >= 1.0).any():
        return RuntimeError("Neighbourlist of structures failed because: At least one atom is outside the unit cell")
    return None


def _corner(graph: Graph) -> Mask:
    """Atoms on the edge between two faces of the box miss one neighbour beyond both."""
    inside = fractional(graph)
    on_edge = np.all(np.abs(inside[:, [0, 2]]) < 1e-9, axis=1)
    beyond = np.all(graph.shifts[:, [0, 2]] < 0, axis=1)
    return ~(on_edge[graph.centres] & beyond)


def _folded(structure: Atoms) -> Atoms:
    """Fold along every cell vector that there is, periodic or not."""
    changed: Atoms = structure.copy()
    if structure.cell.rank == 3:
        changed.wrap(pbc=True, eps=0.0)
    return changed


def _molecule_if_partly_open(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    changed.pbc = structure.pbc.all()
    return changed


def _third_axis_open(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    if structure.pbc.all():
        changed.pbc = (True, True, False)
    return changed


def _boxed(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    if not structure.pbc.any():
        changed.set_cell(np.ptp(structure.positions, axis=0) + 0.5)
        changed.pbc = True
    return changed


def _without_own_images(graph: Graph) -> Mask:
    """The nearest image alone: no image of an atom itself, in the boxes of `_boxed`."""
    return by_structure(graph, lambda s: not s.pbc.all()) | (graph.centres != graph.neighbours)


def _first_images(graph: Graph) -> Mask:
    """Images as far as wrapped atoms need, around positions that are not wrapped."""
    most = np.array([np.where(s.pbc, np.floor(graph.cutoff / heights(s)) + 1.0, 0.0) for s in graph.structures])
    found: Mask = np.all(np.abs(graph.shifts) <= most[graph.owner[graph.centres]], axis=1)
    return found


def _cells_for_lengths(graph: Graph) -> Graph:
    """Lattice translations in units of cell vectors are added to positions as if they were lengths."""
    vectors = graph.positions[graph.neighbours] - graph.positions[graph.centres] + graph.shifts
    distances = np.linalg.norm(vectors, axis=1)
    crossing: Mask = np.any(graph.shifts, axis=1)
    wrong = replace(
        graph,
        vectors=np.where(crossing[:, None], vectors, graph.vectors),
        distances=np.where(crossing, distances, graph.distances),
    )
    return keep(wrong, (wrong.distances > 0.5) & (wrong.distances < 0.99 * graph.cutoff))


def _zero_on_the_diagonal(structure: Atoms) -> bool:
    return bool(structure.pbc.all() and (np.abs(np.diagonal(structure.cell.array)) < 1e-12).all())


def _law(*names: str) -> frozenset[str]:
    return frozenset(names)


IMAGES = (
    Reported(
        "rounded-out-of-the-box",
        "An atom at −4e−52 is wrapped to the upper face exactly and is in no bin: all its bonds are lost (5 eV).",
        "atomistica",
        github("Atomistica/atomistica", 30),
        on_graph(keeping(_lost_by_rounding)),
        _law("periodicity/lattice-wrap", "symmetry/translation", "symmetry/rotation"),
    ),
    Reported(
        "upper-face-raises",
        "An atom that wrapping puts on the upper face exactly raises: it is said to be outside the cell.",
        "librascal",
        github("lab-cosmo/librascal", 310),
        raising(_on_the_upper_face),
        _law("periodicity/lattice-wrap", "symmetry/rotation", "symmetry/translation"),
    ),
    Reported(
        "corner-of-the-box",
        "Atoms on the edge between two faces of the box miss a neighbour beyond both (mean coordination 11.96).",
        "atomman",
        github("lmhale99/atomman", 12),
        on_graph(keeping(_corner)),
        _law("symmetry/translation", "symmetry/space-group", "periodicity/supercell", "periodicity/cell-choice"),
    ),
    Reported(
        "folded-along-open-axes",
        "Positions are folded into the cell along every cell vector, periodic or not.",
        "nvalchemi-toolkit-ops, torch-sim",
        github("NVIDIA/nvalchemi-toolkit-ops", 104),
        on_graph(read=_folded),
        _law("symmetry/translation", "periodicity/partial"),
    ),
    Reported(
        "open-once-open-everywhere",
        "Periodicity is ignored altogether where one direction is not periodic.",
        "pyiron_atomistics",
        github("pyiron/pyiron_atomistics", 269),
        on_graph(read=_molecule_if_partly_open),
        _law("periodicity/partial", "periodicity/supercell", "periodicity/lattice-wrap"),
    ),
    Reported(
        "third-axis-open",
        "Crystals are taken for slabs: pbc is (true, true, false) in the code, whatever the structure says.",
        "fairchem",
        github("facebookresearch/fairchem", 428),
        on_graph(read=_third_axis_open),
        _law("periodicity/supercell", "periodicity/lattice-wrap", "symmetry/rotation"),
    ),
    Reported(
        "periodic-bounding-box",
        "Isolated structures get a periodic box of their own, a tenth of the cutoff larger than they are.",
        "nvalchemi-toolkit-ops",
        github("NVIDIA/nvalchemi-toolkit-ops", 88, "pull"),
        on_graph(keeping(_without_own_images), read=_boxed),
        _law("symmetry/rotation", "symmetry/net-torque"),
    ),
    Reported(
        "images-of-unwrapped-atoms",
        "The images that wrapped atoms need are made of atoms that are not wrapped.",
        "orb-models, torch-sim, torchani",
        github("orbital-materials/orb-models", 41, "pull"),
        on_graph(keeping(_first_images)),
        _law("periodicity/lattice-wrap"),
    ),
    Reported(
        "cells-for-lengths",
        "Lattice translations in units of cell vectors are added to positions as if they were lengths.",
        "schnetpack with LAMMPS",
        github("atomistic-machine-learning/schnetpack", 618),
        on_graph(_cells_for_lengths),
        _law("periodicity/lattice-wrap", "symmetry/translation", "periodicity/supercell"),
    ),
    Reported(
        "zeros-on-the-diagonal",
        "No neighbours at all in the primitive cell of an fcc crystal, whose matrix has zeros on the diagonal.",
        "matscipy",
        github("libAtoms/matscipy", 3),
        on_graph(keeping(lambda graph: ~by_structure(graph, _zero_on_the_diagonal))),
        _law("periodicity/cell-choice", "symmetry/rotation", "periodicity/supercell"),
    ),
)
