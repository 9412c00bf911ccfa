"""Pools hold what was promised, for every kind of potential."""

from collections import Counter

import numpy as np
import pytest
from ase.data import chemical_symbols
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnp_bench.potential import Capabilities, Periodicity
from gnnp_bench.structures import Recipe, build, contact_ratio, draw_recipes, minimum_distance
from gnnp_bench.structures.molecules import MOLECULES, molecule
from gnnp_bench.structures.palette import as_compound, ionic_pair, one, pair, pairs, palette, several

EVERYWHERE: frozenset[Periodicity] = frozenset({"periodic", "partial", "isolated"})
PERIODIC_ONLY: frozenset[Periodicity] = frozenset({"periodic"})
ISOLATED_ONLY: frozenset[Periodicity] = frozenset({"isolated"})
ALL = tuple(chemical_symbols[1:95])
MANY = tuple(symbol for symbol in ALL if symbol not in ("Po", "At", "Rn", "Fr", "Ra"))

KINDS = {
    "alloy": Capabilities(species=("Cu", "Au")),
    "element": Capabilities(species=("Si",)),
    "hydrogen": Capabilities(species=("H",)),
    "unlike": Capabilities(species=("H", "Cs"), cutoff=5.0),
    "89 elements": Capabilities(species=MANY),
    "all": Capabilities(species=ALL, cutoff=12.0),
    "organic": Capabilities(species=("H", "C", "N", "O"), periodicity=ISOLATED_ONLY),
    "one metal": Capabilities(species=("Cu",), periodicity=ISOLATED_ONLY),
    "periodic": Capabilities(species=MANY, periodicity=PERIODIC_ONLY, cutoff=6.0),
    "periodic alloy": Capabilities(species=("Cu", "Au"), periodicity=PERIODIC_ONLY),
    "surfaces": Capabilities(species=("H", "Si"), periodicity=frozenset({"partial"})),
    "open": Capabilities(species=("Na", "Cl"), periodicity=frozenset({"partial", "isolated"})),
    "combined": Capabilities(
        species=("H", "O", "Cu", "Au", "Si"),
        combinations=(frozenset({"H", "O"}), frozenset({"Cu", "Au"}), frozenset({"Si", "O", "Xe"})),
    ),
}


def drawn(capabilities: Capabilities, n: int, seed: int = 0) -> list[Recipe]:
    return draw_recipes(np.random.default_rng(seed), capabilities, n)


@pytest.mark.parametrize("n", [10, 24, 96])
@pytest.mark.parametrize("kind", KINDS)
def test_pools_are_valid(kind: str, n: int) -> None:
    capabilities = KINDS[kind]
    recipes = drawn(capabilities, n, seed=n)
    assert len(recipes) == len(set(recipes)) == n
    sizes = [recipe.n_atoms for recipe in recipes]
    assert max(sizes[:10]) <= 24
    assert sum(size > 16 for size in sizes) <= 1 + (n > 16)
    assert np.mean(sizes) < 10
    for recipe in recipes:
        atoms = build(recipe)
        symbols = set(atoms.symbols)
        assert symbols <= set(capabilities.species)
        if capabilities.combinations:
            assert any(symbols <= together for together in capabilities.combinations)
        periodic = int(atoms.pbc.sum())
        assert {3: "periodic", 0: "isolated"}.get(periodic, "partial") in capabilities.periodicity
        assert contact_ratio(atoms) >= 0.75 or recipe.contact == 0.6
        assert contact_ratio(atoms) >= 0.6


@pytest.mark.parametrize("n", [24, 96])
@pytest.mark.parametrize("kind", ["alloy", "element", "89 elements", "periodic"])
def test_one_structure_of_a_standard_pool_is_larger(kind: str, n: int) -> None:
    sizes = sorted(recipe.n_atoms for recipe in drawn(KINDS[kind], n))
    assert 32 <= sizes[-1] <= 40
    assert sizes[-2] <= 24
    assert sizes[-3] <= 16
    assert np.mean(np.array(sizes) <= 12) > 0.9
    assert 5.5 <= np.mean(sizes) <= 9


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(KINDS)))
def test_pools_are_the_same_for_the_same_seed_and_grow(seed: int, kind: str) -> None:
    quick = drawn(KINDS[kind], 10, seed)
    assert quick == drawn(KINDS[kind], 24, seed)[:10]
    assert quick == drawn(KINDS[kind], 10, seed)


def test_seeds_matter() -> None:
    assert drawn(KINDS["89 elements"], 10, 0) != drawn(KINDS["89 elements"], 10, 1)


@pytest.mark.parametrize("kind", ["alloy", "89 elements", "periodic", "unlike"])
@pytest.mark.parametrize("seed", range(5))
def test_a_quick_pool_covers_the_hard_kinds(kind: str, seed: int) -> None:
    capabilities = KINDS[kind]
    recipes = drawn(capabilities, 10, seed)
    structures = [build(recipe) for recipe in recipes]
    smallest = structures[0]
    assert len(smallest) <= 2
    assert smallest.cell.lengths().min() < 6
    assert recipes[1].prototype in ("rocksalt", "CsCl", "zincblende")
    assert len(recipes[1].species) == 2
    shaken = recipes[2]
    assert 0.1 <= shaken.rattle <= 0.3
    assert any(shaken.strain[3:])
    assert len(shaken.species) == 2
    angles = structures[3].cell.angles()
    assert recipes[3].skew != ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert np.abs(angles - 90).max() >= 20
    assert {recipe.kind for recipe in recipes} >= {"slab", "liquid", "crystal"}
    assert {"molecule", "cluster"} & {recipe.kind for recipe in recipes}
    assert "wire" in {recipe.kind for recipe in recipes}
    if "isolated" in capabilities.periodicity:
        (droplet,) = [structure for structure in structures if len(structure) == 24]
        assert not droplet.pbc.any()
        assert len(set(droplet.numbers)) == 1
    if kind == "89 elements":
        assert max(len(recipe.species) for recipe in recipes) >= 3


