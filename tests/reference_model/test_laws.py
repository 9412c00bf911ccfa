"""Each variant obeys what it claims, to rounding in float64, on structures where potentials go wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES
from reference_model.potential import ReferencePotential, create
from reference_model.radial import TYPICAL_DENSITY, AdaptiveCutoff
from reference_model.variants import VARIANTS
from tests.reference_model.answers import Answer, answers
from tests.reference_model.structures import (
    SPECIES,
    every_kind,
    left_handed,
    near_contact,
    rotation,
    salt,
    small_cell,
    water,
)

CONSERVATIVE = [name for name in VARIANTS if name != "direct"]
SYMMETRIC = [name for name in VARIANTS if name != "ordered"]
KINDS = every_kind()
BUILT: dict[str, ReferencePotential] = {}


def potential(variant: str) -> ReferencePotential:
    if variant not in BUILT:
        BUILT[variant] = create(f"untrained-{variant}", {"dtype": "float64"}, SPECIES)
    return BUILT[variant]


def evaluated(variant: str, *structures: Atoms) -> list[Answer]:
    wanted = ALL_PROPERTIES if all(structure.pbc.all() for structure in structures) else ENERGY_FORCES
    return answers(potential(variant), structures, wanted)


def size(prediction: Answer) -> float:
    """How large the numbers are that rounding is relative to."""
    return 1.0 + abs(prediction.energy) + float(np.abs(prediction.forces).max())


def assert_close(a: Answer, b: Answer, tolerance: float = 1e-11) -> None:
    scale = tolerance * size(a)
    assert a.energy == pytest.approx(b.energy, abs=scale)
    np.testing.assert_allclose(a.forces, b.forces, rtol=0, atol=scale)
    if a.stress is not None:
        np.testing.assert_allclose(a.stress, b.stress, rtol=0, atol=scale)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("improper", [False, True], ids=["rotated", "mirrored"])
def test_an_isometry_turns_forces_and_stress_along(variant, improper):
    turn = rotation(1) * (-1 if improper else 1)
    for structure in KINDS.values():
        image = structure.copy()
        image.set_cell(structure.cell.array @ turn.T)
        image.positions = structure.positions @ turn.T
        before, after = evaluated(variant, structure), evaluated(variant, image)
        expected = Answer(
            before[0].energy,
            before[0].forces @ turn.T,
            None if before[0].stress is None else turn @ before[0].stress @ turn.T,
        )
        assert_close(expected, after[0])


@pytest.mark.parametrize("variant", SYMMETRIC)
def test_the_order_of_atoms_does_not_matter(variant):
    for structure in KINDS.values():
        order = np.random.default_rng(0).permutation(len(structure))
        (before,), (after,) = evaluated(variant, structure), evaluated(variant, structure[order])
        assert_close(before._replace(forces=before.forces[order]), after)


def test_the_order_of_atoms_matters_to_the_variant_that_is_made_for_it():
    structure = salt()
    (before,), (after,) = evaluated("ordered", structure), evaluated("ordered", structure[::-1])
    assert abs(before.energy - after.energy) > 1e-3
    network = potential("ordered").network
    gain = float(network.order_gain)
    try:
        with torch.no_grad():
            network.order_gain.fill_(0.0)
        (before,), (after,) = evaluated("ordered", structure), evaluated("ordered", structure[::-1])
    finally:
        with torch.no_grad():
            network.order_gain.fill_(gain)
    assert before.energy == pytest.approx(after.energy, abs=1e-11)


@pytest.mark.parametrize("variant", VARIANTS)
def test_cells_that_span_one_lattice_are_one_crystal(variant):
    structure = small_cell()
    other = structure.copy()
    cell = structure.cell.array
    other.set_cell(np.array([-cell[0] + cell[2], cell[1] - 3 * cell[0], cell[2]])[[1, 0, 2]])
    other.positions += np.array([[2, -1, 0], [0, 1, 3]]) @ cell
    one, same = evaluated(variant, structure, other)
    assert_close(one, same, tolerance=1e-10)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "ordered"])
def test_a_supercell_repeats_forces_and_keeps_stress(variant):
    structure = small_cell()
    one, many = evaluated(variant, structure, structure * (2, 1, 2))
    repeated = Answer(4 * one.energy, np.tile(one.forces, (4, 1)), one.stress)
    assert_close(repeated, many)


@pytest.mark.parametrize("variant", CONSERVATIVE)
@pytest.mark.parametrize("kind", ["salt", "small cell", "slab", "near contact"])
def test_forces_are_the_negative_gradient(variant, kind):
    structure = KINDS[kind]
    direction = np.random.default_rng(5).normal(size=structure.positions.shape)
    direction /= np.linalg.norm(direction)

    def energy(step: float) -> float:
        moved = structure.copy()
        moved.positions += step * direction
        return answers(potential(variant), [moved], ENERGY)[0].energy

    (at_rest,) = evaluated(variant, structure)
    h = 1e-3
    slope = (8 * (energy(h) - energy(-h)) - (energy(2 * h) - energy(-2 * h))) / (12 * h)
    assert -slope == pytest.approx(float((at_rest.forces * direction).sum()), abs=2e-7 * size(at_rest))


@pytest.mark.parametrize("variant", CONSERVATIVE)
@pytest.mark.parametrize("structure", [salt(), small_cell(), left_handed()], ids=["salt", "small cell", "left-handed"])
def test_stress_is_the_strain_derivative_tension_positive(variant, structure):
    strain = np.random.default_rng(6).normal(size=(3, 3))
    strain = (strain + strain.T) / 2

    def energy(step: float) -> float:
        deformed = structure.copy()
        deformed.set_cell(structure.cell.array @ (np.eye(3) + step * strain), scale_atoms=True)
        return answers(potential(variant), [deformed], ENERGY)[0].energy

    (at_rest,) = evaluated(variant, structure)
    np.testing.assert_array_equal(at_rest.stress, at_rest.stress.T)
    h = 3e-4
    slope = (8 * (energy(h) - energy(-h)) - (energy(2 * h) - energy(-2 * h))) / (12 * h)
    work = abs(np.linalg.det(structure.cell.array)) * float((at_rest.stress * strain).sum())
    assert slope == pytest.approx(work, rel=1e-6, abs=1e-6 * size(at_rest))


def test_tension_is_positive():
    """Two nuclei that repel each other push the cell apart: compression is negative, along their axis most."""
    box = Atoms("NaCl", [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]], cell=[9.0, 9.0, 9.0], pbc=True)
    (found,) = evaluated("lmax2", box)
    assert found.stress[0, 0] * 9.0**3 == pytest.approx(-0.5 * found.forces[1, 0], rel=1e-9)
    assert found.stress[0, 0] < -0.1


@pytest.mark.parametrize("variant", VARIANTS)
def test_batch_company_does_not_matter(variant):
    structures = [*KINDS.values(), salt(seed=9)]
    together = answers(potential(variant), structures, ENERGY_FORCES)
    for structure, one in zip(structures, together, strict=True):
        assert_close(answers(potential(variant), [structure], ENERGY_FORCES)[0], one, tolerance=1e-12)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_atom_alone_has_its_reference_energy_exactly(variant):
    made = potential(variant)
    made.network.reference_energies.fill_(-3.25)
    try:
        boxed = KINDS["lone atom"].copy()
        boxed.set_cell(np.eye(3) * 12.0)
        boxed.pbc = True
        for structure in (KINDS["lone atom"], boxed):
            (found,) = answers(made, [structure], ENERGY_FORCES)
            assert found.energy == -3.25
            np.testing.assert_array_equal(found.forces, np.zeros((1, 3)))
    finally:
        made.network.reference_energies.fill_(0.0)


@pytest.mark.parametrize("variant", CONSERVATIVE)
def test_forces_sum_to_zero_and_exert_no_torque(variant):
    for structure in (water(), near_contact()):
        (found,) = evaluated(variant, structure)
        assert np.abs(found.forces.sum(0)).max() < 1e-12 * size(found)
        assert np.abs(np.cross(structure.positions, found.forces).sum(0)).max() < 1e-12 * size(found)


def test_direct_forces_are_no_gradient_and_do_not_cancel():
    structure = salt()
    (found,) = evaluated("direct", structure)
    assert np.abs(found.forces.sum(0)).max() > 0.01
    whole = create("untrained-direct", {"dtype": "float64", "epsilon": "0"}, SPECIES)
    half = create("untrained-direct", {"dtype": "float64", "epsilon": "0.5"}, SPECIES)
    (gradient,) = answers(whole, [structure], ALL_PROPERTIES)
    (mixed,) = answers(half, [structure], ALL_PROPERTIES)
    assert np.abs(gradient.forces.sum(0)).max() < 1e-12 * size(gradient)
    np.testing.assert_allclose(mixed.forces, gradient.forces + 0.5 * found.forces, atol=1e-12)
    np.testing.assert_allclose(mixed.stress, gradient.stress + 0.5 * found.stress, atol=1e-12)
    assert mixed.energy == gradient.energy == found.energy


@pytest.mark.parametrize("variant", CONSERVATIVE)
def test_atoms_near_contact_repel_each_other(variant):
    for distance in (0.3, 0.5):
        pair = Atoms("NaCl", [[0.0, 0.0, 0.0], [distance, 0.0, 0.0]])
        (found,) = evaluated(variant, pair)
        assert found.energy > 50.0
        assert found.forces[1, 0] > 100.0


def test_nothing_beyond_the_receptive_field_is_felt():
    made = potential("lmax2")
    assert made.capabilities.receptive_field == 10.0
    chain = Atoms("Na8", np.outer(np.arange(8), [2.4, 0.3, 0.1]))
    moved = chain.copy()
    moved.positions[-1] += 0.3
    (before,), (after,) = answers(made, [chain], ENERGY), answers(made, [moved], ENERGY)
    reach = np.linalg.norm(chain.positions - chain.positions[-1], axis=1) > 10.6
    assert 1 <= reach.sum() < 7
    np.testing.assert_array_equal(before.energies[reach], after.energies[reach])
    assert (before.energies[~reach] != after.energies[~reach]).sum() > 3


@pytest.mark.parametrize("variant", ["lmax2", "adaptive", "twobody"])
def test_forces_and_their_slopes_are_continuous_where_a_neighbour_leaves(variant):
    """F and ∂F across r_c, on a grid so fine that a jump would stand out from what a smooth function does."""
    steps = np.linspace(-2e-3, 2e-3, 41)
    forces = []
    for step in steps:
        trio = Atoms("NaClNa", [[0.0, 0.0, 0.0], [5.0 + step, 0.0, 0.0], [1.0, 2.4, 0.0]])
        forces.append(answers(potential(variant), [trio], ENERGY_FORCES)[0].forces[1, 0])
    slopes = np.diff(forces) / np.diff(steps)
    assert np.abs(np.diff(forces)).max() < 1e-5
    assert np.abs(np.diff(slopes)).max() < 1e-3


def test_the_cutoff_of_a_crowded_atom_is_shorter_and_changes_smoothly():
    network = potential("adaptive").network
    r = torch.linspace(2.5, 6.0, 3501, dtype=torch.float64)
    crowd = torch.tensor([2.5] * 12 + [3.5] * 6, dtype=torch.float64)
    rows = torch.cat([crowd.expand(len(r), -1), r[:, None]], dim=1)
    cutoffs = network.adaptive(rows)
    lonely = network.adaptive(torch.full((1, 1), 1e3, dtype=torch.float64))
    assert 3.5 < float(cutoffs.min()) < float(cutoffs.max()) < float(lonely) < 5.0
    h = float(r[1] - r[0])
    for order in range(1, 4):
        derivative = torch.diff(cutoffs, n=order) / h**order
        assert float(torch.diff(derivative).abs().max()) < 0.02 * float(derivative.abs().max()) + 1e-3


@pytest.mark.parametrize("offset", [-20.0, 0.0, 2.0, 20.0])
@pytest.mark.parametrize("slope", [-8.0, 0.5, 30.0])
def test_whatever_is_trained_a_cutoff_falls_with_density_and_no_faster_than_its_bound(offset, slope):
    cutoff = AdaptiveCutoff(3.5, 5.0)
    with torch.no_grad():
        cutoff.offset.fill_(offset)
        cutoff.slope.fill_(slope)
    # One neighbour at r = 0.01 Å counts 1 in ρ, so rows of k of them have ρ = k.
    r = torch.full((60, 60), 1e3, dtype=torch.float64)
    for k in range(60):
        r[k, :k] = 0.01
    found = cutoff(r).detach()
    assert float(found.min()) >= 3.5
    assert float(found.max()) <= 5.0
    steps = torch.diff(found)
    steepest = torch.nn.functional.softplus(torch.tensor(slope, dtype=torch.float64)) / TYPICAL_DENSITY * 1.5 / 4
    assert (steps <= 0.0).all()
    assert (steps >= -1.001 * steepest).all()
    if slope > 0.0 and abs(offset) < 20.0:
        assert float(steps.min()) < -1e-3


def test_a_neighbour_beyond_the_cutoff_of_an_atom_gives_it_nothing():
    network = create("untrained-adaptive", {"dtype": "float64"}, ("Na",)).network
    crowd = torch.randn(3, 1, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    vectors = 3.0 * crowd / crowd.norm(dim=0)
    vectors[:, 0, 0] *= 4.9 / 3.0
    reach = float(network.adaptive(vectors.norm(dim=0)).detach())
    assert 3.5 <= reach < 4.9
    radial = network.basis(vectors, torch.zeros(1, dtype=torch.int64)).radial
    assert float(radial[0, :, 0].abs().max()) == 0.0
    assert float(radial[0, :, 1:].abs().min()) > 0.0
