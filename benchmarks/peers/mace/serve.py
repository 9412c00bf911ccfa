"""Times MACE in its own environment: requests come as lines of JSON, and so do answers. Run as a script.

A request is {"model": "64x0e", "structure": "cu.extxyz", "repeats": 3}; the answer holds the seconds of each evaluation
of energy, forces and stress, neighbour list included: {"cpu": [...], "wall": [...]}. Weights are random.
"""

import json
import sys
import time
import warnings
from functools import lru_cache
from typing import Any

warnings.simplefilter("ignore")
import ase.io  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

CUTOFF = 5.0


@lru_cache
def calculator(irreps: str, z: int, neighbours: float) -> Any:
    """Return MACE with two layers, max_ell 2, correlation 3 and eight Bessel functions, in float32."""
    from e3nn import o3
    from mace import modules
    from mace.calculators import MACECalculator

    torch.manual_seed(0)
    model = modules.ScaleShiftMACE(
        r_max=CUTOFF,
        num_bessel=8,
        num_polynomial_cutoff=6,
        max_ell=2,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
        num_interactions=2,
        num_elements=1,
        hidden_irreps=o3.Irreps(irreps),
        MLP_irreps=o3.Irreps("16x0e"),
        gate=torch.nn.functional.silu,
        atomic_energies=np.array([0.0]),
        avg_num_neighbors=neighbours,
        atomic_numbers=[z],
        correlation=3,
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
        radial_type="bessel",
        radial_MLP=[64, 64, 64],
    )
    return MACECalculator(models=[model.to(torch.float32)], device="cpu", default_dtype="float32")


def main() -> None:
    """Answer requests until there are no more."""
    torch.set_num_threads(1)
    answers, sys.stdout = sys.stdout, sys.stderr  # what packages print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        atoms = ase.io.read(request["structure"])
        assert isinstance(atoms, ase.Atoms)
        atoms.calc = calculator(request["model"], int(atoms.numbers[0]), 42.0)
        cpu, wall = [], []
        for repeat in range(request["repeats"]):
            atoms.rattle(1e-4, seed=repeat)
            start_cpu, start_wall = time.process_time(), time.perf_counter()
            atoms.get_stress()  # MACE's calculator computes energy and forces along with it
            cpu.append(time.process_time() - start_cpu)
            wall.append(time.perf_counter() - start_wall)
        print(json.dumps({"cpu": cpu, "wall": wall}), file=answers, flush=True)


main()
