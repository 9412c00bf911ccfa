"""References: each with a source, found by composition and space group, none from nowhere; crystals by name."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ase.collections import dcdft
from ase.formula import Formula

from gnnp_bench.potential import Prediction
from gnnp_bench.properties import named, references
from gnnp_bench.properties.crystal import Crystal
from gnnp_bench.properties.lattice import symmetry_of

ASKED_FOR = ("Al", "Cu", "Ni", "Au", "Fe", "W", "Mo", "Li", "Na", "Si", "Ge", "C", "SiO2", "MgO", "NaCl", "GaAs")


def crystal(structure: ase.Atoms) -> Crystal:
    return Crystal("test", structure, Prediction(0.0), structure, 0.0)


def test_every_row_has_a_source_and_a_sensible_value() -> None:
    rows = [(key, one) for key, found in references.table().values.items() for one in found]
    assert len(rows) > 250
    for (formula, prototype), one in rows:
        assert Formula(formula).count()
        assert prototype in references.table().space_groups
        assert "http" in one.source
        assert one.method in ("experiment", "PBE")
        assert one.temperature is None or 0 <= one.temperature <= 300
        assert np.isfinite(one.value)
        limits = {"a": (2.0, 7.0), "c": (3.0, 6.0), "B0": (3.0, 500.0), "cohesive_energy": (0.5, 10.0)}
        low, high = limits.get(one.property, (-20.0, 1100.0))
        assert low < one.value < high, (formula, one)


def test_no_two_sources_are_far_apart() -> None:
    for key, found in references.table().values.items():
        for name in ("a", "B0", "C11", "C44", "cohesive_energy"):
            values = [one.value for one in found if one.property == name]
            if len(values) > 1:
                assert max(values) < 1.3 * min(values), (key, name, values)


@pytest.mark.parametrize("formula", ASKED_FOR)
def test_what_was_asked_for_is_there(formula: str) -> None:
    (given,) = [one for one in named.builtin(Formula(formula).count()) if one.name.startswith(f"{formula}:")]
    names = {one.property for one in references.of(crystal(given.structure))}
    assert {"a", "C11", "C12", "C44"} <= names
    if formula != "SiO2":
        assert {"B0", "cohesive_energy"} <= names


def test_what_ase_knows_is_told_with_its_version() -> None:
    found = references.of(crystal(bulk("Cu")))
    volumes = {one.method: one for one in found if one.property == "V0"}
    assert volumes["PBE, all-electron"].value == dcdft.data["Cu"]["wien2k_volume"]
    assert volumes["PBE, all-electron"].source == f"ase {ase.__version__}, ase.collections.dcdft"
    assert volumes["experiment"].value == dcdft.data["Cu"]["exp_volume"]
    assert 3.61 in [one.value for one in found if one.property == "a"]


def test_a_crystal_is_known_in_any_cell() -> None:
    turned = make_supercell(bulk("NaCl", "rocksalt", a=5.6), [[1, 0, 0], [1, 1, 0], [0, 1, 2]])
    turned.rotate(31, (1, 2, 3), rotate_cell=True)
    known = references.of(crystal(turned))
    assert known == references.of(crystal(bulk("NaCl", "rocksalt", a=5.6)))
    assert {"a", "C11"} <= {one.property for one in known}
    assert references.of(crystal(bulk("NaCl", "cesiumchloride", a=3.5))) == ()
    assert references.of(crystal(bulk("Cu", "bcc", a=2.9))) == ()


@pytest.mark.parametrize(("text", "number"), [("SiO2:quartz", 154), ("NaCl:rocksalt", 225), ("CaTiO3:perovskite", 221)])
def test_crystals_have_the_space_group_of_their_name(text: str, number: int) -> None:
    assert symmetry_of(named.named(text).structure, 1e-3).number == number


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Xx:fcc", "'Xx' is no chemical formula"),
        (":fcc", "is no chemical formula"),
        ("Cu:fccc", "there is no prototype 'fccc'; choose one of fcc, bcc"),
        ("NaCl:fluorite", "fluorite has no such composition"),
        ("CaTiO3:rocksalt", "rocksalt has no such composition"),
        ("U:dcdft", "ase.collections.dcdft holds no U"),
        ("GeO2:quartz", "quartz is built of SiO2"),
    ],
)
def test_a_name_that_is_none_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        named.named(text)
