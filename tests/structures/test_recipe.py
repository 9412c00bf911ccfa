"""Recipes survive JSON, refuse nonsense, and always build the same valid structure."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnp_bench.potential import Capabilities
from gnnp_bench.structures import Recipe, build, contact_ratio, draw_recipes, minimum_distance
from gnnp_bench.structures.geometry import reduce_vectors
from gnnp_bench.structures.molecules import CLUSTERS, MOLECULES, molecule
from gnnp_bench.structures.radii import CONTACT
from gnnp_bench.structures.recipe import ISOLATED, NO_SKEW

ANY = Capabilities(species=("H", "C", "O", "F", "Al", "Si", "Ti", "Cu", "Cs", "Au"))


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    drawn = draw_recipes(np.random.default_rng(draw(st.integers(0, 10_000))), ANY, 40)
    return draw(st.sampled_from(drawn))


@settings(deadline=None, max_examples=30)
@given(recipes())
def test_json_keeps_every_bit(recipe: Recipe) -> None:
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@settings(deadline=None, max_examples=30)
@given(recipes())
def test_the_same_recipe_builds_the_same_structure(recipe: Recipe) -> None:
    first, second = build(recipe), build(Recipe.from_json(recipe.to_json()))
    assert first.positions.tobytes() == second.positions.tobytes()
    assert first.cell.array.tobytes() == second.cell.array.tobytes()
    assert np.array_equal(first.numbers, second.numbers)
    assert first.info == {"recipe": recipe.to_json()}
    assert first.calc is None
    assert not first.constraints


@settings(deadline=None, max_examples=30)
@given(recipes())
def test_structures_are_valid_by_construction(recipe: Recipe) -> None:
    atoms = build(recipe)
    assert len(atoms) == recipe.n_atoms
    assert set(atoms.symbols) == set(recipe.species)
    assert tuple(atoms.pbc) == recipe.pbc
    assert contact_ratio(atoms) >= recipe.contact
    assert np.all(np.isfinite(atoms.positions))


def test_a_rattle_moves_atoms_at_most_by_its_amplitude() -> None:
    still = Recipe("crystal", "fcc", ("Cu",), (2, 2, 2))
    moves = build(replace(still, rattle=0.2, seed=4)).positions - build(still).positions
    lengths = np.linalg.norm(moves, axis=1)
    assert lengths.max() <= 0.2
    assert lengths.min() > 0
    assert not np.allclose(moves, build(replace(still, rattle=0.2, seed=5)).positions - build(still).positions)


def test_strain_acts_on_rows() -> None:
    plain = Recipe("crystal", "sc", ("Po",))
    strained = build(replace(plain, strain=(0.02, 0.0, -0.01, 0.0, 0.0, 0.03)))
    tensor = np.array([[0.02, 0.03, 0], [0.03, 0, 0], [0, 0, -0.01]])
    np.testing.assert_allclose(strained.cell.array, build(plain).cell.array @ (np.eye(3) + tensor), atol=1e-14)


def test_a_skew_changes_the_basis_and_not_the_crystal() -> None:
    plain = Recipe("crystal", "rocksalt", ("Na", "Cl"), rattle=0.1, seed=3)
    skewed = build(replace(plain, skew=((1, 2, 0), (0, 1, 0), (-1, 0, -1))))
    assert np.linalg.det(skewed.cell.array) < 0
    assert minimum_distance(skewed) == pytest.approx(minimum_distance(build(plain)))
    assert abs(np.linalg.det(reduce_vectors(skewed.cell.array))) == pytest.approx(build(plain).get_volume())


def test_random_alloys_hold_every_species() -> None:
    for seed in range(30):
        atoms = build(Recipe("crystal", "fcc", ("Cu", "Au", "Ni"), (2, 2, 1), seed=seed))
        assert set(atoms.symbols) == {"Cu", "Au", "Ni"}


def test_crowding_is_expanded_away() -> None:
    atoms = build(Recipe("crystal", "fcc", ("H", "Cs"), (2, 1, 1), seed=1))
    assert contact_ratio(atoms) == pytest.approx(0.75)


@pytest.mark.parametrize("vacuum", [6.0, 11.0])
def test_slabs_and_molecules_have_vacuum_on_either_side(vacuum: float) -> None:
    slab = build(Recipe("slab", "fcc", ("Pt",), (1, 1, 4), rattle=0.1, vacuum=vacuum, pbc=(True, True, False)))
    assert slab.positions[:, 2].min() == pytest.approx(vacuum)
    assert slab.cell[2, 2] - slab.positions[:, 2].max() == pytest.approx(vacuum)
    np.testing.assert_array_equal(slab.cell.array[2, :2], 0)
    np.testing.assert_array_equal(slab.cell.array[:2, 2], 0)
    water = build(Recipe("molecule", "water", ("O", "H"), vacuum=vacuum))
    assert np.all(water.positions.min(axis=0) >= vacuum - 1e-9)
    assert np.all(water.cell.lengths() - water.positions.max(axis=0) >= vacuum - 1e-9)


def test_a_slab_without_vacuum_has_no_third_vector() -> None:
    slab = build(Recipe("slab", "bcc", ("W",), (1, 1, 3), pbc=(True, True, False)))
    np.testing.assert_array_equal(slab.cell.array[2], 0)
    assert contact_ratio(slab) == pytest.approx(1.0)


def test_a_slab_keeps_the_distances_of_its_crystal() -> None:
    for name, species in [("fcc", ("Cu",)), ("hcp", ("Mg",)), ("zincblende", ("Ga", "As"))]:
        slab = build(Recipe("slab", name, species, (2, 2, 2), vacuum=8.0))
        assert contact_ratio(slab) == pytest.approx(1.0)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.sampled_from(ANY.species), min_size=1, max_size=4, unique=True),
    st.sampled_from([(2, 2, 1), (2, 2, 3), (3, 3, 2)]),
    st.integers(0, 1000),
    st.booleans(),
)
def test_liquids_are_dense_and_disordered(
    species: list[str], repeat: tuple[int, int, int], seed: int, bulk: bool
) -> None:
    pbc = (bulk,) * 3
    atoms = build(Recipe("liquid", "packing", tuple(species), repeat, seed=seed, pbc=pbc))
    assert contact_ratio(atoms) >= 0.75
    assert atoms.cell.array.any() == bulk


def test_a_liquid_of_one_metal_has_the_density_of_a_liquid() -> None:
    """Liquid copper at its melting point: 0.0755 atoms per Å^3."""
    atoms = build(Recipe("liquid", "packing", ("Cu",), (3, 3, 3), seed=2))
    assert len(atoms) / atoms.get_volume() == pytest.approx(0.0755, rel=0.15)
    assert contact_ratio(atoms) > 0.8


@pytest.mark.parametrize("name", MOLECULES)
def test_molecules_are_as_close_as_bonds_and_in_one_piece(name: str) -> None:
    atoms = build(Recipe("molecule", name, MOLECULES[name], pbc=ISOLATED))
    np.testing.assert_array_equal(atoms.positions, molecule(name)[1])
    assert contact_ratio(atoms) >= 0.75
    bonded = atoms.get_all_distances() < 1.3 * CONTACT[atoms.numbers[:, None], atoms.numbers]
    reached = np.linalg.matrix_power(bonded.astype(int), len(atoms)) > 0
    assert reached.all()


# Å, CRC Handbook of Chemistry and Physics, section 9 (gas phase).
@pytest.mark.parametrize(
    ("name", "pair", "length"),
    [
        ("water", (0, 1), 0.958),
        ("carbon dioxide", (0, 1), 1.160),
        ("methane", (0, 1), 1.087),
        ("ammonia", (0, 1), 1.012),
        ("benzene", (0, 1), 1.399),
        ("sulfur hexafluoride", (0, 1), 1.561),
        ("hydrogen", (0, 1), 0.741),
        ("nitrogen", (0, 1), 1.098),
        ("silane", (0, 1), 1.480),
        ("boron trifluoride", (0, 1), 1.313),
    ],
)
def test_bond_lengths_are_measured_ones(name: str, pair: tuple[int, int], length: float) -> None:
    _numbers, positions = molecule(name)
    assert np.linalg.norm(positions[pair[0]] - positions[pair[1]]) == pytest.approx(length, rel=0.03)


def test_special_molecules_are_exactly_special() -> None:
    straight = molecule("carbon dioxide")[1]
    np.testing.assert_array_equal(np.cross(straight[1], straight[2]), 0)
    assert not molecule("benzene")[1][:, 2].any()
    chiral = molecule("bromochlorofluoromethane")[1]
    assert abs(np.linalg.det(chiral[1:4])) > 0.1


def test_clusters_have_edges_of_one_bond_length() -> None:
    for name, sites in CLUSTERS.items():
        if len(sites) > 1:
            atoms = Atoms(f"Cu{len(sites)}", sites)
            shortest = minimum_distance(atoms)
            assert shortest == pytest.approx(0.9510565 if name == "icosahedron" else 1.0), name
            corners = Atoms(f"Cu{len(sites) - 1}", sites[1:])
            if name == "icosahedron":
                assert minimum_distance(corners) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "gas"}, "kind must be one of"),
        ({"prototype": "quartz"}, "prototype of a crystal must be"),
        ({"species": ("Cu", "Cu")}, "must not repeat"),
        ({"species": ()}, "species must be a tuple"),
        ({"species": ("Cu", "Au")}, "must not outnumber"),
        ({"species": ("Qq",)}, "not a chemical symbol"),
        ({"repeat": (0, 1, 1)}, "repeat must be three whole numbers"),
        ({"repeat": (1, 1)}, "repeat must be three whole numbers"),
        ({"scale": 0.1}, "scale must lie"),
        ({"scale": float("nan")}, "scale must be a finite float"),
        ({"rattle": -0.1}, "rattle must lie"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"strain": (0.0, 0.0)}, "strain must be six floats"),
        ({"strain": (0.5, 0.0, 0.0, 0.0, 0.0, 0.0)}, "strain must have components"),
        ({"vacuum": 5.0}, "vacuum of a crystal must be 0"),
        ({"pbc": (True, True, False)}, "pbc of a crystal must be True"),
        ({"pbc": (1, 1, 1)}, "pbc must be three booleans"),
        ({"skew": ((2, 0, 0), (0, 1, 0), (0, 0, 1))}, "determinant 1 or -1"),
        ({"contact": 0.1}, "contact must lie"),
        ({"kind": "slab"}, "vacuum must be at least 1"),
        ({"kind": "molecule", "prototype": "water", "pbc": ISOLATED}, "species of water must be"),
        ({"kind": "cluster", "prototype": "dimer", "repeat": (2, 1, 1)}, "repeat of a cluster"),
        ({"kind": "wire", "prototype": "chain", "repeat": (1, 2, 1)}, "repeat of a wire"),
        ({"kind": "liquid", "prototype": "packing", "vacuum": 3.0}, "pbc of a liquid"),
        ({"prototype": "perovskite", "species": ("Sr", "O")}, "species of perovskite must be"),
    ],
)
def test_nonsense_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Recipe("crystal", "fcc", ("Cu",)), **changes)


def test_a_skew_of_open_directions_is_refused() -> None:
    with pytest.raises(ValueError, match="skew may only mix periodic directions"):
        Recipe("slab", "fcc", ("Cu",), pbc=(True, True, False), skew=((1, 0, 1), *NO_SKEW[1:]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "a recipe is a JSON object"),
        ({"kind": "crystal"}, "a recipe needs prototype, species"),
        (
            {"kind": "crystal", "prototype": "fcc", "species": ["Cu"], "colour": 1},
            "unknown attributes of a recipe: colour",
        ),
        ({"kind": "crystal", "prototype": "fcc", "species": "Cu"}, "species must be a tuple"),
        ({"kind": "crystal", "prototype": "fcc", "species": ["Cu"], "scale": "1"}, "scale must be a finite float"),
        ({"kind": "crystal", "prototype": ["fcc"], "species": ["Cu"]}, "prototype of a crystal"),
        ({"kind": "crystal", "prototype": "fcc", "species": [1]}, "not a chemical symbol"),
        ({"kind": "crystal", "prototype": "fcc", "species": [["Cu"]]}, "not a chemical symbol"),
        ({"kind": "crystal", "prototype": "fcc", "species": ["Cu"], "strain": [True] * 6}, "strain must be six"),
    ],
)
def test_malformed_json_is_named(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.from_json(values)


def test_whole_numbers_in_json_are_lengths_too() -> None:
    values = {"kind": "crystal", "prototype": "fcc", "species": ["Cu"], "scale": 1, "strain": [0, 0, 0, 0, 0, 0]}
    assert Recipe.from_json(values) == Recipe("crystal", "fcc", ("Cu",))
