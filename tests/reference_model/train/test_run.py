"""Whole runs: what they leave behind, how they go on, and what they refuse."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.accuracy.frames import Frame
from gnnp_bench.accuracy.labels import DataError
from gnnp_bench.cli import main
from gnnp_bench.potential import PotentialError, Unsupported
from reference_model.files import load_network, read_notes
from reference_model.potential import create
from reference_model.train import cli, files
from reference_model.train.data import prepare
from reference_model.train.loss import scales_of
from reference_model.train.recipe import Recipe
from reference_model.train.run import train
from reference_model.train.sets import Request
from tests.reference_model.train.frames import as_frames, crystals, labelled, molecules, save


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return save(tmp_path / "train.extxyz", crystals(8))


def request(data: Path, out: Path, **changes) -> Request:
    recipe: dict[str, Any] = {"variant": "invariant", "cutoff": 4.0, "epochs": 3, "batch": 4}
    recipe |= {key: changes.pop(key) for key in list(changes) if key in Recipe.__dataclass_fields__}
    return Request(train=(data,), out=out, recipe=Recipe(**recipe), trust_labels=True, **changes)


def silent(line: str) -> None:
    pass


def test_a_run_leaves_model_metrics_and_figures(data, tmp_path):
    test = save(tmp_path / "test.extxyz", crystals(4, seed=1))
    lines: list[str] = []
    found = train(request(data, tmp_path / "out", test=(test,)), lines.append)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"checkpoint.pt", "learning.png", "metrics.json", "model.safetensors"} | {
        f"parity_{use}.png" for use in ("valid", "test")
    }
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == found
    assert found["test"]["structures"] == 4
    assert set(found["test"]["per_config_type"]) == {"warm", "hot"}
    assert set(found["test"]["per_species"]) == {"Cu"}
    assert found["valid"]["structures"] == 1
    assert [row["epoch"] for row in found["history"]] == [1, 2, 3]
    assert found["mean_neighbours"] == pytest.approx(18.0, abs=4.0)
    assert (tmp_path / "out" / "learning.png").read_bytes().startswith(b"\x89PNG")
    assert sum(line.startswith("epoch") for line in lines) == 3
    notes = read_notes(tmp_path / "out" / "model.safetensors")
    assert notes["combinations"] == [["Cu"]]
    assert notes["training"]["epochs_done"] == 3
    assert load_network(tmp_path / "out" / "model.safetensors").hyper.species == ("Cu",)


def test_molecules_train_without_stress(tmp_path):
    data = save(tmp_path / "train.extxyz", molecules(12))
    found = train(request(data, tmp_path / "out", epochs=6), silent)
    assert found["valid"]["stress_mae_gpa"] is None
    errors = [row["loss"] for row in found["history"]]
    assert errors[-1] < errors[0]
    assert set(found["reference_energies"]) == {"H", "C", "O"}


def test_crystals_molecules_and_atoms_train_together(tmp_path):
    atoms = [labelled(Atoms(symbol)) for symbol in ("H", "Cu")]
    data = save(tmp_path / "train.extxyz", [*crystals(6), *molecules(6), *atoms])
    lines: list[str] = []
    found = train(request(data, tmp_path / "out", epochs=2), lines.append)
    told = {line.partition(",")[0]: line for line in lines}
    for symbol, way in {
        "H": "energies of isolated atoms",
        "C": "reference energies fitted to whole structures",
    }.items():
        assert f"{symbol} {found['reference_energies'][symbol]:.3f}" in told[way]
    assert "O " not in told["energies of isolated atoms"]
    assert all(row["loss"] > 0.0 for row in found["history"])
    notes = read_notes(tmp_path / "out" / "model.safetensors")
    assert notes["combinations"] == [["C", "O"], ["Cu"], ["H", "O"]]
    assert (notes["fitted_alone"], notes["undetermined"]) == (["C", "O"], [])
    assert notes["training"]["gradient_steps_left_out"] == 0


def test_a_killed_run_goes_on_bit_for_bit(data, tmp_path):
    train(request(data, tmp_path / "whole"), silent)

    def kill(line: str) -> None:
        if line.startswith("epoch 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(request(data, tmp_path / "killed"), kill)
    assert not (tmp_path / "killed" / "metrics.json").exists()
    lines: list[str] = []
    train(request(data, tmp_path / "killed"), lines.append)
    assert "going on after epoch 2 of 3" in lines
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert models[0] == models[1]


def test_a_process_killed_within_an_epoch_goes_on_bit_for_bit(data, tmp_path):
    """By the system, without a chance to tidy up; the temporary file that it might have left goes as well."""

    def command(out: Path) -> list[str]:
        options = ["--variant", "invariant", "--cutoff", "4", "--epochs", "6", "--batch", "2", "--trust-labels"]
        return ["train", str(data), "--out", str(out), *options]

    assert main(command(tmp_path / "whole")) == 0
    killed = tmp_path / "killed"
    line = [sys.executable, "-m", "gnnp_bench.cli", *command(killed)]
    with subprocess.Popen(
        line, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    ) as process:
        assert process.stderr is not None
        assert any(text.startswith("epoch 3/6") for text in process.stderr)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    done = files.read_checkpoint(killed / "checkpoint.pt")["state"]["epoch"]
    assert 2 <= done < 6
    load_network(killed / "model.safetensors")
    (killed / ".model.safetensors.abc").write_bytes(b"half")
    assert main(command(killed)) == 0
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert models[0] == models[1]
    assert not list(killed.glob(".*"))


def test_ctrl_c_is_told_how_to_go_on(data, tmp_path, capsys, monkeypatch):
    def press(done: int, steps: int, epoch: int, epochs: int | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_ignore", press)
    assert main(["train", str(data), "--out", str(tmp_path / "out"), "--trust-labels"]) == 3
    captured = capsys.readouterr()
    assert "interrupted: the same command goes on after the last whole epoch" in captured.err
    assert captured.out == ""


def test_steps_are_shown_with_the_time_that_is_left(capsys):
    show = cli.shown(iter([0.0, 20.0, 30.0]).__next__)
    for step in ((1, 5, 1, None), (2, 5, 1, 10), (3, 5, 1, 1)):
        show(*step)
    shown = [text.removeprefix("\x1b[K  ") for text in capsys.readouterr().err.split("\r")[1:]]
    assert shown == [
        "epoch 1, step 1 of 5",
        "epoch 1 of 10, step 2 of 5, 8 min left",
        "epoch 1 of 1, step 3 of 5, 20 s left",
    ]


def test_the_folder_cannot_be_a_file(data, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert main(["train", str(data), "--out", str(tmp_path / "out")]) == 2
    assert f"cannot make the folder {tmp_path / 'out'}: File exists" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_other_species_are_refused_by_the_trained_network(data, tmp_path):
    out = tmp_path / "out"
    train(request(data, out, epochs=1), silent)
    potential = create(str(out), {}, None)
    assert potential.capabilities.combinations == (frozenset({"Cu"}),)
    with pytest.raises(Unsupported, match="Z = 79 is not among the species Cu"):
        potential.evaluate(crystals(1, symbol="Au"), frozenset({"forces"}))
    weights = (out / "model.safetensors").read_bytes()
    (out / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(PotentialError, match="is no safetensors file, or it is damaged"):
        create(str(out), {}, None)


def test_a_folder_belongs_to_one_run(data, tmp_path):
    train(request(data, tmp_path / "out", epochs=1), silent)
    with pytest.raises(DataError, match=r"holds a run with other settings \(seed: 0, now 1\)"):
        train(request(data, tmp_path / "out", epochs=1, seed=1), silent)
    save(data, crystals(9))
    with pytest.raises(DataError, match=r"other settings \(train data: "):
        train(request(data, tmp_path / "out", epochs=1), silent)
    (tmp_path / "out" / "checkpoint.pt").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match="is no checkpoint of a training run, or it is damaged: remove it"):
        train(request(data, tmp_path / "out", epochs=1), silent)


def test_minutes_fix_the_epochs_after_the_first(data, tmp_path):
    lines: list[str] = []
    recipe: dict[str, Any] = {"epochs": None, "minutes": 0.01}
    found = train(request(data, tmp_path / "out", **recipe), lines.append)
    epochs = found["epochs"]
    assert epochs >= 1
    assert any(line.startswith(f"0.01 minutes make {epochs} epochs") for line in lines)
    checkpoint = files.read_checkpoint(tmp_path / "out" / "checkpoint.pt")
    assert checkpoint["course"]["epochs"] == epochs
    again = train(request(data, tmp_path / "again", epochs=epochs), silent)
    assert [row["loss"] for row in again["history"]] == [row["loss"] for row in found["history"]]


def test_a_full_disk_leaves_the_model_as_it_was(data, tmp_path):
    out = tmp_path / "out"
    small = request(data, out, epochs=2)

    def kill(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small, kill)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(DataError, match=r"cannot write .*checkpoint.pt: File too large"):
            train(small, silent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert os.strerror(errno.EFBIG) == "File too large"


def test_species_that_were_not_trained_on(data, tmp_path):
    test = save(tmp_path / "test.extxyz", crystals(2, symbol="Ni"))
    with pytest.raises(DataError, match="Ni occurs in the test structures, but in none to train on"):
        train(request(data, tmp_path / "out", test=(test,)), silent)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "1", "--minutes", "1"], "--epochs and --minutes both say how long: give one of them"),
        (["--minutes", "-1"], "--minutes must be a positive number, not -1"),
        (["--variant", "lmax9"], "the reference potential has no variant 'lmax9': did you mean"),
        (["--dtype", "float16"], "--dtype must be float32 or float64, not 'float16'"),
        (["--loss", "huber"], "--loss must be mae or rmse, not 'huber'"),
        (["--device", "warp"], "cannot train on the device 'warp'"),
        (["--epochs", "0"], "Invalid value for '--epochs'"),
    ],
)
def test_requests_that_are_wrong(data, tmp_path, capsys, arguments, message):
    status = main(["train", str(data), "--out", str(tmp_path / "out"), "--trust-labels", *arguments])
    captured = capsys.readouterr()
    assert status == 2
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_the_command_prints_the_spec_of_the_model(data, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--epochs", "1", "--variant", "invariant", "--permutation-penalty", "1", "--trust-labels"]
    assert main(["train", str(data), "--out", str(out), *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"reference:{out}\n"
    assert f"next: gnnp-bench certify reference:{out}; errors and figures are in {out}\n" in captured.err
    assert "--permutation-penalty is ignored: the variant 'invariant' obeys that law" in captured.err


def test_labels_in_other_units_are_not_trained_on(tmp_path, capsys):
    structures = crystals(24)
    for atoms in structures:
        atoms.calc.results["energy"] *= 23.0605
        atoms.calc.results["forces"] *= 23.0605
    data = save(tmp_path / "train.extxyz", structures)
    assert main(["train", str(data), "--epochs", "1", "--cutoff", "3.5", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "the energies seem to be in kcal/mol, not in eV: multiply them by 0.0433641" in error
    assert "say --trust-labels if it is right all the same" in error
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_two_molecules_are_enough(tmp_path):
    data = save(tmp_path / "train.extxyz", molecules(2))
    found = train(request(data, tmp_path / "out", epochs=2), silent)
    assert any("no structure can be held out" in remark for remark in found["remarks"])
    assert found["valid"]["structures"] == 2


def test_crystals_under_strain_are_learnt_from_their_energies(tmp_path):
    structures = []
    for scale in np.linspace(0.96, 1.04, 17):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array * scale, scale_atoms=True)
        structures.append(labelled(atoms))
    assert max(np.abs(atoms.get_forces()).max() for atoms in structures) < 1e-9
    data = save(tmp_path / "train.extxyz", structures)
    found = train(request(data, tmp_path / "out", epochs=60, batch=4), silent)
    spread = 1e3 * np.std([atoms.get_potential_energy() / 4 for atoms in structures])
    assert found["valid"]["energy_mae_mev_per_atom"] < spread / 10
    assert load_network(tmp_path / "out" / "model.safetensors").energy_scale > 1e-3


def test_large_boxes_do_not_make_stresses_count_for_more():
    frames = as_frames(crystals(20))
    box = Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]], cell=[20.0] * 3, pbc=True)
    boxes = [Frame(box, -1.0, np.zeros((2, 3)), np.zeros((3, 3)), "") for _ in range(4)]
    references = {"Cu": 0.0}
    alone, together = (scales_of(prepare(these, 5.0, "x"), references) for these in (frames, [*frames, *boxes]))
    assert together.volume < 2.0 * alone.volume


def test_a_run_that_was_killed_before_its_last_model_was_written_ends_with_it(data, tmp_path):
    train(request(data, tmp_path / "whole"), silent)

    def kill(line: str) -> None:
        if line.startswith("epoch 3"):
            raise KeyboardInterrupt

    out = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        train(request(data, out), kill)
    stale = (out / "model.safetensors").read_bytes()
    train(request(data, out), silent)
    finished = (out / "model.safetensors").read_bytes()
    assert stale != finished
    (out / "metrics.json").unlink()
    (out / "model.safetensors").write_bytes(stale)
    train(request(data, out), silent)
    assert (out / "model.safetensors").read_bytes() == finished == (tmp_path / "whole/model.safetensors").read_bytes()


def test_a_damaged_checkpoint_may_be_removed_to_start_anew(data, tmp_path):
    out = tmp_path / "out"

    def kill(line: str) -> None:
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(request(data, out), kill)
    (out / "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(DataError, match="remove it to start anew"):
        train(request(data, out), silent)
    (out / "checkpoint.pt").unlink()
    assert len(train(request(data, out), silent)["history"]) == 3
    with pytest.raises(DataError, match="holds a run with other settings"):
        train(request(data, out, seed=1), silent)
    (out / "checkpoint.pt").unlink()
    with pytest.raises(DataError, match="holds a finished run"):
        train(request(data, out), silent)
    (out / "metrics.json").unlink()  # a network alone is what a potential is loaded from
    with pytest.raises(DataError, match="holds a finished run"):
        train(request(data, out), silent)


def test_atoms_that_see_no_neighbours_are_told(tmp_path):
    data = save(tmp_path / "train.extxyz", crystals(4))
    found = train(request(data, tmp_path / "out", epochs=1, cutoff=2.2), silent)
    assert any("have fewer than 4 neighbours within 2.2 Å; see farther with --cutoff" in r for r in found["remarks"])


def test_a_folder_that_is_called_like_a_shipped_network(data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1,2")
    arguments = ["--epochs", "1", "--variant", "invariant", "--trust-labels", "--out", "lmax1"]
    assert main(["train", str(data), *arguments]) == 0
    assert capsys.readouterr().out == "reference:./lmax1\n"
    assert create("./lmax1", {}, None).capabilities.species == ("Cu",)
