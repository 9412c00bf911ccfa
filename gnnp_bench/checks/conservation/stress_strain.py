"""conservation/stress-strain: stress is the derivative of the energy by strain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Residual,
    Sample,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import STRESS_S, on_simpler_structures, stands_out, stress
from gnnp_bench.checks.conservation.ladder import FEWEST_LEVELS, energy_derivative
from gnnp_bench.checks.periodicity.supercell import crystals_only
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction
from gnnp_bench.structures.transform import strain

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


def _suitable(sample: Sample) -> bool:
    return bool(sample.structure.pbc.all())


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng, _suitable, "periodic in three directions")
    if rng.random() < 0.5:
        return sample.case({"strain": SINGLE[int(rng.integers(6))]})
    return sample.case({"strain": _unit(rng.normal(size=(3, 3)))})


def _near(rng: np.random.Generator, case: Case) -> Case:
    direction = np.asarray(case.parameters["strain"]) + 0.2 * rng.normal(size=(3, 3))
    return with_parameters(case, strain=_unit(direction))


def _unit(matrix: FloatArray) -> list[list[float]]:
    symmetric = (matrix + matrix.T) / 2.0
    unit: list[list[float]] = (symmetric / np.linalg.norm(symmetric)).tolist()
    return unit


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["strain"] not in SINGLE:
        for component in SINGLE:
            yield with_parameters(case, strain=component)
    yield from (simpler for simpler in on_simpler_structures(case) if simpler.structure.pbc.all())


def _measure(case: Case) -> Measurement:
    direction: FloatArray = np.asarray(case.parameters["strain"], dtype=float)
    structure = case.structure
    base = yield from base_prediction(case, ALL_PROPERTIES)
    assert base.stress is not None
    volume = float(structure.cell.volume)
    size = float(np.abs(base.stress).max())
    significance = min(STRESS_S, 1e-3 * size) if size >= LARGE_STRESS else STRESS_S
    noise = case.nu.energy * len(structure)
    derivative, settled = yield from energy_derivative(
        lambda h: strain(structure, h * direction),
        lambda prediction, h: _slope(prediction, h, direction, volume),
        _slope(base, 0.0, direction, volume),
        LARGEST_STRAIN,
        ALL_PROPERTIES,
        noise=noise,
        slope_noise=case.nu.stress * volume,
        significance=significance * volume,
    )
    missed = abs(derivative.value / volume - float(np.sum(base.stress * direction)))
    explained, error = derivative.noise * noise / volume + case.nu.stress, derivative.error / volume
    # Where there is no stress, strain must not change the energy either.
    if size <= max(10.0 * case.nu.stress, 1e-10) and not stands_out(missed, error, explained):
        return vacuous("the stress vanishes, and strain does not change the energy")
    component = Component("stress", missed, significance, "eV/Å³", noise=explained, error=error, converged=settled)
    asymmetry = stress(base.stress - base.stress.T, case.nu)
    note = None if settled else "the energy is rough along this strain"
    return Residual((component, Component("asymmetry", *_figures(asymmetry))), note=note)


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
    law="σ : e = (1/V) dE(x (1 + η e))/dη at η = 0, for the six components of strain and mixtures; σ = σᵀ",
    category="mandatory",
    needs=ALL_PROPERTIES,
    source="Nielsen and Martin, doi:10.1103/PhysRevB.32.3780",
    tolerance="s = 1e-4 eV/Å³, and 0.1 % of the stress where that is 5 GPa or more",
    physics=(
        "Stress tells how the energy answers to deforming the cell. If sign, units, order of components or the volume "
        "are wrong, or stress is learned apart from the energy, cells relax to the wrong shape, barostats drive the "
        "density away, and elastic constants from stress and from energy disagree."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    applies=crystals_only,
    claim="conservative",
    weight=4.0,
    cost=2 * FEWEST_LEVELS,
)
