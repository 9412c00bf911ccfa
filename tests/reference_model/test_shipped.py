"""The networks that travel with the package: found by name, sound, and honest about what they have seen."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase.build import bulk

from benchmarks.certify_variants import DIRECT
from benchmarks.sources import ROOT
from benchmarks.train_shipped import PLANS, RESULTS, SIX, errors, together
from gnnp_bench.adapters.registry import load
from gnnp_bench.cli import main
from gnnp_bench.engine.settings import Budget, Settings
from gnnp_bench.potential import ENERGY_FORCES, Claim
from reference_model.potential import ReferencePotential
from reference_model.shipped import DEFAULT, MADE_FOR, shipped
from tests.engine.judging import certified_from
from tests.reference_model.answers import answers

AT_REST = {"Li": ("bcc", 3.43), "Si": ("diamond", 5.47), "Ni": ("fcc", 3.52), "Cu": ("fcc", 3.63), "Mo": ("bcc", 3.16)}
NAMES = [name for name, plan in PLANS.items() if plan.shipped]


def made(spec: str) -> ReferencePotential:
    potential = load(spec).potential
    assert isinstance(potential, ReferencePotential)
    return potential


def test_every_network_that_is_planned_is_shipped_and_no_other() -> None:
    assert shipped().keys() == set(NAMES)
    assert DEFAULT in NAMES


@pytest.mark.parametrize("table", [errors, together])
def test_the_tables_of_errors_are_those_that_were_measured(table):
    assert "\n".join(table()) in (ROOT / "docs" / "training.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_network_is_found_by_name_and_has_the_errors_that_were_recorded(name: str) -> None:
    potential = made(f"reference:{name}")
    assert potential.name == f"reference-{name}"
    assert potential.capabilities.species == (SIX if name == DEFAULT else ("Si", "Cu"))
    assert potential.capabilities.stable == (MADE_FOR if name == DEFAULT else ())
    assert {len(one) for one in potential.capabilities.combinations} == {1}
    recorded = json.loads((RESULTS / f"{name}.json").read_text())
    assert recorded["recipe"]["variant"] == PLANS[name].variant == potential.network.hyper.variant
    assert recorded["epochs"] == PLANS[name].epochs
    silicon = bulk("Si", cubic=True)
    silicon.rattle(0.05, seed=0)
    (found,) = answers(potential, [silicon], ENERGY_FORCES)
    assert found.energy / len(silicon) == pytest.approx(-5.4, abs=0.2)


def test_the_plain_name_means_the_default() -> None:
    plain, named = made("reference"), made(f"reference:{DEFAULT}")
    assert plain.name == "reference"
    assert plain.identity.weights_sha256 == named.identity.weights_sha256


def test_pressed_crystals_are_higher_in_energy_than_those_at_rest() -> None:
    potential = made("reference")
    for symbol, (kind, a) in AT_REST.items():
        structures = [bulk(symbol, kind, a * scale) for scale in (1.0, 0.95, 0.9, 0.75)]
        energies = [found.energy for found in answers(potential, structures, ENERGY_FORCES)]
        assert energies[0] < energies[1] < energies[2], symbol
        assert energies[3] > energies[0], symbol


def test_the_default_is_certified_and_says_that_mixtures_are_extrapolation(tmp_path, capsys) -> None:
    path = tmp_path / "certificate.json"
    main(["certify", "reference", "--budget", "standard", "--json", str(path)])
    found = json.loads(path.read_text())
    said = " ".join(capsys.readouterr().out.split())
    assert found["verdict"] == "certified"
    assert "mixtures of these are extrapolation, and are not judged" in said
    assert sorted(map(tuple, found["potential"]["combinations"])) == sorted((symbol,) for symbol in SIX)


def test_trained_direct_forces_fail_conservation() -> None:
    loaded = load("reference:direct")

    def failed(budget: Budget, only: tuple[str, ...], skip: tuple[str, ...]) -> set[str]:
        settings = Settings(spec="reference:direct", budget=budget, only=only, skip=skip)
        certificate = certified_from(loaded.potential, loaded.reload, settings)
        assert certificate.verdict == "failed"
        return {check.id for check in certificate.checks if check.status == "fail"}

    # What they break in motion and in crystals is looked at in test_certificate.
    others = ("conservation/*", "dynamics/*", "physics/*")
    assert failed("quick", (), others) == {law for law in DIRECT if law.startswith("symmetry/")}
    assert failed("standard", ("conservation/*",), ()) == {law for law in DIRECT if law.startswith("conservation/")}


def test_what_a_network_fails_is_followed_to_a_counterexample(tmp_path) -> None:
    path = tmp_path / "certificate.json"
    asked = ("--budget", "quick", "--only", "symmetry/net-force", "--json", str(path))
    assert main(["certify", "reference:direct", *asked]) == 1
    (result,) = json.loads(path.read_text())["checks"]
    assert result["status"] == "fail"
    assert len(result["counterexample"]["structure"]["numbers"]) <= 4
    assert main(["reproduce", str(path), "symmetry/net-force"]) == 0


def test_training_teaches_that_swapping_like_atoms_changes_nothing() -> None:
    """The data know no order, so that its gain falls without a penalty as well; with random weights it counts."""
    claim: Claim = "permutation-invariant"
    silicon = bulk("Si", cubic=True)
    silicon.rattle(0.1, seed=1)
    order = np.random.default_rng(0).permutation(len(silicon))
    changes = {}
    for name in ("ordered", "ordered-penalised", "untrained-ordered"):
        potential = load(f"reference:{name}", ("Si",)).potential
        assert claim not in potential.capabilities.claims
        first, second = answers(potential, [silicon, silicon[order]], ENERGY_FORCES)
        changes[name] = abs(first.energy - second.energy) / len(silicon)
    assert changes["ordered"] < 1e-4
    assert changes["ordered-penalised"] < 1e-4
    assert changes["untrained-ordered"] > 1e-3


def test_networks_that_saw_no_isolated_atoms_say_so() -> None:
    capabilities = made("reference").capabilities
    assert (capabilities.fitted_alone, capabilities.undetermined) == (SIX, ())
    assert load("reference", ["Cu"]).potential.capabilities.fitted_alone == ("Cu",)
