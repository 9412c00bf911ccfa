"""Prototypes are the crystals they are named after."""

import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from gnnp_bench.structures import PROTOTYPES, contact_ratio, crystal, minimum_distance
from gnnp_bench.structures.prototypes import lattice_constant
from gnnp_bench.structures.radii import CONTACT, bond_length, contact_distance

# Å; CRC Handbook of Chemistry and Physics, section 12, and Wyckoff, Crystal Structures (1963), at room temperature.
MEASURED = [
    ("fcc", ("Cu",), 3.615),
    ("fcc", ("Al",), 4.050),
    ("fcc", ("Pb",), 4.951),
    ("fcc", ("Ar",), 5.311),
    ("bcc", ("Fe",), 2.867),
    ("bcc", ("W",), 3.165),
    ("hcp", ("Mg",), 3.209),
    ("diamond", ("C",), 3.567),
    ("diamond", ("Si",), 5.431),
    ("rocksalt", ("Na", "Cl"), 5.640),
    ("rocksalt", ("Mg", "O"), 4.212),
    ("rocksalt", ("Li", "F"), 4.027),
    ("CsCl", ("Cs", "Cl"), 4.123),
    ("CsCl", ("Ni", "Al"), 2.887),
    ("zincblende", ("Ga", "As"), 5.653),
    ("zincblende", ("B", "N"), 3.616),
    ("wurtzite", ("Zn", "O"), 3.250),
    ("fluorite", ("Ca", "F"), 5.463),
    ("fluorite", ("U", "O"), 5.471),
    ("perovskite", ("Sr", "Ti", "O"), 3.905),
    ("L1_2", ("Au", "Cu"), 3.748),
    ("A15", ("Sn", "Nb"), 5.289),
    ("honeycomb", ("C",), 2.461),
]

# Neighbours of each class among which class, from the literature on each structure.
COORDINATION = {
    "fcc": [(0, 0, 12)],
    "bcc": [(0, 0, 8)],
    "sc": [(0, 0, 6)],
    "hcp": [(0, 0, 12)],
    "diamond": [(0, 0, 4)],
    "rocksalt": [(0, 1, 6), (1, 0, 6)],
    "CsCl": [(0, 1, 8), (1, 0, 8)],
    "zincblende": [(0, 1, 4), (1, 0, 4)],
    "L1_0": [(0, 0, 4), (0, 1, 8), (1, 0, 8), (1, 1, 4)],
    "honeycomb": [(0, 1, 3), (1, 0, 3)],
    "fluorite": [(0, 1, 8), (1, 0, 4)],
    "wurtzite": [(0, 1, 4), (1, 0, 4)],
    "L1_2": [(0, 1, 12), (1, 0, 4), (1, 1, 8)],
    "perovskite": [(0, 2, 12), (1, 2, 6), (2, 1, 2), (2, 0, 4)],
    "A15": [(0, 1, 12), (1, 0, 4), (1, 1, 2)],
}
SPECIES = ("Ca", "Ti", "O")


@pytest.mark.parametrize(("name", "species", "a"), MEASURED)
def test_lattice_constants_are_within_15_percent_of_measured_ones(
    name: str, species: tuple[str, ...], a: float
) -> None:
    assert lattice_constant(name, species) == pytest.approx(a, rel=0.15)


def test_lattice_constants_are_right_on_the_whole() -> None:
    errors = [lattice_constant(name, species) / a - 1 for name, species, a in MEASURED]
    assert abs(np.mean(errors)) < 0.02
    assert np.sqrt(np.mean(np.square(errors))) < 0.05


def test_every_prototype_has_a_coordination_to_check() -> None:
    assert set(COORDINATION) == set(PROTOTYPES)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_coordination_numbers(name: str) -> None:
    chosen = PROTOTYPES[name]
    atoms = crystal(name, SPECIES[: chosen.classes], a=4.0)
    classes = np.array([site[0] for site in chosen.sites])
    first, second, distances = neighbor_list("ijd", atoms, 4.1)
    for one, other, expected in COORDINATION[name]:
        between = (classes[first] == one) & (classes[second] == other)
        nearest = distances[between].min()
        counts = np.bincount(first[between & (distances < nearest * 1.001)], minlength=len(atoms))
        assert np.all(counts[classes == one] == expected), (one, other, counts)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_the_tabulated_contacts_are_the_nearest_neighbours(name: str) -> None:
    chosen = PROTOTYPES[name]
    atoms = crystal(name, SPECIES[: chosen.classes], a=1.0)
    classes = np.array([site[0] for site in chosen.sites])
    first, second, distances = neighbor_list("ijd", atoms, max(contact[2] for contact in chosen.contacts) * 1.01)
    for one, other, distance, _coordination in chosen.contacts:
        between = (classes[first] == one) & (classes[second] == other)
        assert distances[between].min() == pytest.approx(distance, rel=1e-12)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_the_exact_metric_is_that_of_the_vectors(name: str) -> None:
    vectors, metric = np.array(PROTOTYPES[name].vectors), np.array(PROTOTYPES[name].metric)
    gram = vectors @ vectors.T
    np.testing.assert_allclose(gram / gram[0, 0], metric / metric[0, 0], rtol=0, atol=1e-15)
    assert np.linalg.det(vectors) > 0


@pytest.mark.parametrize("name", PROTOTYPES)
def test_elemental_analogues_touch(name: str) -> None:
    atoms = crystal(name, ("Cu",))
    assert set(atoms.symbols) == {"Cu"}
    # Two kinds of contact cannot both fit where one species stands on sites made for large and small ones.
    assert contact_ratio(atoms) == pytest.approx(1.0, abs=0.16 if name == "perovskite" else 0.06)


def test_c_over_a_is_taken_at_the_same_volume() -> None:
    ideal, squeezed = crystal("hcp", ("Zn",)), crystal("hcp", ("Zn",), c_over_a=1.5)
    lengths = squeezed.cell.lengths()
    assert lengths[2] / lengths[0] == pytest.approx(1.5)
    assert squeezed.get_volume() == pytest.approx(ideal.get_volume())


def test_a_given_lattice_constant_is_kept() -> None:
    assert minimum_distance(crystal("rocksalt", ("Mg", "O"), a=4.2)) == pytest.approx(2.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no such", ("Cu",)), "no crystal prototype"),
        (("rocksalt", ("Na", "Cl", "F")), "one species or 2"),
        (("fcc", "Cu"), "one species"),
        (("fcc", ("Xx",)), "not a chemical symbol"),
        (("fcc", ("Cu",), -1.0), "positive length"),
        (("fcc", ("Cu",), None, 1.2), "cubic"),
        (("hcp", ("Mg",), None, -1.2), "c_over_a must be"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crystal(*arguments)  # type: ignore[arg-type]


def test_contact_distances_are_symmetric_and_sane() -> None:
    table = CONTACT[1:95, 1:95]
    np.testing.assert_array_equal(table, table.T)
    assert table.min() == pytest.approx(0.62)  # H-H
    assert table.max() < 5.5
    assert contact_distance("Al", "Al") == pytest.approx(2.86, abs=0.01)
    assert contact_distance("Ti", "O") < 2.15


def test_crowded_non_metals_have_longer_bonds() -> None:
    assert bond_length("C", "C", 4) == contact_distance("C", "C")
    assert bond_length("H", "H", 12) == pytest.approx(0.62 + 0.6 * np.log10(12))
    assert bond_length("Cu", "Cu", 12) == contact_distance("Cu", "Cu")
