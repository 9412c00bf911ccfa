"""The mutants: consistent where they say so, of the size they say, and sound at strength zero."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, Potential, Prediction
from tests.analytic import embedded_atom
from tests.analytic.derivatives import deform, numerical_forces, numerical_stress
from tests.analytic.geometries import EVERY, alloy, cluster, covalent, left_handed, molecule, slab
from tests.analytic.graph import DType
from tests.analytic.values import assert_close, available, forces_of, stress_of
from tests.mutants import CHECKS, MUTANTS, WITHOUT_STRENGTHS, Mutant, plant
from tests.mutants.base import add_term
from tests.mutants.energies import ENERGY_MUTANTS, bonds
from tests.mutants.forces import FORCE_MUTANTS
from tests.mutants.neighbours import NEIGHBOUR_MUTANTS
from tests.mutants.stresses import STRESS_MUTANTS

Geometry = Callable[[], Atoms]

ADDED = [m for m in ENERGY_MUTANTS + NEIGHBOUR_MUTANTS + FORCE_MUTANTS if m.unit == "eV/Å"]
CONSISTENT = [m for m in MUTANTS.values() if m.consistent]


def _names(mutants: Iterable[Mutant]) -> list[str]:
    return [mutant.name for mutant in mutants]


def _dressed(structure: Atoms) -> Atoms:
    """Give every attribute that some mutant reads by mistake a value of its own."""
    n_atoms = len(structure)
    structure.set_initial_magnetic_moments(np.linspace(-1.0, 2.0, n_atoms))
    structure.set_masses(np.linspace(1.0, 50.0, n_atoms))
    structure.set_momenta(np.ones((n_atoms, 3)))
    structure.set_tags(range(n_atoms))
    structure.set_constraint(FixAtoms([0]))
    return structure


def _assert_identical(one: Prediction, other: Prediction) -> None:
    assert one.energy == other.energy
    for name in ("forces", "stress", "energies"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_every_check_has_a_mutant_that_it_must_notice() -> None:
    noticed = frozenset[str]().union(*(mutant.must_fail for mutant in (*MUTANTS.values(), *WITHOUT_STRENGTHS)))
    assert noticed == CHECKS


def test_names_are_the_keys() -> None:
    assert all(mutant.name == name for name, mutant in MUTANTS.items())


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=_names(MUTANTS.values()))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_strength_zero_is_the_sound_potential_to_the_bit(mutant: Mutant, dtype: DType) -> None:
    potential = embedded_atom(4.5, dtype=dtype, offset=-50.0)
    changed = plant(mutant.name, potential, 0.0)
    with_volume = [_dressed(g()) for g in EVERY if available(g()) == ALL_PROPERTIES]
    stretched = [deform(structure, 1.03 * np.eye(3)) for structure in with_volume]
    for structures in (with_volume, stretched, with_volume[::-1], [molecule()]):
        copies = [structure.copy() for structure in structures]
        wanted = available(structures[0])
        for one, other in zip(potential.evaluate(copies, wanted), changed.evaluate(structures, wanted), strict=True):
            _assert_identical(one, other)
        assert all(one == other for one, other in zip(structures, copies, strict=True))


@pytest.mark.parametrize("mutant", CONSISTENT, ids=_names(CONSISTENT))
@pytest.mark.parametrize("geometry", [left_handed, slab, molecule])
def test_forces_and_stress_are_derivatives_of_the_wrong_energy(mutant: Mutant, geometry: Geometry) -> None:
    potential, structure = plant(mutant.name, embedded_atom(5.0), 0.5), _dressed(geometry())
    structure.set_constraint()
    wanted = available(structure)
    (prediction,) = potential.evaluate([structure], wanted)
    # Short steps, for lost images make the energy jump where a neighbour comes half a cell away.
    assert_close(forces_of(prediction), numerical_forces(potential, structure, 2e-4), 1e-8)
    if wanted == ALL_PROPERTIES:
        assert_close(stress_of(prediction), numerical_stress(potential, structure, 1e-4), 1e-8)


def test_size_threshold_is_consistent_beyond_the_threshold() -> None:
    potential, structure = plant("size-threshold", embedded_atom(5.0), 0.5), alloy().repeat((1, 2, 1))
    (prediction,) = potential.evaluate([structure], ALL_PROPERTIES)
    assert_close(forces_of(prediction), numerical_forces(potential, structure), 1e-8)
    assert_close(stress_of(prediction), numerical_stress(potential, structure), 1e-8)


def test_transposed_cell_has_consistent_forces() -> None:
    potential, structure = plant("transposed-cell", embedded_atom(5.0), 0.5), alloy()
    (prediction,) = potential.evaluate([structure], ENERGY_FORCES)
    assert_close(forces_of(prediction), numerical_forces(potential, structure), 1e-8)


def test_plain_term_is_sound() -> None:
    """A term without defect obeys the law by which the others are caught."""
    potential = add_term("none", lambda graph: bonds(graph, 1.0))(embedded_atom(5.0), 1.0)
    one, many = potential.evaluate([alloy(), alloy().repeat((1, 2, 1))], ALL_PROPERTIES)
    assert many.energy == pytest.approx(2 * one.energy, abs=1e-10)
    assert_close(stress_of(many), stress_of(one), 1e-11)


def _extra(mutant: Mutant, structure: Atoms, strength: float) -> tuple[float, float]:
    """Return the extra energy per atom and the root mean square of the extra force components."""
    potential = embedded_atom(6.0)
    (sound,) = potential.evaluate([structure], ENERGY_FORCES)
    (wrong,) = plant(mutant.name, potential, strength).evaluate([structure], ENERGY_FORCES)
    force = float(np.sqrt(np.mean((forces_of(wrong) - forces_of(sound)) ** 2)))
    return (wrong.energy - sound.energy) / len(structure), force


@pytest.mark.parametrize("mutant", ADDED, ids=_names(ADDED))
def test_strength_is_the_size_of_the_defect(mutant: Mutant) -> None:
    structure = _dressed(alloy().repeat((4, 4, 1) if mutant.name == "size-hundred" else (1, 2, 1)))
    strength = 1e-2
    energy, force = _extra(mutant, structure, strength)
    assert 0.2 * strength < max(abs(energy), force) < 5.0 * strength
    twice = _extra(mutant, structure, 2 * strength)
    np.testing.assert_allclose(twice, (2 * energy, 2 * force), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("mutant", STRESS_MUTANTS, ids=_names(STRESS_MUTANTS))
def test_stress_mutants_change_nothing_but_the_stress(mutant: Mutant) -> None:
    potential, structures = embedded_atom(5.0), [alloy(), left_handed()]
    for structure in structures:
        structure.set_momenta(np.ones((len(structure), 3)))  # which two of them read
    sound = potential.evaluate(structures, ALL_PROPERTIES)
    wrong = plant(mutant.name, potential).evaluate(structures, ALL_PROPERTIES)
    assert not all(np.array_equal(stress_of(a), stress_of(b)) for a, b in zip(sound, wrong, strict=True))
    for one, other in zip(sound, wrong, strict=True):
        assert one.energy == other.energy
        assert np.array_equal(forces_of(one), forces_of(other))
        assert np.array_equal(stress_of(other), stress_of(other).T)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=_names(MUTANTS.values()))
def test_mutants_of_float32_potentials_are_float32(mutant: Mutant) -> None:
    potential: Potential = plant(mutant.name, embedded_atom(4.5, dtype="float32"))
    structures = [_dressed(geometry()) for geometry in (alloy, covalent, slab, cluster)]
    for prediction in potential.evaluate(structures, ALL_PROPERTIES):
        for value in (np.asarray(prediction.energy), forces_of(prediction), stress_of(prediction)):
            assert np.array_equal(value, value.astype(np.float32))


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="curl"):
        plant("no-such-defect", embedded_atom())
    with pytest.raises(ValueError, match="at least 0"):
        plant("curl", embedded_atom(), -1.0)
    with pytest.raises(ValueError, match="check ids"):
        Mutant("x", "", 1.0, "", frozenset({"symmetry/nonsense"}), frozenset(), MUTANTS["curl"].plant)
