"""Write the state of a small untrained Orb v3: run by the Python of the environment `orb`."""

import sys

import torch
from orb_models.forcefield import pretrained
from orb_models.forcefield.atomic_system import SystemConfig


def main(path: str, architecture: str) -> None:
    torch.manual_seed(0)
    build = getattr(pretrained, f"{architecture}_architecture")
    sizes = {"latent_dim": 32, "base_mlp_hidden_dim": 64, "head_mlp_hidden_dim": 32, "num_message_passing_steps": 2}
    model = build(**sizes, device="cpu", system_config=SystemConfig(radius=6.0, max_num_neighbors=120))
    # Untrained forces are a few meV/Å: scaled to those in a solid.
    model.heads["energy"].normalizer.bn.running_var[:] = 400.0
    if "forces" in model.heads:
        model.heads["forces"].normalizer.bn.running_var[:] = 4.0
    torch.save(model.state_dict(), path)


if __name__ == "__main__":
    main(*sys.argv[1:])
