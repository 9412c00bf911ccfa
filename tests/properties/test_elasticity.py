"""Elastic tensors against lattice sums in closed form, plain ASE scripts, and what symmetry and averages must obey."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.optimize import BFGS

from gnnp_bench.properties.elasticity import Elasticity, elasticity
from gnnp_bench.properties.elasticity_told import independent, summary
from gnnp_bench.properties.equation_of_state import equation_of_state
from gnnp_bench.properties.tensors import averages, eigenvalues, rotated, symmetrised, young_along
from gnnp_bench.structures.prototypes import PROTOTYPES, crystal
from tests.analytic import smooth_pair
from tests.properties.crystals import emt, lennard_jones, measured, of, relaxed

SIGMA, EPSILON = 3.4, 0.0104
REACH = 2.64
"""In lattice constants: between two shells of neighbours of fcc that are 7 % apart, so that none comes or goes."""


def shells() -> np.ndarray:
    """Return the neighbours of an fcc atom within reach, in lattice constants."""
    n = np.arange(-6, 7)
    vectors = 0.5 * np.stack(np.meshgrid(n, n, n, indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = vectors[(2 * vectors).sum(axis=1) % 2 == 0]
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors[(lengths > 0) & (lengths < REACH)]


def sums() -> tuple[float, float]:
    """Return Σ r⁻¹² and Σ r⁻⁶ over the neighbours, r in lattice constants."""
    squares = (shells() ** 2).sum(axis=1)
    return float((squares**-6).sum()), float((squares**-3).sum())


def lattice_constant() -> float:
    """Return where Σ φ has its minimum: (a/σ)⁶ = 2 Σ r⁻¹² / Σ r⁻⁶."""
    twelve, six = sums()
    return float(SIGMA * (2 * twelve / six) ** (1 / 6))


def lattice_sum(a: float) -> np.ndarray:
    """Return Cᵢⱼₖₗ = Σ (φ″ − φ′/r) rᵢrⱼrₖrₗ/r² / 2Ω of fcc without load (Born and Huang, section 11)."""
    vectors = a * shells()
    r = np.linalg.norm(vectors, axis=1)
    first = 4 * EPSILON * (-12 * SIGMA**12 / r**13 + 6 * SIGMA**6 / r**7)
    second = 4 * EPSILON * (156 * SIGMA**12 / r**14 - 42 * SIGMA**6 / r**8)
    tensor = np.einsum("n,ni,nj,nk,nl->ijkl", (second - first / r) / r**2, vectors, vectors, vectors, vectors)
    return tensor / (2 * a**3 / 4)


@pytest.fixture(scope="module")
def argon() -> Elasticity:
    a = lattice_constant()
    evaluator = lennard_jones(REACH * a)
    found = relaxed(evaluator, bulk("Ar", a=1.005 * a), fmax=1e-7)
    assert found.structure.cell.volume == pytest.approx(a**3 / 4, rel=1e-6)
    return measured(evaluator, found, elasticity)


def test_lennard_jones_has_the_stiffness_of_its_lattice_sums(argon: Elasticity) -> None:
    exact = lattice_sum(lattice_constant())
    assert argon.stiffness[0, 0] == pytest.approx(exact[0, 0, 0, 0], rel=1e-5)
    assert argon.stiffness[0, 1] == pytest.approx(exact[0, 0, 1, 1], rel=1e-5)
    assert argon.stiffness[3, 3] == pytest.approx(exact[1, 2, 1, 2], rel=1e-5)
    assert argon.converged
    true_error = abs(argon.stiffness[0, 0] - exact[0, 0, 0, 0])
    assert true_error <= argon.errors[0, 0] < 1e-3 * exact[0, 0, 0, 0]


def test_pairs_obey_the_cauchy_relation(argon: Elasticity) -> None:
    evaluator = of(smooth_pair(species=("Cu",)))
    copper = measured(evaluator, relaxed(evaluator, crystal("fcc", ("Cu",)), fmax=1e-6), elasticity)
    for found in (argon, copper):
        assert found.stiffness[0, 1] == pytest.approx(found.stiffness[3, 3], rel=1e-4)
        assert found.stiffness[0, 0] > 1.1 * found.stiffness[0, 1]


def plain(structure: Atoms, component: tuple[int, int], h: float = 1e-4) -> np.ndarray:
    """Return stress per strain as a script would: six components, atoms at rest."""
    slopes = []
    for sign in (1, -1):
        strain = np.zeros((3, 3))
        strain[component] += 0.5 * sign * h
        strain[component[::-1]] += 0.5 * sign * h
        one = structure.copy()
        one.set_cell(one.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        one.calc = EMT()
        assert BFGS(one, logfile=None).run(fmax=1e-7)
        slopes.append(one.get_stress())
    return (slopes[0] - slopes[1]) / (2 * h)


def test_atoms_at_rest_are_those_of_a_plain_script() -> None:
    evaluator = emt("Cu", "Au")
    hcp = relaxed(evaluator, bulk("Cu", "hcp", a=2.54, c=4.15), fmax=1e-6)  # whose atoms move against each other
    found = measured(evaluator, hcp, elasticity)
    for column, component in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        wanted = plain(hcp.structure, component)
        np.testing.assert_allclose(found.stiffness[:, column], wanted, atol=2e-4 * found.stiffness.max())
    assert abs(found.clamped[0, 0] - found.stiffness[0, 0]) > 0.01 * found.stiffness[0, 0]
    assert found.softest > 0


def test_the_bulk_modulus_is_that_of_the_equation_of_state() -> None:
    evaluator = emt("Cu", "Au")
    for structure in (bulk("Cu"), crystal("L1_2", ("Au", "Cu"))):
        found = relaxed(evaluator, structure, fmax=1e-5)
        tensor, fit = measured(evaluator, found, elasticity), measured(evaluator, found, equation_of_state)
        assert tensor.averages is not None
        assert tensor.averages.bulk_hill == pytest.approx(fit.fit.modulus, rel=0.005)


def test_axes_are_those_of_the_conventional_cell() -> None:
    evaluator = emt("Cu", "Au")
    turned = bulk("Cu", a=3.6)
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    upright, other = (
        measured(evaluator, relaxed(evaluator, one, fmax=1e-5), elasticity) for one in (bulk("Cu", a=3.6), turned)
    )
    np.testing.assert_allclose(other.stiffness, upright.stiffness, atol=1e-4 * upright.stiffness.max())


def test_an_unstable_crystal_has_no_averages() -> None:
    evaluator = emt("Cu", "Au")
    bcc = measured(evaluator, relaxed(evaluator, bulk("Cu", "bcc", a=2.85)), elasticity)
    assert bcc.averages is None
    assert bcc.eigenvalues[0] < 0
    told = summary(bcc)
    assert not any(one.name.startswith("B_") for one in told.quantities)
    assert any("elastically unstable" in note for note in told.notes)


def random_stiffness(seed: int) -> np.ndarray:
    m = np.random.default_rng(seed).normal(size=(6, 6))
    return m @ m.T + 3 * np.eye(6)


def test_what_rotations_do() -> None:
    from scipy.spatial.transform import Rotation

    stiffness = random_stiffness(0)
    first, second = Rotation.random(2, rng=np.random.default_rng(1)).as_matrix()
    np.testing.assert_allclose(
        rotated(rotated(stiffness, first), second), rotated(stiffness, second @ first), atol=1e-12
    )
    np.testing.assert_allclose(eigenvalues(rotated(stiffness, first)), eigenvalues(stiffness), atol=1e-12)
    before, after = averages(stiffness), averages(rotated(stiffness, first))
    assert after.bulk_reuss == pytest.approx(before.bulk_reuss)
    assert after.shear_voigt == pytest.approx(before.shear_voigt)
    n = np.array([1.0, 2.0, -0.5]) / np.linalg.norm([1.0, 2.0, -0.5])
    assert young_along(rotated(stiffness, first), first @ n) == pytest.approx(young_along(stiffness, n))


@pytest.mark.parametrize("name", ["fcc", "hcp", "L1_0", "wurtzite", "diamond"])
def test_independent_components_are_all_there_are(name: str) -> None:
    from gnnp_bench.properties.lattice import symmetry_of

    species = ("Cu", "Au")[: PROTOTYPES[name].classes]
    symmetry = symmetry_of(crystal(name, species), 1e-3)
    rotations = symmetry.to_standard @ symmetry.rotations @ symmetry.to_standard.T
    tensors = np.array([symmetrised(random_stiffness(seed), rotations) for seed in range(25)]).reshape(25, 36)
    chosen = [6 * (i - 1) + j - 1 for i, j in independent(symmetry.number, symmetry.point_group)]
    assert (
        np.linalg.matrix_rank(tensors, tol=1e-9) == len(chosen) == np.linalg.matrix_rank(tensors[:, chosen], tol=1e-9)
    )


def test_averages_of_an_isotropic_crystal_are_its_moduli() -> None:
    young, poisson = 200.0, 0.3
    lame, shear = young * poisson / ((1 + poisson) * (1 - 2 * poisson)), young / (2 * (1 + poisson))
    stiffness = np.diag([2 * shear] * 3 + [shear] * 3)
    stiffness[:3, :3] += lame
    found = averages(stiffness)
    assert found.young == pytest.approx(young)
    assert found.poisson == pytest.approx(poisson)
    assert found.bulk_voigt == pytest.approx(found.bulk_reuss) == pytest.approx(lame + 2 * shear / 3)
    assert found.anisotropy == pytest.approx(0.0, abs=1e-12)
    assert young_along(stiffness, np.array([0.6, 0.0, 0.8])) == pytest.approx(young)


def test_young_of_cubic_crystals_is_the_textbook_formula() -> None:
    c11, c12, c44 = 168.3, 121.2, 75.7
    stiffness = np.diag([c11 - c12] * 3 + [c44] * 3)
    stiffness[:3, :3] += c12
    s11 = (c11 + c12) / ((c11 - c12) * (c11 + 2 * c12))
    s12, s44 = -c12 / ((c11 - c12) * (c11 + 2 * c12)), 1 / c44
    for n in ([1, 0, 0], [1, 1, 0], [1, 1, 1], [3, 2, 1]):
        x, y, z = unit = np.array(n) / np.linalg.norm(n)
        j = (x * y) ** 2 + (y * z) ** 2 + (z * x) ** 2
        assert young_along(stiffness, unit) == pytest.approx(1 / (s11 - 2 * (s11 - s12 - s44 / 2) * j))
    assert averages(stiffness).bulk_hill * units.GPa == pytest.approx((c11 + 2 * c12) / 3 * units.GPa)
