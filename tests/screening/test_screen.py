"""`gnnp-bench screen`: rows are what ASE finds alone, whoever is interrupted goes on, what cannot be done is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.optimize import FIRE

from gnnp_bench.cli import main
from tests.commands.processes import running

SPEC = ("ase:ase.calculators.emt:EMT", "--species", "Cu,Au")


def alloy(rng: np.random.Generator) -> Atoms:
    """Return a random, strained, rattled alloy of copper and gold, four atoms large."""
    atoms = bulk("Cu", a=3.85, cubic=True)
    atoms.symbols[:] = rng.choice(["Cu", "Au"], size=len(atoms))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.02 * rng.normal(size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.05, rng=rng)
    return atoms


def alloys(n: int, seed: int = 0) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    return [alloy(rng) for _ in range(n)]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def screened(structures: Sequence[Atoms], *options: str, status: int = 0, spec: Sequence[str] = SPEC) -> Any:
    """Return the JSON that the command writes."""
    write("set.extxyz", structures)
    assert main(["screen", spec[0], "set.extxyz", *spec[1:], "--json", "out.json", *options]) == status
    return json.loads(Path("out.json").read_text())


def found(result: Any, name: str) -> list[Any]:
    return [one[name] for one in result["structures"]]


def test_rows_are_what_ase_finds_one_at_a_time():
    structures = alloys(5)
    result = screened(structures, "--out", "ends.extxyz")
    ends = read("ends.extxyz", ":")
    for atoms, row, end in zip(structures, result["structures"], ends, strict=True):
        atoms.calc = EMT()
        FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=0.02, steps=500)
        assert row["status"] == "relaxed"
        assert row["energy_ev"] == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
        assert row["volume_ang3_per_atom"] == pytest.approx(atoms.get_volume() / 4, abs=1e-5)
        assert row["force_left_ev_per_ang"] < 0.02
        np.testing.assert_allclose(end.positions, atoms.positions, atol=1e-5)
        assert end.get_potential_energy() == pytest.approx(row["energy_ev"])
        assert end.info["space_group"] == row["space_group"]
        assert end.info["index"] == row["index"]


def test_the_shipped_network_gives_what_ase_finds_with_it():
    from benchmarks.screen_rate import OneAtATime, drawn
    from gnnp_bench.adapters.registry import load

    structures = drawn(6, 2, 6, 1)
    result = screened(structures, spec=("reference",))
    calculator = OneAtATime(load("reference").potential)
    for atoms, energy in zip(structures[:2], found(result, "energy_ev_per_atom"), strict=False):
        atoms.calc = calculator
        FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=0.02, steps=500)
        assert energy == pytest.approx(atoms.get_potential_energy() / len(atoms), abs=1e-4)
    assert set(found(result, "status")) == {"relaxed"}


def test_results_do_not_depend_on_the_number_of_processes():
    from benchmarks.screen_rate import drawn

    structures = drawn(18, 2, 3, 2)  # two shares
    alone = screened(structures, "--results", "alone.jsonl", spec=("reference",))
    together = screened(structures, "--results", "together.jsonl", "--jobs", "2", spec=("reference",))
    assert together == alone


def test_who_is_killed_goes_on_where_he_was():
    write("set.extxyz", alloys(18))  # two shares
    command = [sys.executable, "-m", "gnnp_bench", "screen", SPEC[0], "set.extxyz", *SPEC[1:]]
    with subprocess.Popen([*command, "--results", "killed.jsonl"], stderr=subprocess.DEVNULL) as process:
        kept, end = Path("killed.jsonl"), time.monotonic() + 300
        while len(lines(kept)) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    before = lines(kept)
    assert 3 <= len(before) < 19
    with kept.open("ab") as file:
        file.write(before[-1][:70])  # a line that was cut short
    whole = [*SPEC[1:], "--json", "whole.json", "--results", "whole.jsonl"]
    resumed = [*SPEC[1:], "--json", "resumed.json", "--results", "killed.jsonl"]
    assert main(["screen", SPEC[0], "set.extxyz", *whole]) == 0
    assert main(["screen", SPEC[0], "set.extxyz", *resumed]) == 0
    assert Path("resumed.json").read_bytes() == Path("whole.json").read_bytes()
    assert lines(kept)[: len(before)] == before
    rows = [json.loads(line) for line in lines(kept) if line.startswith(b'{"file"') and line.endswith(b"}\n")]
    assert sorted(row["index"] for row in rows) == list(range(18))  # each of them once


def lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True) if file.exists() else []


def test_ctrl_c_keeps_what_is_finished():
    write("set.extxyz", alloys(20))
    options = ["--json", "out.json", "--parquet", "out.parquet"]
    command = ["screen", SPEC[0], "set.extxyz", *SPEC[1:], *options]
    with running(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 300
        while len(lines(Path("screen.jsonl"))) < 3 and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=300)
    assert process.returncode == 3
    result = json.loads(Path("out.json").read_text())
    assert not result["complete"]
    assert 2 <= result["relaxed"] == len(lines(Path("screen.jsonl"))) - 1 < 20
    assert "goes on from screen.jsonl" in said


def test_settings_and_structures_that_differ_are_done_again():
    structures = alloys(3)
    first = screened(structures)
    assert len(lines(Path("screen.jsonl"))) == 4
    screened(structures)
    assert len([line for line in lines(Path("screen.jsonl")) if line.startswith(b'{"file"')]) == 3
    tighter = screened(structures, "--fmax", "0.005")
    assert max(found(tighter, "force_left_ev_per_ang")) < 0.005 < max(found(first, "force_left_ev_per_ang"))
    structures[1].rattle(0.02, seed=1)
    moved = screened(structures)
    assert found(moved, "steps")[1] != found(first, "steps")[1]
    assert found(moved, "energy_ev")[0] == found(first, "energy_ev")[0]


def spoiled() -> dict[str, Atoms]:
    """Return structures that cannot be relaxed, by what is said of them."""
    lost = bulk("Cu")
    lost.positions[0, 0] = np.nan
    return {
        "positions or cell vectors that are not finite": lost,
        "no atoms": Atoms(cell=[3, 3, 3], pbc=True),
        "species X": Atoms("X", cell=[3, 3, 3], pbc=True),
        "does not know Pt": bulk("Pt"),
        "its cell spans no volume": Atoms("Cu", cell=[[3, 0, 0], [3, 0, 0], [0, 0, 3]], pbc=True),
        "not finite": Atoms("Cu2", [[0, 0, 0], [0, 0, 0]], cell=[4, 4, 4], pbc=True),
    }


def test_what_cannot_be_relaxed_is_named_and_costs_the_others_nothing(capsys: pytest.CaptureFixture[str]):
    sound, bad = alloys(2), spoiled()
    result = screened([sound[0], *bad.values(), sound[1]])
    assert result["failed"] == len(bad)
    assert found(result, "status") == ["relaxed", *["failed"] * len(bad), "relaxed"]
    printed = capsys.readouterr().out
    for row, reason in zip(result["structures"][1:-1], bad, strict=True):
        assert reason in row["reason"]
        assert f"failed: set.extxyz:{row['index']} ({row['formula']}): {row['reason']}" in printed


def test_files_that_cannot_be_read_are_named(capsys: pytest.CaptureFixture[str]):
    write("good.extxyz", alloys(1))
    Path("empty.extxyz").write_text("")
    Path("noise.xyz").write_text("this is no structure\n")
    write("ends.traj", alloys(2))
    torn = Path("ends.traj").read_bytes()
    Path("torn.traj").write_bytes(torn[: len(torn) // 2])
    files = ["good.extxyz", "empty.extxyz", "noise.xyz", "torn.traj", "ends.traj"]
    assert main(["screen", SPEC[0], *files, *SPEC[1:], "--json", "out.json"]) == 0
    result = json.loads(Path("out.json").read_text())
    assert result["relaxed"] == 3
    assert [one["file"] for one in result["unreadable"]] == files[1:4]
    printed = capsys.readouterr().out
    assert all(file in printed for file in files[1:4])


DEADLY = """
import os

