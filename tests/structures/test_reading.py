"""Files of structures: read by ASE, and refused where they count more atoms than they hold."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

from gnnp_bench.structures.reading import structures_in

FRAME = "Cu 0 0 0\nAu 2 2 2\n"


def test_every_frame_is_read_and_an_at_sign_is_part_of_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a@b.extxyz"
    write(path, [bulk("Cu"), bulk("NaCl", "rocksalt", a=5.6)], format="extxyz")
    assert [str(atoms.symbols) for atoms in structures_in(path)] == ["Cu", "NaCl"]


def test_the_last_one_alone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.extxyz"
    write(path, [bulk("Cu"), bulk("Au")], format="extxyz")
    assert [str(atoms.symbols) for atoms in structures_in(path, "-1")] == ["Au"]


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz.gz"
    with gzip.open(path, "wt") as out:
        out.write(f"2\n\n{FRAME}2\n\n{FRAME}")
    assert len(list(structures_in(path))) == 2


def test_cell_vectors_behind_the_atoms_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text(f"2\n\n{FRAME}VEC1 4 0 0\nVEC2 0 4 0\nVEC3 0 0 4\n2\n\n{FRAME}")
    first, second = structures_in(path)
    assert first.pbc.all()
    assert not second.pbc.any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{'9' * 300}\n\n{FRAME}", "line 1 says 1e+300 atoms, and 2 lines are left for them"),
        (f"2\n\n{FRAME}3\n\n{FRAME}", "line 5 says 3 atoms, and 2 lines are left for them"),
        ("4\n", "line 1 says 4 atoms, and 0 lines are left for them"),
    ],
)
def test_a_count_beyond_the_end_of_the_file_is_told_at_once(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.extxyz"
    path.write_text(text)
    with pytest.raises(ValueError, match=expected.replace("+", r"\+")):
        list(structures_in(path))
