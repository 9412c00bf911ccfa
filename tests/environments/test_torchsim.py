"""Models of torch-sim in the environment that the adapter declares: the package's own, and one of `torchsim_models.py`.

Building takes minutes and 1.2 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set, or the environment is
there already.
"""

from __future__ import annotations

from typing import Any

import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from gnnp_bench.adapters import registry
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.cli import main
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError, Unsupported
from tests.environments.conftest import HERE, environment

LENNARD_JONES = "torchsim:torch_sim.models.lennard_jones:LennardJonesModel?sigma=3.405&epsilon=0.0104&cutoff=8.5"
SMOOTH = "torchsim:torchsim_models:smooth"


@pytest.fixture(scope="module")
def load() -> Any:
    """Return a function that loads a spec in the environment of the adapter, kept in the user's own cache."""
    with environment("torchsim"), pytest.MonkeyPatch.context() as patched:
        patched.chdir(HERE)

        def loaded(spec: str, species: tuple[str, ...] | None = ("Ar",)) -> Any:
            return registry.load(f"{spec}{'&' if '?' in spec else '?'}env=auto", species=species)

        yield loaded


@pytest.fixture
def argon() -> Atoms:
    atoms = bulk("Ar", a=5.2, cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def test_the_packages_own_model_tells_what_it_is(load: Any):
    potential = load(f"{LENNARD_JONES}&dtype=float64").potential
    has = potential.capabilities
    assert potential.name == "torchsim-LennardJonesModel"
    assert (has.species, has.properties) == (("Ar",), {"energy", "forces"})  # it computes no stress unless told to
    assert (has.cutoff, has.receptive_field, has.dtype) == (8.5, 8.5, "float64")
    assert has.claims == {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local"}
    assert has.periodicity == {"periodic", "isolated"}


@pytest.mark.parametrize(
    ("alpha", "cutoff", "smoothness"), [("2", "4.0", 1), ("3.5", "4.0", 3), ("4", "5.0", 3), ("4", "3.0", None)]
)
def test_soft_spheres_end_as_smoothly_as_their_power_says(load: Any, alpha: str, cutoff: str, smoothness: int | None):
    spec = f"torchsim:torch_sim.models.soft_sphere:SoftSphereModel?sigma=4.0&alpha={alpha}&cutoff={cutoff}"
    has = load(spec).potential.capabilities
    assert (has.smoothness, "smooth" in has.claims) == (smoothness, smoothness is not None)


def test_of_a_model_of_ones_own_nothing_is_claimed(load: Any):
    potential = load(SMOOTH).potential
    has = potential.capabilities
    assert (has.claims, has.cutoff, has.receptive_field, has.dtype) == (frozenset(), 5.0, None, "float64")
    assert (potential.identity.parameters, len(potential.identity.weights_sha256)) == (1, 64)
    assert load(f"{SMOOTH}?epsilon=0.6").potential.identity.weights_sha256 != potential.identity.weights_sha256


def test_batches_are_what_single_structures_are(load: Any, argon: Atoms):
    potential = load(SMOOTH).potential
    structures = [argon, Atoms("Ar"), bulk("Ar", "hcp", a=3.7), argon, Atoms("Ar2", [[0, 0, 0], [0, 0, 3.5]])]
    together = potential.evaluate(structures, ALL_PROPERTIES)
    for structure, found in zip(structures, together, strict=True):
        (alone,) = potential.evaluate([structure], ALL_PROPERTIES)
        assert found.energy == pytest.approx(alone.energy, abs=1e-12)
        assert found.energies.sum() == pytest.approx(found.energy, abs=1e-12)
        assert abs(found.forces - alone.forces).max() < 1e-12
        assert (found.stress is not None) == structure.pbc.all()


def test_it_refuses_what_would_become_a_molecule(load: Any):
    with pytest.raises(Unsupported, match="in three directions or in none"):
        load(SMOOTH).potential.evaluate([fcc111("Ar", (1, 1, 2), a=5.2, vacuum=5.0)], ALL_PROPERTIES)


@pytest.mark.parametrize(
    ("spec", "species", "told"),
    [
        ("torchsim", ("Ar",), "torchsim:MODULE:FACTORY"),
        ("torchsim:torchsim_models", ("Ar",), "torchsim:MODULE:FACTORY"),
        (SMOOTH, None, "--species Ar"),
        ("torchsim:torchsim_models:smoth", ("Ar",), "did you mean 'smooth'"),
        ("torchsim:torchsim_models:no_model", ("Ar",), "made a str, which is no ModelInterface"),
        (f"{SMOOTH}?cutof=5", ("Ar",), "did you mean 'cutoff'"),
        (f"{SMOOTH}?dtype=float16", ("Ar",), "float32 or float64"),
        (f"{LENNARD_JONES}&device=gpu", ("Ar",), "'gpu' is no device"),
        (f"{SMOOTH}?device=cpu", ("Ar",), "takes no keyword 'device'"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(load: Any, spec: str, species: tuple[str, ...] | None, told: str):
    with pytest.raises(PotentialError, match=told) as caught:
        load(spec, species)
    assert "\n" not in str(caught.value)


def test_the_doctor_finds_nothing(load: Any, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", SMOOTH, "--species", "Ar,Kr", "--env", "auto"]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_the_forces_of_0_3_are_twice_the_gradient(load: Any, argon: Atoms):
    """docs/findings/torchsim.md; the suite has to see it."""
    loaded = load(f"{LENNARD_JONES}&dtype=float64")
    settings = Settings(spec=loaded.spec, budget="quick", only=("conservation/force-gradient",))
    *_, last = run(loaded.potential, tuple(all_checks()), settings, reload=loaded.reload)
    assert {check.status for check in last.certificate.checks} == {"fail"}


def test_laws_hold_for_a_sound_model(load: Any):
    loaded = load(SMOOTH)
    settings = Settings(spec=loaded.spec, budget="quick", only=("symmetry/*", "conservation/force-gradient"))
    *_, last = run(loaded.potential, tuple(all_checks()), settings, reload=loaded.reload)
    assert {check.status for check in last.certificate.checks} == {"pass"}
