"""periodicity/partial: where a structure ends, the cell means nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    InvalidPrediction,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, STRESS_S, difference, grown, on_simpler_structures
from gnnp_bench.potential import (
    ALL_PROPERTIES,
    ENERGY,
    ENERGY_FORCES,
    Capabilities,
    FloatArray,
    Prediction,
    Unsupported,
)
from gnnp_bench.structures.transform import permute_axes

SAME_ORDER = [0, 1, 2]
"""Of the cell vectors."""
LENGTHS = (0.0, 1.0, 3.0, 30.0)
"""Å, of the cell vectors along directions that are not periodic. Zero stands for no vector, as in ASE."""


def _applies(capabilities: Capabilities) -> str | None:
    if capabilities.periodicity & {"isolated", "partial"}:
        return None
    return "the potential is for structures that are periodic in three directions only"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, lambda s: not s.structure.pbc.all(), "not periodic in some direction")
    return _near(rng, sample.case({}))


def _near(rng: np.random.Generator, case: Case) -> Case:
    order: list[int] = rng.permutation(3).tolist()
    return with_parameters(case, length=float(rng.choice(LENGTHS)), tilt=float(rng.choice((0.0, 0.5))), order=order)


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["tilt"]:
        yield with_parameters(case, tilt=0.0)
    if case.parameters.get("order", SAME_ORDER) != SAME_ORDER:
        yield with_parameters(case, order=SAME_ORDER)
    yield from (simpler for simpler in on_simpler_structures(case) if not simpler.structure.pbc.all())


def _measure(case: Case) -> Measurement:
    structure = case.structure
    if structure.pbc.all():
        return vacuous("the structure is periodic in every direction")
    changed = _with_vacuum(structure, case.parameters["length"], case.parameters["tilt"])
    # A slab is one whichever of its cell vectors is the one out of its plane.
    changed = permute_axes(changed, case.parameters.get("order", SAME_ORDER))
    if np.allclose(changed.cell.array, structure.cell.array):
        return vacuous("the cell is the same")
    before = yield from base_prediction(case, ENERGY_FORCES)
    (after,) = yield Request([changed], ENERGY_FORCES)
    noise = grown(case.nu, structure, changed)
    components = difference(before, after, noise, len(structure))
    if structure.pbc.any() and abs(structure.cell.volume) > 0.0 and abs(changed.cell.volume) > 0.0:
        components += yield from _in_plane(structure, changed, noise.forces)
    return Residual(components)


def _with_vacuum(structure: Atoms, length: float, tilt: float) -> Atoms:
    """Return the structure with cell vectors of another length, tilted or not, where it is not periodic."""
    changed: Atoms = structure.copy()
    cell = structure.cell.complete().array.copy()
    periodic = cell[structure.pbc]
    for axis in np.flatnonzero(~structure.pbc):
        unit = cell[axis] / np.linalg.norm(cell[axis])
        cell[axis] = unit * length
        if length and len(periodic):
            cell[axis] += tilt * periodic[0]
    changed.set_cell(cell)
    return changed


def _in_plane(
    structure: Atoms, changed: Atoms, force_noise: float
) -> Generator[Request, list[Prediction], tuple[Component, ...]]:
    """Compare V·σ within the periodic directions, if the potential has a stress there at all.

    The volume is that of an arbitrary box, so only V·σ is a property of a slab, and only in its plane.
    """
    try:
        before, after = yield Request([structure, changed], ALL_PROPERTIES, partial_stress=True)
    except (Unsupported, NotImplementedError, ValueError, InvalidPrediction):
        return ()  # no law without a stress
    if before.stress is None or after.stress is None:
        return ()
    plane = np.linalg.qr(structure.cell.array[structure.pbc].T)[0]
    virials = [_projected(p.stress, s, plane) for p, s in ((before, structure), (after, changed))]
    area = float(structure.cell.volume)
    # ν of σ is not measured without periodicity: a virial is a sum of forces times distances of a few Å.
    noise = 10.0 * force_noise * np.sqrt(len(structure)) / area
    return (
        Component(
            "in-plane stress", float(np.abs(virials[1] - virials[0]).max()) / area, STRESS_S, "eV/Å³", noise=noise
        ),
    )


def _projected(stress: FloatArray | None, structure: Atoms, plane: FloatArray) -> FloatArray:
    assert stress is not None
    virial: FloatArray = structure.cell.volume * (plane.T @ stress @ plane)
    return virial


PARTIAL = Check(
    id="periodicity/partial",
    law="E, F and the in-plane V σ do not depend on the cell where it is not periodic, nor on the order of its vectors",
    category="mandatory",
    needs=ENERGY,
    source="ASE documentation, Atoms.pbc: a cell vector along a direction that is not periodic is a box, nothing else",
    tolerance=LADDER,
    physics=(
        "A slab, a wire or a molecule is the same in any box. A potential that takes the box for a period lets a "
        "molecule feel copies of itself; one that ignores the periodic directions cuts a slab's bonds. Adsorption "
        "energies, surface energies and gas-phase references are then wrong."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
    feature="partially periodic structures",
)
