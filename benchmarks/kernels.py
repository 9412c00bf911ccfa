"""What is measured, as functions without arguments: shared by the suites of asv and of pytest-benchmark, and the gate.

Each `make_*` sets its kernel up and returns it. It raises NotImplementedError where a revision does not have what the
kernel is about, which asv and the gate understand; older revisions are measured by today's benchmarks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from ase import Atoms

POTENTIALS = (
    "pair",
    "embedded-atom",
    "reference-invariant",
    "reference-lmax1",
    "reference-lmax2",
    "reference-equivariant",
    "reference-direct",
)
"""Two closed formulas of the tests, and untrained networks."""
DTYPES = ("float32", "float64")
SIZES = (8, 64, 512)
PROPERTIES: Mapping[str, frozenset[str]] = {
    "energy": frozenset({"energy"}),
    "forces": frozenset({"energy", "forces"}),
    "stress": frozenset({"energy", "forces", "stress"}),
}
DIAMOND = np.array([[0, 0, 0], [1, 1, 1], [0, 2, 2], [1, 3, 3], [2, 0, 2], [3, 1, 3], [2, 2, 0], [3, 3, 1]]) / 4
"""Fractions of the cubic cell. `ase.build` would do, and take longer to import than most kernels to run."""
CUTOFF = 5.0
Kernel = Callable[[], Any]


def structure(n_atoms: int, seed: int = 0) -> Atoms:
    """Return a shaken crystal of silicon of exactly `n_atoms` = 8 k³ atoms, the same for the same seed."""
    times = round((n_atoms / 8) ** (1 / 3))
    if 8 * times**3 != n_atoms:
        raise ValueError(f"8, 64, 216, 512, … atoms make a cube, {n_atoms} do not")
    atoms: Atoms = Atoms("Si8", scaled_positions=DIAMOND, cell=[5.43] * 3, pbc=True).repeat(times)
    atoms.positions += np.random.default_rng(seed).normal(scale=0.05, size=(n_atoms, 3))
    return atoms


@functools.lru_cache(maxsize=4)
def potential(name: str, dtype: str) -> Any:
    """Return a potential by its name here, on one thread.

    Raises
    ------
    NotImplementedError
        This revision has no such potential.
    """
    try:
        if not name.startswith("reference-"):
            from tests import analytic

            make = {"pair": analytic.smooth_pair, "embedded-atom": analytic.embedded_atom}[name]
            return make(dtype="float32" if dtype == "float32" else "float64")
        import torch

        from reference_model.potential import create

        torch.set_num_threads(1)
        return create(f"untrained-{name.removeprefix('reference-')}", {"dtype": dtype}, ("Si",))
    except ImportError as error:
        raise NotImplementedError(f"this revision has no {name}: {error}") from error
    except Exception as error:  # an older one may have fewer variants
        if type(error).__name__ == "PotentialError":
            raise NotImplementedError(str(error)) from error
        raise


def make_evaluation(name: str, n_atoms: int, dtype: str, what: str) -> Kernel:
    """Evaluate one structure; `what` is a key of `PROPERTIES`."""
    subject, structures = potential(name, dtype), [structure(n_atoms)]
    return lambda: subject.evaluate(structures, PROPERTIES[what])


def make_fitted() -> Kernel:
    """Evaluate the test structures of `alloy` by the network that is committed with them."""
    from benchmarks import alloy

    try:
        import torch

        from gnnp_bench.potential import ALL_PROPERTIES, PotentialError
        from reference_model.potential import create

        torch.set_num_threads(1)
        subject = create(str(alloy.NETWORK), {}, None)
    except (ImportError, PotentialError) as error:
        raise NotImplementedError(f"this revision cannot read {alloy.NETWORK.name}: {error}") from error
    structures = alloy.test_structures()
    return lambda: subject.evaluate(structures, ALL_PROPERTIES)


def make_batch(name: str, n_atoms: int, dtype: str, batch: int) -> Kernel:
    """Evaluate several structures at once, energies and forces."""
    subject, structures = potential(name, dtype), [structure(n_atoms, seed) for seed in range(batch)]
    return lambda: subject.evaluate(structures, PROPERTIES["forces"])


def make_neighbours(n_atoms: int) -> Kernel:
    """Find the neighbours of a structure, as the reference potential does."""
    try:
        from reference_model.graph import find_neighbours
    except ImportError as error:
        raise NotImplementedError("this revision has no reference potential") from error
    atoms = structure(n_atoms)
    return lambda: find_neighbours(atoms, CUTOFF)


def make_radial_basis(n_edges: int = 20_000) -> Kernel:
    """Evaluate Bessel functions under their envelope, and their derivative."""
    try:
        import torch

        from reference_model.radial import bessel, envelope
    except ImportError as error:
        raise NotImplementedError("this revision has no radial basis of that kind") from error
    torch.set_num_threads(1)
    distances = torch.linspace(1.0, CUTOFF, n_edges).requires_grad_()

    def kernel() -> Any:
        values = bessel(distances, CUTOFF, 8) * envelope(distances / CUTOFF)
        return torch.autograd.grad(values.sum(), distances)[0]

    return kernel


def make_products(l_max: int = 2, n_atoms: int = 64, n_channels: int = 64) -> Kernel:
    """Form all invariants of the density of neighbours, and their derivative."""
    try:
        import torch

        from reference_model.products import Invariants
    except ImportError as error:
        raise NotImplementedError("this revision has no products of that kind") from error
    torch.set_num_threads(1)
    invariants = Invariants(l_max).float()
    generator = torch.Generator().manual_seed(0)
    density = torch.randn((l_max + 1) ** 2, n_atoms, n_channels, generator=generator).requires_grad_()

    def by_degree() -> Any:
        return torch.split(density, [2 * degree + 1 for degree in range(l_max + 1)])

    try:
        invariants(by_degree())
    except (AttributeError, TypeError):  # an older revision takes all degrees in one tensor
        return lambda: torch.autograd.grad(invariants(density).sum(), density)[0]
    return lambda: torch.autograd.grad(invariants(by_degree()).sum(), density)[0]


def make_noise_floor(name: str, dtype: str) -> Kernel:
    """Measure ν of a structure of eight atoms."""
    try:
        from gnnp_bench.engine.evaluate import Evaluator
        from gnnp_bench.engine.noise import measure_noise
    except ImportError as error:
        raise NotImplementedError("this revision does not measure noise like this") from error
    subject, atoms = potential(name, dtype), structure(8)

    def kernel() -> Any:
        (done,) = Evaluator(subject, lambda: subject).drive([measure_noise(atoms, single=dtype == "float32")])
        return done.value  # type: ignore[union-attr]

    return kernel


def make_pool(size: int = 24) -> Kernel:
    """Draw the structures of a certificate, as many as at `standard`."""
    try:
        from gnnp_bench.engine.pool import draw_structures
    except ImportError as error:
        raise NotImplementedError("this revision draws no structures like this") from error
    capabilities = potential("pair", "float64").capabilities
    return lambda: draw_structures(capabilities, size, 0)


def make_certificate(name: str, dtype: str, only: tuple[str, ...] = ()) -> Kernel:
    """Certify a potential at `quick`, or a part of it."""
    try:
        from gnnp_bench.checks.registry import all_checks
        from gnnp_bench.engine.run import run
        from gnnp_bench.engine.settings import Settings
    except ImportError as error:
        raise NotImplementedError("this revision certifies otherwise") from error
    subject, checks = potential(name, dtype), all_checks()
    settings = Settings(spec=name, budget="quick", only=only)

    def kernel() -> Any:
        *_, last = run(subject, checks, settings, reload=lambda: subject)
        return last.certificate

    return kernel


def flops(kernel: Kernel) -> int:
    """Return the floating-point operations in products of matrices in one call: the same on every machine."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        kernel()
    return int(counter.get_total_flops())


