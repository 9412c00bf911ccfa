"""Errors against numbers by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import units

from reference_model.model import Network
from reference_model.train.data import prepare
from reference_model.train.metrics import Comparison, compare, metrics, summary
from reference_model.variants import hyperparameters
from tests.reference_model.train.frames import as_frames, crystals, molecules


def example() -> Comparison:
    forces = np.zeros((2, 3, 3))
    forces[1, 0] = 0.3
    forces[1, 2] = -0.6
    stresses = np.full((2, 2, 3, 3), np.nan)
    stresses[:, 0] = 0.0
    stresses[1, 0] = 2.0 * units.GPa
    return Comparison(
        energies=np.array([[1.0, 2.0], [1.001, 1.997]]),
        forces=forces,
        stresses=stresses,
        config_types=np.array(["a", "b"]),
        species=np.array(["H", "O", "O"]),
        owners=np.array([0, 1, 1]),
    )


def test_errors_by_hand():
    found = metrics(example())
    assert (found["structures"], found["atoms"]) == (2, 3)
    assert found["energy_mae_mev_per_atom"] == pytest.approx(2.0)
    assert found["energy_rmse_mev_per_atom"] == pytest.approx(5**0.5)
    assert found["forces_mae_mev_per_ang"] == pytest.approx(300.0)
    assert found["forces_rmse_mev_per_ang"] == pytest.approx(150.0**0.5 * 1e3 * (0.001**0.5))
    assert found["stress_mae_gpa"] == pytest.approx(2.0)
    assert found["per_config_type"]["b"]["energy_mae_mev_per_atom"] == pytest.approx(3.0)
    assert found["per_config_type"]["b"]["forces_mae_mev_per_ang"] == pytest.approx(300.0)
    assert found["per_config_type"]["b"]["stress_mae_gpa"] is None
    assert found["per_species"]["H"] == pytest.approx(
        {"atoms": 1, "forces_mae_mev_per_ang": 300.0, "forces_rmse_mev_per_ang": 300.0}
    )
    assert summary(found) == "MAE 2.00 meV/atom, 300.0 meV/Å, 2.000 GPa"
    json.dumps(found, allow_nan=False)


def test_predictions_are_held_against_their_own_structures():
    structures = [*molecules(4), *crystals(3)]
    samples = prepare(as_frames(structures), 4.0, "x")
    network = Network(hyperparameters(["H", "C", "O", "Cu"], "invariant", cutoff=4.0, n_channels=4)).double()
    together = compare(network, samples)
    for index, sample in enumerate(samples):
        alone = compare(network, [sample])
        atoms = together.owners == index
        np.testing.assert_allclose(together.forces[:, atoms], alone.forces, atol=1e-12)
        np.testing.assert_allclose(together.energies[:, index], alone.energies[:, 0], atol=1e-12)
    assert np.isnan(together.stresses[:, :4]).all()
    assert np.isfinite(together.stresses[:, 4:]).all()
