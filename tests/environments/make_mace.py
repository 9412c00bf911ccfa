"""Write the file of a small untrained MACE model for copper and gold: run by the Python of the environment `mace`."""

import sys

import numpy as np
import torch
from e3nn import o3
from mace import modules


def main(path: str) -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    model = modules.ScaleShiftMACE(
        r_max=4.0,
        num_bessel=4,
        num_polynomial_cutoff=5,
        max_ell=2,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=2,
        hidden_irreps=o3.Irreps("8x0e + 8x1o"),
        MLP_irreps=o3.Irreps("8x0e"),
        gate=torch.nn.functional.silu,
        atomic_energies=np.array([-3.0, -2.0]),
        avg_num_neighbors=20.0,
        atomic_numbers=[29, 79],
        correlation=2,
        atomic_inter_scale=0.5,
        atomic_inter_shift=0.0,
    )
    torch.save(model, path)


if __name__ == "__main__":
    main(sys.argv[1])
