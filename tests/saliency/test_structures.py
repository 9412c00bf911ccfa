"""The balanced set: every species as often, as close and with as many neighbours as every other."""

from collections import Counter

import numpy as np
import pytest

from gnnp_bench.saliency.structures import NEAREST, PARTNERS, STRETCHES, balanced

SPECIES = ("H", "C", "O", "Na", "Si", "Cl", "Cu", "W")


def test_species_occur_equally_often_in_each_prototype():
    counts: Counter[tuple[str, str]] = Counter()
    for structure in balanced(SPECIES):
        for symbol in structure.get_chemical_symbols():
            counts[structure.info["prototype"], symbol] += 1
    for prototype in (*NEAREST, "rocksalt"):
        assert len({counts[prototype, symbol] for symbol in SPECIES}) == 1
    assert counts["rocksalt", "H"] == 2 * 2 * PARTNERS * len(STRETCHES)


def test_nearest_neighbours_are_where_radii_say_and_none_is_crowded():
    for structure in balanced(SPECIES):
        distances = structure.get_all_distances(mic=True)
        nearest = distances[distances > 0.1].min()
        assert nearest > 1.5
        assert len(structure) / structure.get_volume() < 0.35


def test_it_is_the_same_for_a_seed_and_another_for_the_next():
    first, again, other = (list(balanced(SPECIES, seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].positions, other[0].positions)


@pytest.mark.parametrize(("species", "words"), [(("Si", "Si"), "twice"), (("Si", "Zz"), "Zz is no element")])
def test_what_is_no_list_of_elements_is_refused(species, words):
    with pytest.raises(ValueError, match=words):
        list(balanced(species))


def test_one_species_has_no_partner():
    assert {one.info["prototype"] for one in balanced(("Si",))} == set(NEAREST)
