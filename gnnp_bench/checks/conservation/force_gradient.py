"""conservation/force-gradient: forces are minus the gradient of the energy."""

from __future__ import annotations

from collections.abc import Iterator

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
from gnnp_bench.checks.common import ENERGY_S, EXTREME, displaced, force_significance, forces_vanish, stands_out
from gnnp_bench.checks.conservation.ladder import FEWEST_LEVELS, energy_derivative, v_curve
from gnnp_bench.checks.simplifying import fewer_and_as_many, rows_on
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, FloatArray, Prediction

LARGEST_STEP = 0.064
"""Å, root mean square over the atoms that move."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    n_atoms = len(sample.structure)
    forces = sample.prediction.forces
    kind = int(rng.integers(3))
    if kind == 0 or forces is None or forces_vanish(forces, sample.noise):
        direction = rng.normal(size=(n_atoms, 3))
    elif kind == 1:
        direction = np.zeros((n_atoms, 3))
        # Indices go wrong at the ends.
        direction[int(rng.choice((0, n_atoms - 1, int(rng.integers(n_atoms)))))] = rng.normal(size=3)
    else:  # along the forces, where an error of their size shows most
        direction = forces
    return sample.case({"direction": _unit(direction).tolist()})


def _near(rng: np.random.Generator, case: Case) -> Case:
    direction = np.asarray(case.parameters["direction"])
    moving = np.linalg.norm(direction, axis=1) > 0.0
    nudge = rng.normal(size=direction.shape) * moving[:, None]
    return with_parameters(case, direction=_unit(direction + 0.5 * _unit(nudge)).tolist())


def _simpler(case: Case) -> Iterator[Case]:
    structure, current = case.structure, np.asarray(case.parameters["direction"])
    fewer, as_many = fewer_and_as_many(structure)
    for simpler in fewer:
        rows = rows_on(structure, simpler, current) if len(simpler) > 1 else None
        direction = _single(len(simpler), 0, 0) if rows is None else _unit(rows).tolist()
        yield on_structure(case, simpler, direction=direction)
    if np.count_nonzero(current) > 1:
        for index in np.argsort(-np.abs(current).ravel())[:6]:
            yield with_parameters(case, direction=_single(len(current), int(index) // 3, int(index) % 3))
    yield from (on_structure(case, simpler) for simpler in as_many)


def _measure(case: Case) -> Measurement:
    direction: FloatArray = np.asarray(case.parameters["direction"], dtype=float)
    structure = case.structure
    base = yield from base_prediction(case)
    n_moving = int(np.count_nonzero(np.linalg.norm(direction, axis=1)))
    # The step is a length along a unit direction: atoms move by `LARGEST_STEP` in the root mean square.
    step = LARGEST_STEP * float(np.sqrt(n_moving))
    vanish = forces_vanish(_forces(base), case.nu)
    if vanish and len(structure) == 1:
        return vacuous("one atom feels no force")
    if vanish:
        # By symmetry, or because no forces are returned here at all: then there are none nearby either.
        structure = displaced(structure, step * direction)
        (base,) = yield Request([structure], ALL_PROPERTIES)
        if not forces_vanish(_forces(base), case.nu):
            return vacuous("all forces vanish by symmetry")
    # Per degree of freedom that moves, so that one number means the same for one atom and for all of them.
    scale = max(1.0, _aligned(direction, _forces(base)) * np.sqrt(3.0 * n_moving))
    significance = force_significance(base)
    noise = case.nu.energy * len(structure)
    derivative, rough, quotients = yield from energy_derivative(
        lambda h: displaced(structure, h * direction),
        lambda prediction, _: _slope(prediction, direction),
        _slope(base, direction),
        step,
        ENERGY_FORCES,
        noise=noise,
        slope_noise=case.nu.forces,
        significance=significance * scale,
        jump_matters=ENERGY_S,
    )
    missed = derivative.value - _slope(base, direction)
    explained = derivative.noise * noise + case.nu.forces
    if vanish and not stands_out(missed, derivative.error, explained):
        return vacuous("nothing changes the energy here")
    component = Component(
        "forces",
        abs(missed) / scale,
        significance,
        "eV/Å",
        noise=explained / scale,
        error=derivative.error / scale,
        converged=rough is None,
    )
    note = None if rough is None else f"the energy is rough along this direction, {rough}"
    return Residual(
        (component,), note=note, series=v_curve(quotients, _slope(base, direction), noise, scale, ("step", "Å"), "eV/Å")
    )


def _slope(prediction: Prediction, direction: FloatArray) -> float:
    """Return dE/dh = -F · u along the direction, eV/Å."""
    return -float(np.sum(_forces(prediction) * direction))


def _forces(prediction: Prediction) -> FloatArray:
    assert prediction.forces is not None
    return prediction.forces


def _aligned(direction: FloatArray, forces: FloatArray) -> float:
    """Return |cos| of the angle between direction and forces, counting only the atoms that move."""
    moving = np.linalg.norm(direction, axis=1) > 0.0
    size = float(np.linalg.norm(forces[moving]))
    return abs(float(np.sum(direction * forces))) / size if size > 0.0 else 0.0


def _unit(direction: FloatArray) -> FloatArray:
    unit: FloatArray = direction / np.linalg.norm(direction)
    return unit


def _single(n_atoms: int, atom: int, axis: int) -> list[list[float]]:
    direction = np.zeros((n_atoms, 3))
    direction[atom, axis] = 1.0
    return direction.tolist()


FORCE_GRADIENT = Check(
    id="conservation/force-gradient",
    law="F · u = −dE(x + tu)/dt at t = 0",
    category="mandatory",
    needs=ENERGY_FORCES,
    source=(
        "definition of a conservative force; Romberg extrapolation of central differences, Press et al., "
        "Numerical Recipes, 3rd ed., section 5.7"
    ),
    tolerance=f"s = 1 meV/Å, and 0.1 % of the root mean square force where that is 0.5 to 1 eV/Å; {EXTREME}",
    physics=(
        "A force is how the energy falls when an atom moves. If forces are something else, relaxations stop where "
        "the energy is not least, dynamics gain or lose energy without end, and barriers from forces disagree with "
        "barriers from energies."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    claim="conservative",
    weight=4.0,
    cost=2 * FEWEST_LEVELS,
)
