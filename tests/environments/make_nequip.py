"""Train a small NequIP or Allegro for one epoch on EMT, package and compile it, by the package's own commands.

Run by the Python of the environment `nequip`: make_nequip.py FOLDER {nequip,allegro} {float32,float64} [TARGET …]. It
writes last.ckpt, model.nequip.zip and, for each target (ase, batch, pair_nequip), TARGET.nequip.pt2.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
from ase.build import bulk
from ase.calculators.emt import EMT

R_MAX = 4.0
COMMON = {
    "seed": 1,
    "type_names": ["Cu", "Au"],
    "r_max": R_MAX,
    "avg_num_neighbors": 20.0,
    "per_type_energy_shifts": {"Cu": 0.1, "Au": 0.2},
    "per_type_energy_scales": 3.0,
}
MODELS = {
    "nequip": {
        "_target_": "nequip.model.NequIPGNNModel",
        "num_layers": 2,
        "l_max": 1,
        "num_features": 8,
        "radial_mlp_width": 8,
        **COMMON,
    },
    "allegro": {
        "_target_": "allegro.model.AllegroModel",
        "l_max": 2,
        "num_layers": 2,
        "num_scalar_features": 8,
        "num_tensor_features": 4,
        "allegro_mlp_hidden_layers_width": 8,
        "scalar_embed_mlp_hidden_layers_width": 8,
        "readout_mlp_hidden_layers_width": 8,
        "radial_chemical_embed": {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed"},
        **COMMON,
    },
}


def main(kind: str, dtype: str, folder: Path, targets: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_structures(folder / "train.xyz")
    config = settings({**MODELS[kind], "model_dtype": dtype}, folder)
    (folder / "config.yaml").write_text(json.dumps(config))
    call(folder, "train", f"-cp={folder}", "-cn=config", f"hydra.run.dir={folder}")
    call(folder, "package", "build", "last.ckpt", "model.nequip.zip")
    for target in targets:
        args = ("--mode", "aotinductor", "--device", "cpu", "--target", target)
        call(folder, "compile", "model.nequip.zip", f"{target}.nequip.pt2", *args)


def write_structures(path: Path) -> None:
    draws = np.random.default_rng(0)
    structures = []
    for _ in range(4):
        atoms = bulk("Cu", cubic=True)
        atoms.numbers[1] = 79
        atoms.positions += draws.normal(0.0, 0.05, (4, 3))
        atoms.calc = EMT()
        atoms.get_stress()
        structures.append(atoms)
    ase.io.write(path, structures, format="extxyz")


def settings(model: dict[str, object], folder: Path) -> dict[str, object]:
    path = str(folder / "train.xyz")
    mapper = {"_target_": "nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper", "model_type_names": ["Cu", "Au"]}
    neighbours = {"_target_": "nequip.data.transforms.NeighborListTransform", "r_max": R_MAX}
    loader = {"_target_": "torch.utils.data.DataLoader", "batch_size": 2}
    metric = {
        "_target_": "nequip.train.EnergyForceMetrics",
        "coeffs": {"total_energy_mae": 1.0, "forces_mae": 1.0},
    }
    return {
        "run": ["train"],
        "data": {
            "_target_": "nequip.data.datamodule.ASEDataModule",
            "seed": 1,
            "train_file_path": path,
            "val_file_path": path,
            "transforms": [mapper, neighbours],
            "train_dataloader": loader,
            "val_dataloader": loader,
        },
        "trainer": {
            "_target_": "lightning.Trainer",
            "accelerator": "cpu",
            "max_epochs": 1,
            "logger": False,
            "enable_progress_bar": False,
            "callbacks": [
                {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": str(folder), "save_last": True}
            ],
        },
        "training_module": {
            "_target_": "nequip.train.NequIPLightningModule",
            "loss": {"_target_": "nequip.train.EnergyForceLoss", "coeffs": {"total_energy": 1.0, "forces": 1.0}},
            "val_metrics": metric,
            "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
            "model": model,
        },
    }


def call(folder: Path, command: str, *args: str) -> None:
    program = Path(sys.executable).with_name(f"nequip-{command}")
    subprocess.run([program, *args], check=True, cwd=folder)


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3], Path(sys.argv[1]).resolve(), sys.argv[4:])
