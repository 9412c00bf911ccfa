"""What `gnnp-bench gate` runs on two revisions of this project: docs/gate.md says how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import alloy, kernels

NETWORK = "reference-lmax2"
Benchmark = tuple[kernels.Kernel, Callable[[Any], dict[str, Any]]]


def _evaluation(name: str, n_atoms: int, what: str, dtype: str = "float32") -> Benchmark:
    kernel = kernels.make_evaluation(name, n_atoms, dtype, what)
    network = name.startswith("reference-")

    def describe(predictions: Any) -> dict[str, Any]:
        (found,) = predictions
        results = {
            key: getattr(found, key) for key in ("energy", "forces", "stress") if getattr(found, key) is not None
        }
        counters = {"edges": kernels.n_edges(n_atoms)}
        if network:
            counters |= {"parameters": kernels.n_parameters(name, dtype), "flops": kernels.flops(kernel)}
        return {"results": results, "counters": counters}

    return kernel, describe


def bench_energy_forces_stress() -> Benchmark:
    """Compute energy, forces and stress of 64 atoms by the reference potential."""
    return _evaluation(NETWORK, 64, "stress")


def bench_energy() -> Benchmark:
    """Compute the energy of 64 atoms by the reference potential."""
    return _evaluation(NETWORK, 64, "energy")


def bench_small_batch() -> Benchmark:
    """Compute energies and forces of 16 structures of 8 atoms at once."""
    kernel = kernels.make_batch(NETWORK, 8, "float32", 16)
    return kernel, lambda found: {"results": {"energies": [one.energy for one in found]}}


def bench_neighbours() -> Benchmark:
    """Find the neighbours of 512 atoms."""
    return kernels.make_neighbours(512), lambda found: {"counters": {"pairs": len(found.first)}}


def bench_radial_basis() -> Benchmark:
    """Evaluate Bessel functions and their envelope at 20,000 distances, with derivative."""
    return kernels.make_radial_basis(), lambda found: {"results": {"derivative": found[::100].tolist()}}


def bench_products() -> Benchmark:
    """Form the invariants of 64 atoms with 64 channels, with derivative."""
    return kernels.make_products(), lambda found: {"results": {"derivative": found[:, :2, :8].tolist()}}


def bench_accuracy() -> Benchmark:
    """Evaluate a fitted network on structures with labels of our own making."""
    return kernels.make_fitted(), lambda found: {"errors": alloy.errors(found)}


def bench_laws() -> Benchmark:
    """Measure how exactly the reference potential obeys what it claims, in float32; its time is that of the loop."""
    subject = (NETWORK, "float32")

    def describe(work: float) -> dict[str, Any]:
        return {
            "errors": {
                "force along a closed loop, eV/Å": work,
                "forces, eV/Å": kernels.force_error(*subject),
                "rotation, eV/Å": kernels.rotation_residual(*subject),
            }
        }

    return lambda: kernels.loop_force(*subject), describe


def bench_noise_floor() -> Benchmark:
    """Measure the noise floor of a closed formula on 8 atoms."""
    kernel = kernels.make_noise_floor("pair", "float64")
    return kernel, lambda found: {"errors": {"forces, eV/Å": found.forces}}


def bench_check() -> Benchmark:
    """Judge one law, on a pool of structures, for a closed formula."""
    kernel = kernels.make_certificate("pair", "float64", ("symmetry/rotation",))
    return kernel, lambda found: {"counters": {"evaluations": found.evaluations}}


def bench_pool() -> Benchmark:
    """Draw the 24 structures of a certificate at `standard`."""
    return kernels.make_pool(), lambda found: {"counters": {"atoms": sum(len(atoms) for atoms in found)}}
