"""conservation/path-work: forces do the work by which the energy falls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import (
    EXTREME,
    TWO_ATOMS,
    conclusive,
    converged,
    displaced,
    forces_vanish,
    moves,
    out_of_points,
    pressed,
    rms,
    stands_out,
    worth_more_points,
)
from gnnp_bench.checks.conservation.loop_work import LOOP_S
from gnnp_bench.checks.conservation.places import rough_place
from gnnp_bench.checks.conservation.samples import Path, Powers, Work, settled_work
from gnnp_bench.checks.simplifying import fewer_and_as_many, rows_on
from gnnp_bench.numerics.convergence import jump_error, remaining_error
from gnnp_bench.numerics.panels import Samples
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction
from gnnp_bench.structures.geometry import minimum_distance

FEWEST_NODES = 4
ENOUGH_NODES = 16
"""By then three estimates tell how fast they converge; two may agree by accident."""
MANY_NODES, MOST_NODES = 64, 128
ALONG_FORCES = 1.0 / 3.0
"""Share of paths along the forces, where the work is largest and a wrong scale of them shows most."""
LENGTHS = (0.05, 0.15)
"""Root mean square displacement per atom and axis, in units of the shortest distance."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, moves, TWO_ATOMS)
    structure = sample.structure
    direction = rng.normal(size=(len(structure), 3))
    forces = sample.prediction.forces
    if forces is not None and not forces_vanish(forces, sample.noise) and rng.random() < ALONG_FORCES:
        direction = forces / rms(forces)
    if len(structure) > 2 and rng.random() < 0.5:
        order = rng.permutation(len(structure))
        moving, still = np.split(order, [int(rng.integers(1, 3))])
        direction[still] = 0.0
        if not direction.any():  # no force acts on these, as in the centre of a molecule
            direction[moving] = rng.normal(size=(len(moving), 3))
    shortest = min(minimum_distance(structure), 3.0)
    length = shortest * float(rng.uniform(*LENGTHS))
    return sample.case({"displacement": (length * _bounded(direction)).tolist()})


def _bounded(direction: FloatArray) -> FloatArray:
    """Return the directions with none longer than 1, so that no two atoms are driven into each other."""
    lengths = np.linalg.norm(direction, axis=1, keepdims=True)
    bounded: FloatArray = direction / np.maximum(lengths, 1.0)
    return bounded


def _near(rng: np.random.Generator, case: Case) -> Case:
    displacement = np.asarray(case.parameters["displacement"])
    size = np.abs(displacement).max()
    moving = (np.linalg.norm(displacement, axis=1) > 0.0)[:, None]
    return with_parameters(
        case, displacement=(displacement + 0.3 * size * rng.normal(size=displacement.shape) * moving).tolist()
    )


