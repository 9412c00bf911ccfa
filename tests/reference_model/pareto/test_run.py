"""`gnnp-bench pareto`: what it leaves, how it goes on, what it refuses."""

import itertools
import json
import sys

import pytest

from gnnp_bench.accuracy.labels import DataError
from gnnp_bench.cli import main
from reference_model.pareto.cli import _pair
from reference_model.pareto.design import Weighting
from reference_model.pareto.results import choose, result
from reference_model.potential import create
from reference_model.train.loop import Diverged
from reference_model.train.run import train as trained
from tests.reference_model.train.frames import crystals, molecules, save

SMALL = ["--variant", "invariant", "--cutoff", "4", "--epochs", "1", "--batch", "8", "--trust-labels"]


@pytest.fixture
def data(tmp_path):
    return save(tmp_path / "train.extxyz", crystals(10))


def asked(data, out, *more, weightings=3, seeds=2):
    return [
        "pareto",
        str(data),
        "--out",
        str(out),
        "--weightings",
        str(weightings),
        "--seeds",
        str(seeds),
        *SMALL,
        *more,
    ]


def refused(capsys, *arguments):
    assert main([*map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert len([line for line in captured.err.splitlines() if line.startswith("gnnp-bench")]) == 1
    return captured.err


def test_it_leaves_results_figure_and_the_weights_that_are_preferred(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(asked(data, out, "--prefer", "forces=2,energy=1")) == 0
    shown = capsys.readouterr().out
    found = json.loads((out / "pareto.json").read_text())
    assert (out / "pareto.png").read_bytes().startswith(b"\x89PNG")
    assert found["complete"]
    assert found["objectives"] == {"energy": "meV/atom", "forces": "meV/Å", "stress": "GPa"}
    assert found["asked"]["structures"] == {"train": 8, "valid": 2}
    assert [(one["weighting"], one["seed"]) for one in found["trainings"]] == [
        *itertools.product(("w00", "w01", "w02"), (0, 1))
    ]
    for one in found["trainings"]:
        metrics = json.loads((out / one["weights"]).with_name("metrics.json").read_text())
        assert one["errors"]["forces"] == metrics["valid"]["forces_rmse_mev_per_ang"]
        assert metrics["recipe"]["seed"] == one["seed"]
        weighting = found["weightings"][int(one["weighting"][1:])]["lambda"]
        assert (metrics["recipe"]["energy_weight"], metrics["recipe"]["stress_weight"]) == (
            weighting["energy"],
            weighting["stress"],
        )
    assert any(one["on_frontier"] for one in found["weightings"])
    assert len(found["hypervolume"]["by_seed"]) == 2
    assert [one["between"] for one in found["trade_offs"]] == [
        ["energy", "forces"],
        ["energy", "stress"],
        ["forces", "stress"],
    ]
    best, training = choose(found, {"forces": 2.0, "energy": 1.0})
    assert shown.splitlines()[-1] == f"reference:{out / training['weights']}"
    assert create(str(out / training["weights"]), {}, None).capabilities.species == ("Cu",)
    assert found["weightings"][int(best[1:])]["on_frontier"]


def test_killed_and_started_again_it_gives_the_same_file_and_can_grow(data, tmp_path, monkeypatch):
    assert main(asked(data, tmp_path / "whole")) == 0
    out = tmp_path / "killed"
    calls = []

    def killed(request, tell, **given):
        calls.append(request.out.name)
        if len(calls) == 3:  # within the third training
            tell = interrupt
        return trained(request, tell, **given)

    def interrupt(line):
        if line.startswith("valid:"):
            raise KeyboardInterrupt

    monkeypatch.setattr("reference_model.pareto.run.train", killed)
    assert main(asked(data, out)) == 3
    part = json.loads((out / "pareto.json").read_text())
    assert len(part["trainings"]) == 2
    assert not part["complete"]
    assert part["hypervolume"] is None  # no seed was trained with all weightings
    assert main(asked(data, out)) == 0
    assert (out / "pareto.json").read_bytes() == (tmp_path / "whole" / "pareto.json").read_bytes()
    assert calls == ["w00-seed0", "w01-seed0", "w02-seed0", *calls[2:3], "w00-seed1", "w01-seed1", "w02-seed1"]
    del calls[:]
    assert main(asked(data, out, weightings=4)) == 0
    assert calls == ["w03-seed0", "w03-seed1"]
    grown = json.loads((out / "pareto.json").read_text())
    assert (
        grown["hypervolume"]["reference"]
        == json.loads((tmp_path / "whole" / "pareto.json").read_text())["hypervolume"]["reference"]
    )


def test_a_weighting_that_diverges_is_left_out(data, tmp_path, monkeypatch, capsys):
    def diverging(request, tell, **given):
        if request.out.name == "w01-seed0":
            raise Diverged("the training diverged: the loss is not finite; try a lower --learning-rate")
        return trained(request, tell, **given)

    monkeypatch.setattr("reference_model.pareto.run.train", diverging)
    assert main(asked(data, tmp_path / "out", seeds=1)) == 0
    found = json.loads((tmp_path / "out" / "pareto.json").read_text())
    assert found["complete"]
    assert [one["errors"] is None for one in found["weightings"]] == [False, True, False]
    assert "the training diverged" in capsys.readouterr().out


def test_molecules_have_no_stress_to_trade(tmp_path, capsys):
    data = save(tmp_path / "train.extxyz", molecules(8))
    out = tmp_path / "out"
    assert main(asked(data, out, weightings=2, seeds=1)) == 0
    found = json.loads((out / "pareto.json").read_text())
    assert list(found["objectives"]) == ["energy", "forces"]
    capsys.readouterr()
    told = refused(capsys, *asked(data, out, "--prefer", "stress=1", weightings=2, seeds=1))
    assert "the errors of stress were not measured; --prefer can name energy, forces" in told


def test_a_folder_belongs_to_one_study(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(asked(data, out, weightings=2, seeds=1)) == 0
    capsys.readouterr()
    for option, words in (
        (["--decades", "1"], "is of a study with other settings (decades: 1.5, now 1.0): name another folder"),
        (["--epochs", "7"], "(recipe epochs: "),
    ):
        assert words in refused(capsys, *asked(data, out, *option, weightings=2, seeds=1))
    (out / "pareto.json").write_text("{}")
    told = refused(capsys, *asked(data, out, weightings=2, seeds=1))
    assert "is no result of gnnp-bench pareto, or it is damaged: remove it" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--prefer", "forces"],
            "--prefer takes energy, forces and stress with weights, such as forces=2, not 'forces'",
        ),
        (["--prefer", "virial=1"], "not 'virial=1'"),
        (["--prefer", "forces=1,forces=2"], "--prefer names forces twice"),
        (["--prefer", "forces=-1"], "the weight of forces must be a positive number, not '-1'"),
        (["--prefer", "forces=nan"], "the weight of forces must be a positive number, not 'nan'"),
        (["--decades", "0"], "--decades must be a positive number up to 4, not 0"),
        (["--cutoff", "nan"], "--cutoff must be a positive number, not nan"),
        (["--dtype", "float16"], "--dtype must be float32 or float64, not 'float16'"),
        (["--loss", "huber"], "--loss must be mae or rmse, not 'huber'"),
        (["--variant", "lmax9"], "has no variant 'lmax9'"),
        (["--device", "warp"], "cannot train on the device 'warp'"),
        (["--weightings", "1"], "Invalid value for '--weightings'"),
    ],
)
def test_requests_that_are_wrong(data, tmp_path, capsys, arguments, words):
    assert words in refused(capsys, *asked(data, tmp_path / "out"), *arguments)


def test_files_that_cannot_be_used(data, tmp_path, capsys):
    assert "there is no file" in refused(capsys, *asked(tmp_path / "nothere.xyz", tmp_path / "out"))
    (tmp_path / "file").write_text("mine")
    assert "cannot make the folder" in refused(capsys, *asked(data, tmp_path / "file"))


def test_what_is_not_installed_is_named(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "moocore", None)
    for name in [name for name in sys.modules if name.startswith("reference_model.pareto.")]:
        if not name.endswith("cli"):
            monkeypatch.delitem(sys.modules, name)
    told = refused(capsys, *asked(data, tmp_path / "out"))
    assert "moocore is not installed: pip install 'gnnp-bench[reference]'" in told


def test_nothing_is_chosen_before_a_seed_is_whole():
    design = [Weighting(1.0, 1.0), Weighting(2.0, 1.0)]
    row = {"weighting": "w00", "seed": 0, "weights": "x", "errors": {"energy": 1.0, "forces": 2.0, "stress": None}}
    found = result({"seeds": 1, "error": "rmse"}, design, [row])
    assert list(found["objectives"]) == ["energy", "forces"]
    with pytest.raises(DataError, match="no seed was trained with all weightings yet"):
        choose(found, {"energy": 1.0})
    other = row | {"weighting": "w01", "errors": {"energy": 2.0, "forces": 1.0, "stress": None}}
    found = result({"seeds": 1, "error": "rmse"}, design, [row, other])
    assert choose(found, {"energy": 1.0})[0] == "w00"
    assert choose(found, {"forces": 1.0})[0] == "w01"
    # The box goes up to (2, 4): the recipe alone fills a quarter, and w01, at its edge, nothing.
    assert found["hypervolume"]["mean"] == pytest.approx(0.25)
    assert found["hypervolume"]["reference"] == {"energy": 2.0, "forces": 4.0}


@pytest.mark.parametrize(
    ("mean", "deviation", "words"),
    [
        (500.6, 551.0, "501 ± 551"),
        (9.4823, 0.0612, "9.482 ± 0.061"),
        (9.4823, None, "9.482"),
        (678.92, 39.2, "679 ± 39"),
        (0.0123, 0.0, "0.0123 ± 0"),
    ],
)
def test_a_mean_is_written_as_far_as_its_deviation(mean, deviation, words):
    assert _pair({"mean": mean, "standard_deviation": deviation}) == words