@pytest.mark.parametrize("kind", ["periodic", "periodic alloy"])
def test_periodic_potentials_get_boxes_wider_than_the_cutoff(kind: str) -> None:
    capabilities = KINDS[kind]
    boxed = [recipe for recipe in drawn(capabilities, 96) if recipe.kind in ("molecule", "cluster", "slab", "wire")]
    assert len(boxed) > 15
    for recipe in boxed:
        assert recipe.vacuum >= 6
        assert recipe.vacuum > (capabilities.cutoff or 0.0)
        atoms = build(recipe)
        if recipe.kind in ("molecule", "cluster"):
            low, high = atoms.positions.min(axis=0), atoms.positions.max(axis=0)
            assert np.all(atoms.cell.lengths() - (high - low) >= 2 * recipe.vacuum - 1e-9)


def test_molecules_are_those_of_the_species() -> None:
    recipes = drawn(KINDS["organic"], 96)
    molecules = {recipe.prototype for recipe in recipes if recipe.kind == "molecule"}
    assert len(molecules) > 8
    assert {recipe.kind for recipe in recipes} == {"molecule", "cluster", "liquid"}


def test_potentials_of_one_species_get_elemental_analogues() -> None:
    recipes = drawn(KINDS["element"], 24)
    assert all(recipe.species == ("Si",) for recipe in recipes)
    assert {"rocksalt", "CsCl", "zincblende"} & {recipe.prototype for recipe in recipes}
    assert recipes[0] == Recipe("crystal", "diamond", ("Si",))


@pytest.mark.parametrize("kind", KINDS)
def test_few_structures_are_free_of_forces_by_symmetry(kind: str) -> None:
    recipes = drawn(KINDS[kind], 96)
    assert sum(recipe.rattle > 0 or recipe.kind == "liquid" for recipe in recipes) > 70


def test_every_pair_is_equally_likely() -> None:
    rng = np.random.default_rng(3)
    available = palette(("Cu", "Au", "Ni", "Al", "Pt"))
    counts = Counter(frozenset(pair(rng, available)) for _ in range(4000))
    assert len(counts) == 10
    expected = 400
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 27.9  # chi², 9 degrees, p = 0.001
    orders = Counter(pair(rng, palette(("Cu", "Au"))) for _ in range(400))
    assert min(orders.values()) > 140


def test_every_alloy_appears_in_pools() -> None:
    capabilities = Capabilities(species=("Cu", "Au", "Ni", "Al"))
    found = Counter(
        frozenset(recipe.species)
        for seed in range(20)
        for recipe in drawn(capabilities, 24, seed)
        if recipe.kind == "crystal" and len(recipe.species) == 2
    )
    assert len(found) == 6
    assert min(found.values()) > 0.4 * max(found.values())


def test_combinations_are_respected() -> None:
    available = palette(KINDS["combined"].species, KINDS["combined"].combinations)
    assert set(pairs(available)) == {("H", "O"), ("Cu", "Au"), ("O", "Si")}
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert available.allows(frozenset(several(rng, available, 3)))
        assert available.allows(frozenset(ionic_pair(rng, available)))
    lonely = palette(("Cu", "Au", "Pd"), (frozenset({"Cu"}), frozenset({"Au"})))
    assert lonely.species == ("Cu", "Au")
    assert len(pair(rng, lonely)) == 1
    assert one(rng, lonely)[0] in ("Cu", "Au")


def test_ions_are_a_metal_and_an_anion() -> None:
    rng = np.random.default_rng(0)
    available = palette(("O", "Cl", "Na", "Mg"))
    found = {ionic_pair(rng, available) for _ in range(200)}
    assert found == {("Na", "O"), ("Na", "Cl"), ("Mg", "O"), ("Mg", "Cl")}
    assert set(ionic_pair(rng, palette(("Cu", "Au")))) == {"Cu", "Au"}


def test_compounds_are_written_as_chemists_do() -> None:
    assert as_compound(("O", "Ti", "Sr")) == ("Sr", "Ti", "O")
    assert as_compound(("F", "Ca")) == ("Ca", "F")
    assert as_compound(("N", "O", "H")) == ("H", "N", "O")


def test_the_first_cell_is_smaller_than_any_cutoff() -> None:
    for seed in range(20):
        atoms = build(drawn(KINDS["89 elements"], 1, seed)[0])
        assert minimum_distance(atoms) < 6


@pytest.mark.parametrize(
    ("capabilities", "n", "message"),
    [
        (KINDS["alloy"], 0, "n must be a whole number from 1"),
        (KINDS["alloy"], True, "n must be a whole number from 1"),
        (Capabilities(species=()), 8, "species must name at least one"),
        (Capabilities(species=("Cu", "Zz")), 8, "'Zz' is not a chemical symbol"),
        (Capabilities(species=("Cu",), periodicity=frozenset()), 8, "periodicity must name"),
        (Capabilities(species=("Cu",), combinations=(frozenset({"Au"}),)), 8, "combinations must hold"),
    ],
)
def test_impossible_requests_are_named(capabilities: Capabilities, n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn(capabilities, n)


def test_molecules_have_an_even_number_of_electrons() -> None:
    assert [name for name in MOLECULES if molecule(name)[0].sum() % 2] == []
