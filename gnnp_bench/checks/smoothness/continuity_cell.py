"""smoothness/continuity-cell: energies, forces and stress do not jump where the cell changes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Json,
    Measurement,
    PoolView,
    Sample,
    on_structure,
    with_parameters,
)
from gnnp_bench.checks.common import EXTREME
from gnnp_bench.checks.simplifying import fewer_and_as_many
from gnnp_bench.checks.smoothness.along import judged_along
from gnnp_bench.checks.smoothness.line import Track
from gnnp_bench.checks.smoothness.paths import reach_of
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Capabilities, FloatArray, Prediction
from gnnp_bench.structures.geometry import contact_ratio
from gnnp_bench.structures.transform import strain

KINDS = ("heights", "volume", "heights", "shear", "heights", "any")
"""The height of a cell across a whole part of the cutoff, where the number of its images changes; its volume; one
component of shear; a strain of any kind."""
SMALL = 8
"""Atoms at most: paths of the cell move everything at once."""
MOST, LEAST = 0.2, 0.02
"""Strain of a path."""
CLOSEST = 0.7
"""Of contact distances: how far a cell is pressed, unless it is pressed more already."""


def _periodic_only(capabilities: Capabilities) -> str | None:
    return None if "periodic" in capabilities.periodicity else "the potential knows no periodic structures"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, _suitable, "periodic in three directions, of few atoms")
    kind = view.next_of(KINDS)
    reach = reach_of(view.capabilities)
    cutoff = view.capabilities.cutoff
    structure = sample.structure
    direction, size = _direction(rng, kind, structure, cutoff)
    if kind == "shear":  # from one side of the right angle to the other, where rounding is measured elsewhere
        structure = strain(structure, -0.37 * size * direction)
    while size > LEAST and contact_ratio(strain(structure, size * direction)) < _closest(structure):
        size *= 0.7
    parameters: dict[str, Json] = {"strain": direction.tolist(), "length": size * reach, "reach": reach}
    if cutoff is not None:
        parameters["cutoff"] = cutoff
    return Case(structure, None, parameters) if kind == "shear" else sample.case(parameters)


def _suitable(sample: Sample) -> bool:
    return bool(sample.structure.pbc.all()) and len(sample.structure) <= SMALL


def _closest(structure: Atoms) -> float:
    return min(CLOSEST, 0.95 * contact_ratio(structure))


def _direction(rng: np.random.Generator, kind: str, structure: Atoms, cutoff: float | None) -> tuple[FloatArray, float]:
    """Return a symmetric strain, whose largest component is 1, and how far to go along it."""
    if kind == "heights" and cutoff is not None:
        normals = np.linalg.inv(structure.cell.array).T
        heights = 1.0 / np.linalg.norm(normals, axis=1)
        axis = int(rng.integers(3))
        parts = cutoff / heights[axis]
        # The number of images within the cutoff changes where the cutoff is a whole number of heights; who rounds
        # that number to the nearest changes it half way between.
        whole = float(max(1, math.floor(parts)))
        counts = (whole, whole + 1) if rng.random() < 0.6 else (whole - 0.5, whole + 0.5)
        needed = [parts / count - 1.0 for count in counts]
        change = min(needed, key=abs) if rng.random() < 0.8 else needed[int(rng.integers(2))]
        if abs(change) < MOST:
            normal = normals[axis] * heights[axis]
            return math.copysign(1.0, change) * np.outer(normal, normal), max(LEAST, 1.3 * abs(change))
    if kind == "shear":
        shear = np.zeros((3, 3))
        i, j = rng.permutation(3)[:2]
        shear[i, j] = shear[j, i] = 1.0 if rng.random() < 0.5 else -1.0
        return shear, 0.5 * MOST
    if kind == "any":
        any_one = rng.normal(size=(3, 3))
        any_one = any_one + any_one.T
        return any_one / np.abs(any_one).max(), 0.5 * MOST
    return np.eye(3) * (1.0 if rng.random() < 0.7 else -1.0), 0.5 * MOST


def track_of(case: Case) -> Track:
    """Return the line along which a cell is strained with all that is in it; t is the strain times the reach."""
    structure = case.structure
    reach = float(case.parameters["reach"])
    rate: FloatArray = np.asarray(case.parameters["strain"], dtype=float) / reach
    volume = float(structure.get_volume())

    def power(prediction: Prediction, t: float) -> float | None:
        """Return −dE/dt = −V σ : L, L = (1 + ε)⁻¹ dε/dt; atoms go along with the cell."""
        if prediction.stress is None:
            return None
        gradient = np.eye(3) + t * rate
        increment = np.linalg.solve(gradient, rate)
        return -volume * float(np.linalg.det(gradient)) * float((prediction.stress * increment).sum())

    return Track(
        at=lambda t: strain(structure, t * rate),
        power=power,
        length=float(case.parameters["length"]),
        noise=case.nu,
        n_atoms=len(structure),
        per=1.0 / len(structure),
        properties=ALL_PROPERTIES,
        lever=2.0 * volume * float(np.linalg.norm(rate)),
    )


def _simpler(case: Case) -> Iterator[Case]:
    fewer, as_many = fewer_and_as_many(case.structure)
    direction, length = np.asarray(case.parameters["strain"]), float(case.parameters["length"])
    size = length / float(case.parameters["reach"])
    for candidate in (*fewer, *as_many):
        if contact_ratio(strain(candidate, size * direction)) >= _closest(candidate):
            yield on_structure(case, candidate)
    if size > LEAST:
        yield with_parameters(case, length=0.5 * length)
    rounded = np.round(direction, 1)
    if rounded.any() and (rounded != direction).any():
        yield with_parameters(case, strain=rounded.tolist())


def _measure(case: Case) -> Measurement:
    return (yield from judged_along(case, track_of(case)))


CONTINUITY_CELL = Check(
    id="smoothness/continuity-cell",
    law="E(h⁺) = E(h⁻), F(h⁺) = F(h⁻), σ(h⁺) = σ(h⁻) along paths of the cell",
    category="mandatory",
    needs=ENERGY,
    source=(
        "an energy whose strain derivative is the stress is continuously differentiable; jumps from divided "
        "differences of all orders, de Boor, A Practical Guide to Splines, chapter I"
    ),
    tolerance=f"s = 0.1 meV/atom, 1 meV/Å, 1e-4 eV/Å³; {EXTREME}",
    physics=(
        "A cell that is stretched, pressed or sheared carries whole shells of neighbours across every distance at "
        "once, and the number of its images that lie within the cutoff changes. Where energy, forces or stress jump "
        "there, equations of state have steps, barostats gain or lose energy, and cells do not relax. Paths of a few "
        "atoms lead across the heights at which the number of images changes, through volumes and through shears."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    applies=_periodic_only,
    claim="smooth",
    weight=6.0,
    cost=24,
    side_by_side=4,
)
