"""MatGL in the environment that its adapter declares: small untrained potentials of three kinds.

Building takes minutes and 1.3 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set, or the environment is
there already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from ase.build import fcc111, molecule

from gnnp_bench.adapters import registry
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError, Unsupported
from tests.environments.conftest import environment, made

MODELS = ("TensorNet", "M3GNet", "M3GNet-smooth", "CHGNet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a folder with a saved potential of each kind, made in the environment."""
    there = tmp_path_factory.mktemp("matgl")
    with environment("matgl") as built:
        for name in MODELS:
            made(built, "make_matgl.py", there / name, name)
        yield there


def load(folder: Path, name: str, options: str = "") -> Any:
    return registry.load(f"matgl:{folder}/{name}?env=auto{options}").potential


@pytest.mark.parametrize(
    ("name", "reach", "smoothness"),
    [("TensorNet", 8.0, 1), ("M3GNet", 8.0, None), ("M3GNet-smooth", 8.0, 2), ("CHGNet", 14.0, None)],
)
def test_batches_are_what_single_structures_are(
    folder: Path, copper: Atoms, alloy: Atoms, name: str, reach: float, smoothness: int | None
):
    potential = load(folder, name)
    has = potential.capabilities
    assert (has.species, has.cutoff) == (("H", "C", "O", "Si", "Cu", "Au"), 4.0)
    assert (has.receptive_field, has.smoothness, has.dtype) == (reach, smoothness, "float32")
    structures = [copper, alloy, copper[:1], molecule("H2O"), fcc111("Cu", (1, 1, 3), vacuum=8.0)]
    together = potential.evaluate(structures, ALL_PROPERTIES)
    for structure, found in zip(structures, together, strict=True):
        (alone,) = potential.evaluate([structure], ALL_PROPERTIES)
        scale = max(1.0, abs(alone.energy))
        assert found.energy == pytest.approx(alone.energy, abs=1e-5 * scale)
        assert abs(found.forces - alone.forces).max() < 1e-4 * scale


def test_a_slab_is_computed_as_a_cluster(folder: Path):
    """What docs/findings/matgl.md says; where this fails, the package was mended."""
    slab = fcc111("Cu", (1, 1, 3), vacuum=8.0)
    cluster = slab.copy()
    cluster.pbc = False
    of_slab, of_cluster = load(folder, "TensorNet").evaluate([slab, cluster], ALL_PROPERTIES)
    assert of_slab.energy == pytest.approx(of_cluster.energy, rel=1e-6)


def test_it_refuses_what_it_does_not_know(folder: Path):
    with pytest.raises(Unsupported, match="does not know Ag"):
        load(folder, "TensorNet").evaluate([Atoms("Ag")], ALL_PROPERTIES)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("matgl?env=auto", "needs the folder"),
        ("matgl:M3GNet-MP-2021.2.8-PES?env=auto", "there is no M3GNet"),
        ("matgl:{folder}/CHGNet?env=auto&dtype=float16", "float32 or float64"),
        ("matgl:{folder}/CHGNet?env=auto&devise=cpu", "did you mean 'device'"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(folder: Path, spec: str, told: str):
    with pytest.raises(PotentialError, match=told) as caught:
        registry.load(spec.format(folder=folder))
    assert "\n" not in str(caught.value)
