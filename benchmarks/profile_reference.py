"""Where the time of the reference potential goes: energy, forces and stress in float32 on one thread.

    python -m benchmarks.profile_reference [--repeats N]

For 256 atoms of copper and 512 of silicon: processor time by stage and by kind of operator, and the matrix products by
shape, each with the rate that it reaches beside that of a large one. torch's own profiler measures wall time, which on
a shared machine is that of others as well; here every operator is timed by the processor's clock.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from ase import Atoms
from ase.build import bulk
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.reference_worker import potential, rate, timed
from gnnp_bench.potential import ALL_PROPERTIES
from reference_model.forces import forces_and_virials
from reference_model.graph import collate, find_neighbours

KINDS = {
    "matrix products": ("mm", "bmm", "addmm", "baddbmm"),
    "copies, joins and gathers": ("copy_", "_to_copy", "cat", "clone", "stack", "index", "index_select", "gather"),
    "sums": ("sum", "mean", "index_add_", "index_add"),
}
"""What does not belong to any is element-wise arithmetic, or takes next to no time."""
ARITHMETIC = "element-wise arithmetic, and the rest"
Shapes: TypeAlias = tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class Spent:
    """Processor time in s, calls, and floating-point operations (of matrix products)."""

    seconds: float = 0.0
    calls: int = 0
    flops: float = 0.0

    def add(self, seconds: float, flops: float) -> None:
        self.seconds += seconds
        self.calls += 1
        self.flops += flops


class Clock(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Times every operator that runs, of derivatives as well."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_kind: defaultdict[str, Spent] = defaultdict(Spent)
        self.by_shape: defaultdict[Shapes, Spent] = defaultdict(Spent)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        begin = time.process_time()
        result = func(*args, **(kwargs or {}))
        seconds = time.process_time() - begin
        name = func.overloadpacket.__name__
        kind = next((kind for kind, names in KINDS.items() if name in names), ARITHMETIC)
        if kind == "matrix products":
            first, second = (value for value in args if value.dim() > 1)
            flops = 2.0 * first.numel() * second.shape[-1]
            self.by_shape[tuple(first.shape), tuple(second.shape)].add(seconds, flops)
        self.by_kind[kind].add(seconds, flops if kind == "matrix products" else 0.0)
        return result


def structures() -> dict[str, Atoms]:
    """Return shaken crystals by name, as in `benchmarks.reference_speed`."""
    found = {"Cu256": bulk("Cu", a=3.61, cubic=True) * (4, 4, 4), "Si512": bulk("Si", a=5.43, cubic=True) * (4, 4, 4)}
    for atoms in found.values():
        atoms.rattle(0.05, seed=0)
    return found


def stages(atoms: Atoms, repeats: int) -> dict[str, float]:
    """Return the median processor time of each stage of one evaluation, in s."""
    made = potential("lmax2", str(atoms.symbols[0]))
    network, hyper = made.network, made.network.hyper
    found: dict[str, list[float]] = defaultdict(list)

    def stage(name: str, work: Callable[[], Any]) -> Any:
        begin = time.process_time()
        result = work()
        found[name].append(time.process_time() - begin)
        return result

    for _ in range(repeats):
        near = stage("neighbour list", lambda: find_neighbours(atoms, hyper.cutoff))
        graph = stage("padded rows", lambda: collate([near], hyper.species))  # noqa: B023
        vectors = graph.vectors.requires_grad_()
        leaf = dataclasses.replace(graph, vectors=vectors)
        energies = stage("energies", lambda: network(leaf).energies.sum())  # noqa: B023
        (gradient,) = stage("their derivative", lambda: torch.autograd.grad(energies, vectors))  # noqa: B023
        stage(
            "forces and virials",
            lambda: forces_and_virials(vectors.detach(), gradient, graph.reverse),  # noqa: B023
        )
        found["all of it, at once"].append(timed(lambda: made.evaluate([atoms], ALL_PROPERTIES))[0])
    return {name: statistics.median(values) for name, values in found.items()}


def operators(atoms: Atoms, repeats: int) -> Clock:
    """Return the processor time of every kind of operator in so many evaluations."""
    made = potential("lmax2", str(atoms.symbols[0]))
    made.evaluate([atoms], ALL_PROPERTIES)
    clock = Clock()
    with clock:
        for _ in range(repeats):
            made.evaluate([atoms], ALL_PROPERTIES)
    return clock


def show(name: str, atoms: Atoms, repeats: int) -> None:
    """Print what was measured of a structure."""
    by_stage = stages(atoms, repeats)
    whole = by_stage["all of it, at once"]
    print(f"\n{name}: {1e6 * whole / len(atoms):.0f} µs of processor time per atom")
    for stage, seconds in by_stage.items():
        print(f"  {100 * seconds / whole:5.1f} %  {1e6 * seconds / len(atoms):6.1f} µs  {stage}")
    clock = operators(atoms, repeats)
    per_atom = 1e6 / repeats / len(atoms)
    fastest = rate()
    print(f"  by kind of operator; a product of 1024 × 1024 reaches {1e-9 * fastest:.0f} GFLOP/s:")
    for kind, spent in sorted(clock.by_kind.items(), key=lambda one: -one[1].seconds):
        print(f"  {per_atom * spent.seconds:8.1f} µs in {spent.calls // repeats:4d} calls  {kind}")
    products = clock.by_kind["matrix products"]
    print(
        f"  {1e-6 * products.flops / repeats / len(atoms):.2f} MFLOP per atom in matrix products, at "
        f"{1e-9 * products.flops / products.seconds:.0f} GFLOP/s; at the rate of the large one"
        f" {per_atom * products.flops / fastest:.1f} µs"
    )
    for shapes, spent in sorted(clock.by_shape.items(), key=lambda one: -one[1].seconds)[:8]:
        what = " · ".join(" × ".join(str(size) for size in shape) for shape in shapes)
        reached = 1e-9 * spent.flops / spent.seconds
        print(f"  {per_atom * spent.seconds:8.1f} µs at {reached:3.0f} GFLOP/s  {what}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name, atoms in structures().items():
        show(name, atoms, asked.repeats)


if __name__ == "__main__":
    main()
