"""What is measured beside the laws: the numbers of the commands, kept once; where there are none, a line says why."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from gnnp_bench.campaign import exchange, query
from gnnp_bench.campaign.asked import read
from gnnp_bench.campaign.drive import Lead
from gnnp_bench.campaign.executors import imported
from gnnp_bench.campaign.looking import FileError
from gnnp_bench.campaign.measures import KEYS
from gnnp_bench.campaign.work import MEASURED
from gnnp_bench.cli import main
from gnnp_bench.commands import accuracy, bench, properties, screen
from tests.campaign.leading import lead, written

SPEC = "ase:ase.calculators.emt:EMT"
POTENTIAL = f'[[potential]]\nspec = "{SPEC}"\nspecies = ["Cu", "Au"]\n'
APART = ("elapsed_s", "environment", "timings", "fits", "saturation", "busy_cores", "subject", "max_gigabytes")
"""What no two measurements have in common."""
TABLES = """
[[accuracy]]
files = ["labels.extxyz"]
worst = 2
[[properties]]
crystals = ["Cu:fcc", "one.extxyz"]
only = ["lattice"]
[[bench]]
sizes = [8]
max_seconds = 0.5
[[screen]]
files = ["labels.extxyz"]
steps = 2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng, labelled = np.random.default_rng(0), []
    for number in range(4):
        atoms = bulk("Cu" if number % 2 else "Au", "fcc", cubic=True)
        atoms.positions += rng.normal(0.0, 0.1, atoms.positions.shape)
        atoms.calc = EMT()
        forces = atoms.get_forces() + rng.normal(0.0, 0.02, atoms.positions.shape)
        energy, stress = atoms.get_potential_energy() + 0.01 * number, atoms.get_stress()
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces, stress=stress)
        labelled.append(atoms)
    write(tmp_path / "labels.extxyz", labelled)
    write(tmp_path / "one.extxyz", bulk("Au"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_times(value: Any) -> Any:
    """Return a result without what no two measurements have in common."""
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if key not in APART}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def test_the_numbers_are_those_of_the_commands_and_are_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(folder, f'laws = []\nexecutor = "processes:2"\n{TABLES}{POTENTIAL}')
    assert main(["campaign", "run", str(path)]) == 0
    assert "4 measured" in capsys.readouterr().out
    assert main(["campaign", "measurements", str(path), "--out", "out"]) == 0
    own = ("--species", "Cu,Au", "--json")
    files = ["labels.extxyz"]
    for words in (
        ["accuracy", SPEC, *files, "--worst", "2", *own],
        ["properties", SPEC, "Cu:fcc", "one.extxyz", "--only", "lattice", *own],
        ["bench", SPEC, "--sizes", "8", "--max-seconds", "0.5", *own],
        ["screen", SPEC, *files, "--steps", "2", *own],
    ):
        assert main([*words, f"{words[0]}.json"]) == 0
        (found,) = (folder / "out").glob(f"*-{words[0]}-*.json")
        told, expected = (json.loads(each.read_text()) for each in (found, folder / f"{words[0]}.json"))
        assert without_times(told) == without_times(expected)
        if words[0] != "bench":
            assert told.keys() == expected.keys()
        else:
            assert told["potentials"][0]["timings"]
    capsys.readouterr()
    assert main(["campaign", "status", str(path)]) == 0
    assert f"accuracy (labels.extxyz) of {SPEC}: measured" in capsys.readouterr().out

    again = lead(path)
    assert again.counts == {"run": 1, "before": 4}  # what the potential is, is asked anew
    frame = query(folder / "campaign.db")
    assert sorted(frame.kind) == sorted(["subject", *MEASURED])
    (row,) = frame[frame.kind == "accuracy"].found
    assert json.loads(row)["forces_mae_mev_per_ang"] == pytest.approx(16.0, abs=6.0)
    exchange.to_parquet(again.rows, folder / "all.parquet")
    assert imported("pandas").read_parquet(folder / "all.parquet").found.notna().sum() == 4
    assert str(folder) not in frame.to_csv()


def test_what_changes_a_number_is_measured_anew_and_nothing_else(folder: Path) -> None:
    table = '[[accuracy]]\nfiles = ["labels.extxyz"]\n'
    path = written(folder, f"laws = []\n{table}{POTENTIAL}")
    assert lead(path).counts == {"run": 2}
    path.write_text(f'laws = []\nseeds = [3]\n{table}by = "config_type"\n{POTENTIAL}')
    assert lead(path).counts == {"run": 1, "before": 1}
    path.write_text(f"laws = []\n{table}worst = 3\n{POTENTIAL}")
    assert lead(path).counts == {"run": 2}
    labels = folder / "labels.extxyz"
    labels.write_text(labels.read_text().replace("energy=", "energy=1", 1))
    assert lead(path).counts == {"run": 2}


def test_where_nothing_can_be_measured_a_sentence_says_why_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "none.extxyz").write_text("1\nProperties=species:S:1:pos:R:3\nCu 0 0 0\n")
    tables = '[[properties]]\ncrystals = ["Si:diamond"]\n[[accuracy]]\nfiles = ["none.extxyz"]\n'
    tables += "[[bench]]\nsizes = [8]\nmax_memory = 1e-3\n"
    path = written(folder, f"laws = []\n{tables}{POTENTIAL}")
    assert main(["campaign", "run", str(path)]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "no numbers: Si:diamond holds Si, which the potential does not know" in said
    assert "no numbers: nothing could be compared" in said or "no numbers: none.extxyz" in said
    assert "could not be loaded" in said
    assert lead(path).counts == {"run": 2, "before": 2}  # what could not be loaded is tried again


def test_a_screening_of_a_file_that_is_none_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "letter.txt").write_text("Dear friend\n")
    path = written(folder, f'laws = []\n[[screen]]\nfiles = ["letter.txt"]\n{POTENTIAL}')
    assert main(["campaign", "run", str(path)]) == 3
    assert "nothing could be relaxed; letter.txt could not be read" in " ".join(capsys.readouterr().out.split())


