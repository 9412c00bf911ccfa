"""A package that cannot be installed beside others, in the environment that its adapter declares: MACE, untrained.

Building takes minutes and 1.4 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set, or the environment is
there already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from gnnp_bench.adapters import registry
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.cli import main
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError, Unsupported
from tests.environments.conftest import environment, made


@pytest.fixture(scope="module")
def mace(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the environment, which is kept in the user's own cache; and the file of a model."""
    with environment("mace") as built:
        yield made(built, "make_mace.py", tmp_path_factory.mktemp("mace") / "model.pt")


@pytest.fixture(scope="module")
def loaded(mace: Path) -> Any:
    return registry.load(f"mace:{mace}?env=auto")


def test_it_tells_what_it_is(loaded: Any, mace: Path):
    has, identity = loaded.potential.capabilities, loaded.potential.identity
    assert has.species == ("Cu", "Au")
    assert (has.cutoff, has.receptive_field, has.dtype) == (4.0, 8.0, "float64")
    assert (identity.version, len(identity.weights_sha256)) == ("0.3.16", 64)
    packages = loaded.potential.environment()["packages"]
    assert packages["e3nn"] == "0.4.4"


def test_batches_are_what_single_structures_are(loaded: Any, copper: Atoms, alloy: Atoms):
    together = loaded.potential.evaluate([copper, alloy, copper[:1]], ALL_PROPERTIES)
    for structure, found in zip((copper, alloy, copper[:1]), together, strict=True):
        (alone,) = loaded.potential.evaluate([structure], ALL_PROPERTIES)
        assert found.energy == pytest.approx(alone.energy, abs=1e-10)
        assert found.energies.sum() == pytest.approx(found.energy, abs=1e-10)
        assert abs(found.forces - alone.forces).max() < 1e-10


def test_it_refuses_what_it_does_not_know(loaded: Any, copper: Atoms):
    copper.numbers[0] = 47
    with pytest.raises(Unsupported, match="does not know Ag"):
        loaded.potential.evaluate([copper], ALL_PROPERTIES)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("mace", "needs the file of a model"),
        ("mace:nothing.pt", "there is no file nothing.pt"),
        ("mace:{file}?head=mp", "has no head 'mp'"),
        ("mace:{file}?dtype=float16", "float32 or float64"),
        ("mace:{file}?devise=cpu", "did you mean 'device'"),
        ("mace:{file}?device=cuda:9", "cannot be loaded as a MACE model"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(mace: Path, spec: str, told: str):
    with pytest.raises(PotentialError, match=told) as caught:
        registry.load(with_option(spec.format(file=mace)))
    assert "\n" not in str(caught.value)


def with_option(spec: str) -> str:
    return f"{spec}{'&' if '?' in spec else '?'}env=auto"


def test_the_doctor_finds_nothing(loaded: Any, mace: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", f"mace:{mace}", "--env", "auto"]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_its_symmetries_hold(loaded: Any):
    settings = Settings(spec=loaded.spec, budget="quick", only=("symmetry/*",))
    *_, last = run(loaded.potential, tuple(all_checks()), settings, reload=loaded.reload)
    assert {check.status for check in last.certificate.checks} == {"pass"}
