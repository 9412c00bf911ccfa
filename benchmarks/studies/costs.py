"""What evaluations of several potentials cost, side by side."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from functools import partial

from ase import Atoms
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.reference_worker import timed
from gnnp_bench.potential import ALL_PROPERTIES, Potential

REPEATS = 2
"""Evaluations in each turn."""


def costs(
    potentials: Mapping[str, Potential], structures: Mapping[str, Atoms], rounds: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Return what an evaluation of energy, forces and stress costs, by potential and structure.

    All take turns, there and back in every round. The neighbour list is included.

    Returns
    -------
    dict
        `us_per_atom`, the median CPU time, and `mflop_per_atom`, of matrix products alone.
    """
    times: dict[tuple[str, str], list[float]] = {(p, s): [] for p in potentials for s in structures}

    def turn(name: str, of: str, repeat: int) -> float:
        atoms = structures[of].copy()
        atoms.rattle(1e-4, seed=repeat)
        return timed(partial(potentials[name].evaluate, [atoms], ALL_PROPERTIES))[0]

    flops = {}
    for name, of in times:
        with FlopCounterMode(display=False) as counter:  # which is not timed: it warms up as well
            turn(name, of, 0)
        flops[name, of] = counter.get_total_flops()
    for _ in range(rounds):
        for name in (*potentials, *reversed(list(potentials))):
            for of in structures:
                times[name, of] += [turn(name, of, repeat) for repeat in range(REPEATS)]
    return {
        name: {
            of: {
                "us_per_atom": 1e6 * statistics.median(times[name, of]) / len(structure),
                "mflop_per_atom": 1e-6 * flops[name, of] / len(structure),
            }
            for of, structure in structures.items()
        }
        for name in potentials
    }
