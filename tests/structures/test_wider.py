"""Cells for potentials that refuse small ones."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.potential import Capabilities
from gnnp_bench.structures.build import build
from gnnp_bench.structures.pool import draw_recipes
from gnnp_bench.structures.recipe import Recipe
from gnnp_bench.structures.wider import MOST_ATOMS, wider, widths

POOL = [build(r) for r in draw_recipes(np.random.default_rng(0), Capabilities(species=("C", "Cu", "Au")), 24)]


def test_widths_are_distances_of_planes() -> None:
    skewed = Atoms("Cu", cell=[[4.0, 0.0, 0.0], [4.0, 3.0, 0.0], [0.0, 0.0, 5.0]], pbc=True)
    np.testing.assert_allclose(widths(skewed), [2.4, 3.0, 5.0])
    slab = Atoms("Cu", cell=[[4.0, 0.0, 0.0], [4.0, 3.0, 0.0], [0.0, 0.0, 0.0]], pbc=(True, True, False))
    np.testing.assert_allclose(widths(slab), [2.4, 3.0])


@pytest.mark.parametrize("structure", POOL, ids=lambda s: s.get_chemical_formula())
def test_what_comes_back_is_wide_enough_and_of_the_same_kind(structure: Atoms) -> None:
    larger = wider(structure, 8.0)
    if larger is None:
        many = structure.pbc.any() and widths(structure).min() < 8.0 and structure.info["recipe"]["kind"] != "wire"
        assert not many or len(structure) * np.prod(np.ceil(8.0 / widths(structure))) > MOST_ATOMS
        return
    assert widths(larger).min() >= 8.0
    assert len(structure) < len(larger) <= MOST_ATOMS
    assert (larger.pbc == structure.pbc).all()
    assert larger.info["recipe"]["kind"] == structure.info["recipe"]["kind"]


def test_nothing_is_wider_than_what_is_wide_enough_or_has_too_many_atoms() -> None:
    cell = build(Recipe("crystal", "fcc", ("Cu",)))
    assert wider(cell, 2.0) is None
    assert wider(cell, 30.0) is None
    assert wider(build(Recipe("cluster", "dimer", ("Cu",), pbc=(False, False, False))), 30.0) is None
    bare = cell.copy()
    del bare.info["recipe"]
    assert wider(bare, 8.0) is None
