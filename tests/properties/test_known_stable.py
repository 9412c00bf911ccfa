"""The list of stable crystals is what ASE and the references say."""

from __future__ import annotations

import pytest
from ase.data import atomic_numbers, reference_states

from gnnp_bench.properties import delta
from gnnp_bench.properties.known_stable import ELEMENTS, OF_ASE, as_measured, known_stable
from gnnp_bench.properties.lattice import symmetry_of

GROUPS = {"fcc": 225, "bcc": 229, "hcp": 194, "diamond": 227, "rocksalt": 225, "zincblende": 216}


@pytest.mark.parametrize(("prototype", "symbols"), ELEMENTS.items())
def test_elements_are_those_on_which_both_collections_agree(prototype: str, symbols: list[str]) -> None:
    agreed = [
        symbol
        for symbol in delta.elements()
        if (reference_states[atomic_numbers[symbol]] or {}).get("symmetry") == prototype
        and symmetry_of(delta.structure(symbol), 1e-2).number == GROUPS[prototype]
    ]
    # Quartz-like selenium and tellurium are called hcp by one of them.
    assert symbols == agreed, prototype


def test_every_crystal_has_its_source_and_its_space_group() -> None:
    assert len(known_stable()) == 53
    for name, source in known_stable().items():
        assert source == OF_ASE or "http" in source, name
        assert symmetry_of(as_measured(name), 1e-4).number == GROUPS[name.partition(":")[2]], name


def test_lithium_and_sodium_are_left_out() -> None:
    assert not {"Li:bcc", "Na:bcc", "SiO2:quartz"} & set(known_stable())


def test_lattice_constants_are_measured_ones() -> None:
    assert as_measured("Cu:fcc").cell.volume == pytest.approx(3.61**3 / 4)
    assert as_measured("Zn:hcp").cell.cellpar()[2] == pytest.approx(1.856 * 2.66)
    assert as_measured("GaAs:zincblende").cell.volume == pytest.approx(5.65325**3 / 4)
    with pytest.raises(ValueError, match="prototype"):
        as_measured("Cu:perfect")
