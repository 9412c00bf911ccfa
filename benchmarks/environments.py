"""What it costs that a potential lives in another Python: 32 structures of 50 atoms, asked for E, F and σ.

    python -m benchmarks.environments PYTHON

PYTHON is another interpreter with numpy and ASE, as `--env` takes it. Each potential is asked here and there in turn,
A B B A, and the medians of both are printed with their difference, beside the limit of
1 ms + 5 %. On a machine that is busy the fastest tenth tells more than the median; it is printed as well, and decides.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk

from gnnp_bench import Capabilities, Potential, Prediction
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Property

STRUCTURES, ATOMS = 32, 50
POTENTIALS = (
    "benchmarks.environments:nothing",
    "benchmarks.environments:arithmetic",
    "ase:ase.calculators.emt:EMT",
)
SECONDS = 2.0
"""For each potential."""
LIMIT_MS, LIMIT_SHARE = 1.0, 0.05


class Free:
    """A potential that computes as long as it is told, and answers zero."""

    name = "free"
    capabilities = Capabilities(species=("Cu",))

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return zeros of the right shapes."""
        work: FloatArray = np.eye(200)
        for _ in range(self.rounds):
            work = work @ work
        return [Prediction(0.0, np.zeros((len(s), 3)), np.zeros((3, 3))) for s in structures]


def nothing() -> Potential:
    """Return a potential that costs nothing, beside which the way there is all."""
    return Free(0)


def arithmetic() -> Potential:
    """Return one that computes for tens of milliseconds."""
    return Free(100)


def batch() -> list[Atoms]:
    """Return copper with 50 atoms, each copy shaken differently."""
    crystal = bulk("Cu", cubic=True).repeat((4, 4, 1))[:ATOMS]
    structures = [crystal.copy() for _ in range(STRUCTURES)]
    for seed, structure in enumerate(structures):
        structure.rattle(0.05, seed=seed)
    return structures


def seconds(potential: Potential, structures: list[Atoms]) -> float:
    """Return the time of one call."""
    begin = time.perf_counter()
    potential.evaluate(structures, ALL_PROPERTIES)
    return time.perf_counter() - begin


def main(python: str) -> int:
    """Print one line for each potential; return 1 if one is beyond the limit."""
    from gnnp_bench.adapters.registry import load

    structures, beyond = batch(), False
    print(f"{STRUCTURES} structures of {ATOMS} atoms, medians in ms")
    for spec in POTENTIALS:
        pair = (load(spec, ("Cu",)).potential, load(f"{spec}?env={python}", ("Cu",)).potential)
        times: tuple[list[float], list[float]] = ([], [])
        for which in (0, 1):  # imports, caches
            seconds(pair[which], structures)
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until or len(times[0]) < 4:
            for which in (0, 1, 1, 0):
                times[which].append(1e3 * seconds(pair[which], structures))
        for name, quantile in (("median", 0.5), ("fastest tenth", 0.1)):
            here, there = (float(np.quantile(found, quantile)) for found in times)
            limit = LIMIT_MS + LIMIT_SHARE * here
            told = f"here {here:8.3f}  there {there:8.3f}  between {there - here:6.3f}  limit {limit:6.3f}"
            print(f"{spec:<36} {name:<13} {told}")
        beyond |= there - here > limit
    return int(beyond)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
