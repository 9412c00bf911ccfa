"""Errors of a peer are measured as ours are, on the structures that ours are."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
import torch

from benchmarks.peers.mace import train_silicon as peer
from gnnp_bench.accuracy.frames import Frame, read_frames
from reference_model.derivatives import predict
from reference_model.graph import collate
from reference_model.train.data import prepare
from reference_model.train.metrics import compare, metrics
from reference_model.untrained import untrained
from reference_model.variants import hyperparameters
from tests.reference_model.structures import left_handed, salt


def frames() -> list[Frame]:
    rng = np.random.default_rng(0)
    made = []
    for kind, structure in (("a", salt()), ("a", left_handed()), ("b", salt(seed=5) * (2, 1, 1))):
        stress = rng.normal(size=(3, 3), scale=0.05)
        label = stress + stress.T if kind == "a" else None
        made.append(Frame(structure, float(rng.normal()), rng.normal(size=(len(structure), 3)), label, kind))
    return made


def test_the_same_predictions_have_the_same_errors():
    labelled = frames()
    network = untrained(hyperparameters(("Na", "Cl"))).double()
    samples = prepare(labelled, 5.0, "here")
    predicted = []
    for sample in samples:
        out = predict(network, collate([sample.neighbourhood], ("Na", "Cl"), torch.float64))
        atoms = sample.frame.structure.copy()
        atoms.info |= {"MACE_energy": float(out.energies[0]), "MACE_stress": out.stresses[0].numpy()}
        atoms.arrays["MACE_forces"] = out.forces.numpy()
        predicted.append(atoms)
    ours, theirs = metrics(compare(network, samples)), metrics(peer.comparison(labelled, predicted))
    assert theirs.keys() == ours.keys()
    assert theirs["stress_mae_gpa"] == pytest.approx(ours["stress_mae_gpa"], rel=1e-10)
    for name in ("energy_mae_mev_per_atom", "energy_rmse_mev_per_atom", "forces_mae_mev_per_ang"):
        assert theirs[name] == pytest.approx(ours[name], rel=1e-10)
        assert theirs["per_config_type"]["b"][name] == pytest.approx(ours["per_config_type"]["b"][name], rel=1e-10)


def test_the_peer_reads_the_labels_that_we_read(tmp_path):
    written = frames()
    peer.write(written, tmp_path / "frames.extxyz")
    found = ase.io.read(tmp_path / "frames.extxyz", ":")
    for frame, atoms in zip(written, found, strict=True):
        assert atoms.info["REF_energy"] == pytest.approx(frame.energy)
        np.testing.assert_allclose(atoms.arrays["REF_forces"], frame.forces, atol=1e-7)
        assert ("REF_stress" in atoms.info) == (frame.stress is not None)
    again, _ = read_frames(tmp_path / "frames.extxyz")
    for before, after in zip(written, again, strict=True):
        np.testing.assert_allclose(after.structure.positions, before.structure.positions, atol=1e-7)
        if before.stress is not None:
            assert after.stress is not None
            np.testing.assert_allclose(after.stress, before.stress, atol=1e-7)


@pytest.mark.parametrize(("epochs", "second"), [(2, 1), (3, 2), (10, 8), (80, 64)])
def test_the_second_stage_is_the_last_fifth(epochs, second):
    given = peer.settings("universal", epochs)
    assert (given["max_num_epochs"], given["start_stage_two"]) == (str(epochs), str(second))


def test_the_time_of_training_is_read_from_the_log():
    lines = ["2026-11-24 23:59:59.500 INFO: Initial: head: Default", "2026-11-25 00:00:41.000 INFO: Training complete"]
    assert peer.moment(lines, "Training complete") - peer.moment(lines, "Initial: ") == pytest.approx(41.5)
    with pytest.raises(RuntimeError, match="Epoch 7"):
        peer.moment(lines, "Epoch 7")
