"""`gnnp-bench properties` and `gnnp-bench relax`: what is written, what is refused, and what an interruption keeps."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT

from gnnp_bench.cli import main
from gnnp_bench.properties.registry import PROPERTIES
from tests.commands.processes import refused

SPEC = "ase:ase.calculators.emt:EMT"
POTENTIALS = """
import os
import signal
from dataclasses import replace

from gnnp_bench.adapters.registry import load


class Unstressed:
    "Tells energies and forces alone."

    name = "unstressed"

    def __init__(self):
        self.sound = load("ase:ase.calculators.emt:EMT", ("Cu", "Au")).potential
        self.capabilities = replace(self.sound.capabilities, properties=frozenset({"energy", "forces"}))

    def evaluate(self, structures, properties):
        return self.sound.evaluate(structures, properties)


class Stopping:
    "Presses Ctrl-C at its n-th call, or at the first after one for many structures."

    name = "stopping"

    def __init__(self):
        self.sound = load("ase:ase.calculators.emt:EMT", ("Cu", "Au")).potential
        self.calls, self.many, self.capabilities = 0, False, self.sound.capabilities

    def evaluate(self, structures, properties):
        self.calls += 1
        at = os.environ["AT"]
        if self.many if at == "after many" else self.calls == int(at):
            os.kill(os.getpid(), signal.SIGINT)
        self.many = self.many or len(structures) > 30
        return self.sound.evaluate(structures, properties)
"""


def run(*arguments: str, status: int = 0, species: str = "Cu,Au") -> None:
    """Run the command on EMT."""
    command, *others = arguments
    assert main([command, SPEC, *others, "--species", species]) == status


def test_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, figures = tmp_path / "out.json", tmp_path / "figures"
    run("properties", "Cu:fcc", "--only", "eos,lattice,elasticity", "--json", str(out), "--plot", str(figures))
    found = json.loads(out.read_text())
    assert found["complete"]
    assert found["potential"]["name"] == "EMT"
    (copper,) = found["crystals"]
    assert copper["atoms"] == 1
    assert [one["name"] for one in copper["properties"]] == ["lattice", "eos", "elasticity"]
    lattice, eos, elasticity = copper["properties"]
    a = lattice["quantities"][0]
    assert (a["name"], a["unit"], a["converged"]) == ("a", "Å", True)
    assert a["value"] == pytest.approx(3.59, abs=0.01)
    assert 0 <= a["error"] < 1e-3
    assert {"value", "unit", "method", "temperature_k", "source"} == set(a["references"][0])
    assert len(eos["arrays"]["energies"]["values"]) == 13
    assert np.array(elasticity["arrays"]["stiffness"]["values"]).shape == (6, 6)
    assert sorted(path.name for path in figures.iterdir()) == ["Cu-fcc-elasticity.png", "Cu-fcc-eos.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in figures.iterdir())
    told = capsys.readouterr().out
    assert "C44" in told
    assert "experiment 300 K 75.7" in told


def test_json_on_standard_output_is_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    run("properties", "Cu:fcc", "--only", "lattice", "--json", "-")
    out, err = capsys.readouterr()
    assert json.loads(out)["crystals"][0]["name"] == "Cu:fcc"
    assert "relaxed lattice" in err


def test_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    ase.io.write("POSCAR", bulk("Cu", cubic=True))
    run("properties", "POSCAR", "--only", "lattice,delta", "--json", "out.json")
    (found,) = json.loads(Path("out.json").read_text())["crystals"]
    assert (found["name"], found["formula"], found["prototype"]) == ("POSCAR", "Cu", None)
    assert found["properties"][1]["quantities"][0]["name"] == "delta"


def test_without_crystals_those_with_references_are_measured(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    run("properties", "--only", "lattice", "--json", str(out))
    assert [one["name"] for one in json.loads(out.read_text())["crystals"]] == ["Au:fcc", "Cu:fcc"]


def test_delta_alone_is_for_all_elements_of_the_collection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    run("properties", "--only", "delta", "--json", str(out))
    found = json.loads(out.read_text())["crystals"]
    assert [one["name"] for one in found] == ["Cu:dcdft", "Au:dcdft"]
    assert all(one["properties"][0]["quantities"][0]["value"] > 1 for one in found)
    assert "Δ over 2 elements: mean" in capsys.readouterr().out


def test_what_has_no_minimum_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hill = "ase:ase.calculators.lj:LennardJones?epsilon=-1&sigma=1&rc=6&smooth=true"  # a hill, no well
    out, file = tmp_path / "out.json", tmp_path / "argon.extxyz"
    ase.io.write(file, bulk("Ar", a=2.5))
    assert main(["properties", hill, str(file), "--species", "Ar", "--json", str(out)]) == 3
    (found,) = json.loads(out.read_text())["crystals"]
    assert "expands without a minimum" in found["missing"]
    assert found["properties"] == []
    assert "no properties: " in capsys.readouterr().out


def test_a_slab_in_a_periodic_box_is_no_crystal(tmp_path: Path) -> None:
    out, file = tmp_path / "out.json", tmp_path / "slab.extxyz"
    slab = fcc111("Cu", (1, 1, 4), vacuum=7.5)
    slab.pbc = True
    slab.info.clear()
    ase.io.write(file, slab)
    assert main(["properties", SPEC, str(file), "--species", "Cu", "--json", str(out)]) == 3
    (found,) = json.loads(out.read_text())["crystals"]
    assert found["missing"].startswith("it has a gap of 15 Å without atoms")
    assert found["properties"] == []


def test_what_does_not_apply_is_told_where_it_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    run("properties", "AuCu3:L1_2", "--only", "delta", status=3)
    assert "no all-electron equation of state of AuCu3" in capsys.readouterr().out


def lay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the potentials as a module, and make its directory the current one."""
    (tmp_path / "tempers_of_crystals.py").write_text(POTENTIALS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "tempers_of_crystals", raising=False)  # that of another test's directory


