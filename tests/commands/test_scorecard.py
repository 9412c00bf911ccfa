"""``certify --with``: errors and speed in the certificate beside the laws."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase.io import write

from gnnp_bench.certificate import io
from gnnp_bench.certificate.result import Score
from gnnp_bench.cli import main
from gnnp_bench.commands.scorecard import Beside
from gnnp_bench.commands.scorecard import measured as measured_beside
from tests.accuracy.test_accuracy import SPEC, frames, measured, relabelled

ONE = ["certify", SPEC, "--species", "Cu,Au", "--budget", "quick", "--only", "symmetry/net-force"]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "a,b.extxyz"  # a comma in a name is no separator
    write(file, [relabelled(a, forces=a.calc.results["forces"] + 0.05) for a in frames()])
    return file


def test_errors_and_speed_stand_beside_the_laws(labels, tmp_path, capsys):
    out = tmp_path / "certificate.json"
    assert main([*ONE, "--with", f"bench,accuracy:{labels}", "--json", str(out)]) == 3  # --only is a part
    found = {(score.subject, score.name): score for score in io.read(out).scores}
    forces = found["a,b.extxyz", "forces, MAE"]
    assert forces.value == pytest.approx(50.0)
    assert forces.remark == "12 structures"
    assert found["a,b.extxyz: even", "forces, RMSE"].value == pytest.approx(50.0)
    assert found["a,b.extxyz", "energy, MAE"].value == pytest.approx(0.0, abs=1e-4)  # the file keeps eight digits
    alone = measured(tmp_path, [relabelled(a, forces=a.calc.results["forces"] + 0.05) for a in frames()])
    assert forces.value == alone["forces_mae_mev_per_ang"]
    time = found["64 atoms", "energy and forces, time"]
    assert time.value is not None
    assert time.value > 1.0
    assert time.uncertainty is not None
    told = capsys.readouterr().out
    assert "errors against reference data" in told
    assert "a,b.extxyz: odd" in told
    assert "speed, on this machine and day" in told


def test_properties_stand_beside_the_laws_with_their_error_bars(tmp_path):
    out = tmp_path / "certificate.json"
    assert main([*ONE, "--with", "properties:Cu:fcc", "--json", str(out)]) == 3
    found = {score.name: score for score in io.read(out).scores}
    assert {score.subject for score in found.values()} == {"Cu:fcc"}
    modulus = found["B0"]
    assert modulus.value == pytest.approx(134.6, abs=1.0)  # GPa
    assert modulus.uncertainty is not None
    assert modulus.uncertainty < 1.0
    assert modulus.reference is not None  # a calculation where there is one
    assert "reference:" in modulus.remark


def test_what_was_measured_until_ctrl_c_is_kept():
    told: list[str] = []
    found: list[Score] = []

    def tell(line: str) -> None:
        told.append(line)
        if len(told) == 4:
            raise KeyboardInterrupt

    def go() -> None:
        for numbers in measured_beside(Beside(crystals=("Cu:fcc",)), SPEC, ("Cu",), tell):
            found.extend(numbers.scores)

    with pytest.raises(KeyboardInterrupt):
        go()
    assert found
    assert {score.subject for score in found} == {"Cu:fcc"}


def test_labels_that_cannot_be_used_are_a_number_that_is_missing(tmp_path):
    structures = [relabelled(a, forces=-a.calc.results["forces"]) for a in frames(24)]
    file, out = tmp_path / "gradients.extxyz", tmp_path / "certificate.json"
    write(file, structures)
    assert main([*ONE, "--with", f"accuracy:{file}", "--json", str(out)]) == 3
    (score,) = io.read(out).scores
    assert score.value is None
    assert "sign" in score.remark or "gradient" in score.remark


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("acuracy:x", "did you mean accuracy"),
        ("accuracy", "accuracy:FILE"),
        ("accuracy:nowhere.extxyz", "nowhere.extxyz"),
        ("bench:64", "takes no '64'"),
        ("properties:", "takes no ''"),
        ("properties:Cu:fccc", "fcc"),
        ("properties:nowhere.cif", "nowhere.cif"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_the_laws(asked, said, capsys):
    assert main([*ONE, "--with", asked]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
