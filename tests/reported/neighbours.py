"""Lists of neighbours that lack some, hold some too many, or place them wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray, Potential, Prediction, Property
from tests.analytic import embedded_atom, smooth_pair, three_body
from tests.analytic.evaluation import forces_from
from tests.analytic.graph import Graph, Real, sum_by
from tests.reported.base import (
    METALS,
    Answering,
    Mask,
    Reported,
    by_structure,
    fractional,
    github,
    heights,
    keep,
    keeping,
    on_graph,
)

NEAREST = 20
"""Neighbours that `nearest-twenty` keeps."""
CAPACITY = 70
"""Places in the list of `list-capacity`, more than a crystal at equilibrium needs within 5 Å."""


def _lost_by_rounding(graph: Graph) -> Mask:
    """−4e−52 − ⌊−4e−52⌋ is 1.0, which is outside the last bin: the atom is in none."""
    inside = fractional(graph)
    lost = (inside - np.floor(inside) >= 1.0).any(axis=1)
    return ~(lost[graph.centres] | lost[graph.neighbours])


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
    found: Mask = (np.abs(graph.shifts) <= most[graph.owner[graph.centres]]).all(axis=1)
    return found


def _rank(graph: Graph, order: Real) -> Real:
    """Return the place of each edge among those of its atom, in ascending `order`."""
    sorting = np.lexsort((order, graph.centres))
    starts = np.searchsorted(graph.centres, np.arange(graph.n_atoms))
    rank = np.empty(len(sorting))
    rank[sorting] = np.arange(len(sorting)) - starts[graph.centres[sorting]]
    return rank


def _nearest(graph: Graph) -> Mask:
    return _rank(graph, graph.distances) < NEAREST


def _as_many_as_fit(graph: Graph) -> Mask:
    return _rank(graph, graph.neighbours.astype(float)) < CAPACITY


def _negative_outside_bins(graph: Graph) -> Mask:
    """Bins span [0, L] where three of them fit: atoms with negative coordinates fall into the first one."""
    fine = np.array([np.where(s.pbc, heights(s) / graph.cutoff, 0.0) >= 3.0 for s in graph.structures])
    outside = ((fractional(graph) < 0.0) & fine[graph.owner]).any(axis=1)
    return outside[graph.centres] == outside[graph.neighbours]


def _corner(graph: Graph) -> Mask:
    """Atoms on the edge between two faces of the box miss one neighbour beyond both."""
    inside = fractional(graph)
    on_edge = (np.abs(inside[:, [0, 2]]) < 1e-9).all(axis=1)
    beyond = (graph.shifts[:, [0, 2]] < 0).all(axis=1)
    return ~(on_edge[graph.centres] & beyond)


def _zero_on_the_diagonal(structure: Atoms) -> bool:
    return bool(structure.pbc.all() and (np.abs(np.diagonal(structure.cell.array)) < 1e-12).all())


def _first_reversed(graph: Graph, energies: Real, gradients: Real, found: list[Prediction]) -> list[Prediction]:
    """The edge back is the first one between the two atoms, whichever image it leads to."""
    code = graph.centres * graph.n_atoms + graph.neighbours
    back = graph.neighbours * graph.n_atoms + graph.centres
    known, first = np.unique(code, return_index=True)
    reverse = first[np.searchsorted(known, back)]
    forces = sum_by(graph.centres, gradients - gradients[reverse], graph.n_atoms)
    return _with_forces(graph, forces, found)


def _with_forces(graph: Graph, forces: Real, found: list[Prediction]) -> list[Prediction]:
    return [
        p if p.forces is None else replace(p, forces=np.asarray(forces[begin:end], float))
        for p, begin, end in zip(found, graph.first[:-1], graph.first[1:], strict=True)
    ]


def _own_images_forgotten(graph: Graph, energies: Real, gradients: Real, found: list[Prediction]) -> list[Prediction]:
    """What an atom does to its own images is left out of the sum over those that feel it."""
    own = graph.centres == graph.neighbours
    forces = forces_from(graph, gradients) + sum_by(graph.neighbours[own], gradients[own], graph.n_atoms)
    return _with_forces(graph, forces, found)


def _half(graph: Graph) -> Mask:
    """Each pair once: a half list where the density needs a full one."""
    x, y, z = graph.shifts.T
    ahead = (z > 0) | (z == 0) & ((y > 0) | (y == 0) & (x > 0))
    return (graph.neighbours > graph.centres) | (graph.neighbours == graph.centres) & ahead


def _cells_for_lengths(graph: Graph) -> Graph:
    """Lattice translations in units of cell vectors are added to positions as if they were lengths."""
    vectors = graph.positions[graph.neighbours] - graph.positions[graph.centres] + graph.shifts
    distances = np.linalg.norm(vectors, axis=1)
    crossing = graph.shifts.any(axis=1)
    wrong = replace(
        graph,
        vectors=np.where(crossing[:, None], vectors, graph.vectors),
        distances=np.where(crossing, distances, graph.distances),
    )
    return keep(wrong, (wrong.distances > 0.5) & (wrong.distances < 0.99 * graph.cutoff))


@dataclass(slots=True)
class _Raising(Answering):
    """A potential that raises for some structures."""

    refuse: Callable[[Atoms], Exception | None] = lambda structure: None

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        for structure in structures:
            error = self.refuse(structure)
            if error is not None:
                raise error
        return self.sound.evaluate(structures, properties)


def raising(refuse: Callable[[Atoms], Exception | None]) -> Callable[[], Potential]:
    """Return the maker of a potential that raises for some structures."""
    return lambda: _Raising(lambda s, p: p, smooth_pair(5.0, species=METALS), refuse=refuse)


def _no_neighbours(structure: Atoms) -> Exception | None:
    distances = structure.get_all_distances(mic=True) if len(structure) > 1 else np.zeros((1, 1))
    lone = not structure.pbc.any() or bool((heights(structure) > 5.0).all())
    near = distances[~np.eye(len(structure), dtype=bool)] < 5.0
    if lone and not near.any():
        return ValueError("zero-size array to reduction operation maximum which has no identity")
    return None


def _on_the_upper_face(structure: Atoms) -> Exception | None:
    if not structure.pbc.all():
        return None
    wrapped = np.linalg.solve(structure.cell.array.T, structure.positions.T)
    wrapped -= np.floor(wrapped)
    if (wrapped >= 1.0).any():
        return RuntimeError("Neighbourlist of structures failed because: At least one atom is outside the unit cell")
    return None


def _unmasked_cosine(graph: Graph) -> tuple[Real, Real]:
    """Morse pairs under ½(1 + cos πr/r_c), r_c = 5 Å, that go on where the list goes on."""
    r = graph.distances
    decay = np.exp(-1.5 * (r - 2.7))
    value, slope = 0.3 * (decay * decay - 2.0 * decay), 0.9 * (decay - decay * decay)
    cut, cut_slope = 0.5 * (1.0 + np.cos(np.pi * r / 5.0)), -0.1 * np.pi * np.sin(np.pi * r / 5.0)
    energies = sum_by(graph.centres, 0.5 * value * cut, graph.n_atoms)
    gradients: FloatArray = (0.5 * (slope * cut + value * cut_slope) / r)[:, None] * graph.vectors
    return energies, gradients


def _law(*names: str) -> frozenset[str]:
    return frozenset(names)


NEIGHBOURS = (
    Reported(
        "rounded-out-of-the-box",
        "An atom at −4e−52 is wrapped to the upper face exactly and is in no bin: all its bonds are lost (5 eV).",
        "atomistica",
        github("Atomistica/atomistica", 30),
        on_graph(keeping(_lost_by_rounding)),
        _law("periodicity/lattice-wrap", "symmetry/translation", "symmetry/rotation"),
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
        "Isolated structures get a box of their own, a tenth of the cutoff larger than they are, and are periodic in it.",
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
        "nearest-twenty",
        f"Every atom has its {NEAREST} nearest neighbours, those at equal distance as they come.",
        "torch-sim, orb-models",
        github("TorchSim/torch-sim", 535),
        on_graph(keeping(_nearest)),
        _law("symmetry/permutation", "symmetry/rotation", "conservation/path-work", "periodicity/supercell"),
    ),
    Reported(
        "list-capacity",
        f"A list has {CAPACITY} places, 1.25 times what training needed; what does not fit is left out.",
        "GPUMD",
        github("brucefan1983/GPUMD", 210, "pull"),
        on_graph(keeping(_as_many_as_fit)),
        _law("symmetry/permutation", "periodicity/supercell", "conservation/path-work", "conservation/closed-loop-cell"),
    ),
    Reported(
        "bins-from-zero",
        "Bins span [0, L] where three fit into the box: atoms with negative coordinates are in the wrong one.",
        "jax-md",
        github("jax-md/jax-md", 168),
        on_graph(keeping(_negative_outside_bins), sound=smooth_pair(3.5, species=METALS)),
        _law("periodicity/lattice-wrap", "symmetry/translation"),
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
        "zeros-on-the-diagonal",
        "No neighbours at all in the primitive cell of an fcc crystal, whose matrix has zeros on the diagonal.",
        "matscipy",
        github("libAtoms/matscipy", 3),
        on_graph(keeping(lambda graph: ~by_structure(graph, _zero_on_the_diagonal))),
        _law("periodicity/cell-choice", "symmetry/rotation", "periodicity/supercell"),
    ),
    Reported(
        "wrong-way-back",
        "In small cells the edge back from a neighbour is that to another of its images.",
        "matscipy",
        github("libAtoms/matscipy", 34, "pull"),
        on_graph(sound=embedded_atom(5.0, species=METALS), finish=_first_reversed),
        _law("conservation/force-gradient", "symmetry/net-force"),
    ),
    Reported(
        "own-images-forgotten",
        "In cells smaller than the cutoff the sum of forces leaves out what an atom does to its own images.",
        "n2p2",
        github("CompPhysVienna/n2p2", 101, "pull"),
        on_graph(sound=three_body(5.0, species=METALS), finish=_own_images_forgotten),
        _law("conservation/force-gradient", "symmetry/net-force"),
    ),
    Reported(
        "half-a-list",
        "A many-body potential gets each pair once where its density needs every pair from both ends.",
        "deepmd-kit with LAMMPS",
        github("lammps/lammps", 2930),
        on_graph(keeping(_half), sound=embedded_atom(5.0, species=METALS)),
        _law("symmetry/permutation", "symmetry/inversion"),
    ),
    Reported(
        "skin-not-masked",
        "The list goes on for 0.6 Å beyond the cutoff, and so does a cosine that is zero at the cutoff alone.",
        "CatLearn",
        github("SUNCAT-Center/CatLearn", 83, "pull"),
        on_graph(sound=replace(smooth_pair(5.6, species=METALS), kernel=_unmasked_cosine)),
        _law("conservation/path-work"),
    ),
    Reported(
        "no-neighbours-no-answer",
        "Where no atom has a neighbour, the largest index of an empty list is asked for, which raises.",
        "symmetrix, CHGNet",
        github("wcwitt/symmetrix", 81, "pull"),
        raising(_no_neighbours),
        _law("robustness/finite-output", "locality/detached-atom"),
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
        "upper-face-raises",
        "An atom that wrapping puts on the upper face exactly raises: it is said to be outside the cell.",
        "librascal",
        github("lab-cosmo/librascal", 310),
        raising(_on_the_upper_face),
        _law("periodicity/lattice-wrap", "symmetry/rotation", "symmetry/translation"),
    ),
)