def n_edges(n_atoms: int) -> int:
    """Return how many directed edges the reference potential sees in a structure."""
    return 2 * len(make_neighbours(n_atoms)().first)


def n_parameters(name: str, dtype: str) -> int:
    """Return how many parameters a potential has."""
    identity = getattr(potential(name, dtype), "identity", None)
    if identity is None or identity.parameters is None:
        raise NotImplementedError(f"{name} has no parameters")
    return int(identity.parameters)


def rotation_residual(name: str, dtype: str) -> float:
    """Return by how much forces fail to turn with the structure, eV/Å."""
    subject, atoms = potential(name, dtype), structure(8)
    axis = np.random.default_rng(1).normal(size=(3, 3))
    turn = np.linalg.qr(axis)[0]
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ turn)
    turned.positions = atoms.positions @ turn
    one, other = subject.evaluate([atoms, turned], PROPERTIES["forces"])
    return float(np.abs(one.forces @ turn - other.forces).max())


def loop_force(name: str, dtype: str, points: int = 32) -> float:
    """Return the mean force that does work along a closed path of all atoms, W / Σᵢℓᵢ, eV/Å: zero if conservative."""
    subject, atoms = potential(name, dtype), structure(8)
    u, v = np.random.default_rng(2).normal(scale=0.05, size=(2, len(atoms), 3))
    angles = 2 * np.pi * np.arange(points) / points
    path = []
    for t in angles:
        path.append(atoms.copy())
        path[-1].positions += u * np.cos(t) + v * np.sin(t)
    tangents = [v * np.cos(t) - u * np.sin(t) for t in angles]
    found = subject.evaluate(path, PROPERTIES["forces"])
    work = sum(float((p.forces * tangent).sum()) for p, tangent in zip(found, tangents, strict=True))
    length = sum(float(np.linalg.norm(tangent, axis=1).sum()) for tangent in tangents)
    return abs(work) / length


def force_error(name: str, dtype: str) -> float:
    """Return the mean error of forces against −ΔE/Δx in the potential's own float64, eV/Å: accuracy of arithmetic.

    Labels are of our own making: central differences of order four of the energy of the same potential in float64.
    """
    exact, subject, atoms = potential(name, "float64"), potential(name, dtype), structure(8)
    step = 1e-3
    moved = []
    for axis in range(3):
        for k in (-2, -1, 1, 2):
            moved.append(atoms.copy())
            moved[-1].positions[0, axis] += k * step
    energies = np.array([p.energy for p in exact.evaluate(moved, PROPERTIES["energy"])]).reshape(3, 4)
    truth = -(energies @ np.array([1.0, -8.0, 8.0, -1.0])) / (12 * step)
    (found,) = subject.evaluate([atoms], PROPERTIES["forces"])
    return float(np.abs(found.forces[0] - truth).mean())