def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, *arguments: str) -> None:
    """Run a command that is interrupted, also where SIGINT was ignored when the tests began."""
    lay_out(tmp_path, monkeypatch)
    monkeypatch.setenv("AT", at)
    command, *others = arguments
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main([command, "tempers_of_crystals:Stopping", *others]) == 3
    finally:
        signal.signal(signal.SIGINT, before)


def test_without_stress_no_cell_is_relaxed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(tmp_path, monkeypatch)
    ase.io.write("in.extxyz", rattled("Cu"))
    spec = "tempers_of_crystals:Unstressed"
    assert "has no stress" in refused(capsys, "relax", spec, "in.extxyz")
    assert main(["relax", spec, "in.extxyz", "--fixed-cell"]) == 0
    assert main(["properties", spec, "Cu:fcc"]) == 3
    assert "no properties: the potential has no stress" in capsys.readouterr().out


def test_ctrl_c_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("properties", "Cu:fcc", "--only", "elasticity,polymorphs", "--json", "out.json")
    interrupted(tmp_path, monkeypatch, "after many", *arguments)
    found = json.loads((tmp_path / "out.json").read_text())
    assert not found["complete"]
    assert [one["name"] for one in found["crystals"][0]["properties"]] == ["elasticity"]
    told = capsys.readouterr().out
    assert "stopped by Ctrl-C: what was finished follows" in told
    assert "C11" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["properties", SPEC, "Cu:fccc"], "there is no prototype 'fccc'"),
        (["properties", SPEC, "W:bcc"], "W:bcc holds W, which the potential does not know"),
        (["properties", SPEC, "missing.cif"], "cannot read missing.cif: No such file"),
        (["properties", SPEC, "empty.xyz"], "empty.xyz"),
        (["properties", SPEC, "water.xyz"], "is no crystal: it must be periodic in three directions"),
        (
            ["properties", SPEC, "Cu:fcc", "--only", "eos,hardness"],
            "there is no property 'hardness'; choose of lattice",
        ),
        (["properties", SPEC, "Cu:fcc", "--only", ","], "--only names no property"),
        (["properties", SPEC, "Cu:fcc", "--fmax", "0"], "--fmax must be positive"),
        (["properties", SPEC, "Cu:fcc", "--json", "no/where.json"], "there is no directory no"),
        (["properties", SPEC, "Cu:fcc", "--plot", "empty.xyz"], "cannot make the directory empty.xyz"),
        (["relax", SPEC, "missing.xyz"], "cannot read missing.xyz"),
        (["relax", SPEC, "gold.xyz", "--optimizer", "Newton"], "--optimizer is one of BFGS, FIRE, LBFGS"),
        (["relax", SPEC, "gold.xyz", "--fixed-cell", "--pressure", "1"], "leave one of them out"),
        (["relax", SPEC, "cluster.xyz", "--pressure", "1"], "acts on cells that repeat in three directions"),
        (["relax", SPEC, "gold.xyz", "--out", "gold.pineapple"], "cannot write gold.pineapple"),
        (["relax", SPEC, "water.xyz"], "holds H, O, which the potential does not know"),
    ],
)
def test_bad_requests(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.xyz").write_text("")
    ase.io.write("water.xyz", molecule("H2O"))
    ase.io.write("gold.xyz", bulk("Au"), format="extxyz")
    ase.io.write("cluster.xyz", Atoms("Cu2", positions=[[0, 0, 0], [2.5, 0, 0]]), format="extxyz")
    assert said in refused(capsys, *arguments, "--species", "Cu,Au")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cluster.xyz", "empty.xyz", "gold.xyz", "water.xyz"]


def rattled(symbol: str) -> Atoms:
    """Return a crystal away from rest."""
    structure = bulk(symbol, cubic=True)
    structure[0].symbol = "Au"
    structure.rattle(0.05, seed=1)
    return structure


def test_a_file_is_relaxed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    cluster = Atoms("Cu4", positions=[[0, 0, 0], [2.5, 0, 0], [0, 2.5, 0], [0, 0, 2.5]])
    ase.io.write("in.extxyz", [rattled("Cu"), bulk("Cu"), cluster])
    run("relax", "in.extxyz", "--fmax", "0.005")
    ends = list(ase.io.iread("in-relaxed.extxyz"))
    assert [len(one) for one in ends] == [4, 1, 4]
    for one in ends:
        told = one.get_potential_energy()
        assert one.info["relaxed_converged"]
        assert told <= one.info["relaxed_from_energy"]
        one.calc = EMT()
        assert one.get_potential_energy() == pytest.approx(told, abs=1e-6)
        assert np.abs(one.get_forces()).max() < 0.005
    assert not ends[2].pbc.any()
    assert "3 of 3 came to rest; written to in-relaxed.extxyz" in capsys.readouterr().out


def test_pressure_and_a_held_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ase.io.write("in.extxyz", rattled("Cu"))
    volumes = {}
    for name, options in {"free": [], "pressed": ["--pressure", "10"], "held": ["--fixed-cell"]}.items():
        run("relax", "in.extxyz", "--out", f"{name}.extxyz", *options)
        (end,) = ase.io.iread(f"{name}.extxyz")
        volumes[name] = end.cell.volume
    assert volumes["held"] == pytest.approx(rattled("Cu").cell.volume)
    assert 0.03 < 1 - volumes["pressed"] / volumes["free"] < 0.1


def test_what_does_not_come_to_rest_is_told_by_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ase.io.write("in.extxyz", rattled("Cu"))
    run("relax", "in.extxyz", "--steps", "1", "--out", "POSCAR", status=3)
    assert len(ase.io.read("POSCAR")) == 4
    assert "not at rest" in capsys.readouterr().out


def test_ctrl_c_keeps_the_relaxed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ase.io.write("in.extxyz", [rattled("Cu"), bulk("Cu", a=3.59)])
    interrupted(tmp_path, monkeypatch, "5", "relax", "in.extxyz")
    (kept,) = ase.io.iread("in-relaxed.extxyz")
    assert len(kept) == 1


def test_properties_have_titles_and_names_of_their_own() -> None:
    assert {"lattice", "eos", "elasticity", "cohesive", "polymorphs", "delta"} <= set(PROPERTIES)
    titles = [what.title for what in PROPERTIES.values()]
    assert len(set(titles)) == len(titles)
