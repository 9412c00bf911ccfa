"""Totals keep their rules wherever a structure goes: supercells, other cells, orders, parts, files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from gnnp_bench.potential import Capabilities, Carried
from gnnp_bench.structures import from_json, to_json
from gnnp_bench.structures.carried import (
    another,
    carry,
    charge_and_unpaired,
    completed,
    is_legal,
    is_neutral,
    made_legal,
    may_be_charged,
    multiply,
    neutralised,
    without_totals,
)
from gnnp_bench.structures.simpler import simpler_structures
from gnnp_bench.structures.transform import change_cell, permute, rotate, supercell, wrap

CHARGE = Carried("charge", "charge", 0)
MULTIPLICITY = Carried("spin", "multiplicity", 1)
UNPAIRED = Carried("uhf", "unpaired", 0)
CHARGES = Carried("initial_charges", "charges", 0.0)
MOMENTS = Carried("initial_magmoms", "moments", 0.0)
HEAD = Carried("head", "constant", "omol")
ALL = (CHARGE, MULTIPLICITY, CHARGES, MOMENTS, HEAD)


def laden(atoms: Atoms, reads: tuple[Carried, ...] = ALL, seed: int = 0) -> Atoms:
    found = another(np.random.default_rng(seed), completed(atoms, reads), charged=True)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("atoms", "reads", "expected"),
    [
        (molecule("H2O"), (CHARGE, MULTIPLICITY), {"charge": 0, "spin": 1}),
        (Atoms("H"), (CHARGE, MULTIPLICITY), {"charge": 0, "spin": 2}),
        (molecule("NO"), (UNPAIRED,), {"uhf": 1}),
        (bulk("Cu"), (CHARGE, MULTIPLICITY), {"charge": 0, "spin": 1}),  # bands may be partly filled
        (molecule("NO"), (CHARGE, HEAD), {"charge": 0, "head": "omol"}),
    ],
)
def test_defaults_are_those_of_the_neutral_structure_of_lowest_spin(
    atoms: Atoms, reads: tuple[Carried, ...], expected: dict[str, object]
) -> None:
    found = completed(atoms, reads)
    assert {key: value for key, value in found.info.items() if key != "totals"} == expected
    assert is_legal(found)
    assert completed(found, reads) is found
    assert not atoms.info


def test_copies_have_as_many_times_the_totals() -> None:
    atoms = completed(bulk("Cu"), (CHARGE, MULTIPLICITY, UNPAIRED, HEAD))
    atoms.info |= {"charge": -1, "spin": 3, "uhf": 2}
    multiply(atoms, 4)
    assert {key: atoms.info[key] for key in ("charge", "spin", "uhf", "head")} == {
        "charge": -4,
        "spin": 9,
        "uhf": 8,
        "head": "omol",
    }
    larger, _ = supercell(completed(bulk("Cu"), (CHARGE, MULTIPLICITY)), (2, 1, 2))
    assert is_neutral(larger)


def test_a_supercell_carries_the_charges_of_its_atoms_and_their_sum() -> None:
    small = laden(bulk("NaCl", "rocksalt", a=5.6))
    larger, base = supercell(small, [[1, 1, 0], [0, 2, 0], [0, 0, 3]])
    assert np.array_equal(larger.arrays["initial_charges"], small.arrays["initial_charges"][base])
    assert np.array_equal(larger.arrays["initial_magmoms"], small.arrays["initial_magmoms"][base])
    charge, unpaired = charge_and_unpaired(small)
    assert charge_and_unpaired(larger) == (6 * charge, 6 * unpaired)
    assert larger.info["head"] == "omol"
    assert is_legal(larger)


def test_other_descriptions_carry_the_same() -> None:
    atoms = laden(bulk("NaCl", "rocksalt", a=5.6))
    turned = rotate(atoms, [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    for other in (wrap(atoms), change_cell(atoms, [[1, 1, 0], [0, 1, 0], [0, 0, 1]], wrapped=True), turned):
        assert other.info == atoms.info
        assert np.array_equal(other.arrays["initial_charges"], atoms.arrays["initial_charges"])
    assert permute(atoms, [1, 0]).arrays["initial_charges"].tolist() == atoms.arrays["initial_charges"][::-1].tolist()


@pytest.mark.parametrize("reads", [(CHARGE,), (CHARGE, MULTIPLICITY), (UNPAIRED,), (CHARGES,), (MOMENTS,), ALL])
@pytest.mark.parametrize("name", ["H2", "H2O", "NO", "CH3Cl", "H"])
def test_drawn_totals_are_legal_and_others(name: str, reads: tuple[Carried, ...]) -> None:
    atoms = completed(molecule(name), reads)
    for seed in range(20):
        drawn = another(np.random.default_rng(seed), atoms, charged=True)
        if drawn is None:
            assert len(atoms) == 1  # H has one electron, so its spin is what it is
            continue
        charge, unpaired = charge_and_unpaired(drawn)
        electrons = int(drawn.numbers.sum()) - charge
        assert electrons > 0
        assert unpaired <= electrons
        if {one.kind for one in reads} & {"unpaired", "multiplicity", "moments"}:
            assert (electrons - unpaired) % 2 == 0
        assert is_legal(drawn)
        assert to_json(drawn) != to_json(atoms)
        assert isinstance(drawn.info.get("charge", 0), int)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_simpler_is_legal_and_it_becomes_neutral(seed: int) -> None:
    atoms = laden(molecule("C2H6"), seed=seed)
    candidates = list(simpler_structures(atoms))
    assert all(is_legal(candidate) and set(candidate.info) >= {"charge", "spin", "totals"} for candidate in candidates)
    assert any(len(candidate) < len(atoms) for candidate in candidates)
    assert any(len(c) == len(atoms) and charge_and_unpaired(c) == (0, 0) for c in candidates)
    plain = neutralised(atoms)
    assert plain is not None
    assert is_neutral(plain)
    assert neutralised(plain) is None


def test_fewer_atoms_get_the_nearest_legal_totals() -> None:
    proton = completed(Atoms("H2", [[0, 0, 0], [0, 0, 0.7]]), (CHARGE, MULTIPLICITY))
    proton.info |= {"charge": 1, "spin": 2}
    assert charge_and_unpaired(made_legal(proton[:1])) == (0, 1)
    assert made_legal(proton) is proton
    assert charge_and_unpaired(carry(proton, Atoms("He"))) == (1, 1)
    assert made_legal(Atoms("H")).info == {}


def test_what_is_not_said_is_gone_and_constants_stay() -> None:
    silent = without_totals(laden(molecule("H2O")))
    assert silent.info == {"head": "omol"}
    assert set(silent.arrays) == {"numbers", "positions"}


def test_all_of_it_survives_a_file_to_the_last_bit() -> None:
    atoms = laden(molecule("H2O"))
    atoms.info |= {"field": [0.1, np.float64(0.2)][:1], "temperature": np.float64(0.3), "kept out": np.arange(3)}
    back = from_json(json.loads(json.dumps(to_json(atoms), allow_nan=False)))
    expected = {key: value for key, value in atoms.info.items() if key != "kept out"}
    assert back.info == expected
    assert type(back.info["charge"]) is int
    for name in ("initial_charges", "initial_magmoms"):
        assert back.arrays[name].tobytes() == atoms.arrays[name].tobytes()


@pytest.mark.parametrize("bad", [[1], {"charge": float("nan")}, {"recipe": {}}, {"x": object()}])
def test_an_info_that_is_none_is_refused(bad: object) -> None:
    values = to_json(Atoms("H")) | {"info": bad}
    with pytest.raises(ValueError, match="info of a structure"):
        from_json(values)


def test_crystals_are_charged_only_where_their_energy_is_said_to_be_a_sum() -> None:
    any_ = Capabilities(species=("Cu",), reads=(CHARGE,))
    sums = Capabilities(species=("Cu",), reads=(CHARGE,), totals_add=True)
    crystals = Capabilities(species=("Cu",), reads=(CHARGE,), periodicity=frozenset({"periodic"}))
    copper, water = bulk("Cu"), molecule("H2O")
    assert [may_be_charged(copper, has) for has in (any_, sums, crystals)] == [False, True, True]
    assert may_be_charged(water, any_)
