"""MatterSim in the environment that its adapter declares: a small untrained M3GNet.

Building takes minutes and 1.3 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set, or the environment is
there already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111, molecule

from gnnp_bench.adapters import registry
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError, Unsupported
from tests.environments.conftest import environment, made


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the file of a model, made in the environment, which is kept in the user's own cache."""
    with environment("mattersim") as built:
        yield made(built, "make_mattersim.py", tmp_path_factory.mktemp("mattersim") / "model.pth")


def load(file: Path, options: str = "") -> Any:
    return registry.load(f"mattersim:{file}?env=auto{options}").potential


def test_it_tells_what_it_is(file: Path):
    potential = load(file)
    has, identity = potential.capabilities, potential.identity
    assert (has.species[0], has.species[-1], len(has.species)) == ("H", "Au", 79)
    assert (has.cutoff, has.receptive_field, has.dtype) == (4.0, 8.0, "float32")
    assert (identity.version, len(identity.weights_sha256)) == ("1.2.5", 64)
    assert "torchvision" not in potential.environment()["packages"]


@pytest.mark.parametrize(("options", "rounding"), [("", 2e-5), ("&graph=direct", 2e-5), ("&dtype=float64", 1e-9)])
def test_batches_are_what_single_structures_are(file: Path, copper: Atoms, alloy: Atoms, options: str, rounding: float):
    potential = load(file, options)
    structures = [copper, alloy, copper[:1], molecule("H2O"), fcc111("Cu", (1, 1, 3), vacuum=8.0)]
    together = potential.evaluate(structures, ALL_PROPERTIES)
    for structure, found in zip(structures, together, strict=True):
        (alone,) = potential.evaluate([structure], ALL_PROPERTIES)
        assert found.energy == pytest.approx(alone.energy, abs=rounding * len(structure))
        assert abs(found.forces - alone.forces).max() < 10 * rounding


def test_the_package_mixes_up_the_structures_of_its_own_batches(file: Path, copper: Atoms):
    """What docs/findings/mattersim.md says; where this fails, the package was mended."""
    structures = [copper, molecule("H2O")]
    alone = load(file).evaluate(structures, ALL_PROPERTIES)
    together = load(file, "&batch=2").evaluate(structures, ALL_PROPERTIES)
    assert max(abs(a.energy - b.energy) for a, b in zip(alone, together, strict=True)) > 1e-3


def test_the_stress_of_a_left_handed_cell_has_the_wrong_sign(file: Path, copper: Atoms):
    """What docs/findings/mattersim.md says; where this fails, the package was mended."""
    left = copper.copy()
    left.set_cell(copper.cell[[1, 0, 2]])
    right, wrong = load(file).evaluate([copper, left], ALL_PROPERTIES)
    assert right.energy == pytest.approx(wrong.energy, abs=1e-4)
    assert np.allclose(right.stress, -wrong.stress, atol=1e-5)


def test_it_refuses_what_it_does_not_know(file: Path, copper: Atoms):
    copper.numbers[0] = 83
    with pytest.raises(Unsupported, match="does not know Bi"):
        load(file).evaluate([copper], ALL_PROPERTIES)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("mattersim?env=auto", "needs the file of a checkpoint"),
        ("mattersim:nothing.pth?env=auto", "there is no file nothing.pth"),
        ("mattersim:{file}?env=auto&dtype=float16", "float32 or float64"),
        ("mattersim:{file}?env=auto&graph=slow", "loader or direct"),
        ("mattersim:{file}?env=auto&batch=many", "a number of structures"),
        ("mattersim:{file}?env=auto&devise=cpu", "did you mean 'device'"),
        ("mattersim:{file}?env=auto&device=cuda:9", "cannot be loaded as a checkpoint"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(file: Path, spec: str, told: str):
    with pytest.raises(PotentialError, match=told) as caught:
        registry.load(spec.format(file=file))
    assert "\n" not in str(caught.value)
