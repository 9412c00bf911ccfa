"""Orb v3 in the environment that its adapter declares: small untrained networks, conservative and direct.

Building takes minutes and 1.2 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set, or the environment is
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

ARCHITECTURES = ("orb_v3_conservative", "orb_v3_direct")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a folder with the state of a model of either architecture, made in the environment."""
    there = tmp_path_factory.mktemp("orb")
    with environment("orb") as built:
        for name in ARCHITECTURES:
            made(built, "make_orb.py", there / f"{name}.ckpt", name)
        yield there


def load(folder: Path, name: str, options: str = "") -> Any:
    spec = f"orb:{folder}/{name}.ckpt?architecture={name}&max_num_neighbors=120&env=auto{options}"
    return registry.load(spec).potential


def test_only_the_conservative_one_claims_to_be(folder: Path):
    conservative, direct = (load(folder, name) for name in ARCHITECTURES)
    assert conservative.capabilities.claims == {"conservative"}
    assert direct.capabilities.claims == frozenset()
    for potential in (conservative, direct):
        has = potential.capabilities
        assert (has.cutoff, has.dtype, "partial" in has.periodicity) == (6.0, "float32", False)
        assert (potential.identity.version, len(potential.identity.weights_sha256)) == ("0.5.5", 64)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_batches_are_what_single_structures_are(folder: Path, copper: Atoms, alloy: Atoms, name: str):
    potential = load(folder, name, "&precision=float64")
    structures = [copper, alloy, copper[:1], molecule("H2O")]
    together = potential.evaluate(structures, ALL_PROPERTIES)
    for structure, found in zip(structures, together, strict=True):
        (alone,) = potential.evaluate([structure], ALL_PROPERTIES)
        assert found.energy == pytest.approx(alone.energy, abs=1e-9)
        assert abs(found.forces - alone.forces).max() < 1e-9
        assert (found.stress is not None) == structure.pbc.all()


def test_it_refuses_what_it_does_not_know(folder: Path):
    potential = load(folder, ARCHITECTURES[0])
    for structure, told in ((Atoms("Og"), "does not know Og"), (fcc111("Cu", (1, 1, 3)), "three periodic directions")):
        with pytest.raises(Unsupported, match=told):
            potential.evaluate([structure], ALL_PROPERTIES)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("orb?env=auto", "needs the file of a state"),
        ("orb:{file}?env=auto", "name the architecture"),
        ("orb:{file}?env=auto&architecture=orb_v3_direct", "how many neighbours"),
        (
            "orb:{file}?env=auto&architecture=orb_v3_direct&max_num_neighbors=20",
            "holds the state of orb_v3_conservative",
        ),
        ("orb:nothing.ckpt?env=auto&architecture=orb_v3_direct&max_num_neighbors=20", "there is no file"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(folder: Path, spec: str, told: str):
    with pytest.raises(PotentialError, match=told) as caught:
        registry.load(spec.format(file=folder / "orb_v3_conservative.ckpt"))
    assert "\n" not in str(caught.value)
