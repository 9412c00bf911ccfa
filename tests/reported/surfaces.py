"""Energies with steps, forces that forget a factor, and defects of large structures alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray, Prediction
from tests.analytic import embedded_atom, smooth_pair
from tests.analytic.evaluation import forces_from
from tests.analytic.graph import Graph, Real, graphs, sum_by
from tests.reported.base import (
    METALS,
    Mask,
    Reported,
    by_structure,
    each,
    fractional,
    github,
    heights,
    keeping,
    on_graph,
    with_forces,
)
from tests.reported.histories import shifted

STEP = 0.037
"""eV: 3.6 kJ/mol, as reported."""


def _without_shift(graph: Graph) -> tuple[Real, Real]:
    """Morse pairs that end at the cutoff where they happen to be."""
    decay = np.exp(-1.4 * (graph.distances - 2.7))
    value, slope = 0.34 * (decay * decay - 2.0 * decay), 0.952 * (decay - decay * decay)
    gradients: FloatArray = (0.5 * slope / graph.distances)[:, None] * graph.vectors
    return sum_by(graph.centres, 0.5 * value, graph.n_atoms), gradients


def _with_step(graph: Graph) -> tuple[Real, Real]:
    """Each neighbour within the cutoff adds half of `STEP` however far it is."""
    energies, gradients = smooth_pair(5.0).kernel(graph)
    steps = sum_by(graph.centres, np.full(len(graph.centres), -0.5 * STEP), graph.n_atoms)
    return energies + steps, gradients


def _bonds_below_three(structure: Atoms, prediction: Prediction) -> Prediction:
    """Where no bond is shorter than 3 Å, the layer of angles is left out, bias included: 50 meV an atom."""
    if structure.cell.rank < 3 and structure.pbc.any():
        return prediction
    found = next(iter(graphs([structure], 3.0, "float64")))
    return prediction if len(found.centres) else shifted(prediction, 0.05 * len(structure))


def _switch(distances: Real) -> tuple[Real, Real]:
    t = np.clip((distances - 2.5) / 0.5, 0.0, 1.0)
    return 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t * t), -60.0 * t**2 * (1.0 - t) ** 2


def _core(graph: Graph) -> tuple[Real, Real]:
    """Return a repulsion 12 e^{−1.2 r}, eV, and its slope, before it is switched off from 2.5 to 3 Å."""
    value = 12.0 * np.exp(-1.2 * graph.distances)
    return value, -1.2 * value


def _switched_core(graph: Graph) -> tuple[Real, Real]:
    energies, gradients = smooth_pair(5.0).kernel(graph)
    value, slope = _core(graph)
    switch, switch_slope = _switch(graph.distances)
    along = 0.5 * (slope * switch + value * switch_slope) / graph.distances
    return energies + sum_by(graph.centres, 0.5 * value * switch, graph.n_atoms), gradients + along[
        :, None
    ] * graph.vectors


def _without_slope_of_the_switch(
    graph: Graph, energies: Real, gradients: Real, found: list[Prediction]
) -> list[Prediction]:
    value, _ = _core(graph)
    _, switch_slope = _switch(graph.distances)
    missing = (0.5 * value * switch_slope / graph.distances)[:, None] * graph.vectors
    return with_forces(graph, forces_from(graph, gradients - missing), found)


def _across_domains(graph: Graph) -> Mask:
    """Return whether an edge joins the two halves that a box of 10 Å or more along its first axis is shared in."""
    inside = fractional(graph)
    half = np.floor(2.0 * (inside - np.floor(inside)))[:, 0]
    large = by_structure(graph, lambda s: bool(s.pbc[0] and heights(s)[0] >= 10.0))
    across: Mask = large & (half[graph.centres] != half[graph.neighbours])
    return across


def _not_sent_back(graph: Graph, energies: Real, gradients: Real, found: list[Prediction]) -> list[Prediction]:
    """What an atom's embedding does to neighbours of the other domain is not sent back to them."""
    lost = _across_domains(graph)
    forces = forces_from(graph, gradients) + sum_by(graph.neighbours[lost], gradients[lost], graph.n_atoms)
    return with_forces(graph, forces, found)


def _large_and_skewed(graph: Graph) -> Mask:
    """In boxes of 70 Å and more that are not orthogonal the nearest image is not looked for."""

    def unaware(structure: Atoms) -> bool:
        skewed = np.abs(structure.cell.angles() - 90.0).max() > 1e-6
        return bool(structure.pbc.all() and skewed and structure.cell.lengths().max() >= 70.0)

    crossing: Mask = np.any(graph.shifts, axis=1)
    return ~(crossing & by_structure(graph, unaware))


_PATH = frozenset({"conservation/path-work"})

SURFACES = (
    Reported(
        "no-shift-at-the-cutoff",
        "A pair energy ends at the cutoff with the value that it has there, for the shift has an error.",
        "LAMMPS morse/smooth/linear",
        github("lammps/lammps", 480, "pull"),
        on_graph(sound=replace(smooth_pair(5.0, species=METALS), kernel=_without_shift)),
        _PATH,
    ),
    Reported(
        "step-at-the-cutoff",
        "The energy jumps by 3.6 kJ/mol when an atom crosses the cutoff; forces are derivatives elsewhere.",
        "TorchMD-Net",
        github("torchmd/torchmd-net", 254),
        on_graph(sound=replace(smooth_pair(5.0, species=METALS), kernel=_with_step)),
        _PATH,
    ),
    Reported(
        "no-bond-graph",
        "The energy jumps, by 50 meV an atom here, when the last pair of the structure gets farther apart than 3 Å.",
        "CHGNet",
        github("CederGroupHub/chgnet", 79),
        each(_bonds_below_three),
        frozenset({"conservation/path-work", "locality/detached-atom"}),
        budget="standard",
    ),
    Reported(
        "slope-of-the-switch",
        "Forces leave out the derivative of the function that switches the core off between 2.5 and 3 Å (2.7 eV/Å).",
        "PyXtal_FF",
        github("MaterSim/PyXtal_FF", 45),
        on_graph(
            sound=replace(smooth_pair(5.0, species=METALS), kernel=_switched_core), finish=_without_slope_of_the_switch
        ),
        frozenset({"conservation/force-gradient", "conservation/path-work"}),
    ),
    Reported(
        "forces-not-sent-back",
        "Forces across the boundary of the domains of two processes are not sent back: energy is not conserved.",
        "LAMMPS meam/spline",
        github("lammps/lammps", 472),
        on_graph(sound=embedded_atom(5.0, species=METALS), finish=_not_sent_back),
        frozenset({"conservation/force-gradient", "symmetry/net-force", "periodicity/supercell"}),
    ),
    Reported(
        "large-skewed-boxes",
        "In triclinic boxes of 70 Å and more neighbours across the boundary are lost.",
        "Dissolve",
        github("disorderedmaterials/dissolve", 2132, "pull"),
        on_graph(keeping(_large_and_skewed)),
        frozenset(),
        why="No budget looks at boxes of 70 Å, which hold tens of thousands of atoms.",
    ),
)
