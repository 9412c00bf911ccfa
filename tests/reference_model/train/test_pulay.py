"""Constant pressures that the energies do not know are found and taken off; nothing else is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk

from gnnp_bench.accuracy.frames import Frame
from reference_model.train.pulay import FEWEST, offset_of, pressure_offsets, without
from tests.reference_model.train.frames import crystals, labelled, save

COPPER = ("", frozenset({"Cu"}))
PULAY = 3.0 * units.GPa


def frame(atoms: Atoms, offset: float = 0.0) -> Frame:
    stress = atoms.get_stress(voigt=False) + offset * np.eye(3)
    return Frame(atoms, atoms.get_potential_energy(), atoms.get_forces(), stress, "")


def strained(rattle: float = 0.0) -> list[Atoms]:
    """Return one crystal in eight states of uniaxial strain and eight of shear."""
    found = []
    for size in np.linspace(-0.04, 0.04, 8):
        for strain in (np.diag([size, 0.0, 0.0]), np.array([[0, size, 0], [size, 0, 0], [0, 0, 0.5 * size]])):
            atoms = bulk("Cu", cubic=True)
            atoms.rattle(rattle, seed=3)
            atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
            found.append(labelled(atoms))
    return found


@pytest.mark.parametrize("rattle", [0.0, 0.1])
@pytest.mark.parametrize("offset", [PULAY, -PULAY, 0.5 * units.GPa])
def test_a_constant_pressure_is_found(rattle: float, offset: float) -> None:
    found = pressure_offsets(frame(atoms, offset) for atoms in strained(rattle))
    assert found == {COPPER: pytest.approx(offset, abs=0.05 * units.GPa)}


def test_it_is_found_however_many_other_structures_stand_before() -> None:
    others = [frame(atoms, PULAY) for atoms in crystals(40)]
    found = pressure_offsets([*others, *(frame(atoms, PULAY) for atoms in strained())])
    assert found == {COPPER: pytest.approx(PULAY, abs=0.05 * units.GPa)}


def test_stresses_that_agree_with_energies_stay() -> None:
    assert pressure_offsets(frame(atoms) for atoms in strained()) == {COPPER: 0.0}
    assert pressure_offsets(frame(atoms, 0.1 * units.GPa) for atoms in strained()) == {COPPER: 0.0}


@pytest.mark.parametrize("element", ["Ni", "Pd", "Pt", "Au", "Al"])
def test_large_strains_do_not_look_like_a_pressure(element: str) -> None:
    """Third orders of shears have one sign, whichever way they go."""
    states = []
    for size in np.linspace(-0.06, 0.06, 8):
        for i, j in ((0, 1), (1, 2), (0, 2)):
            strain = np.zeros((3, 3))
            strain[i, j] = strain[j, i] = size
            states.append(strain)
        states.append(np.diag([size, -0.5 * size, 0.0]))
    frames = []
    for strain in states:
        atoms = bulk(element, cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        frames.append(frame(labelled(atoms)))
    assert set(pressure_offsets(frames).values()) <= {0.0}


def test_structures_that_are_not_one_crystal_tell_nothing() -> None:
    assert pressure_offsets(frame(atoms, PULAY) for atoms in crystals(12)) == {}
    assert pressure_offsets(frame(atoms, PULAY) for atoms in strained()[:3]) == {}
    assert FEWEST > 3


def test_what_is_no_constant_pressure_stays() -> None:
    rng = np.random.default_rng(0)
    frames = [frame(atoms, PULAY * rng.normal()) for atoms in strained()]
    assert pressure_offsets(frames) == {COPPER: 0.0}
    for factor in (0.5, 10.0 / units.GPa):  # another definition, another unit
        scaled = [dataclasses.replace(frame(atoms), stress=factor * frame(atoms).stress) for atoms in strained()]  # type: ignore[operator, arg-type]
        assert pressure_offsets(scaled) == {COPPER: 0.0}


def test_units_that_could_not_be_examined_are_not_taken_for_a_pressure(tmp_path) -> None:
    from reference_model.train.recipe import Recipe
    from reference_model.train.sets import Request, prepared, read

    states = []
    for size in np.linspace(-0.05, 0.0, 12):  # all pressed, all at rest: forces tell nothing
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array * (1.0 + size), scale_atoms=True)
        states.append(labelled(atoms))
        states[-1].calc.results["stress"] = states[-1].calc.results["stress"] / (0.01 * units.GPa)
    before = [atoms.get_stress(voigt=False) for atoms in states]
    request = Request(train=(save(tmp_path / "cu.extxyz", states),), out=tmp_path, recipe=Recipe(variant="lmax2"))
    sets = prepared(request, read(request), ("Cu",), lambda line: None)
    assert not any("Pulay" in remark for remark in sets.remarks)
    for sample in [*sets.train, *sets.valid]:
        assert sample.frame.stress is not None
        assert min(float(np.abs(sample.frame.stress - one).max()) for one in before) < 1e-9


def test_it_is_taken_off_the_stresses_of_the_same_group_or_of_elements_whose_groups_agree() -> None:
    one = frame(strained()[0], PULAY)
    mended = without(one, PULAY)
    assert mended.stress is not None
    assert one.stress is not None
    np.testing.assert_allclose(mended.stress, one.stress - PULAY * np.eye(3), rtol=0, atol=1e-15)
    assert without(one, 0.0) is one
    assert without(dataclasses.replace(one, stress=None), PULAY).stress is None
    copper, nickel = COPPER[1], frozenset({"Ni"})
    assert offset_of(one, {COPPER: 1.0, ("other", copper): 0.0}) == 1.0
    assert offset_of(one, {("a", copper): 1.0, ("b", copper): 1.1, ("c", nickel): 0.0}) == pytest.approx(1.05)
    assert offset_of(one, {("a", copper): 1.0, ("b", copper): 0.0}) == 0.0
    assert offset_of(one, {("a", nickel): 1.0}) == 0.0


def test_a_run_says_so_and_trains_on_what_is_left(tmp_path) -> None:
    from reference_model.train.recipe import Recipe
    from reference_model.train.sets import Request, prepared, read

    atoms = strained(0.1)
    for one in atoms:
        one.calc.results["stress"] = one.calc.results["stress"] + PULAY * np.array([1, 1, 1, 0, 0, 0])
    request = Request(train=(save(tmp_path / "cu.extxyz", atoms),), out=tmp_path, recipe=Recipe(variant="lmax2"))
    sets = prepared(request, read(request), ("Cu",), lambda line: None)
    assert any("+3.0 GPa in every direction" in remark for remark in sets.remarks)
    for sample in [*sets.train, *sets.valid]:
        assert sample.frame.stress is not None
        index = next(
            k for k, one in enumerate(atoms) if np.allclose(one.positions, sample.frame.structure.positions, atol=1e-6)
        )
        true = strained(0.1)[index].get_stress(voigt=False)
        np.testing.assert_allclose(sample.frame.stress, true, rtol=0, atol=0.06 * units.GPa)
    trusted = dataclasses.replace(request, trust_labels=True)
    remarks = prepared(trusted, read(trusted), ("Cu",), lambda line: None).remarks
    assert all(remark.startswith("reference energies") for remark in remarks), "nothing is said of stresses"


def test_a_crystal_and_its_mirror_image_say_nothing() -> None:
    one = frame(crystals(1, seed=1)[0])
    inverted = one.structure.copy()
    inverted.set_cell(-inverted.cell.array, scale_atoms=True)
    other = dataclasses.replace(one, structure=inverted, forces=-one.forces)
    assert pressure_offsets([one, other]) == {}
