"""conservation/stress-strain: stress is the derivative of the energy by strain."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    MissingPrediction,
    Noise,
    PoolView,
    Request,
    Residual,
    Sample,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import ENERGY_S, EXTREME, STRESS_S, on_simpler_structures, pressed, stands_out, stress
from gnnp_bench.checks.conservation.ladder import FEWEST_LEVELS, Differentiated, energy_derivative, v_curve
from gnnp_bench.checks.periodicity.supercell import periodic_somewhere
from gnnp_bench.checks.virial import has_volume, span, virial_noise, volume_of_matter
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction
from gnnp_bench.structures.transform import strain

NONE = "without stress"
LARGEST_STRAIN = 0.05
"""Large, for ν of the energy is divided by it; Romberg's scheme takes the curvature out."""
LARGE_STRESS = 5.0 / 160.21766208
"""eV/Å³, 5 GPa"""
_ROOT = float(np.sqrt(0.5))
SINGLE = tuple(
    np.array(matrix).tolist()
    for matrix in (
        [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
        [[0, 0, 0], [0, 0, _ROOT], [0, _ROOT, 0]],
        [[0, 0, _ROOT], [0, 0, 0], [_ROOT, 0, 0]],
        [[0, _ROOT, 0], [_ROOT, 0, 0], [0, 0, 0]],
    )
)
"""The six components of strain, of unit Frobenius norm."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    # Of a small pool one slab and one wire, if there are any, before the budget ends; then all in turn.
    kind = view.next_of(("slab", "wire", *["any"] * 14))
    sample = view.pick(rng, _suitable(view, kind), "periodic in some direction, in a cell that has a volume")
    whole = [component for component in SINGLE if np.allclose(_within(sample.structure, component), component)]
    if rng.random() < 0.5 and whole:
        return sample.case({"strain": whole[int(rng.integers(len(whole)))]})
    return sample.case({"strain": _within(sample.structure, rng.normal(size=(3, 3))).tolist()})


def _suitable(view: PoolView, kind: str) -> Callable[[Sample], bool]:
    """Return what tells the structures of one kind, or all that have a stress where the pool has none of that kind."""
    kinds = [_kind(sample.structure) for sample in view.samples]
    if kind in kinds:
        return lambda sample: _kind(sample.structure) == kind
    return lambda sample: _kind(sample.structure) != NONE


def _kind(structure: Atoms) -> str:
    return (NONE, "wire", "slab", "crystal")[int(structure.pbc.sum())] if has_volume(structure) else NONE


def _near(rng: np.random.Generator, case: Case) -> Case:
    direction = np.asarray(case.parameters["strain"]) + 0.2 * rng.normal(size=(3, 3))
    return with_parameters(case, strain=_within(case.structure, direction).tolist())


def _within(structure: Atoms, matrix: ArrayLike) -> FloatArray:
    """Return the symmetric part of a matrix within the periodic directions, of unit norm; zero if there is none.

    Across them nothing says how far the vacuum of the cell goes along with a strain.
    """
    strained = np.asarray(matrix, dtype=float)
    if not structure.pbc.all():
        plane = span(structure)
        strained = plane @ (plane.T @ strained @ plane) @ plane.T
    symmetric: FloatArray = (strained + strained.T) / 2.0
    norm = float(np.linalg.norm(symmetric))
    return symmetric / norm if norm > 1e-6 else np.zeros((3, 3))


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["strain"] not in SINGLE:
        for component in SINGLE:
            if np.allclose(_within(case.structure, component), component):
                yield with_parameters(case, strain=component)
    yield from (simpler for simpler in on_simpler_structures(case) if _kind(simpler.structure) != NONE)


def _measure(case: Case) -> Measurement:
    structure = case.structure
    direction = _within(structure, case.parameters["strain"])
    if not direction.any():
        return vacuous("the strain is across the periodic directions")
    base = yield from _with_stress(case)
    if base is None:
        return vacuous("the potential has no stress of slabs and wires")
    volume, matter = float(structure.cell.volume), volume_of_matter(structure)
    tension = _felt(base.stress, structure) * volume / matter
    stress_noise = case.nu.stress
    if not structure.pbc.all():
        stress_noise = virial_noise(case.nu.forces, len(structure)) / matter
    size = float(np.abs(tension).max())
    scale = pressed(base)
    significance = scale * (min(STRESS_S, 1e-3 * size) if size >= LARGE_STRESS else STRESS_S)
    noise = case.nu.energy * len(structure)
    derivative, rough, quotients = yield from _of_slabs_too(
        energy_derivative(
            lambda h: strain(structure, h * direction),
            lambda prediction, h: _slope(prediction, h, direction, volume),
            _slope(base, 0.0, direction, volume),
            LARGEST_STRAIN,
            ALL_PROPERTIES,
            noise=noise,
            slope_noise=stress_noise * matter,
            significance=significance * matter,
            jump_matters=ENERGY_S * len(structure),
        )
    )
    missed = abs(derivative.value / matter - float(np.sum(tension * direction)))
    explained, error = derivative.noise * noise / matter + stress_noise, derivative.error / matter
    # Where there is no stress, strain must not change the energy either.
    if size <= max(10.0 * stress_noise, 1e-10) and not stands_out(missed, error, explained):
        return vacuous("the stress vanishes, and strain does not change the energy")
    component = Component(
        "stress", missed, significance, "eV/Å³", noise=explained, error=error, converged=rough is None
    )
    asymmetry = stress(tension - tension.T, Noise(case.nu.energy, case.nu.forces, stress_noise), scale)
    note = None if rough is None else f"the energy is rough along this strain, {rough}"
    drawn = v_curve(quotients, _slope(base, 0.0, direction, volume), noise, matter, ("strain", ""), "eV/Å³")
    return Residual((component, Component("asymmetry", *_figures(asymmetry))), note=note, series=drawn)


def _with_stress(case: Case) -> Generator[Request, list[Prediction], Prediction | None]:
    """Return the prediction with stress, or None where the potential has none because not all is periodic."""
    if case.structure.pbc.all():
        return (yield from base_prediction(case, ALL_PROPERTIES))
    try:
        (prediction,) = yield Request([case.structure], ALL_PROPERTIES, partial_stress=True)
    except np.linalg.LinAlgError:
        raise
    except (ValueError, MissingPrediction):
        return None
    return prediction


def _of_slabs_too(
    asking: Generator[Request, list[Prediction], Differentiated],
) -> Generator[Request, list[Prediction], Differentiated]:
    """Ask what another generator asks, and for the stress of partially periodic structures too."""
    request = next(asking)
    while True:
        predictions = yield replace(request, partial_stress=True)
        try:
            request = asking.send(predictions)
        except StopIteration as end:
            found: Differentiated = end.value
            return found


def _felt(stress: FloatArray | None, structure: Atoms) -> FloatArray:
    """Return the part of the stress that a strain within the periodic directions feels."""
    assert stress is not None
    if structure.pbc.all():
        return stress
    plane = span(structure)
    felt: FloatArray = plane @ (plane.T @ stress @ plane) @ plane.T
    return felt


def _slope(prediction: Prediction, h: float, direction: FloatArray, volume: float) -> float:
    """Return dE/dh = V σ : sym(D⁻¹ e) at the deformation D = I + h e of a cell of this volume at h = 0, eV."""
    assert prediction.stress is not None
    deformation = np.eye(3) + h * direction
    rate = np.linalg.solve(deformation, direction)
    symmetric = (rate + rate.T) / 2.0
    return volume * float(np.linalg.det(deformation)) * float(np.sum(prediction.stress * symmetric))


def _figures(component: Component) -> tuple[float, float, str, float]:
    return component.residual, component.significance, component.unit, component.noise


STRESS_STRAIN = Check(
    id="conservation/stress-strain",
    law=(
        "σ : e = (1/V) dE(x (1 + η e))/dη at η = 0, for the six components of strain and mixtures, of slabs and wires "
        "for those within the periodic directions; σ = σᵀ"
    ),
    category="mandatory",
    needs=ALL_PROPERTIES,
    source="Nielsen and Martin, doi:10.1103/PhysRevB.32.3780",
    tolerance=(
        f"s = 1e-4 eV/Å³, and 0.1 % of the stress where that is 5 to 16 GPa; {EXTREME}; of slabs and wires per volume "
        "of matter, at most 20 Å³ an atom, that vacuum does not thin what is missed"
    ),
    physics=(
        "Stress tells how the energy answers to deforming the cell. If sign, units, order of components or the volume "
        "are wrong, or stress is learned apart from the energy, cells relax to the wrong shape, barostats drive the "
        "density away, and elastic constants from stress and from energy disagree. Of a slab or a wire only V σ within "
        "the periodic directions means something, where the potential has a stress there at all: a surface stress or a "
        "tension. With a wrong one, films and nanowires relax to the wrong length."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=periodic_somewhere,
    claim="conservative",
    weight=6.0,
    cost=2 * FEWEST_LEVELS,
)
