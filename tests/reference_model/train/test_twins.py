"""Structures that are one and the same: found however they are turned, never told of others, never torn apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell, molecule
from scipy.spatial.transform import Rotation

from gnnp_bench.accuracy.frames import Frame
from reference_model.train.data import split
from reference_model.train.recipe import Recipe
from reference_model.train.sets import Request, read
from reference_model.train.twins import remarks, shared, twins
from tests.reference_model.train.frames import as_frames, crystals, molecules, save


def frame(atoms: Atoms, energy: float = -1.0, place: int = 0, state: str = "") -> Frame:
    return Frame(atoms, energy * len(atoms), np.zeros((len(atoms), 3)), None, "", f"a.xyz: frame {place}", state)


def alloy(seed: int = 0) -> Atoms:
    atoms = bulk("CuZn", "cesiumchloride", a=3.0) * (2, 1, 2)
    atoms.rattle(0.1, rng=np.random.default_rng(seed))
    return atoms


def turned(atoms: Atoms, seed: int = 1) -> Atoms:
    rotation = Rotation.random(random_state=seed).as_matrix()
    copy = atoms.copy()
    copy.set_cell(atoms.cell.array @ rotation.T)
    copy.positions = atoms.positions @ rotation.T
    return copy


def reordered(atoms: Atoms) -> Atoms:
    return atoms[np.random.default_rng(2).permutation(len(atoms))]


def wrapped(atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    copy.positions += 1.234
    copy.wrap()
    return copy


def other_cell(atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    copy.set_cell(np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]]) @ atoms.cell.array)
    copy.wrap()
    return copy


def mirrored(atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    copy.set_cell(-atoms.cell.array)
    copy.positions = -atoms.positions
    return copy


def repeated(atoms: Atoms) -> Atoms:
    return make_supercell(atoms, [[1, 1, 0], [0, 2, 0], [0, 0, 1]])


def as_written(atoms: Atoms) -> Atoms:
    copy = turned(atoms)
    copy.positions = np.round(copy.positions, 8)
    copy.set_cell(np.round(copy.cell.array, 8))
    return copy


@pytest.mark.parametrize("change", [turned, reordered, wrapped, other_cell, mirrored, repeated, as_written])
def test_a_structure_is_known_again(change):
    for seed in range(3):
        frames = [frame(alloy(7)), frame(alloy(seed)), frame(change(alloy(seed)))]
        assert twins(frames) == [[1, 2]]


@pytest.mark.parametrize("change", [turned, reordered, mirrored, as_written])
def test_a_molecule_is_known_again(change):
    ethanol = molecule("CH3CH2OH")
    assert twins([frame(ethanol), frame(change(ethanol))]) == [[0, 1]]


def displaced(atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    copy.positions[0, 0] += 0.005
    return copy


def strained(atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    copy.set_cell(atoms.cell.array * (1.0 + 2e-4), scale_atoms=True)
    return copy


def exchanged(atoms: Atoms) -> Atoms:
    copy = atoms.copy()
    unlike = int(np.flatnonzero(copy.numbers != copy.numbers[0])[0])
    copy.numbers[[0, unlike]] = copy.numbers[[unlike, 0]]
    return copy


@pytest.mark.parametrize("change", [displaced, strained])
@pytest.mark.parametrize("atoms", [bulk("Cu", cubic=True) * 3, alloy()], ids=["ideal", "alloy"])
def test_what_differs_a_little_is_another_structure(change, atoms):
    assert twins([frame(atoms), frame(change(atoms))]) == []


def test_what_has_other_neighbours_is_another_structure():
    assert twins([frame(alloy()), frame(exchanged(alloy()))]) == []
    vacuum = molecule("CO", vacuum=8.0)
    vacuum.pbc = True
    assert twins([frame(vacuum), frame(molecule("CO"))]) == []


def test_fragments_out_of_reach_are_not_taken_for_each_other():
    apart = [Atoms("CuCu", [[0, 0, 0], [0, 0, z]]) for z in (6.0, 7.0, 15.0)]
    in_a_box = [Atoms("CuCu", [[0, 0, 0], [0, 0, z]], cell=[30.0] * 3, pbc=True) for z in (6.0, 7.0, 9.0)]
    assert twins([frame(atoms) for atoms in [*apart, *in_a_box]]) == []


def test_lone_atoms_and_what_cannot_be_examined_are_passed_over():
    one_place = Atoms("Cu2", np.zeros((2, 3)))
    assert twins([frame(one_place), frame(one_place), frame(Atoms("H")), frame(Atoms("H"))]) == []


def test_contradictions_are_told_with_their_frames_and_what_the_file_says_of_electrons():
    cell = alloy()
    frames = [frame(cell, -3.0, 4, "charge 0"), frame(turned(cell), -2.0, 9, "charge 1")]
    (told,) = remarks(frames, twins(frames))
    assert told.startswith("warning: a.xyz: frames 4, 9 are one structure (Cu4Zn4), but their energies differ by 1e+03")
    assert told.endswith("they differ in charge 0 and charge 1, which is not read")
    pulled = [frame(cell), dataclasses.replace(frame(cell), forces=np.full((8, 3), 0.1))]
    assert "their forces by 173 meV/Å" in remarks(pulled, twins(pulled))[0]


def test_many_contradictions_are_counted():
    frames = [frame(alloy(seed), energy, 2 * seed) for seed in range(8) for energy in (-1.0, -2.0)]
    told = remarks(frames, twins(frames))
    assert len(told) == 6
    assert told[-1] == "warning: and 3 more contradictions"


def test_copies_are_held_out_together_or_not_at_all():
    for seed in range(20):
        frames = as_frames([*crystals(6, seed=seed), *crystals(3, seed=seed)])
        chosen, valid = split(frames, 0.4, seed, twins(frames))
        energies = [{round(f.energy, 9) for f in part} for part in (chosen, valid)]
        assert valid
        assert not energies[0] & energies[1]


def test_where_all_are_copies_one_group_is_held_out():
    frames = as_frames([atoms for atoms in crystals(6) for _ in range(3)])
    chosen, valid = split(frames, 0.05, 0, twins(frames))
    assert (len(chosen), len(valid)) == (15, 3)


def test_without_copies_the_same_frames_are_held_out_as_ever():
    frames = as_frames([*crystals(8), *molecules(6)])
    assert split(frames, 0.3, 1, []) == split(frames, 0.3, 1)
    assert split(frames, 0.3, 1, twins(frames)) == split(frames, 0.3, 1)


def test_thirty_times_the_same_is_not_validated_on_in_silence(tmp_path: Path):
    path = save(tmp_path / "a.extxyz", crystals(1) * 30)
    frames = read(Request(train=(path,), out=tmp_path, recipe=Recipe(variant="lmax2")))
    assert any("one structure occurs several times" in line and "… (30)" in line for line in frames.remarks)
    assert any("one of many copies: what is validated on is what is trained on" in line for line in frames.remarks)


def test_copies_in_files_to_validate_on_and_to_test_on_are_told(tmp_path: Path):
    first = save(tmp_path / "train.extxyz", crystals(5))
    other = save(tmp_path / "valid.extxyz", [*crystals(1), *crystals(2, seed=5)])
    frames = read(Request(train=(first,), valid=(other,), test=(other,), out=tmp_path, recipe=Recipe(variant="lmax2")))
    for use in ("validation", "test"):
        assert f"warning: 1 of 3 {use} structures are among those to train on ({other}: frames 0): their" in " ".join(
            frames.remarks
        )
    assert shared([], 0, [], "test") == []
