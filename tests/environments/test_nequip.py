"""NequIP and Allegro in the environment that their adapter declares: trained for one epoch, packaged, and compiled.

Building takes minutes and 1.1 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set, or the environment is
there already. Compiling takes a minute or more and a C++ compiler.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.adapters import registry
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.cli import main
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError, Unsupported
from tests.environments.conftest import environment, made

EVERYTHING = {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that trains, packages and compiles, each model once; the environment is the user's own."""
    folders: dict[tuple[str, ...], Path] = {}
    with environment("nequip") as built:

        def model(kind: str, dtype: str = "float64", *targets: str) -> Path:
            key = (kind, dtype, *targets)
            if key not in folders:
                folders[key] = made(built, "make_nequip.py", tmp_path_factory.mktemp(kind), *key)
            return folders[key]

        yield model


def load(spec: str) -> Any:
    return registry.load(f"{spec}{'&' if '?' in spec else '?'}env=auto")


@pytest.mark.parametrize(("kind", "reach"), [("nequip", 8.0), ("allegro", 4.0)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_tells_what_it_is(make: Any, kind: str, reach: float, dtype: str):
    potential = load(f"nequip:{make(kind, dtype) / 'model.nequip.zip'}").potential
    has, identity = potential.capabilities, potential.identity
    assert potential.name == f"{kind}-model"
    assert has.species == ("Cu", "Au")
    assert (has.cutoff, has.receptive_field, has.dtype) == (4.0, reach, dtype)
    assert (set(has.claims), has.smoothness) == (EVERYTHING, 2)
    assert (identity.version, len(identity.weights_sha256)) == ("0.19.1", 64)
    assert identity.parameters > 1000


@pytest.mark.parametrize("kind", ["nequip", "allegro"])
def test_batches_are_what_single_structures_are(make: Any, kind: str, copper: Atoms, alloy: Atoms):
    potential = load(f"nequip:{make(kind) / 'model.nequip.zip'}").potential
    structures = [copper, Atoms("Au"), alloy, bulk("Cu"), Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]])]
    together = potential.evaluate(structures, ALL_PROPERTIES)
    for structure, found in zip(structures, together, strict=True):
        (alone,) = potential.evaluate([structure], ALL_PROPERTIES)
        assert found.energy == pytest.approx(alone.energy, abs=1e-10)
        assert found.energies.sum() == pytest.approx(found.energy, abs=1e-10)
        assert abs(found.forces - alone.forces).max() < 1e-10
        assert (found.stress is not None) == structure.pbc.all()


def test_a_checkpoint_is_the_same_model(make: Any, alloy: Atoms):
    folder = make("nequip")
    (one,) = load(f"nequip:{folder / 'last.ckpt'}").potential.evaluate([alloy], ALL_PROPERTIES)
    (other,) = load(f"nequip:{folder / 'model.nequip.zip'}").potential.evaluate([alloy], ALL_PROPERTIES)
    assert one.energy == pytest.approx(other.energy, abs=1e-12)


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling a model needs g++")
@pytest.mark.parametrize("target", ["ase", "batch"])
def test_compiled_files_give_the_same(make: Any, target: str, copper: Atoms, alloy: Atoms):
    folder = make("nequip", "float64", "ase", "batch")
    whole = load(f"nequip:{folder / 'model.nequip.zip'}").potential
    bare = load(f"nequip:{folder / target}.nequip.pt2").potential.capabilities
    assert (bare.claims, bare.receptive_field, bare.dtype) == (frozenset({"conservative"}), None, "float64")
    compiled = load(f"nequip:{folder / target}.nequip.pt2?layers=2").potential
    assert compiled.capabilities == whole.capabilities
    structures = [copper, Atoms("Au"), alloy, bulk("Cu")]
    expected = whole.evaluate(structures, ALL_PROPERTIES)
    for batch in ([structures], [[one] for one in structures]):
        found = [one for part in batch for one in compiled.evaluate(part, ALL_PROPERTIES)]
        for here, there in zip(found, expected, strict=True):
            assert here.energy == pytest.approx(there.energy, abs=1e-10)
            assert abs(here.forces - there.forces).max() < 1e-10


def test_it_refuses_what_it_does_not_know(make: Any, copper: Atoms):
    potential = load(f"nequip:{make('nequip') / 'model.nequip.zip'}").potential
    copper.numbers[0] = 47
    with pytest.raises(Unsupported, match="does not know Ag"):
        potential.evaluate([copper], ALL_PROPERTIES)
    with pytest.raises(Unsupported, match="without a cell"):
        potential.evaluate([Atoms("Cu", pbc=True)], ALL_PROPERTIES)


def test_types_of_atoms_can_stand_for_other_elements(make: Any, copper: Atoms):
    folder = make("nequip")
    silver: Atoms = copper.copy()
    silver.numbers[:] = 47
    there = load(f"nequip:{folder / 'model.nequip.zip'}?types=Ag:Cu").potential
    assert there.capabilities.species == ("Ag",)
    (as_silver,) = there.evaluate([silver], ALL_PROPERTIES)
    (as_copper,) = load(f"nequip:{folder / 'model.nequip.zip'}").potential.evaluate([copper], ALL_PROPERTIES)
    assert as_silver.energy == as_copper.energy


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("nequip", "needs a file"),
        ("nequip:nothing.nequip.zip", "there is no file nothing.nequip.zip"),
        ("nequip:nequip.net:mir-group/NequIP-OAM-L:0.1", "nothing is downloaded"),
        ("nequip:{folder}/config.yaml", "must end with .nequip.zip"),
        ("nequip:{folder}/broken.ckpt", "cannot be loaded as a NequIP model"),
        ("nequip:{folder}/model.nequip.zip?model=other", "has no model 'other'"),
        ("nequip:{folder}/model.nequip.zip?layers=3", "this one tells its own"),
        ("nequip:{folder}/model.nequip.zip?types=Cu:copper", "has no type 'copper'"),
        ("nequip:{folder}/model.nequip.zip?types=Cu", "has no type ''"),
        ("nequip:{folder}/model.nequip.zip?devise=cpu", "did you mean 'device'"),
        ("nequip:{folder}/model.nequip.zip?device=cuda:9", "cannot be loaded as a NequIP model"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(make: Any, spec: str, told: str):
    folder = make("nequip")
    (folder / "broken.ckpt").write_text("no checkpoint")
    with pytest.raises(PotentialError, match=told) as caught:
        load(spec.format(folder=folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["nequip", "allegro"])
def test_the_doctor_finds_nothing(make: Any, kind: str, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", f"nequip:{make(kind) / 'model.nequip.zip'}", "--env", "auto"]) == 0
    assert "nothing found" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["nequip", "allegro"])
def test_laws_hold(make: Any, kind: str):
    loaded = load(f"nequip:{make(kind) / 'model.nequip.zip'}")
    settings = Settings(spec=loaded.spec, budget="quick", only=("symmetry/*", "locality/reach"))
    *_, last = run(loaded.potential, tuple(all_checks()), settings, reload=loaded.reload)
    assert {check.status for check in last.certificate.checks} == {"pass"}
