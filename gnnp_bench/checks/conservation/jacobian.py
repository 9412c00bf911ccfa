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
from gnnp_bench.checks.common import TWO_ATOMS, conclusive, converged, displaced, moves, out_of_points, stands_out
from gnnp_bench.checks.conservation.places import rough_place
from gnnp_bench.checks.conservation.samples import (
    FAR_MORE,
    NOTHING_KNOWN,
    PANELS,
    Path,
    Powers,
    Work,
    settled_work,
)
from gnnp_bench.numerics.convergence import ALLOWANCE, remaining_error
from gnnp_bench.numerics.loops import angles, ellipse, interleaved_spread, jumps_around
from gnnp_bench.numerics.panels import Samples
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction
from gnnp_bench.structures.simpler import simpler_structures

ASYMMETRY_S = 5e-4
LOOPS = 4
"""Few on many structures rather than many on few: four tell λ to a third, and structures differ by powers of ten."""
FEWEST_NODES = 8
MOST_NODES = 128
RADIUS = 0.03
"""Å, for a displacement of unit root mean square."""
FIRST_MORE = 384
"""Evaluations at most around the first loops, beyond those that are there; what has not settled then seldom does."""
SMALLER = 16.0
"""How many times smaller the loops are that are tried last, as far as rounding allows."""
OFFSET = 8.0
"""From the beginning of one loop to that of the next, where all are parts of one path: more than 2π."""


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
    note = None
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
        if not settled or stands_out(residual, error, explained):
            known = _one_after_another(t, powers, velocities, case.nu.forces)
            found, roughest = yield from _by_panels(case, planes, size, explained, RADIUS, known, FIRST_MORE)
            # Around smaller loops fewer kinks are crossed.
            smaller = min(SMALLER, 0.01 * ASYMMETRY_S / explained)
            if not conclusive(found[1], ASYMMETRY_S) and smaller >= 2.0:
                found, _ = yield from _by_panels(
                    case, planes, size, explained * smaller, RADIUS / smaller, NOTHING_KNOWN, FAR_MORE
                )
            if found[1] < error:
                residual, error, explained = found
                settled = conclusive(error, ASYMMETRY_S) or converged(error, explained, ASYMMETRY_S)
            if not settled:
                place = yield from rough_place(lambda s: _on_loops(structure, planes, s), *roughest)
                note = f"the forces are rough around this structure, {place}"
    component = Component("λ", residual, ASYMMETRY_S, "1", noise=explained, error=error, converged=settled)
    return Residual((component,), note=note)


def _along(
    structure: Atoms, planes: FloatArray, t: FloatArray
) -> Generator[Request, list[Prediction], tuple[FloatArray, FloatArray]]:
    """Return forces and dx/dt at nodes of every loop, each (n_loops, n_nodes, n_atoms, 3)."""
    moves = [ellipse(u, v, RADIUS, t) for u, v in planes]
    points = [displaced(structure, shift) for shifts, _ in moves for shift in shifts]
    predictions = yield Request(points, ENERGY_FORCES)
    velocities = np.array([velocity for _, velocity in moves])
    return np.array([p.forces for p in predictions]).reshape(velocities.shape), velocities


def _by_panels(
    case: Case, planes: FloatArray, size: float, explained: float, radius: float, known: Samples, most: int
) -> Generator[Request, list[Prediction], tuple[tuple[float, float, float], tuple[float, float]]]:
    """Return λ, its error and its noise from loops of this radius, parts of one path, and where that is roughest."""
    unit = 2.0 * size * np.pi * radius**2  # of work, for λ

    def figures(panels: Work) -> tuple[float, float, float]:
        return _rms(panels.works) / unit, _rms(panels.errors) / unit, _rms(panels.noises) / unit

    path = Path(
        lambda s: _powers_of_all(case, planes, radius, s),
        [(OFFSET * k, OFFSET * k + 2.0 * np.pi) for k in range(LOOPS)],
        explained * unit,
        ASYMMETRY_S * unit,
        lambda panels: stands_out(*figures(panels)),
    )
    work = yield from settled_work(path, known, panels=PANELS if len(known.t) else 2, far_more=most)
    return figures(work), work.roughest


def _on_loops(structure: Atoms, planes: FloatArray, s: float) -> Atoms:
    """Return the structure at one place of the path over all loops."""
    k = int(s // OFFSET)
    return displaced(structure, ellipse(planes[k, 0], planes[k, 1], RADIUS, np.array([s - OFFSET * k]))[0][0])


def _powers_of_all(case: Case, planes: FloatArray, radius: float, s: FloatArray) -> Powers:
    """Evaluate nodes of all loops, one after another: s = `OFFSET`·k + t on loop k."""
    loops = (s // OFFSET).astype(int)
    t = s - OFFSET * loops
    moves = [ellipse(planes[k, 0], planes[k, 1], radius, t[n : n + 1]) for n, k in enumerate(loops)]
    predictions = yield Request([displaced(case.structure, shift[0]) for shift, _ in moves], ENERGY_FORCES)
    velocities = np.array([velocity[0] for _, velocity in moves])
    powers = (np.array([p.forces for p in predictions]) * velocities).sum(axis=(1, 2))
    return powers, case.nu.forces**2 * (velocities**2).sum(axis=(1, 2))


def _one_after_another(t: FloatArray, powers: FloatArray, velocities: FloatArray, noise: float) -> Samples:
    """Return the samples of all loops, each with its first once more at its end."""
    order = np.append(np.argsort(t), np.argmin(t))
    once = np.append(np.sort(t), 2.0 * np.pi)
    variances = noise**2 * (velocities**2).sum(axis=(2, 3))
    return Samples(
        (OFFSET * np.arange(LOOPS)[:, None] + once).ravel(), powers[:, order].ravel(), variances[:, order].ravel()
    )


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
