"""Lists of neighbours that lack some, hold some too many, or are read from one end alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray, Prediction
from tests.analytic import embedded_atom, smooth_pair, three_body
from tests.analytic.evaluation import forces_from
from tests.analytic.graph import Graph, Real, sum_by
from tests.reported.base import (
    METALS,
    Mask,
    Reported,
    fractional,
    github,
    heights,
    keeping,
    on_graph,
    raising,
    with_forces,
)

NEAREST = 20
"""Neighbours that `nearest-twenty` keeps."""
CAPACITY = 52
"""Places in the list of `list-capacity`: 1.25 times the 42 neighbours within 5 Å of an fcc crystal at equilibrium."""


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
    outside = np.any((fractional(graph) < 0.0) & fine[graph.owner], axis=1)
    return outside[graph.centres] == outside[graph.neighbours]


def _first_reversed(graph: Graph, energies: Real, gradients: Real, found: list[Prediction]) -> list[Prediction]:
    """The edge back is the first one between the two atoms, whichever image it leads to."""
    code = graph.centres * graph.n_atoms + graph.neighbours
    back = graph.neighbours * graph.n_atoms + graph.centres
    known, first = np.unique(code, return_index=True)
    reverse = first[np.searchsorted(known, back)]
    forces = sum_by(graph.centres, gradients - gradients[reverse], graph.n_atoms)
    return with_forces(graph, forces, found)


def _own_images_forgotten(graph: Graph, energies: Real, gradients: Real, found: list[Prediction]) -> list[Prediction]:
    """What an atom does to its own images is left out of the sum over those that feel it."""
    own = graph.centres == graph.neighbours
    forces = forces_from(graph, gradients) + sum_by(graph.neighbours[own], gradients[own], graph.n_atoms)
    return with_forces(graph, forces, found)


def _half(graph: Graph) -> Mask:
    """Each pair once: a half list where the density needs a full one."""
    x, y, z = graph.shifts.T
    ahead = (z > 0) | (z == 0) & ((y > 0) | (y == 0) & (x > 0))
    return (graph.neighbours > graph.centres) | (graph.neighbours == graph.centres) & ahead


def _no_neighbours(structure: Atoms) -> Exception | None:
    distances = structure.get_all_distances(mic=True) if len(structure) > 1 else np.zeros((1, 1))
    lone = not structure.pbc.any() or bool((heights(structure) > 5.0).all())
    near = distances[~np.eye(len(structure), dtype=bool)] < 5.0
    if lone and not near.any():
        return ValueError("zero-size array to reduction operation maximum which has no identity")
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
        _law(
            "symmetry/permutation", "periodicity/supercell", "conservation/path-work", "conservation/closed-loop-cell"
        ),
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
)
