"""Times the reference potential in a process of its own; see `benchmarks.peers.mace.serve` for the requests.

A model is a variant, or VARIANT-compiled. Besides, {"model": …, "structure": …, "measure": NAME} measures "flops" (of
matrix products, in one evaluation), "rate" (floating-point operations per second of a large matrix product), "making"
(seconds until the potential is there, with those of compilers), "peak" (bytes, and seconds of the first evaluation of
this size and of one with the memory at hand) and "batch" (seconds for 64 cells together and one at a time).
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import ase.io
import torch
from ase import Atoms
from torch.utils.flop_counter import FlopCounterMode

from gnnp_bench.potential import ALL_PROPERTIES
from reference_model.potential import ReferencePotential, from_network
from reference_model.untrained import untrained
from reference_model.variants import hyperparameters

AT_HAND = 3
"""Evaluations of a large system after the first, which spends up to a fifth of its time on being given memory."""


@lru_cache
def potential(model: str, symbol: str) -> ReferencePotential:
    """Return an untrained potential of one species in float32."""
    variant, _, compiled = model.partition("-")
    return from_network(untrained(hyperparameters([symbol], variant)), model, compile=bool(compiled))


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Return CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def rate() -> float:
    """Return floating-point operations per CPU second of a product of 1024 × 1024 matrices, the best of ten."""
    a = torch.randn(1024, 1024)
    return 2 * 1024**3 / min(timed(lambda: a @ a)[0] for _ in range(10))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return what a request asks for."""
    atoms = ase.io.read(request["structure"])
    assert isinstance(atoms, Atoms)
    measure = request.get("measure", "time")
    before = os.times()
    made = potential(request["model"], str(atoms.symbols[0]))
    if measure == "making":
        return {"cpu": sum(os.times()[:4]) - sum(before[:4])}
    if measure == "flops":
        with FlopCounterMode(display=False) as counter:
            made.evaluate([atoms], ALL_PROPERTIES)
        return {"flops": counter.get_total_flops()}
    if measure == "rate":
        return {"rate": rate()}
    if measure == "peak":
        baseline = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        first, *later = (timed(lambda: made.evaluate([atoms], ALL_PROPERTIES))[0] for _ in range(1 + AT_HAND))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cpu = statistics.median(later)
        return {"first": first, "cpu": cpu, "peak": 1024 * peak, "above_baseline": 1024 * (peak - baseline)}
    if measure == "batch":
        cells = [atoms.copy() for _ in range(64)]
        for seed, cell in enumerate(cells):
            cell.rattle(0.05, seed=seed)
        together = min(timed(lambda: made.evaluate(cells, ALL_PROPERTIES))[0] for _ in range(5))
        apart = min(timed(lambda: [made.evaluate([cell], ALL_PROPERTIES) for cell in cells])[0] for _ in range(3))
        return {"together": together, "apart": apart}
    times = []
    for repeat in range(request["repeats"]):
        atoms.rattle(1e-4, seed=repeat)
        times.append(timed(lambda: made.evaluate([atoms], ALL_PROPERTIES)))
    return {"cpu": [cpu for cpu, _ in times], "wall": [wall for _, wall in times]}


def main() -> None:
    """Answer requests until there are no more."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
