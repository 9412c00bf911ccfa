"""`gnnp-bench accuracy`: errors are those that a plain script finds, labels that cannot be used are told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from gnnp_bench.cli import main

SPEC = "ase:ase.calculators.emt:EMT"


def frames(n: int = 12, seed: int = 0, symbols: tuple[str, ...] = ("Cu", "Au")) -> list[Atoms]:
    """Return strained and rattled crystals with EMT's answers as results."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(n):
        atoms = bulk(symbols[index % len(symbols)], cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.03 * rng.normal(size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.1, rng=rng)
        atoms.info["config_type"] = "even" if index % 2 == 0 else "odd"
        atoms.calc = EMT()
        answers = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces", "stress")}
        atoms.calc = SinglePointCalculator(atoms, **answers)
        found.append(atoms)
    return found


def relabelled(atoms: Atoms, **labels: Any) -> Atoms:
    """Return a structure with other labels."""
    copy = atoms.copy()
    copy.calc = SinglePointCalculator(copy, **{**atoms.calc.results, **labels})
    return copy


def measured(tmp_path: Path, structures: list[Atoms], *options: str, status: int = 0) -> Any:
    """Return the JSON that the command writes."""
    file = tmp_path / "labels.extxyz"
    write(file, structures)
    out = tmp_path / "out.json"
    assert main(["accuracy", SPEC, str(file), "--species", "Cu,Au", "--json", str(out), *options]) == status
    return json.loads(out.read_text()) if out.exists() else None


def test_errors_are_those_of_a_plain_script(tmp_path: Path) -> None:
    sound, rng = frames(), np.random.default_rng(1)
    de = rng.normal(scale=0.05, size=len(sound))
    df = [rng.normal(scale=0.1, size=(len(a), 3)) for a in sound]
    ds = [rng.normal(scale=1e-3, size=6) for a in sound]
    wrong = [
        relabelled(a, energy=a.calc.results["energy"] - e, forces=a.calc.results["forces"] - f,
                   stress=a.calc.results["stress"] - s)
        for a, e, f, s in zip(sound, de, df, ds, strict=True)
    ]  # fmt: skip
    found = measured(tmp_path, wrong)
    per_atom = 1e3 * de / np.array([len(a) for a in sound])
    assert found["energy_mae_mev_per_atom"] == pytest.approx(np.abs(per_atom).mean(), rel=1e-6)
    assert found["energy_rmse_mev_per_atom"] == pytest.approx(np.sqrt((per_atom**2).mean()), rel=1e-6)
    components = 1e3 * np.concatenate(df)
    assert found["forces_mae_mev_per_ang"] == pytest.approx(np.abs(components).mean(), rel=1e-6)
    assert found["forces_rmse_mev_per_ang"] == pytest.approx(np.sqrt((components**2).mean()), rel=1e-6)
    assert found["force_vector_mae_mev_per_ang"] == pytest.approx(np.linalg.norm(components, axis=1).mean(), rel=1e-6)
    full = np.array([[*s[:3], *s[3:], *s[3:]] for s in ds]) / units.GPa
    assert found["stress_mae_gpa"] == pytest.approx(np.abs(full).mean(), rel=1e-6)
    for share in (0.5, 0.9):
        wanted = np.quantile(np.abs(components), share)
        assert found["quantiles"]["forces_mev_per_ang"][f"{100 * share:g}%"] == pytest.approx(wanted, rel=0.05)
    even = per_atom[::2]
    assert found["per_config_type"]["even"]["energy_mae_mev_per_atom"] == pytest.approx(np.abs(even).mean(), rel=1e-6)
    copper = 1e3 * np.concatenate(df[::2])
    assert found["per_species"]["Cu"]["forces_mae_mev_per_ang"] == pytest.approx(np.abs(copper).mean(), rel=1e-6)
    worst = found["worst"]["energy_mev_per_atom"][0]
    assert worst["error"] == pytest.approx(np.abs(per_atom).max(), rel=1e-6)
    assert f"frame {int(np.abs(per_atom).argmax())} " in worst["structure"]


def test_a_shift_of_species_is_found(tmp_path: Path) -> None:
    shift = {"Cu": 0.3, "Au": -1.2}
    mixed = []
    for atoms in frames():
        atoms.symbols[0] = "Au" if atoms.symbols[0] == "Cu" else "Cu"
        atoms.calc = EMT()
        answers = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces")}
        answers["energy"] -= sum(shift[symbol] for symbol in atoms.symbols)
        atoms.calc = SinglePointCalculator(atoms, **answers)
        mixed.append(atoms)
    found = measured(tmp_path, mixed)
    assert found["shift_ev"] == pytest.approx(shift, abs=1e-6)
    assert found["energy_rmse_mev_per_atom"] > 100.0
    assert found["energy_rmse_shifted_mev_per_atom"] < 1e-3
    assert found["stress_mae_gpa"] is None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda r: {"forces": -r["forces"]}, "wrong sign"),
        (lambda r: {"forces": r["forces"] * units.mol / units.kcal}, "kcal/mol/Å"),
        (lambda r: {"forces": r["forces"] / units.Hartree * units.Bohr}, "hartree/bohr"),
        (lambda r: {"energy": r["energy"] / units.Hartree}, "hartree, not in eV"),
    ],
)
def test_other_units_are_refused_and_named(
    spoil: Callable[[Any], dict[str, Any]], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled = [relabelled(a, **spoil(a.calc.results)) for a in frames()]
    assert measured(tmp_path, spoiled, status=2) is None
    error = capsys.readouterr().err.splitlines()[-1]
    assert said in error
    assert "--trust-labels" in error
    assert measured(tmp_path, spoiled, "--trust-labels") is not None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: -s, "wrong sign"),
        (lambda s: s / units.GPa, "GPa"),
        (lambda s: s[[0, 1, 2, 5, 3, 4]], "VASP"),
        (lambda s: -s / (0.1 * units.GPa), "kbar"),
    ],
)
def test_stresses_are_mended_and_named(spoil: Callable[[Any], Any], said: str, tmp_path: Path) -> None:
    spoiled = [relabelled(a, stress=spoil(a.calc.results["stress"])) for a in frames(24)]
    found = measured(tmp_path, spoiled)
    ((wrong, count),) = found["labels"]["mended_stresses"].items()
    assert said in wrong
    assert count == 24
    assert found["stress_mae_gpa"] < 1e-4


