"""What the checks share: the ladder of significance, and the comparison of two predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.check import Case, Component, Noise, Sample, on_structure
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.structures.simpler import simpler_structures

ENERGY_S = 1e-4
"""eV/atom; in all, where a law is about a total. Thermal energy at 1 K; a hundredth of the best accuracy reached."""
FORCES_S = 1e-3
"""eV/Å. A tenth of the convergence that relaxations ask for."""
STRESS_S = 1e-4
"""eV/Å³, 16 MPa."""
EXTREME_FORCES, EXTREME_STRESS = 20.0, 1.0
"""eV/Å and eV/Å³ (160 GPa), above which what matters grows in proportion: see `pressed`."""
EXTREME = "more in proportion where forces exceed 20 eV/Å or stress 160 GPa"
LADDER = f"s = 0.1 meV/atom, 1 meV/Å, 1e-4 eV/Å³; {EXTREME}"
TWO_ATOMS = "of two atoms or more"
SAME_INPUT = 10.0
"""b/ν where only the order of sums may differ between two evaluations: ν is the change that a new rounding makes."""
FEW = 4
"""Atoms among which most exchanges of species are symmetries."""
SAME = 1e-3
"""Å. A transformation that moves nothing by more than this proves nothing."""


def difference(
    expected: Prediction, found: Prediction, noise: Noise, n_atoms: int, scale: float | None = None
) -> tuple[Component, ...]:
    """Return by how much two predictions for one physical situation differ.

    Parameters
    ----------
    expected, found : Prediction
        Of `n_atoms` atoms, already in one frame. What either lacks is not compared.
    noise : Noise
        ν of the structure.
    scale : float, optional
        Factor on s, where `expected` has less than the potential: see `pressed`.
    """
    scale = pressed(expected) if scale is None else scale
    components = [energy(found.energy - expected.energy, noise, n_atoms, scale)]
    if expected.forces is not None and found.forces is not None:
        components.append(forces(found.forces - expected.forces, noise, scale))
    if expected.stress is not None and found.stress is not None:
        components.append(stress(found.stress - expected.stress, noise, scale))
    return tuple(components)


def pressed(prediction: Prediction) -> float:
    """Return the factor on s in a structure where forces or stress are very large, else 1.

    Where atoms are pushed into each other, as in a collision, a force of 100 eV/Å that is off by a few meV/Å changes
    nothing that anyone computes; and coordinates of seven digits leave no more of the fifteenth power of a distance
    (docs/adr/0009).

    Parameters
    ----------
    prediction : Prediction
        With all that the potential has, for the factor must not depend on what a check happens to ask for.
    """
    large = [1.0]
    if prediction.forces is not None:
        large.append(float(np.abs(prediction.forces).max(initial=0.0)) / EXTREME_FORCES)
    if prediction.stress is not None:
        large.append(float(np.abs(prediction.stress).max()) / EXTREME_STRESS)
    return max(large)


def converged(error: float, noise: float, significance: float) -> bool:
    """Return whether an estimated error is small enough."""
    return error <= tolerated(noise, significance)


def tolerated(noise: float, significance: float) -> float:
    """Return the estimated error that is small enough: a tenth of ν's part, or a thousandth of what matters.

    It enters the bound tenfold. A hundredth of the significance is what a law that is claimed by construction may be
    missed by, so that no error of this size excuses a defect that counts.
    """
    return max(0.1 * noise, 1e-3 * significance)


def stands_out(residual: float, error: float, noise: float) -> bool:
    """Return whether neither rounding nor the estimated error explains a residual.

    Then it is measured once more with twice the points: sums with n and 2n points may agree by accident on a rough
    integrand and both be wrong; what is really missed is still missed.
    """
    return abs(residual) > 10.0 * (error + noise)


def conclusive(error: float, significance: float) -> bool:
    """Return whether an error that did not become small leaves no doubt about what matters: tenfold it is less.

    Forces whose slope jumps, as where a cutoff has one continuous derivative, settle so slowly that no affordable
    number of points takes the error below a thousandth of the significance. They are judged all the same, with the
    bound that the error makes.
    """
    return 10.0 * error <= significance


def worth_more_points(
    residual: float, changes: Sequence[float] | FloatArray, error: float, noise: float, significance: float
) -> bool:
    """Return whether an integral that has not settled is worth twice the points that usually are the most.

    It is if they decide anything: the error is too large, or something stands out; and if the error would be small
    enough to be judged with them, were it to go on shrinking as it did.
    """
    undecided = not conclusive(error, significance) or stands_out(residual, error, noise)
    shrinks = len(changes) > 1 and conclusive(error * abs(changes[-1]), significance * abs(changes[-2]))
    return undecided and shrinks


def out_of_points(
    residual: float, error: float, noise: float, significance: float, cautious: float
) -> tuple[float, bool]:
    """Return the error of an integral that has not settled when the points run out, and whether it can be judged.

    By then the changes that foretell the error are partly luck. A violation could hide behind one that is too small
    only if the true error cancelled it, so they are believed where nothing stands out, or by less than a hundredth of
    what matters, which even a law that is claimed may be missed by. Before anything counts as violated, the error is
    taken as if the integrand jumped wherever that is worst.

    Parameters
    ----------
    residual, error, noise, significance : float
        In one unit.
    cautious : float
        What a jump between two points can do.
    """
    harmless = abs(residual) + 10.0 * error <= 0.01 * significance
    if harmless or (conclusive(error, significance) and not stands_out(residual, error, noise)):
        return error, True
    error = max(error, cautious)
    return error, conclusive(error, significance)


def grown(noise: Noise, structure: Atoms, transformed: Atoms) -> Noise:
    """Return ν of a structure for another description of it.

    Larger coordinates round more coarsely. Energy and stress are sums over atoms, whose rounding relative to the sum
    grows as the root of the number of terms (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2).
    """
    coordinates = max(1.0, float((_extent(transformed) / _extent(structure)).max()))
    sums = coordinates * max(1.0, np.sqrt(len(transformed) / len(structure)))
    return Noise(noise.energy * sums, noise.forces * coordinates, noise.stress * sums)


def _extent(structure: Atoms) -> FloatArray:
    """Return the largest coordinate along x, y and z, Å: the height of a slab says nothing of those in its plane."""
    vectors = np.concatenate([structure.positions, structure.cell.array[structure.pbc]])
    # ν was measured on points that were moved by up to 1 Å.
    extent: FloatArray = np.maximum(np.abs(vectors).max(axis=0), 1.0)
    return extent


def energy(total: float, noise: Noise, n_atoms: int, scale: float) -> Component:
    """Return the component for a difference of total energies, eV; s is multiplied by `scale`."""
    return Component("energy", abs(total) / n_atoms, scale * ENERGY_S, "eV/atom", noise=noise.energy)


def forces(delta: FloatArray, noise: Noise, scale: float) -> Component:
    """Return the component for a difference of forces, eV/Å: the largest of its numbers; s is multiplied by `scale`."""
    largest = float(np.abs(delta).max(initial=0.0))
    return Component("forces", largest, scale * FORCES_S, "eV/Å", noise=noise.forces)


def stress(delta: FloatArray, noise: Noise, scale: float) -> Component:
    """Return the component for a difference of stresses, eV/Å³: the largest of its numbers; s is times `scale`."""
    return Component("stress", float(np.abs(delta).max()), scale * STRESS_S, "eV/Å³", noise=noise.stress)


def rms(array: FloatArray) -> float:
    """Return the root mean square of all numbers of an array."""
    return float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0


def force_significance(base: Prediction) -> float:
    """Return s for a law about the derivative of the energy: a thousandth of the forces where these are large."""
    assert base.forces is not None
    size = rms(base.forces)
    return pressed(base) * (min(FORCES_S, 1e-3 * size) if size >= 0.5 else FORCES_S)


def forces_vanish(base_forces: FloatArray, noise: Noise) -> bool:
    """Return whether no force rises above the noise, so that a law about forces would hold trivially."""
    return bool(np.abs(base_forces).max(initial=0.0) <= max(10.0 * noise.forces, 1e-8))


def same_input(expected: Prediction, found: Prediction, noise: Noise, n_atoms: int) -> tuple[Component, ...]:
    """Return by how much two predictions for the very same numbers differ, with the bound `SAME_INPUT`·ν."""
    components = difference(expected, found, noise, n_atoms)
    return tuple(replace(component, bound=SAME_INPUT * component.noise) for component in components)


def on_simpler_structures(case: Case) -> Iterator[Case]:
    """Yield the case with the same parameters on simpler structures."""
    for structure in simpler_structures(case.structure):
        yield on_structure(case, structure)


def moves(sample: Sample) -> bool:
    """Return whether atoms can move against each other: one atom among its images only ever moves as a whole."""
    return len(sample.structure) > 1


def displaced(structure: Atoms, displacements: FloatArray) -> Atoms:
    """Return a copy whose atoms are moved, Å."""
    moved: Atoms = structure.copy()
    moved.positions = moved.positions + displacements
    return moved


def species_reordered(rng: np.random.Generator, structure: Atoms) -> NDArray[np.int_]:
    """Return the atomic numbers in another order; the structure must have unlike atoms.

    Among more than `FEW` atoms it is rarely a symmetry.
    """
    numbers: NDArray[np.int_] = structure.numbers
    while (numbers == structure.numbers).all():
        numbers = rng.permutation(numbers)
    return numbers
