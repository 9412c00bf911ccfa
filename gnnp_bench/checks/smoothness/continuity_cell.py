"""smoothness/continuity-cell: energies, forces and stress do not jump where the cell changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
from gnnp_bench.checks.smoothness.cell_paths import (
    Path,
    across_heights,
    across_right_angles,
    closest,
    right_angles,
)
from gnnp_bench.checks.smoothness.line import Track
from gnnp_bench.checks.smoothness.paths import reach_of
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Capabilities, FloatArray, Prediction
from gnnp_bench.structures.geometry import contact_ratio
from gnnp_bench.structures.transform import strain

KINDS = ("height 0", "shear", "height 1", "volume", "height 2", "any")
"""One height of the cell across those at which the number of its images changes; all its angles across 90°; its
volume; a strain of any kind."""
SMALL = 8
"""Atoms at most: paths of the cell move everything at once."""
MOST, LEAST = 0.2, 0.02
"""Strain of a path."""


def _periodic_only(capabilities: Capabilities) -> str | None:
    return None if "periodic" in capabilities.periodicity else "the potential knows no periodic structures"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    kind, cutoff = view.next_of(KINDS), view.capabilities.cutoff
    reach = reach_of(view.capabilities)
    known: dict[str, Json] = {"reach": reach} if cutoff is None else {"reach": reach, "cutoff": cutoff}
    sample = view.pick(rng, _crossing(view, kind), "periodic in three directions, of few atoms")
    path = _certain(rng, sample.structure, kind, cutoff)
    if path is not None:  # it starts beside the right angle or the height, where rounding is measured
        return Case(path.start, None, {"strain": path.direction.tolist(), "length": path.size * reach, **known})
    direction, size = _direction(rng, kind), 0.5 * MOST
    while size > LEAST and contact_ratio(strain(sample.structure, size * direction)) < closest(sample.structure):
        size *= 0.7
    return sample.case({"strain": direction.tolist(), "length": size * reach, **known})


def _certain(rng: np.random.Generator, structure: Atoms, kind: str, cutoff: float | None) -> Path | None:
    """Return a path that leads across heights or right angles, or None if that is not what is looked for."""
    if kind == "shear":
        return across_right_angles(rng, structure, SMALL)
    return across_heights(rng, structure, int(kind[-1]), cutoff, SMALL) if kind.startswith("height") else None


def _crossing(view: PoolView, kind: str) -> Callable[[Sample], bool]:
    """Return which structures are suitable: of those that a shear leads across right angles, who has the most."""
    if kind != "shear":
        return _suitable
    counts = {one.index: right_angles(one.structure, SMALL) for one in view.samples if _suitable(one)}
    most = max(counts.values(), default=0)
    return lambda sample: counts.get(sample.index) == most


def _suitable(sample: Sample) -> bool:
    return bool(sample.structure.pbc.all()) and len(sample.structure) <= SMALL


def _direction(rng: np.random.Generator, kind: str) -> FloatArray:
    """Return a symmetric strain, whose largest component is 1."""
    if kind == "volume":
        return np.eye(3) * (1.0 if rng.random() < 0.7 else -1.0)
    any_one = rng.normal(size=(3, 3))
    any_one = any_one + any_one.T
    direction: FloatArray = any_one / np.abs(any_one).max()
    return direction


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
        if contact_ratio(strain(candidate, size * direction)) >= closest(candidate):
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
        "atoms lead across the heights at which the number of images changes, across right angles, and through volumes."
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