def test_a_file_that_changes_meanwhile_ends_the_campaign(folder: Path) -> None:
    path = written(folder, f'laws = []\n[[accuracy]]\nfiles = ["labels.extxyz"]\n{POTENTIAL}')

    def spoil(leading: Lead) -> None:
        (folder / "labels.extxyz").write_text("")

    with pytest.raises(RuntimeError, match=r"finds another labels\.extxyz than the one that the campaign began with"):
        lead(path, "processes:1", during=spoil)


def test_the_tables_of_the_page_are_read(folder: Path) -> None:
    first, second, *_ = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text().split("```toml\n")[1:]
    for name in ("test.extxyz", "candidates.extxyz"):
        (folder / name).touch()
    found = read(written(folder, first.partition("```")[0] + second.partition("```")[0]))
    assert [measure.kind for measure in found.measures] == list(MEASURED)


def test_keys_and_defaults_are_those_of_the_commands() -> None:
    commands: dict[str, Any] = {"accuracy": accuracy.accuracy, "properties": properties.properties}
    commands |= {"bench": bench.bench, "screen": screen.screen}
    apart = {("properties", "only"), ("bench", "sizes"), ("properties", "crystals")}
    for kind, keys in KEYS.items():
        options = inspect.signature(commands[kind]).parameters
        for name, key in keys.items():
            if (kind, name) not in apart and name not in ("files", "references"):
                assert key.default == options[name].default, (kind, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[accuracy]]\n", 'accuracy 1: files is missing: write for example files = ["accuracy.extxyz"]'),
        ('[[accuracy]]\nfiles = ["x.xyz"]\n', "accuracy 1: there is no file x.xyz"),
        ('[[accuracy]]\nfile = ["one.extxyz"]\n', "accuracy 1: file is not known: did you mean 'files'?"),
        (
            '[[accuracy]]\nfiles = ["one.extxyz"]\nstress = "a"\nvirial = "b"\n',
            "accuracy 1: stress and virial are both given: a file is read by one of them",
        ),
        ('[[properties]]\ncrystals = ["Cu:fccc"]\n', "properties 1: crystals: Cu:fccc: "),
        ('[[properties]]\nonly = ["eoss"]\n', "properties 1: only must be a list of lattice, "),
        ("[[bench]]\nsizes = [0]\n", "bench 1: sizes must be a list of numbers of atoms up to 1000000, and 0 is none"),
        ("[[bench]]\n[[bench]]\nmax_seconds = 60\n", "bench 2: is bench 1 once more"),
        (
            '[[screen]]\nfiles = ["one.extxyz"]\noptimizer = "SGD"\n',
            "screen 1: optimizer must be BFGS, FIRE, LBFGS, not 'SGD'",
        ),
        (
            '[[screen]]\nfiles = ["one.extxyz"]\nreferences = ["one.extxyz"]\n',
            "screen 1: one.extxyz is named as candidates and as references: leave one of them out",
        ),
        ('screen = "all"\n', "screen must be a table of its own: write [[screen]], and its keys below"),
        ("laws = []\n", "laws names no law, and nothing is to be measured: "),
    ],
)
def test_each_mistake_is_named_with_its_place(text: str, said: str, folder: Path) -> None:
    path = written(folder, f"{text}{POTENTIAL}")
    with pytest.raises(FileError) as raised:
        read(path)
    assert len(raised.value.mistakes) == 1 + ("file =" in text)
    assert raised.value.mistakes[0].startswith(f"{path}: {said}")
