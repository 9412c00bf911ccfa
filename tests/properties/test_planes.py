"""Planes of low indices, and crystals cut along them."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list

from gnnp_bench.properties.cells import primitive
from gnnp_bench.properties.planes import cut, facets, terminations
from gnnp_bench.structures import crystal
from gnnp_bench.structures.geometry import minimum_distance

A = 3.6


@pytest.mark.parametrize(
    ("structure", "spacings"),
    [
        (bulk("Cu", "fcc", a=A), {"111": 3**-0.5, "100": 0.5, "110": 8**-0.5}),
        (bulk("Cu", "fcc", a=A, cubic=True), {"111": 3**-0.5, "100": 0.5, "110": 8**-0.5}),
        (bulk("Fe", "bcc", a=A), {"110": 2**-0.5, "100": 0.5, "111": 12**-0.5}),
        (bulk("Si", "diamond", a=A), {"111": 3**-0.5, "100": 0.5, "110": 8**-0.5}),
        (bulk("CsCl", "cesiumchloride", a=A), {"100": 1.0, "110": 2**-0.5, "111": 3**-0.5}),
    ],
)
def test_planes_of_cubic_crystals(structure, spacings):
    structure.rotate(20, (1, 2, 3), rotate_cell=True)
    found = facets(primitive(structure))
    assert [facet.name for facet in found] == list(spacings)
    for facet in found:
        assert facet.spacing == pytest.approx(A * spacings[facet.name])


def test_planes_of_a_hexagonal_crystal():
    found = {facet.name: facet.spacing for facet in facets(bulk("Mg", a=3.2, c=5.2))}
    assert found["001"] == pytest.approx(5.2)
    assert found["100"] == pytest.approx(3.2 * 0.75**0.5)
    assert found["101"] == pytest.approx((4 / 3 / 3.2**2 + 1 / 5.2**2) ** -0.5)
    assert not {"010", "1-10", "00-1"} & found.keys()


@pytest.mark.parametrize("prototype", ["fcc", "bcc", "hcp", "diamond", "rocksalt", "fluorite"])
def test_a_cut_without_vacuum_is_the_crystal(prototype):
    species = ("Cu",) if prototype in ("fcc", "bcc", "hcp", "diamond") else ("Na", "Cl")
    unit = crystal(prototype, species)
    bonds = len(neighbor_list("i", unit, 1.2 * minimum_distance(unit))) / len(unit)
    for facet in facets(unit):
        for where in terminations(unit, facet):
            whole = cut(unit, facet, 5, where, 0.0)
            assert len(whole) == 5 * len(unit)
            assert len(neighbor_list("i", whole, 1.2 * minimum_distance(unit))) / len(whole) == bonds
            slab = cut(unit, facet, 5, where, 9.0)
            assert minimum_distance(slab) == pytest.approx(minimum_distance(unit))
            np.testing.assert_allclose(slab.cell.array[:2], whole.cell.array[:2])
            heights = slab.positions @ np.cross(*slab.cell.array[:2]) / np.linalg.norm(np.cross(*slab.cell.array[:2]))
            normal = slab.cell.volume / np.linalg.norm(np.cross(*slab.cell.array[:2]))
            assert abs(normal) - np.ptp(heights) == pytest.approx(9.0)


def test_places_to_cut():
    silicon = crystal("diamond", ("Si",))
    by_name = {facet.name: len(terminations(silicon, facet)) for facet in facets(silicon)}
    assert by_name == {"111": 2, "100": 2, "110": 1}
