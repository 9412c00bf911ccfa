"""`gnnp-bench bench`: table, JSON, figure, and refusals."""

from __future__ import annotations

import json
import math
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from gnnp_bench.cli import main

SPEC = "tests.analytic:smooth_pair"


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def test_table_json_and_figure(capsys, workplace):
    ase.io.write("nickel.vasp", bulk("Ni", cubic=True))
    arguments = [
        "bench",
        SPEC,
        "--structure",
        "nickel.vasp",
        "--sizes",
        "4,8",
        "--max-seconds",
        "600",
        "--seconds",
        "0.02",
    ]
    arguments += ["--error", f"{SPEC}=20", "--json", "b.json", "--plot", "b.png"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert "8 atoms ..." in err
    assert f"{SPEC}: float64, cpu, cutoff 6 Å, loaded in " in out
    assert "ns/day" in out
    assert "Ni4 repeated, periodic" in out
    assert "not the potential's own list" in out
    found = json.loads((workplace / "b.json").read_text())
    assert found["result_version"] == 1
    assert found["environment"]["versions"]["numpy"]
    (one,) = found["potentials"]
    assert one["error"] == 20.0
    assert {(t["task"], t["n_atoms"]) for t in one["timings"] if t["n_structures"] == 1} >= {
        ("forces", 4),
        ("forces", 8),
        ("stress", 8),
    }
    assert (workplace / "b.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in workplace.iterdir()) == ["b.json", "b.png", "nickel.vasp"]


def test_two_are_compared_with_species_of_their_own(capsys, workplace):
    emt = "ase:ase.calculators.emt:EMT"
    arguments = ["bench", SPEC, emt, "--sizes", "4,8", "--max-seconds", "600", "--seconds", "0.05"]
    arguments += ["--species", f"{emt}=Cu,Au", "--error", f"{emt}=47 meV/Å", "--error", f"{SPEC}=1e2meV/Å"]
    assert main([*arguments, "--json", "b.json", "--plot", "b.svg"]) == 0
    out = capsys.readouterr().out
    assert "Which is faster?" in out
    assert "E, F of 8 atoms: " in out
    assert f"    {emt}: " in out
    found = json.loads((workplace / "b.json").read_text())
    assert found["error_unit"] == "meV/Å"
    assert [one["error"] for one in found["potentials"]] == [100.0, 47.0]
    assert {(one["spec"], one["than"], one["n_atoms"]) for one in found["ratios"]} == {(emt, SPEC, 4), (emt, SPEC, 8)}
    assert all(one["low"] <= one["value"] <= one["high"] for one in found["ratios"])
    assert (workplace / "b.svg").read_text().count("#d55e00") > 2  # one colour for one potential, in both panels


def test_a_potential_that_fails_at_every_size_is_status_3(capsys, workplace):
    (workplace / "failing.py").write_text(
        "from tests.analytic import smooth_pair\n"
        "class Failing:\n"
        "    name, capabilities = 'failing', smooth_pair().capabilities\n"
        "    def evaluate(self, structures, properties):\n"
        "        raise RuntimeError('no such luck')\n"
    )
    assert main(["bench", "failing:Failing", "--sizes", "2", "--seconds", "0.02"]) == 3
    assert "RuntimeError: no such luck" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'SPEC...'"),
        (["x", "x"], "the same SPEC is given twice"),
        (["chgnett"], "unknown potential 'chgnett': did you mean 'chgnet'?"),
        (["ase:ase.calculators.emt:EMT"], "name them, --species Cu,Au"),
        (["x", "--sizes", "2,many"], "--sizes must be numbers of atoms from 1 to 1000000"),
        (["x", "--sizes", "0"], "--sizes must be numbers"),
        (["x", "--sizes", "2000000"], "--sizes must be numbers"),
        (["x", "--max-seconds", "0"], "--max-seconds must be a positive number, not 0"),
        (["x", "--max-memory", "-1"], "--max-memory must be a positive number, not -1"),
        (["x", "--seconds", "0"], "--seconds must be a positive number, not 0"),
        (["x", "--timestep", "nan"], "--timestep must be a positive number, not nan"),
        (["x", "--species", "Qq"], "'Qq' is no chemical symbol"),
        (["x", "--error", "x"], "--error must read SPEC=X"),
        (["x", "--error", "x=-3"], "--error must read SPEC=X"),
        (["x", "--error", "=3"], "--error must read SPEC=X"),
        (
            ["x", "y", "--error", "x=3 meV/Å", "--error", "y=0.1 eV/Å"],
            "in one unit for all potentials: x meV/Å, y eV/Å",
        ),
        (["x", "y", "--error", "x=3 meV/Å", "--error", "y=2"], "y without a unit"),
        (["x", "--species", "y=Cu"], "--species names 'y', which is not measured: choose from x"),
        (["x", "--species", "x="], "--species names no element"),
        (["x", "--error", "y=3"], "--error names 'y', which is not measured: choose from x"),
        (["x", "--json", "absent/b.json"], "there is no directory absent"),
        (["x", "--plot", "b.gif"], "let its name end in .png, .svg or .pdf"),
        (["x", "--plot", "-"], "--plot needs a file"),
        (["x", "--json", "b.png", "--plot", "b.png"], "must be different files"),
        (["x", "--structure", "absent.vasp"], "cannot read absent.vasp: No such file"),
        (["x", "--structure", "text.xyz"], "text.xyz is no structure that ASE can read"),
        (["x", "--structure", "water.xyz"], "water.xyz cannot be repeated"),
        (["x", "--structure", "nan.xyz"], "nan.xyz holds positions or cell vectors that are not finite"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(arguments, message, workplace, capfd):
    (workplace / "text.xyz").write_text("not a structure\n")
    ase.io.write("water.xyz", molecule("H2O"))
    ase.io.write("nan.xyz", Atoms("Cu", [(math.nan, 0.0, 0.0)], cell=np.eye(3), pbc=True))
    assert main(["bench", *arguments]) == 2
    err = capfd.readouterr().err
    lines = [line for line in err.splitlines() if not line.startswith("loading ")]
    assert len(lines) == 1, err
    assert message in lines[0]
    assert sorted(path.name for path in workplace.iterdir()) == ["nan.xyz", "text.xyz", "water.xyz"]


def test_it_is_listed(capsys):
    assert main(["--help"]) == 0
    assert "  bench " in capsys.readouterr().out
