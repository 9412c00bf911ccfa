"""Stresses that are wrong, in some cells or in all; energy and forces are sound unless said otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray, Potential, Prediction
from tests.analytic import smooth_pair
from tests.analytic.evaluation import strain_derivatives
from tests.analytic.graph import Graph, Real
from tests.reported.base import METALS, Answering, Reported, each, github, heights, keep, on_graph, with_stress

EV_PER_GPA_A3 = 0.006241509074460764


def _cube_root(structure: Atoms, prediction: Prediction) -> Prediction:
    """V^(1/3) of a negative volume is NaN; a mask makes the stress zero."""
    if structure.pbc.any() and structure.cell.rank == 3 and structure.cell.handedness < 0:
        forces = None if prediction.forces is None else np.full_like(prediction.forces, np.nan)
        return with_stress(replace(prediction, forces=forces), np.zeros_like)
    return prediction


def _isotropic_doubled(structure: Atoms, prediction: Prediction) -> Prediction:
    """The upper triangle is added to its transpose, and holds the diagonal."""
    return with_stress(prediction, lambda stress: stress + np.diag(np.diagonal(stress)))


def _diagonal_of_the_box(graph: Graph, energies: Real, gradients: Real, found: list[Prediction]) -> list[Prediction]:
    """Stretching along an axis scales one diagonal element of the box and leaves the tilt factors as they are."""
    changed = []
    for k, (structure, prediction) in enumerate(zip(graph.structures, found, strict=True)):
        if prediction.stress is None:
            changed.append(prediction)
            continue
        own = graph.owner[graph.centres] == k
        standard, turn = structure.cell.standard_form()
        missing = np.zeros((3, 3))
        slopes = gradients[own] @ turn.T
        for axis in range(3):
            tilts = standard.array[:, axis] * (np.arange(3) != axis)
            missing[axis, axis] = (slopes[:, axis] * (graph.shifts[own] @ tilts)).sum()
        volume = abs(structure.get_volume())
        changed.append(replace(prediction, stress=prediction.stress - turn.T @ missing @ turn / volume))
    return changed


def _positions_times_forces(structure: Atoms, prediction: Prediction) -> Prediction:
    """−Σ r ⊗ F over the atoms of the cell, without the derivative by the cell."""
    if prediction.forces is None or prediction.stress is None:
        return prediction
    virial = -structure.positions.T @ prediction.forces
    return replace(prediction, stress=0.5 * (virial + virial.T) / abs(structure.get_volume()))


def _nearest_images_alone(graph: Graph, energies: Real, gradients: Real, found: list[Prediction]) -> list[Prediction]:
    """In boxes thinner than twice the cutoff the virial counts the nearest image of each neighbour."""
    thin = np.array([bool((heights(s) < 2.0 * graph.cutoff).any()) for s in graph.structures])
    order = np.lexsort((graph.distances, graph.neighbours, graph.centres))
    pair = (graph.centres * graph.n_atoms + graph.neighbours)[order]
    nearest = np.zeros(len(order), bool)
    nearest[order] = np.concatenate([[True], pair[1:] != pair[:-1]]) if len(order) else []
    counted = nearest | ~thin[graph.owner[graph.centres]]
    virials = strain_derivatives(keep(graph, counted), gradients[counted])
    return [
        p if p.stress is None else replace(p, stress=np.asarray(virial / abs(s.get_volume()), float))
        for s, p, virial in zip(graph.structures, found, virials, strict=True)
    ]


def _now_and_then(factor: float) -> Callable[[], Potential]:
    """Threads race for the virial: two calls of seven get another one."""

    def make() -> Potential:
        calls = [0]

        def change(structures: object, found: list[Prediction]) -> list[Prediction]:
            calls[0] += 1
            return [with_stress(p, lambda s: factor * s) for p in found] if calls[0] % 7 in (1, 0) else found

        return Answering(change, smooth_pair(5.0, species=METALS))

    return make


def _times(factor: float) -> Callable[[Atoms, Prediction], Prediction]:
    def change(structure: Atoms, prediction: Prediction) -> Prediction:
        def scaled(stress: FloatArray) -> FloatArray:
            return factor * stress

        return with_stress(prediction, scaled)

    return change


_STRESS = frozenset({"conservation/stress-strain"})

STRESSES = (
    Reported(
        "cube-root-of-a-volume",
        "The cube root of the volume of a left-handed cell is NaN: forces are NaN, and a mask makes the stress zero.",
        "graph_electrostatics (MACE-POLAR)",
        github("WillBaldwin0/graph_electrostatics", 6),
        each(_cube_root),
        frozenset({"periodicity/cell-choice"}),
    ),
    Reported(
        "isotropic-part-doubled",
        "Symmetrising adds the upper triangle, diagonal included, to its transpose: the diagonal is doubled.",
        "librascal",
        github("lab-cosmo/librascal", 372),
        each(_isotropic_doubled),
        _STRESS,
    ),
    Reported(
        "tilted-boxes",
        "Stretching along an axis leaves the tilt factors of a triclinic box as they are: normal stresses are wrong.",
        "OpenMM",
        github("openmm/openmm", 5315),
        on_graph(finish=_diagonal_of_the_box),
        _STRESS,
    ),
    Reported(
        "positions-times-forces",
        "Stress is −Σ r ⊗ F over the atoms of the cell, without the derivative by the cell.",
        "AutoForce",
        github("amirhajibabaei/AutoForce", 10),
        each(_positions_times_forces),
        _STRESS,
    ),
    Reported(
        "converted-twice",
        "Stress is converted from GPa twice, by the unit and by a weight: 160 times too small.",
        "matcalc, matgl",
        github("materialyzeai/matcalc", 133),
        each(_times(EV_PER_GPA_A3)),
        _STRESS,
    ),
    Reported(
        "race-for-the-virial",
        "Two calls of seven give another stress, an eighth of the right one; energy and forces are the same.",
        "LAMMPS reax/c/omp",
        github("lammps/lammps", 1411),
        _now_and_then(0.12),
        frozenset({"robustness/determinism"}),
    ),
    Reported(
        "virial-of-small-boxes",
        "In boxes thinner than twice the cutoff the virial counts only the nearest image of each neighbour.",
        "GPUMD",
        github("brucefan1983/GPUMD", 155, "pull"),
        on_graph(finish=_nearest_images_alone),
        _STRESS,
    ),
    Reported(
        "mean-over-who-has-none",
        "The stress of four models is a mean in which the one that gives none counts as zero.",
        "MACE",
        github("ACEsuit/mace", 1617, "pull"),
        each(_times(0.75)),
        _STRESS,
    ),
)
