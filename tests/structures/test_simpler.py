"""Simplification makes things simpler, keeps them valid, and ends."""

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnp_bench.potential import Capabilities
from gnnp_bench.strategies import structures
from gnnp_bench.structures import (
    Recipe,
    build,
    contact_ratio,
    draw_recipes,
    recipe_of,
    simpler_recipes,
    simpler_structures,
    translate,
)
from gnnp_bench.structures.simpler import MOST, complexity

ANY = Capabilities(species=("H", "C", "O", "F", "Al", "Si", "Ti", "Cu", "Cs", "Au"))
RICH = Recipe(
    "crystal", "perovskite", ("Sr", "Ti", "O"), (2, 1, 2), scale=1.03, rattle=0.123, seed=77,
    strain=(0.012, 0.0, -0.034, 0.01, 0.0, 0.02), skew=((1, 2, 0), (0, 1, 0), (1, 0, 1)),
)  # fmt: skip


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    drawn = draw_recipes(np.random.default_rng(draw(st.integers(0, 10_000))), ANY, 40)
    return draw(st.sampled_from(drawn))


@settings(deadline=None, max_examples=30)
@given(recipes())
def test_simpler_recipes_are_simpler(recipe: Recipe) -> None:
    limit = complexity(recipe)
    found = list(simpler_recipes(recipe))
    assert len(found) == len(set(found))
    for simpler in found:
        size = complexity(simpler)
        assert all(a <= b for a, b in zip(size, limit, strict=True))
        assert size != limit
        assert simpler.pbc == recipe.pbc
        assert set(simpler.species) <= set(recipe.species)
        assert simpler.n_atoms <= recipe.n_atoms


@settings(deadline=None, max_examples=30)
@given(recipes(), st.randoms(use_true_random=False))
def test_going_simpler_ends(recipe: Recipe, random: object) -> None:
    """Whichever candidates still fail, the walk is over after few steps."""
    steps = 0
    while candidates := list(simpler_recipes(recipe)):
        recipe = random.choice(candidates)  # type: ignore[attr-defined]
        steps += 1
        assert steps < 100
    assert recipe.n_atoms <= 2
    assert recipe.rattle == 0


def test_the_boldest_come_first() -> None:
    found = list(simpler_recipes(RICH))
    assert [simpler.n_atoms for simpler in found[:3]] == [1, 1, 1]
    assert [simpler.species for simpler in found[:3]] == [("Sr",), ("Ti",), ("O",)]
    for changed in ("rattle", "strain", "skew", "scale", "repeat"):
        alone = [
            simpler
            for simpler in found
            if getattr(simpler, changed) != getattr(RICH, changed)
            and all(
                getattr(simpler, name) == getattr(RICH, name)
                for name in ("rattle", "strain", "skew", "scale", "repeat", "species", "prototype")
                if name != changed
            )
        ]
        assert alone, changed


def test_the_simplest_crystal_has_nothing_simpler() -> None:
    assert not list(simpler_recipes(Recipe("crystal", "fcc", ("Cu",))))


def equal(first: Atoms, second: Atoms) -> bool:
    return (
        set(first.arrays) == set(second.arrays)
        and all(np.array_equal(first.arrays[name], second.arrays[name]) for name in first.arrays)
        and np.array_equal(first.cell.array, second.cell.array)
        and np.array_equal(first.pbc, second.pbc)
    )


def check_candidates(atoms: Atoms) -> list[Atoms]:
    before = atoms.copy()
    closest = min(0.6, contact_ratio(atoms))
    found = list(simpler_structures(atoms))
    assert len(found) <= MOST
    for candidate in found:
        assert not equal(candidate, atoms)
        assert 1 <= len(candidate) <= len(atoms)
        assert np.array_equal(candidate.pbc, atoms.pbc)
        assert set(candidate.numbers) <= set(atoms.numbers)
        assert contact_ratio(candidate) >= closest * (1 - 1e-9)
        assert set(candidate.arrays) <= set(atoms.arrays)
    assert not any(equal(a, b) for i, a in enumerate(found) for b in found[:i])
    assert equal(atoms, before)
    return found


@settings(deadline=None, max_examples=25)
@given(structures())
def test_simpler_structures_are_valid_and_different(atoms: Atoms) -> None:
    check_candidates(atoms)


@settings(deadline=None, max_examples=25)
@given(structures(max_atoms=8), st.booleans())
def test_a_users_structure_needs_no_recipe(atoms: Atoms, loaded: bool) -> None:
    user = translate(atoms, (0.123, 0.456, 0.789))
    if loaded:
        user.set_tags(1)
        user.set_momenta(np.ones((len(user), 3)))
    found = check_candidates(user)
    if len(user) > 1:
        assert min(len(candidate) for candidate in found) == len(user) // 2
        assert any(len(candidate) == len(user) - 1 for candidate in found)
    if loaded:
        assert any(set(candidate.arrays) == {"numbers", "positions"} for candidate in found)
    if len(set(user.numbers)) > 1:
        assert any(len(candidate) == len(user) and len(set(candidate.numbers)) == 1 for candidate in found) or (
            contact_ratio(user) < 1.3
        )


def test_skewed_cells_are_reduced_and_made_rectangular() -> None:
    atoms = Atoms("Cu", cell=[[3.0, 0.0, 0.0], [9.1, 3.0, 0.0], [0.0, -6.1, 3.0]], pbc=True)
    cells = [candidate.cell.array for candidate in simpler_structures(atoms)]
    assert any(np.abs(cell).max() < 3.1 for cell in cells)
    assert any(np.count_nonzero(cell) == 3 for cell in cells)


def test_digits_are_shed() -> None:
    atoms = Atoms("OH", [[0.1234567, 0, 0], [0, 0.9876543, 0]])
    found = [candidate.positions.tolist() for candidate in simpler_structures(atoms)]
    assert [[0.1, 0.0, 0.0], [0.0, 1.0, 0.0]] in found
    assert [[0.123, 0.0, 0.0], [0.0, 0.988, 0.0]] in found


@settings(deadline=None, max_examples=20)
@given(structures(max_atoms=6), st.randoms(use_true_random=False))
def test_simplifying_structures_ends(atoms: Atoms, random: object) -> None:
    for _ in range(150):
        candidates = list(simpler_structures(atoms))
        if not candidates:
            break
        atoms = random.choice(candidates)  # type: ignore[attr-defined]
    assert not list(simpler_structures(atoms))


def test_structures_that_left_their_recipe_are_noticed() -> None:
    atoms = build(RICH)
    assert recipe_of(atoms) == RICH
    moved = atoms.copy()
    moved.positions[0, 0] += 1e-6
    assert recipe_of(moved) is None
    assert recipe_of(Atoms("Cu")) is None
    broken = atoms.copy()
    broken.info["recipe"] = {"kind": "from another version"}
    assert recipe_of(broken) is None


def test_a_recipe_leads_to_ideal_structures_first() -> None:
    first = next(simpler_structures(build(RICH)))
    assert len(first) == 1
    assert first.info["recipe"]["prototype"] == "fcc"


@pytest.mark.parametrize("atoms", [Atoms("Cu"), Atoms("Cu", cell=[3, 3, 3], pbc=True)])
def test_single_atoms_in_simple_cells_are_simplest(atoms: Atoms) -> None:
    assert not list(simpler_structures(atoms))
