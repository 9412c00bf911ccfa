"""Save a small untrained potential of MatGL: run by the Python of the environment `matgl`."""

import sys

import torch
from matgl.apps.pes import Potential
from matgl.models import CHGNet, M3GNet, TensorNet

ELEMENTS = ("H", "C", "O", "Si", "Cu", "Au")


def main(folder: str, name: str) -> None:
    torch.manual_seed(0)
    if name == "TensorNet":
        model = TensorNet(element_types=ELEMENTS, units=16, nblocks=1, num_rbf=8, cutoff=4.0, is_intensive=False)
    elif name == "M3GNet":
        sizes = {"dim_node_embedding": 16, "dim_edge_embedding": 16, "units": 16, "nblocks": 2}
        model = M3GNet(element_types=ELEMENTS, cutoff=4.0, threebody_cutoff=3.5, is_intensive=False, **sizes)
    elif name == "M3GNet-smooth":
        sizes = {"dim_node_embedding": 16, "dim_edge_embedding": 16, "units": 16, "nblocks": 2}
        model = M3GNet(
            element_types=ELEMENTS, cutoff=4.0, threebody_cutoff=3.5, is_intensive=False, use_smooth=True, **sizes
        )
    else:
        sizes = {"dim_atom_embedding": 16, "dim_bond_embedding": 16, "dim_angle_embedding": 16, "num_blocks": 2}
        model = CHGNet(element_types=ELEMENTS, cutoff=4.0, threebody_cutoff=3.0, final_hidden_dims=(16, 16), **sizes)
    # Untrained forces are a few meV/Å: scaled to those in a solid.
    scale = {"TensorNet": 200.0, "M3GNet": 1000.0, "M3GNet-smooth": 500.0, "CHGNet": 50.0}[name]
    Potential(model, data_std=scale, calc_magmom=name == "CHGNet").save(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
