"""pytest-benchmark: the kernels, for work on one of them. Not among the tests: `pytest benchmarks/test_kernels.py`."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import kernels

pytest.importorskip("pytest_benchmark", reason="pip install -e '.[dev]'")

NETWORK = "reference-lmax2"


def _run(benchmark: Any, make: Any, *arguments: Any) -> Any:
    try:
        kernel = make(*arguments)
    except NotImplementedError as reason:
        pytest.skip(str(reason))
    return benchmark(kernel)


@pytest.mark.benchmark(group="neighbour list")
@pytest.mark.parametrize("n_atoms", kernels.SIZES)
def test_neighbours(benchmark, n_atoms):
    found = _run(benchmark, kernels.make_neighbours, n_atoms)
    assert len(found.first) >= 14 * n_atoms


@pytest.mark.benchmark(group="radial basis")
def test_radial_basis(benchmark):
    assert _run(benchmark, kernels.make_radial_basis).isfinite().all()


@pytest.mark.benchmark(group="products")
@pytest.mark.parametrize("l_max", [1, 2, 3])
def test_products(benchmark, l_max):
    assert _run(benchmark, kernels.make_products, l_max).isfinite().all()


@pytest.mark.parametrize("what", kernels.PROPERTIES)
@pytest.mark.parametrize("n_atoms", kernels.SIZES)
@pytest.mark.parametrize("name", ["pair", NETWORK])
def test_evaluation(benchmark, name, n_atoms, what):
    benchmark.group = what
    (found,) = _run(benchmark, kernels.make_evaluation, name, n_atoms, "float32", what)
    assert (found.stress is not None) == (what == "stress")


@pytest.mark.benchmark(group="batch")
@pytest.mark.parametrize("batch", [1, 8, 64])
@pytest.mark.parametrize("name", ["pair", NETWORK])
def test_batch(benchmark, name, batch):
    assert len(_run(benchmark, kernels.make_batch, name, 8, "float32", batch)) == batch


@pytest.mark.benchmark(group="pool")
def test_pool(benchmark):
    assert len(_run(benchmark, kernels.make_pool)) == 24


@pytest.mark.benchmark(group="noise floor")
def test_noise_floor(benchmark):
    assert _run(benchmark, kernels.make_noise_floor, "pair", "float64").forces < 1e-12


@pytest.mark.benchmark(group="one check")
def test_check(benchmark):
    found = _run(benchmark, kernels.make_certificate, "pair", "float64", ("symmetry/rotation",))
    assert found.checks[0].status == "pass"


@pytest.mark.benchmark(group="certificate", min_rounds=1, max_time=1.0, warmup=False)
def test_certificate(benchmark):
    assert _run(benchmark, kernels.make_certificate, "pair", "float64").verdict == "certified"