from ase.calculators.emt import EMT


class Deadly(EMT):
    def calculate(self, atoms=None, *arguments):
        if "Au" in atoms.symbols:
            os._exit(5)
        super().calculate(atoms, *arguments)
"""


def test_a_structure_that_ends_its_process_is_named_and_costs_the_others_nothing():
    Path("deadly.py").write_text(DEADLY)
    structures = [bulk("Cu", a=3.5), bulk("Au"), bulk("Cu", a=3.7)]
    spec = ("deadly:Deadly", "--species", "Cu,Au")
    result = screened(structures, "--jobs", "2", spec=spec)
    assert found(result, "status") == ["relaxed", "failed", "relaxed"]
    assert "the process that evaluated it ended itself, with exit status 5" in result["structures"][1]["reason"]


def test_steps_that_do_not_suffice_are_told():
    result = screened(alloys(1), "--steps", "2")
    (row,) = result["structures"]
    assert row["status"] == "unconverged"
    assert row["reason"] == "2 steps did not suffice"
    assert row["steps"] == 2
    assert row["force_left_ev_per_ang"] > 0.02


def test_constraints_and_results_of_the_file_are_not_taken_along():
    atoms = alloys(1)[0]
    free = screened([atoms])
    atoms.set_constraint(FixAtoms(range(4)))
    atoms.calc = SinglePointCalculator(atoms, energy=7.0, forces=np.zeros((4, 3)))
    write("set.traj", atoms)
    assert main(["screen", SPEC[0], "set.traj", *SPEC[1:], "--json", "out.json"]) == 0
    (held,) = json.loads(Path("out.json").read_text())["structures"]
    assert held["energy_ev"] == pytest.approx(free["structures"][0]["energy_ev"], abs=1e-9)


def test_cells_stay_if_they_are_to(tmp_path: Path):
    atoms = alloys(1)[0]
    volume = atoms.get_volume() / 4
    (row,) = screened([atoms], "--fixed-cell")["structures"]
    assert row["volume_ang3_per_atom"] == pytest.approx(volume, abs=1e-6)
    assert row["steps"] > 0


def test_planted_duplicates_are_found():
    ordered = bulk("Cu", a=3.85, cubic=True)
    ordered.symbols[0] = "Au"  # L1₂
    layered = bulk("Cu", a=3.9, cubic=True)
    layered.symbols[:2] = "Au"  # L1₀
    turned = ordered.copy()
    turned.rotate(40, [1, 2, 3], rotate_cell=True)
    sheared = make_supercell(ordered, [[1, 0, 1], [0, 1, 0], [0, 0, 1]])
    larger = ordered.repeat((2, 1, 1))
    larger.positions += 0.7
    larger.wrap()
    for seed, atoms in enumerate((turned, sheared, larger)):
        atoms.rattle(0.01, seed=seed)
    result = screened([ordered, turned, layered, sheared, larger])
    kinds = [one["duplicate_of"] or f"set.extxyz:{i}" for i, one in enumerate(result["structures"])]
    assert len({kinds[i] for i in (0, 1, 3, 4)}) == 1
    assert kinds[2] == "set.extxyz:2"
    assert result["duplicates"] == 3
    assert found(result, "space_group_number") == [221, 221, 123, 221, 221]


def test_energies_above_the_hull_are_those_of_a_plain_script(capsys: pytest.CaptureFixture[str]):
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram

    structures = [bulk("Cu"), *alloys(8, seed=4)]
    without = screened([s for s in structures if set(s.symbols) != {"Au"}])
    assert without["hull"]["missing"] == ["Au"]
    assert "no crystal of Au alone; add one with --references FILE" in capsys.readouterr().out
    assert without["structures"][0]["above_hull_ev_per_atom"] == 0.0
    mixed = [one for one in without["structures"] if "Au" in one["formula"]]
    assert mixed
    assert all(one["above_hull_ev_per_atom"] is None for one in mixed)
    write("gold.extxyz", bulk("Au"))
    result = screened(structures, "--references", "gold.extxyz")
    assert result["candidates"] == len(structures)
    assert found(result, "role")[0] == "reference"
    entries = [PDEntry(one["formula"], one["energy_ev"]) for one in result["structures"]]
    diagram = PhaseDiagram(entries)
    wanted = np.array([diagram.get_e_above_hull(entry) for entry in entries], float)
    np.testing.assert_allclose(found(result, "above_hull_ev_per_atom"), wanted, atol=1e-10)
    assert wanted.max() > 1e-3


def test_the_table_is_read_by_pandas():
    import pandas

    result = screened([*alloys(2), Atoms("X")], "--parquet", "out.parquet")
    table = pandas.read_parquet("out.parquet")
    assert list(table.columns) == list(result["structures"][0])
    np.testing.assert_allclose(table["energy_ev"][:2], found(result, "energy_ev")[:2])
    assert table["status"].tolist() == ["relaxed", "relaxed", "failed"]
    assert table["energy_ev"].isna().tolist() == [False, False, True]
    assert table["steps"].dtype == np.int64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.extxyz"], "there is no file missing.extxyz"),
        (["set.extxyz", "--fmax", "0"], "--fmax and --symprec must be more than 0"),
        (["set.extxyz", "--parquet", "-"], "only --json can be written to standard output"),
        (["set.extxyz", "--out", "ends.cif"], "--out writes extended XYZ"),
        (["set.extxyz", "--json", "set.extxyz"], "must be different files"),
        (["set.extxyz", "--references", "set.extxyz"], "is named as candidates and as references"),
        (["set.extxyz", "--results", "set.extxyz"], "must be different files"),
        (["set.extxyz", "--results", "other.extxyz"], "holds no results"),
        (["set.extxyz", "--parquet", "nowhere/out.parquet"], "there is no directory nowhere"),
    ],
)
def test_wrong_requests_are_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    write("set.extxyz", alloys(1))
    write("other.extxyz", alloys(1))
    assert main(["screen", SPEC[0], *arguments, *SPEC[1:]]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error
    assert not Path("screen.jsonl").exists()
