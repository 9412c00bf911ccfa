"""periodicity/partial: where a structure ends, the cell means nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress

import numpy as np
from ase import Atoms
from ase.cell import Cell

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, STRESS_S, difference, grown, on_simpler_structures, pressed
from gnnp_bench.checks.virial import has_volume, span, virial_noise, volume_of_matter, with_partial_stress
from gnnp_bench.potential import (
    ENERGY,
    ENERGY_FORCES,
    Capabilities,
    FloatArray,
    Prediction,
    Unsupported,
)
from gnnp_bench.structures.carried import charge_and_unpaired
from gnnp_bench.structures.transform import permute_axes

SAME_ORDER = [0, 1, 2]
"""Of the cell vectors."""
TIGHT = 2.0
"""Å, of vacuum in a cell that just holds the atoms, as files of molecules often have: images would be neighbours."""
LENGTHS: Mapping[str, float | None] = {"tight": None, "long": 30.0, "short": 3.0, "none": 0.0, "shorter": 1.0}
"""Å, of the cell vectors along directions that are not periodic. Zero stands for no vector, as in ASE."""
MARGINS = (0.5, 3.0)
"""Å, of vacuum in a periodic box beyond what the potential declares to reach."""
WIDE = (25.0, 40.0)
"""Å, of vacuum in two periodic boxes where no reach is declared: if these agree, interactions do not reach across."""
AGREE, AGREE_NOISE = 0.1, 3.0
"""s, and ν. Energies of images beyond 25 and 40 Å of vacuum that differ by less fall off so fast that at 40 Å a few
times that is left, even if they fall off as 1/r."""


def _applies(capabilities: Capabilities) -> str | None:
    if capabilities.periodicity & {"isolated", "partial"}:
        return None
    return "the potential is for structures that are periodic in three directions only"


def reach_of(capabilities: Capabilities) -> float | None:
    """Return the distance beyond which atoms feel nothing of each other, Å, or None where that is not declared.

    The cutoff of one layer does not tell: charges may feel each other over any distance besides.
    """
    if capabilities.receptive_field is None and "strictly-local" in capabilities.claims:
        return capabilities.cutoff
    return capabilities.receptive_field


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, lambda s: not s.structure.pbc.all(), "not periodic in some direction")
    case = _in_a_cell(rng, sample.case({}), LENGTHS[view.next_of(tuple(LENGTHS))])
    if "periodic" not in view.capabilities.periodicity:
        return case
    reach = reach_of(view.capabilities)
    if reach is None:
        return with_parameters(case, gap=WIDE[1], witness=WIDE[0])
    return with_parameters(case, gap=reach + float(rng.choice(MARGINS)))


def _near(rng: np.random.Generator, case: Case) -> Case:
    return _in_a_cell(rng, case, LENGTHS[str(rng.choice(tuple(LENGTHS)))])


def _in_a_cell(rng: np.random.Generator, case: Case, length: float | None) -> Case:
    structure = case.structure
    if length is None or (length == 0.0 and not structure.cell.lengths()[~structure.pbc].any()):
        length = float(np.ptp(structure.positions, axis=0).max()) + TIGHT
    order: list[int] = rng.permutation(3).tolist()
    return with_parameters(case, length=length, tilt=float(rng.choice((0.0, 0.5))), order=order)


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters.get("gap") is not None and case.parameters["length"] is not None:
        yield with_parameters(case, gap=None)
        yield with_parameters(case, length=None, tilt=0.0, order=SAME_ORDER)
    if case.parameters["tilt"]:
        yield with_parameters(case, tilt=0.0)
    if case.parameters.get("order", SAME_ORDER) != SAME_ORDER:
        yield with_parameters(case, order=SAME_ORDER)
    yield from (simpler for simpler in on_simpler_structures(case) if not simpler.structure.pbc.all())


def _measure(case: Case) -> Measurement:
    structure = case.structure
    if structure.pbc.all():
        return vacuous("the structure is periodic in every direction")
    components: tuple[Component, ...] = ()
    changed = _in_another_cell(case)
    if not np.allclose(changed.cell.array, structure.cell.array):
        components += yield from _compared(case, changed)
    gap = case.parameters.get("gap")
    # A charge has another energy among its images, however far they are: it feels them and their background.
    if gap is not None and charge_and_unpaired(structure)[0] == 0:
        # Who refuses a box as wide as that answers for the structures that it takes.
        with suppress(Unsupported, NotImplementedError):
            witness = case.parameters.get("witness")
            if witness is None or (yield from _agree(case, boxed(structure, witness), boxed(structure, gap))):
                components += yield from _compared(case, boxed(structure, gap))
    return Residual(components) if components else vacuous("the cell is the same")


def _in_another_cell(case: Case) -> Atoms:
    """Return the structure with other cell vectors where it is not periodic, and all of them in another order."""
    length = case.parameters["length"]
    if length is None:
        return case.structure
    changed = _with_vacuum(case.structure, length, case.parameters["tilt"])
    # A slab is one whichever of its cell vectors is the one out of its plane.
    return permute_axes(changed, case.parameters.get("order", SAME_ORDER))


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


def boxed(structure: Atoms, gap: float) -> Atoms:
    """Return the same atoms periodic in every direction, with a gap between those of one image and the next.

    Parameters
    ----------
    structure : Atoms
    gap : float, Å
        Along the normals of a slab or a wire; in all directions for an isolated structure.
    """
    box: Atoms = structure.copy()
    cell = structure.cell.array.copy()
    cell[~structure.pbc] = 0.0
    cell = Cell(cell).complete().array.copy()  # with unit vectors, at right angles to all others
    cell[structure.pbc] = structure.cell.array[structure.pbc]  # which completing may round
    for axis in np.flatnonzero(~structure.pbc):
        cell[axis] *= np.ptp(structure.positions @ cell[axis]) + gap
    box.set_cell(cell)
    box.pbc = True
    return box


def _agree(case: Case, narrower: Atoms, wider: Atoms) -> Generator[Request, list[Prediction], bool]:
    """Return whether two periodic boxes are wide enough for images not to feel each other."""
    first, second = yield Request([narrower, wider], ENERGY_FORCES)
    components = difference(first, second, grown(case.nu, case.structure, wider), len(wider))
    return all(c.residual <= max(AGREE * c.significance, AGREE_NOISE * c.noise) for c in components)


def _compared(case: Case, other: Atoms) -> Generator[Request, list[Prediction], tuple[Component, ...]]:
    """Compare the structure with the same in another cell."""
    structure = case.structure
    before = yield from base_prediction(case, ENERGY_FORCES)
    (after,) = yield Request([other], ENERGY_FORCES)
    noise = grown(case.nu, structure, other)
    components = difference(before, after, noise, len(structure))
    if structure.pbc.any() and has_volume(structure) and has_volume(other):
        components += yield from _in_plane(structure, other, noise.forces, pressed(before))
    return components


def _in_plane(
    structure: Atoms, other: Atoms, force_noise: float, scale: float
) -> Generator[Request, list[Prediction], tuple[Component, ...]]:
    """Compare V·σ within the periodic directions, if the potential has a stress there at all.

    The volume is that of an arbitrary box, so only V·σ is a property of a slab, and only in its plane.
    """
    predictions = yield from with_partial_stress([structure, other])
    if predictions is None or any(prediction.stress is None for prediction in predictions):
        return ()  # no law without a stress
    before, after = predictions
    plane = span(structure)
    virials = [_projected(p.stress, s, plane) for p, s in ((before, structure), (after, other))]
    matter = volume_of_matter(structure)
    missed = float(np.abs(virials[1] - virials[0]).max()) / matter
    noise = virial_noise(force_noise, len(structure)) / matter
    return (Component("in-plane stress", missed, scale * STRESS_S, "eV/Å³", noise=noise),)


def _projected(stress: FloatArray | None, structure: Atoms, plane: FloatArray) -> FloatArray:
    assert stress is not None
    virial: FloatArray = structure.cell.volume * (plane.T @ stress @ plane)
    return virial


PARTIAL = Check(
    id="periodicity/partial",
    law=(
        "E, F and the in-plane V σ do not depend on the cell where it is not periodic nor on the order of its vectors, "
        "and are those of a periodic box with more vacuum than the potential reaches across"
    ),
    category="mandatory",
    needs=ENERGY,
    source="ASE documentation, Atoms.pbc: a cell vector along a direction that is not periodic is a box, nothing else",
    tolerance=LADDER,
    physics=(
        "A slab, a wire or a molecule is the same in any box. A potential that takes the box for a period lets a "
        "molecule feel copies of itself; one that ignores the periodic directions cuts a slab's bonds. A periodic box "
        "with vacuum beyond the range of the potential changes nothing either, so one that treats isolated structures "
        "or slabs apart from crystals shows. Adsorption energies, surface energies and gas-phase references, which are "
        "differences between such structures, are then wrong."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
    feature="partially periodic structures",
    weight=2.0,
    cost=2,
)
