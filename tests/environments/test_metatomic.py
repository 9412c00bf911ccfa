"""Models in metatomic's exported form, in the environment that the adapter declares: a smooth potential written for it.

Building takes minutes and 1.2 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set, or the environment is
there already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from ase.build import molecule

from gnnp_bench.adapters import registry
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.cli import main
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, PotentialError, Unsupported
from tests.environments.conftest import environment, made


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a folder with the files of models; the environment is kept in the user's own cache."""
    files = tmp_path_factory.mktemp("metatomic")
    with environment("metatomic") as built:
        for name, variants in (("model", ()), ("variants", ("pbe", "scan")), ("asks", ("", "?charge"))):
            made(built, "make_metatomic.py", files / f"{name}.pt", *variants)
        yield files


@pytest.fixture(scope="module")
def loaded(models: Path) -> Any:
    return registry.load(f"metatomic:{models / 'model.pt'}?env=auto")


def test_it_tells_what_it_is(loaded: Any):
    has, identity = loaded.potential.capabilities, loaded.potential.identity
    assert has.species == ("Cu", "Au")
    assert (has.cutoff, has.receptive_field, has.dtype) == (4.0, 4.0, "float64")
    assert has.claims == {"conservative", "strictly-local"}
    assert (identity.version, len(identity.weights_sha256), identity.parameters) == ("0.1.19", 64, 2)


def test_batches_are_what_single_structures_are(loaded: Any, copper: Atoms, alloy: Atoms):
    slab = copper.copy()
    slab.pbc = (True, True, False)
    structures = [copper, alloy, slab, Atoms("Au"), Atoms("CuAu", [[0, 0, 0], [2.4, 0.1, 0]]), alloy, copper[:1]]
    together = loaded.potential.evaluate(structures, ALL_PROPERTIES)
    for structure, found in zip(structures, together, strict=True):
        (alone,) = loaded.potential.evaluate([structure], ALL_PROPERTIES)
        (energy,) = loaded.potential.evaluate([structure], ENERGY)
        assert found.energy == pytest.approx(alone.energy, abs=1e-10)
        assert energy.energy == pytest.approx(alone.energy, abs=1e-12)
        assert found.energies.sum() == pytest.approx(found.energy, abs=1e-10)
        assert abs(found.forces - alone.forces).max() < 1e-10
        # The package gives that of crystals alone.
        assert (found.stress is not None) == structure.pbc.all()


def test_variants_are_chosen_by_name(models: Path):
    potential = registry.load(f"metatomic:{models / 'variants.pt'}?variant=scan&env=auto").potential
    assert potential.name == "metatomic-variants-scan"
    (found,) = potential.evaluate([Atoms("Cu")], ENERGY)
    assert found.energy == pytest.approx(0.0, abs=1e-12)


def test_it_refuses_what_it_does_not_know(loaded: Any):
    with pytest.raises(Unsupported, match="does not know H, O"):
        loaded.potential.evaluate([molecule("H2O")], ALL_PROPERTIES)
    with pytest.raises(Unsupported, match="without atoms"):
        loaded.potential.evaluate([Atoms()], ALL_PROPERTIES)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("metatomic", "needs the file of an exported model"),
        ("metatomic:nothing.pt", "there is no file nothing.pt"),
        ("metatomic:{here}", "cannot be loaded as a metatomic model"),
        ("metatomic:{files}/model.pt?varient=pbe", "did you mean 'variant'"),
        ("metatomic:{files}/model.pt?variant=pbe", "pbe"),
        ("metatomic:{files}/variants.pt", "variant"),
        ("metatomic:{files}/model.pt?non_conservative=maybe", "one of false, true, forces, stress"),
        ("metatomic:{files}/model.pt?non_conservative=true", "non_conservative"),
        ("metatomic:{files}/model.pt?device=cuda", "cuda"),
        ("metatomic:{files}/asks.pt", "asks for charge"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(models: Path, spec: str, told: str):
    written = spec.format(files=models, here=__file__)
    with pytest.raises(PotentialError, match=told) as caught:
        registry.load(f"{written}{'&' if '?' in written else '?'}env=auto")
    assert "\n" not in str(caught.value)


def test_the_doctor_finds_nothing(models: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", f"metatomic:{models / 'model.pt'}", "--env", "auto"]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_its_symmetries_hold(loaded: Any):
    settings = Settings(spec=loaded.spec, budget="quick", only=("symmetry/*", "robustness/call-history"))
    *_, last = run(loaded.potential, tuple(all_checks()), settings, reload=loaded.reload)
    assert {check.status for check in last.certificate.checks} == {"pass"}