def test_what_cannot_be_used_is_counted_and_named(tmp_path: Path) -> None:
    these = frames(6)
    these[1] = relabelled(these[1], energy=np.nan)
    these[2].calc = None
    these[4] = Atoms("Fe2", [[0, 0, 0], [2.0, 0, 0]])  # which EMT does not know
    these[4].calc = SinglePointCalculator(these[4], energy=1.0, forces=np.zeros((2, 3)))
    found = measured(tmp_path, these)
    assert found["structures"] == 3
    assert found["skipped"]["structures"] == 2
    assert [re.findall(r"frame (\d)", one["structure"]) for one in found["skipped"]["named"]] == [["1"], ["2"]]
    assert found["refused"]["structures"] == 1
    assert "frame 4" in found["refused"]["named"][0]["structure"]


def test_names_of_labels_can_be_told(tmp_path: Path) -> None:
    these = []
    for atoms in frames(4):
        bare = atoms.copy()
        bare.info["dft_total"] = float(atoms.calc.results["energy"])
        bare.arrays["f"] = atoms.calc.results["forces"]
        bare.info["w"] = -atoms.get_volume() * atoms.get_stress(voigt=False)
        these.append(bare)
    file = tmp_path / "other.extxyz"
    write(file, these)
    found = measured(tmp_path, these, "--energy", "dft_total", "--forces", "f", "--virial", "w")
    assert found["energy_mae_mev_per_atom"] == pytest.approx(0.0, abs=1e-4)
    assert found["forces_mae_mev_per_ang"] == pytest.approx(0.0, abs=1e-3)
    assert found["stress_mae_gpa"] == pytest.approx(0.0, abs=1e-4)
    assert measured(tmp_path, these, "--energy", "nowhere", status=2) is not None