def _simpler(case: Case) -> Iterator[Case]:
    structure, current = case.structure, np.asarray(case.parameters["displacement"])
    fewer, as_many = fewer_and_as_many(structure)
    for simpler in fewer:
        rows = rows_on(structure, simpler, current) if len(simpler) > 1 else None
        displacement = _single(len(simpler), 0, 0) if rows is None else rows.tolist()
        yield on_structure(case, simpler, displacement=displacement)
    if np.count_nonzero(current) > 1:
        for index in np.argsort(-np.abs(current).ravel())[:6]:
            yield with_parameters(case, displacement=_single(len(current), int(index) // 3, int(index) % 3))
    yield from (on_structure(case, simpler) for simpler in as_many)


def _single(n_atoms: int, atom: int, axis: int) -> list[list[float]]:
    displacement = np.zeros((n_atoms, 3))
    displacement[atom, axis] = 0.2
    single: list[list[float]] = displacement.tolist()
    return single


def _measure(case: Case) -> Measurement:
    displacement: FloatArray = np.asarray(case.parameters["displacement"], dtype=float)
    structure = case.structure
    length = float(np.linalg.norm(displacement, axis=1).sum())
    size = float(np.linalg.norm(displacement))
    if length == 0.0:
        return vacuous("nothing moves")
    start = yield from base_prediction(case)
    (end,) = yield Request([displaced(structure, displacement)], ENERGY_FORCES)
    # Along a short path 0.1 meV in all is what matters, as for any total energy.
    significance = pressed(start) * LOOP_S * max(1.0, 1.0 / length)

    def powers_at(t: FloatArray) -> Powers:
        predictions = yield Request([displaced(structure, x * displacement) for x in t], ENERGY_FORCES)
        return power(predictions), np.full(len(t), (case.nu.forces * size) ** 2)

    def power(predictions: Sequence[Prediction]) -> FloatArray:
        forces = np.array([p.forces for p in predictions])
        along: FloatArray = (forces * displacement).sum(axis=(1, 2))
        return along

    def figures(panels: Work) -> tuple[float, float, float]:
        done, error, spread = panels.total
        return done + end.energy - start.energy, error, spread + case.nu.energy * len(structure)

    works: list[float] = []
    known = Samples(np.array([0.0, 1.0]), power([start, end]), np.full(2, (case.nu.forces * size) ** 2))
    settled, note = False, None
    n_nodes = FEWEST_NODES
    while True:
        # Gauss–Legendre on [0, 1].
        nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
        powers, variances = yield from powers_at(0.5 * (1.0 + nodes))
        known = known.joined(0.5 * (1.0 + nodes), powers, variances)
        works.append(float(0.5 * weights @ powers))
        quadrature = case.nu.forces * size * float(np.linalg.norm(0.5 * weights))
        noise = quadrature + case.nu.energy * len(structure)
        if n_nodes >= ENOUGH_NODES:
            error = remaining_error(np.diff(works).tolist(), quadrature)
            missed = works[-1] + end.energy - start.energy
            before, settled = settled, converged(error, noise, significance * length)
            confirmed = before or not stands_out(missed, error, noise)
            if (settled and confirmed) or n_nodes >= MOST_NODES:
                break
            if n_nodes >= MANY_NODES and not (
                settled or worth_more_points(missed, np.diff(works), error, noise, significance * length)
            ):
                break
        n_nodes *= 2
    if not (settled and confirmed):
        cautious = float(jump_error(powers, 0.5 * np.diff(nodes)))
        error, settled = out_of_points(missed, error, noise, significance * length, cautious)
        if not settled or stands_out(missed, error, noise):
            rounding = case.nu.energy * len(structure)
            path = Path(
                powers_at,
                [(0.0, 1.0)],
                rounding,
                significance * length,
                lambda panels: stands_out(*figures(panels)),
            )
            panels = yield from settled_work(path, known)
            if panels.total[1] < error:
                missed, error, noise = figures(panels)
                settled = conclusive(error, significance * length) or converged(error, noise, significance * length)
            if not settled:
                place = yield from rough_place(lambda x: displaced(structure, x * displacement), *panels.roughest)
                note = f"the forces are rough along the path, {len(panels.samples.t)} points do not settle their work: "
                note += place
    # Where no force acts, the energy must not change either.
    if np.abs(powers).mean() <= 10.0 * noise and not stands_out(missed, error, noise):
        return vacuous("no force acts along the path")
    residual = abs(missed) / length
    component = Component(
        "mean force", residual, significance, "eV/Å", noise=noise / length, error=error / length, converged=settled
    )
    return Residual((component,), note=note)


PATH_WORK = Check(
    id="conservation/path-work",
    law="∫ F · dx = E(start) − E(end) along open paths",
    category="mandatory",
    needs=ENERGY_FORCES,
    source="work–energy theorem; Gauss–Legendre quadrature, Press et al., Numerical Recipes, 3rd ed., section 4.6",
    tolerance=f"s = 0.1 meV/Å, work missed per length of all paths, or 0.1 meV in all where that is more; {EXTREME}",
    physics=(
        "Along any path the forces do exactly the work by which the energy falls. Over finite paths this holds far "
        "above rounding, so that it tells errors of a few parts in 10⁵ even in float32. Where it fails, barriers and "
        "free energies from forces disagree with those from energies."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="conservative",
    weight=8.0,
    cost=7 * FEWEST_NODES + 2,
)
