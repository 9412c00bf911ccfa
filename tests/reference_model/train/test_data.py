"""What is read from a file, what is skipped, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from gnnp_bench.accuracy.frames import Frame, read_frames
from gnnp_bench.accuracy.labels import DataError
from reference_model.train.data import combinations_of, digest, prepare, species_of, split
from tests.reference_model.train.frames import as_frames, crystals, molecules, save


def test_labels_come_back_as_they_were_written(tmp_path: Path):
    structures = crystals(3)
    frames, remarks = read_frames(save(tmp_path / "a.extxyz", structures))
    assert remarks == []
    for frame, atoms in zip(frames, structures, strict=True):
        assert frame.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
        np.testing.assert_allclose(frame.forces, atoms.get_forces(), atol=1e-7)
        assert frame.stress is not None
        np.testing.assert_allclose(frame.stress, atoms.get_stress(voigt=False), atol=1e-7)
        assert frame.structure.calc is None
    assert [frame.config_type for frame in frames] == ["warm", "hot", "warm"]


def test_molecules_have_no_stress(tmp_path: Path):
    frames, _ = read_frames(save(tmp_path / "a.extxyz", molecules(2)))
    assert [frame.stress for frame in frames] == [None, None]


@pytest.mark.parametrize("name", ["a.traj", "a.db", "a.json", "a.extxyz.gz"])
def test_any_format_of_ase_will_do(tmp_path: Path, name: str):
    structures = [*crystals(2), *molecules(1)]
    write(tmp_path / name, structures)
    frames, remarks = read_frames(tmp_path / name)
    assert remarks == []
    for frame, atoms in zip(frames, structures, strict=True):
        assert frame.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
        np.testing.assert_allclose(frame.forces, atoms.get_forces(), atol=1e-7)
        assert (frame.stress is None) == (not atoms.pbc.all())


def test_free_energy_is_what_forces_are_the_derivative_of(tmp_path: Path):
    atoms = crystals(1)[0]
    atoms.calc = SinglePointCalculator(atoms, energy=1.0, free_energy=2.0, forces=atoms.get_forces())
    assert read_frames(save(tmp_path / "a.extxyz", [atoms]))[0][0].energy == 2.0


def test_labels_under_other_names_and_virials(tmp_path: Path):
    atoms = crystals(1)[0]
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)
    atoms.calc = None
    atoms.info |= {"REF_energy": energy, "REF_virial": -stress * atoms.get_volume()}
    atoms.arrays["REF_forces"] = forces
    (frame,), _ = read_frames(save(tmp_path / "a.extxyz", [atoms]))
    assert frame.energy == pytest.approx(energy, abs=1e-6)
    assert frame.stress is not None
    np.testing.assert_allclose(frame.stress, stress, atol=1e-7)


def test_a_named_reference_comes_before_what_a_calculator_left(tmp_path: Path):
    """A file that some other potential was run over holds its energies as well."""
    atoms = crystals(1)[0]
    atoms.info["REF_energy"] = -5.0
    atoms.info["REF_stress"] = np.arange(6.0)
    atoms.arrays["REF_forces"] = np.full((4, 3), 0.25)
    (frame,), _ = read_frames(save(tmp_path / "a.extxyz", [atoms]))
    assert frame.energy == -5.0
    assert (frame.forces == 0.25).all()
    assert frame.stress is not None
    assert frame.stress[0].tolist() == [0.0, 5.0, 4.0]


def test_labels_that_are_not_finite_are_counted_named_and_skipped(tmp_path: Path):
    structures = crystals(5)
    structures[1].calc.results["energy"] = np.nan
    structures[3].calc.results["forces"][2, 0] = np.inf
    structures[4].calc.results["stress"][:] = np.nan
    path = save(tmp_path / "a.extxyz", structures)
    frames, remarks = read_frames(path)
    assert len(frames) == 3
    assert frames[2].stress is None
    assert remarks == [
        f"{path}: 2 frames (1, 3) skipped: labels or positions that are not finite",
        f"{path}: the stress of 1 frame (4) left out: it is not finite",
        f"{path}: 2 of 3 periodic structures have a stress; the others are used without",
    ]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda atoms: atoms.calc.results.pop("forces"), r"frame 1 \(Cu4\) has no forces; name them 'forces'"),
        (lambda atoms: atoms.calc.results.pop("energy"), r"frame 1 \(Cu4\) has no energy; name it 'energy'"),
    ],
)
def test_a_frame_without_labels_is_refused(tmp_path: Path, spoil, message):
    structures = crystals(2)
    spoil(structures[1])
    with pytest.raises(DataError, match=message):
        read_frames(save(tmp_path / "a.extxyz", structures))


def test_an_isolated_atom_needs_no_forces(tmp_path: Path):
    atom = Atoms("Cu")
    atom.calc = SinglePointCalculator(atom, energy=-1.0)
    (frame,), _ = read_frames(save(tmp_path / "a.extxyz", [atom]))
    assert frame.forces.tolist() == [[0.0, 0.0, 0.0]]


def test_files_that_hold_nothing(tmp_path: Path):
    empty, text = tmp_path / "empty.extxyz", tmp_path / "text.extxyz"
    empty.touch()
    text.write_text("this is\nno structure\n")
    with pytest.raises(DataError, match="empty"):
        read_frames(empty)
    with pytest.raises(DataError, match="could not be read by ASE"):
        read_frames(text)
    with pytest.raises(DataError, match="there is no file"):
        read_frames(tmp_path / "missing.extxyz")
    with pytest.raises(DataError, match="is a folder, not a file"):
        read_frames(tmp_path)
    bad = crystals(1)
    bad[0].calc.results["energy"] = np.nan
    with pytest.raises(DataError, match=r"all frames \(1\) hold labels or positions that are not finite"):
        read_frames(save(tmp_path / "nan.extxyz", bad))


def test_the_held_out_share_depends_on_the_seed_alone():
    frames = as_frames(crystals(20))
    one, other = split(frames, 0.2, 3), split(frames, 0.2, 3)
    assert [len(part) for part in one] == [16, 4]
    assert one[1] == other[1]
    assert not {id(f) for f in one[0]} & {id(f) for f in one[1]}
    assert split(frames, 0.2, 4)[1] != one[1]
    assert [len(part) for part in split(frames[:2], 0.01, 0)] == [1, 1]


def test_one_frame_is_not_enough():
    with pytest.raises(DataError, match="one frame is not enough: give at least two, or a --valid file"):
        split(as_frames(crystals(1)), 0.05, 0)


def test_atoms_in_one_place_are_named(tmp_path: Path):
    structures = crystals(3)
    structures[0].calc.results["energy"] = np.nan  # skipped, and counted all the same
    structures[2].positions[1] = structures[2].positions[0]
    path = save(tmp_path / "a.extxyz", structures)
    with pytest.raises(DataError, match=rf"{path}: frame 2 \(Cu4\) is unusable: two atoms"):
        prepare(read_frames(path)[0], 5.0, "train structures")
    nameless = as_frames(crystals(2))
    nameless[1].structure.positions[1] = nameless[1].structure.positions[0]
    with pytest.raises(DataError, match=r"train structures: frame 1 \(Cu4\) is unusable: two atoms"):
        prepare(nameless, 5.0, "train structures")


def test_species_and_what_occurs_together():
    frames = as_frames([*molecules(2), *crystals(1)])
    assert species_of(frames) == ("H", "C", "O", "Cu")
    assert combinations_of(frames) == [["C", "O"], ["Cu"], ["H", "O"]]


def test_any_change_of_a_label_changes_the_digest():
    frames, others = as_frames(crystals(2)), as_frames(crystals(2))
    assert digest(frames) == digest(others)
    others[1].forces[0, 0] += 1e-12
    assert digest(frames) != digest(others)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_held_out_takes_no_element_and_no_reference_energy_away(seed: int):
    atom = Atoms("H")
    atom.calc = SinglePointCalculator(atom, energy=-13.6, forces=np.zeros((1, 3)))
    frames = as_frames([atom, *molecules(1), *crystals(3)])
    chosen, valid = split(frames, 0.5, seed)
    assert species_of(chosen) == species_of(frames)
    assert [species_of([frame]) for frame in valid] == [("Cu",)] * 2
    assert split(as_frames(molecules(2)), 0.05, seed)[1] == []


def test_a_stress_without_a_name_is_not_taken_beside_a_named_reference(tmp_path: Path):
    atoms = crystals(1)[0]
    atoms.info["REF_energy"] = -5.0
    atoms.arrays["REF_forces"] = np.full((4, 3), 0.25)
    (frame,), _ = read_frames(save(tmp_path / "a.extxyz", [atoms]))
    assert frame.stress is None
    atoms.info["DFT_virials"] = -np.eye(3)
    (frame,), _ = read_frames(save(tmp_path / "a.extxyz", [atoms]))
    assert frame.stress is not None
    np.testing.assert_allclose(frame.stress, np.eye(3) / atoms.get_volume())


def test_forces_of_gap(tmp_path: Path):
    atoms = crystals(1)[0]
    atoms.arrays["dft_force"] = np.full((4, 3), 0.25)
    atoms.info["dft_energy"] = -5.0
    atoms.calc = None
    (frame,), _ = read_frames(save(tmp_path / "a.extxyz", [atoms]))
    assert (frame.energy, frame.forces[0, 0]) == (-5.0, 0.25)


@pytest.mark.parametrize("nothing", [None, "None", "n/a", True])
def test_words_for_nothing_are_no_labels(tmp_path: Path, nothing):
    first, second = crystals(2)
    first.info |= {"REF_energy": nothing, "REF_stress": nothing}
    (frame,), remarks = read_frames(save(tmp_path / "a.extxyz", [first]))
    assert frame.energy == pytest.approx(first.get_potential_energy(), abs=1e-6)
    assert frame.stress is not None
    assert remarks == []
    # Where others have a reference energy, that of a calculator is no label.
    second.info["REF_energy"] = -5.0
    path = save(tmp_path / "b.extxyz", [first, second])
    (frame,), remarks = read_frames(path)
    assert frame.energy == -5.0
    assert remarks == [
        f"{path}: 1 frame (0) skipped: others have an energy that is named a reference",
        f"{path}: the stress of 1 frame left out: it is not named a reference, the energy is",
    ]
    first.calc = None
    with pytest.raises(DataError, match="has no energy"):
        read_frames(save(tmp_path / "c.extxyz", [first]))


def test_one_atom_cells_of_a_crystal_can_be_held_out():
    cell = Frame(Atoms("Cs", cell=[[-3, 3, 3], [3, -3, 3], [3, 3, -3]], pbc=True), -1.0, np.zeros((1, 3)), None, "")
    assert [len(part) for part in split([cell] * 10, 0.2, 0)] == [8, 2]


def test_a_file_may_have_an_at_sign_in_its_name(tmp_path: Path):
    assert len(read_frames(save(tmp_path / "run@300K.extxyz", crystals(2)))[0]) == 2


def test_an_atom_of_no_element_is_named_with_its_file_and_frame(tmp_path: Path):
    structures = crystals(3)
    structures[1].numbers[2] = 0
    path = save(tmp_path / "a.extxyz", structures)
    with pytest.raises(DataError, match=rf"{path}: frame 1 \(Cu3X\) has an atom of species X, which is no element"):
        read_frames(path)


def test_stresses_on_some_frames_are_counted(tmp_path: Path):
    structures = crystals(4)
    for atoms in structures[:2]:
        del atoms.calc.results["stress"]
    _, remarks = read_frames(save(tmp_path / "a.extxyz", [*structures, *molecules(1)]))
    assert remarks == [f"{tmp_path}/a.extxyz: 2 of 4 periodic structures have a stress; the others are used without"]


def test_which_of_two_energies_was_taken_is_told(tmp_path: Path):
    structures = crystals(3)
    for atoms in structures:
        atoms.calc.results["free_energy"] = atoms.calc.results["energy"] - 0.02
    frames, (remark,) = read_frames(save(tmp_path / "a.extxyz", structures))
    assert "energies are those named 'free_energy', which forces are the derivative of" in remark
    assert remark.endswith("differs by up to 5 meV/atom")
    assert frames[0].energy == pytest.approx(structures[0].calc.results["free_energy"])
    del structures[2].calc.results["free_energy"]
    frames, (remark,) = read_frames(save(tmp_path / "a.extxyz", structures))
    assert remark.endswith("energies are those named 'energy', for 2 of 3 frames alone have a free_energy")
    assert frames[0].energy == pytest.approx(structures[0].calc.results["energy"])


def test_what_a_file_says_of_electrons_is_kept_in_words(tmp_path: Path):
    structures = crystals(1)
    structures[0].info |= {"charge": 1, "spin": 2}
    (frame,), _ = read_frames(save(tmp_path / "a.extxyz", structures))
    assert frame.state == "charge 1, spin 2"