def test_what_is_told_of_names_is_what_is_read(tmp_path: Path) -> None:
    """A stress of another calculator, beside an energy that is named a reference, is neither read nor told."""
    these = [relabelled(a) for a in frames(4)]
    for atoms in these:
        atoms.info["REF_energy"] = atoms.calc.results["energy"]
        atoms.arrays["REF_forces"] = atoms.calc.results["forces"]
    found = measured(tmp_path, these)
    assert found["files"][0]["labels"] == {"energy": {"REF_energy": 4}, "forces": {"REF_forces": 4}, "stress": {}}
    assert found["stress_mae_gpa"] is None


def test_one_file_is_read_in_little_memory(tmp_path: Path) -> None:
    """Ten times the structures need no more than a tenth more."""
    import tracemalloc

    from gnnp_bench.accuracy.stream import Labelled, stream, survey

    peaks = []
    for n in (100, 1000):
        file = tmp_path / f"{n}.extxyz"
        write(file, frames(10) * (n // 10))
        tracemalloc.start()
        found = survey(file)
        assert sum(isinstance(one, Labelled) for one in stream(found)) == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] + 200_000


def test_figures_are_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "parity.png"
    these = [relabelled(a, energy=a.calc.results["energy"] + 0.1) for a in frames(6)]
    measured(tmp_path, these, "--plot", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.extxyz"], "there is no file missing.extxyz"),
        (["empty.extxyz"], "empty"),
        (["good.extxyz", "--stress", "a", "--virial", "b"], "both given"),
        (["good.extxyz", "--plot", "x.gif"], ".png, .svg or .pdf"),
    ],
)
def test_bad_requests(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.extxyz").write_text("")
    write("good.extxyz", frames(2))
    assert main(["accuracy", SPEC, *arguments, "--species", "Cu,Au"]) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_nothing_to_compare_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = [atoms.copy() for atoms in frames(3)]
    assert measured(tmp_path, bare, status=3) is None
    assert "nothing could be compared" in capsys.readouterr().out


def test_errors_by_distance_from_the_training_set(tmp_path: Path) -> None:
    structures = []
    for distance, a in zip((0.0, 0.3, 0.4, 3.0, 7.0, 9.0), frames(6), strict=True):
        one = relabelled(a, forces=a.calc.results["forces"] + 0.01 * (1 + distance))
        one.arrays["gamma"] = np.linspace(0.0, distance, len(one))  # of atoms: the largest counts
        structures.append(one)
    found = measured(tmp_path, structures, "--distance", "gamma", "--plot", str(tmp_path / "figure.svg"))
    assert found["distance_from_training"] == "gamma"
    assert {end: errors["structures"] for end, errors in found["per_distance"].items()} == {
        "0": 1,
        "0.2": 2,
        "2": 1,
        "5": 2,
    }
    assert found["per_distance"]["5"]["forces_mae_mev_per_ang"] == pytest.approx(90.0, abs=0.01)
    drawing = (tmp_path / "figure.svg").read_text()
    assert "even" in drawing  # the groups are drawn apart
    assert "odd" in drawing


def test_a_distance_that_is_nowhere_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(tmp_path, frames(2), "--distance", "gamma", status=2)
    assert "no structure has a number that is named 'gamma'" in capsys.readouterr().err


def test_stresses_without_a_constant_pressure(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [1e-3 * rng.normal(size=6) for _ in range(12)]
    shifted = [
        relabelled(a, stress=a.calc.results["stress"] + ds + np.array([0.02] * 3 + [0.0] * 3))
        for a, ds in zip(frames(), noise, strict=True)
    ]
    found = measured(tmp_path, shifted, "--trust-labels")
    errors = np.array([ds[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3) for ds in noise])
    errors -= np.trace(errors, axis1=1, axis2=2).mean() / 3.0 * np.eye(3)
    left = float(np.sqrt((errors**2).mean())) / units.GPa
    assert found["stress_rmse_without_mean_pressure_gpa"] == pytest.approx(left, rel=1e-4)
    assert found["stress_rmse_gpa"] > 5.0 * left
