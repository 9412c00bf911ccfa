"""Write the checkpoint of a small untrained M3GNet of MatterSim: run by the Python of the environment `mattersim`."""

import os
import sys

import torch
from mattersim.forcefield.m3gnet.m3gnet import M3Gnet
from mattersim.forcefield.potential import Potential


def main(path: str) -> None:
    torch.manual_seed(0)
    model = M3Gnet(num_blocks=2, units=16, max_l=3, max_n=3, cutoff=4.0, threebody_cutoff=3.5, max_z=79, device="cpu")
    # Untrained energies are a few meV: scaled so that forces are of the size of those in a solid.
    model.normalizer.scale[:] = 20.0
    Potential(model, device="cpu").save(os.path.abspath(path))


if __name__ == "__main__":
    main(sys.argv[1])
