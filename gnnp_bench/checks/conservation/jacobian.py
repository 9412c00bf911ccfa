"""conservation/jacobian: the matrix of force constants is symmetric."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    NoSuitableStructure,
    PoolView,
    Request,
    Residual,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import TWO_ATOMS, converged, displaced, moves, out_of_points, stands_out
from gnnp_bench.numerics.convergence import ALLOWANCE, remaining_error
from gnnp_bench.numerics.loops import angles, ellipse, interleaved_spread, jumps_around
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction
from gnnp_bench.structures.simpler import simpler_structures

ASYMMETRY_S = 5e-4
LOOPS = 4
"""Few on many structures rather than many on few: four tell λ to a third, and structures differ by powers of ten."""
FEWEST_NODES = 8
MOST_NODES = 128
RADIUS = 0.03
"""Å, for a displacement of unit root mean square."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    try:  # in a crystal of two atoms much vanishes by symmetry
        sample = view.pick(rng, lambda s: len(s.structure) > 2)
    except NoSuitableStructure:
        sample = view.pick(rng, moves, TWO_ATOMS)
    return sample.case({"seed": int(rng.integers(2**31))})


def _near(rng: np.random.Generator, case: Case) -> Case:
    return with_parameters(case, seed=int(rng.integers(2**31)))


def _simpler(case: Case) -> Iterator[Case]:
    for structure in simpler_structures(case.structure):
        if len(structure) > 1:  # one atom among its images only ever moves as a whole
            yield on_structure(case, structure)


def _measure(case: Case) -> Measurement:
    structure = case.structure
    rng = np.random.default_rng(case.parameters["seed"])
    planes = rng.normal(size=(LOOPS, 2, len(structure), 3))
    area = np.pi * RADIUS**2
    t = angles(FEWEST_NODES)
    forces, velocities = yield from _along(structure, planes, t)
    asymmetries = _asymmetries(forces, velocities, area)
    changes: list[float] = []
    settled = False
    while True:
        added = angles(2 * len(t), odd_only=True)
        more_forces, more_velocities = yield from _along(structure, planes, added)
        t = np.concatenate([t, added])
        forces = np.concatenate([forces, more_forces], axis=1)
        velocities = np.concatenate([velocities, more_velocities], axis=1)
        previous, asymmetries = asymmetries, _asymmetries(forces, velocities, area)
        size = _jacobian_norm(forces, t)
        noise = case.nu.forces * 2.0 * np.pi * float(np.sqrt((velocities**2).sum(axis=(2, 3)).mean() / len(t))) / area
        if size * RADIUS <= 10.0 * case.nu.forces:
            return vacuous("the forces do not change with the positions")
        changes.append(_rms(asymmetries - previous))
        powers = (forces * velocities).sum(axis=(2, 3))
        spread = _rms(interleaved_spread(powers, t)) / area
        # A quarter of the nodes: twice the noise.
        error = remaining_error(changes, noise, max(0.0, spread - 2.0 * ALLOWANCE * noise)) * 0.5 / size
        explained = 0.5 * noise / size
        before, settled = settled, converged(error, explained, ASYMMETRY_S)
        residual = 0.5 * _rms(asymmetries) / size
        confirmed = before or not stands_out(residual, error, explained)
        if (settled and confirmed) or len(t) >= MOST_NODES:
            break
    if not (settled and confirmed):
        cautious = 0.5 * max(spread / 6.0, _rms(jumps_around(powers, t)) / area) / size
        error, settled = out_of_points(residual, error, explained, ASYMMETRY_S, cautious)
    component = Component("λ", residual, ASYMMETRY_S, "1", noise=explained, error=error, converged=settled)
    return Residual((component,), note=None if settled else "the forces are rough around this structure")


def _along(
    structure: Atoms, planes: FloatArray, t: FloatArray
) -> Generator[Request, list[Prediction], tuple[FloatArray, FloatArray]]:
    """Return forces and dx/dt at nodes of every loop, each (n_loops, n_nodes, n_atoms, 3)."""
    moves = [ellipse(u, v, RADIUS, t) for u, v in planes]
    points = [displaced(structure, shift) for shifts, _ in moves for shift in shifts]
    predictions = yield Request(points, ENERGY_FORCES)
    velocities = np.array([velocity for _, velocity in moves])
    return np.array([p.forces for p in predictions]).reshape(velocities.shape), velocities


def _asymmetries(forces: FloatArray, velocities: FloatArray, area: float) -> FloatArray:
    """Return vᵀ(J − Jᵀ)u = W/(πr²) of each loop."""
    work: FloatArray = 2.0 * np.pi * (forces * velocities).sum(axis=(2, 3)).mean(axis=1)
    return work / area


def _jacobian_norm(forces: FloatArray, t: FloatArray) -> float:
    """Return ‖J‖ (Frobenius) from the first harmonic of F along the loops: r J u cos t + r J v sin t.

    E|J u|² = ‖J‖² for Gaussian u of unit variance.
    """
    cosine = 2.0 * np.einsum("lnax,n->lax", forces, np.cos(t)) / (len(t) * RADIUS)
    sine = 2.0 * np.einsum("lnax,n->lax", forces, np.sin(t)) / (len(t) * RADIUS)
    return float(np.sqrt(((cosine**2).sum(axis=(1, 2)) + (sine**2).sum(axis=(1, 2))).mean() / 2.0))


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


JACOBIAN = Check(
    id="conservation/jacobian",
    law="∂Fᵢ/∂xⱼ = ∂Fⱼ/∂xᵢ; λ = ½ rms(vᵀ(J − Jᵀ)u)/‖J‖",
    category="mandatory",
    needs=frozenset({"forces"}),
    source="symmetry of second derivatives (Schwarz); λ as in Bigi et al., arXiv:2412.11569",
    tolerance="s = 5e-4",
    physics=(
        "Force constants are second derivatives of one energy, so how atom i answers to atom j is how j answers to i. "
        "Where the matrix is not symmetric, phonon codes symmetrise an error away, frequencies depend on which "
        "displacements were computed, and forces belong to no energy."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="conservative",
    weight=12.0,
    cost=2 * LOOPS * FEWEST_NODES,
)
