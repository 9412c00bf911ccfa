"""The sound potentials: derivatives, symmetries, precision, smoothness."""

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Potential, Unsupported
from tests.analytic import CALIBRATION, HELD_OUT, AnalyticPotential, smooth_pair
from tests.analytic.derivatives import deform, numerical_forces, numerical_stress
from tests.analytic.geometries import EVERY, PERIODIC, alloy, cluster, molecule, slab, wire
from tests.analytic.graph import DType
from tests.analytic.values import assert_close, available, forces_of, random_rotation, stress_of

Factory = Callable[..., AnalyticPotential]
Geometry = Callable[[], Atoms]

WITH_VOLUME = (*PERIODIC, slab, cluster)

every_potential = pytest.mark.parametrize("factory", CALIBRATION + HELD_OUT)
every_geometry = pytest.mark.parametrize("geometry", EVERY)
every_cutoff = pytest.mark.parametrize("cutoff", [3.3, 5.0])


@every_potential
@every_geometry
@every_cutoff
def test_forces_are_the_gradient(factory: Factory, geometry: Geometry, cutoff: float) -> None:
    potential, structure = factory(cutoff), geometry()
    (prediction,) = potential.evaluate([structure], ENERGY_FORCES)
    assert_close(forces_of(prediction), numerical_forces(potential, structure), 1e-8)


@every_potential
@pytest.mark.parametrize("geometry", WITH_VOLUME)
@every_cutoff
def test_stress_is_the_strain_derivative(factory: Factory, geometry: Geometry, cutoff: float) -> None:
    potential, structure = factory(cutoff), geometry()
    (prediction,) = potential.evaluate([structure], ALL_PROPERTIES)
    assert_close(stress_of(prediction), numerical_stress(potential, structure), 1e-8)


@every_potential
@every_geometry
def test_symmetries(factory: Factory, geometry: Geometry) -> None:
    potential, structure = factory(), geometry()
    rng = np.random.default_rng(5)
    operation = -random_rotation(rng)
    order = rng.permutation(len(structure))
    moved = deform(structure, operation)[order]
    moved.positions += rng.normal(size=3)
    wanted = available(structure)
    before, after = potential.evaluate([structure, moved], wanted)
    forces = forces_of(before)
    assert after.energy == pytest.approx(before.energy, abs=1e-11)
    assert_close(forces_of(after), forces[order] @ operation, 1e-11)
    assert_close(forces.sum(axis=0), np.zeros(3), 1e-11)
    if wanted == ALL_PROPERTIES:
        assert_close(stress_of(after), operation.T @ stress_of(before) @ operation, 1e-11)
    if not structure.pbc.any():
        assert_close(np.cross(structure.positions, forces).sum(axis=0), np.zeros(3), 1e-11)


@every_potential
@pytest.mark.parametrize("geometry", PERIODIC)
def test_choice_of_cell_does_not_matter(factory: Factory, geometry: Geometry) -> None:
    potential, structure = factory(), geometry()
    wrapped = structure.copy()
    wrapped.wrap()
    skewed = structure.copy()
    skewed.set_cell(np.array([[0, 1, 0], [1, 2, 0], [0, -1, 1]]) @ structure.cell.array)
    variants = [structure, wrapped, skewed, structure.repeat((2, 1, 3))]
    one, two, three, many = potential.evaluate(variants, ALL_PROPERTIES)
    for other in (two, three):
        assert other.energy == pytest.approx(one.energy, abs=1e-11)
        assert_close(forces_of(other), forces_of(one), 1e-11)
        assert_close(stress_of(other), stress_of(one), 1e-11)
    assert many.energy == pytest.approx(6 * one.energy, abs=1e-10)
    assert_close(forces_of(many), np.tile(forces_of(one), (6, 1)), 1e-11)
    assert_close(stress_of(many), stress_of(one), 1e-11)


@every_potential
def test_vacuum_does_not_matter(factory: Factory) -> None:
    potential, narrow = factory(), slab()
    wide = narrow.copy()
    wide.set_cell(np.array([narrow.cell[0], narrow.cell[1], [1.0, 2.0, 25.0]]))
    one, other = potential.evaluate([narrow, wide], ALL_PROPERTIES)
    assert other.energy == pytest.approx(one.energy, abs=1e-11)
    assert_close(forces_of(other), forces_of(one), 1e-11)
    assert_close(stress_of(other) * wide.get_volume(), stress_of(one) * narrow.get_volume(), 1e-10)


@every_potential
def test_float32_is_float32_and_close_to_float64(factory: Factory) -> None:
    structures = [geometry() for geometry in WITH_VOLUME]
    double = factory().evaluate(structures, ALL_PROPERTIES)
    single = factory(dtype="float32").evaluate(structures, ALL_PROPERTIES)
    for exact, rounded in zip(double, single, strict=True):
        for name in ("energy", "forces", "stress", "energies"):
            value, reference = np.asarray(getattr(rounded, name)), np.asarray(getattr(exact, name))
            assert np.array_equal(value, value.astype(np.float32)), name
            assert_close(value, reference, 2e-5)
            assert not value.any() or not np.array_equal(value, reference), name


@every_potential
def test_offset_adds_a_constant_for_each_atom(factory: Factory) -> None:
    structure = alloy()
    constant = float((-1000.0 * (1 + structure.numbers / 100)).sum())
    (plain,) = factory().evaluate([structure], ALL_PROPERTIES)
    (shifted,) = factory(offset=-1000.0).evaluate([structure], ALL_PROPERTIES)
    (rounded,) = factory(offset=-1000.0, dtype="float32").evaluate([structure], ALL_PROPERTIES)
    assert shifted.energy - constant == pytest.approx(plain.energy, abs=1e-9)
    assert np.array_equal(forces_of(shifted), forces_of(plain))
    assert rounded.energy - constant == pytest.approx(plain.energy, abs=1e-6 * abs(constant))
    assert rounded.energy != shifted.energy


@every_potential
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_and_single_agree_to_the_bit(factory: Factory, dtype: DType) -> None:
    potential = factory(dtype=dtype)
    structures = [geometry() for geometry in WITH_VOLUME] * 3
    for structure, together in zip(structures, potential.evaluate(structures, ALL_PROPERTIES), strict=True):
        (alone,) = potential.evaluate([structure], ALL_PROPERTIES)
        assert alone.energy == together.energy
        assert np.array_equal(forces_of(alone), forces_of(together))
        assert np.array_equal(stress_of(alone), stress_of(together))


@every_potential
def test_energies_and_forces_are_of_realistic_order(factory: Factory) -> None:
    structure = alloy()
    (prediction,) = factory().evaluate([structure], ENERGY_FORCES)
    assert -8.0 < prediction.energy / len(structure) < -0.5
    assert 0.1 < np.sqrt(np.mean(forces_of(prediction) ** 2)) < 5.0
    assert prediction.energies is not None
    assert prediction.energies.sum() == pytest.approx(prediction.energy, abs=1e-12)


@every_potential
@pytest.mark.parametrize("cutoff", [3.3, 8.0])
def test_nothing_jumps_where_a_neighbour_leaves(factory: Factory, cutoff: float) -> None:
    potential = factory(cutoff)
    inside = cutoff * (1.0 - np.geomspace(1e-6, 0.02, 20))
    pairs = [Atoms("CuAl", positions=[[0, 0, 0], [0, 0, distance]]) for distance in (*inside, cutoff, 1.01 * cutoff)]
    predictions = potential.evaluate(pairs, ENERGY_FORCES)
    assert max(abs(prediction.energy) for prediction in predictions) < 1e-9
    assert max(float(np.abs(forces_of(prediction)).max()) for prediction in predictions) < 1e-6
    assert predictions[-1].energy == 0.0


def test_protocol_and_properties_asked_for() -> None:
    potential = smooth_pair()
    assert isinstance(potential, Potential)
    (prediction,) = potential.evaluate([alloy()], ENERGY)
    assert prediction.forces is None
    assert prediction.stress is None


@pytest.mark.parametrize("geometry", [wire, molecule])
def test_stress_needs_a_volume(geometry: Geometry) -> None:
    with pytest.raises(Unsupported, match="volume"):
        smooth_pair().evaluate([geometry()], ALL_PROPERTIES)


def test_undeclared_species_is_refused() -> None:
    with pytest.raises(Unsupported, match="Xe"):
        smooth_pair().evaluate([Atoms("CuXe", positions=[[0, 0, 0], [2, 0, 0]])], ENERGY)
