"""What an ASE calculator does to the structure it is attached to, and the energies it tells: found by the right law."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.mixing import SumCalculator
from ase.calculators.morse import MorsePotential

from gnnp_bench.adapters.registry import load_from
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.replay import replay
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Budget, Settings
from gnnp_bench.potential import ALL_PROPERTIES
from tests.adapters import attached
from tests.engine.judging import certified_from

LAWS = (attached.INTACT, attached.DRIVEN, attached.AGREE)
ISSUED = (
    attached.WrapsTheCallersAtoms,
    attached.WritesIntoInfo,
    attached.BlindToTheCell,
    attached.StaleCharge,
    attached.EnergyLacksATerm,
)


def certified(
    make: Callable[[], object],
    seed: int,
    budget: Budget = "quick",
    species: str = "Cu,Au",
    only: tuple[str, ...] = LAWS,
) -> Certificate:
    symbols = tuple(species.split(","))
    loaded = load_from(make, "planted", symbols)
    settings = Settings(spec="planted", species=symbols, budget=budget, seed=seed, only=only)
    return certified_from(loaded.potential, loaded.reload, settings)


def failed(certificate: Certificate) -> set[str]:
    return {result.id for result in certificate.checks if result.status == "fail"}


@pytest.mark.parametrize("make", attached.FAULTY, ids=lambda make: make.__name__)
def test_a_fault_is_told_by_the_law_that_one_would_look_at(make: type[Calculator]) -> None:
    law = attached.FAULTY[make]
    # Where the energies disagree, nothing is wrong with how it is driven.
    only = LAWS if law == attached.AGREE else (law,)
    assert failed(certified(make, seed=len(make.__name__) % 3, only=only)) == {law}


@pytest.mark.parametrize(("budget", "seed"), [("quick", 11), ("quick", 12), ("standard", 0)])
@pytest.mark.parametrize("make", ISSUED, ids=lambda make: make.__name__)
def test_faults_that_users_met_are_told_with_every_seed(make: type[Calculator], budget: Budget, seed: int) -> None:
    law = attached.FAULTY[make]
    assert failed(certified(make, seed, budget, only=(law,))) == {law}


@pytest.mark.parametrize("make", attached.SOUND, ids=lambda make: make.__name__)
def test_sound_calculators_pass(make: Callable[[], object]) -> None:
    for result in certified(make, seed=0).checks:
        assert result.status in ("pass", "not_applicable"), result
        assert result.grade in ("exact", None), result


@pytest.mark.parametrize(
    "make",
    [
        EMT,
        lambda: LennardJones(sigma=2.3, rc=6.0, smooth=True),
        lambda: MorsePotential(r0=2.6, rho0=4.0, epsilon=0.3, rcut1=1.5, rcut2=1.9),
        lambda: SumCalculator([EMT(), LennardJones(sigma=2.3, rc=6.0, smooth=True)]),
    ],
    ids=["EMT", "LennardJones", "Morse", "SumCalculator"],
)
def test_calculators_of_ase_pass(make: Callable[[], object]) -> None:
    for result in certified(make, seed=1, species="Cu").checks:
        assert result.status in ("pass", "not_applicable"), result


def test_the_energy_of_smeared_electrons_is_told_per_atom() -> None:
    (result,) = certified(attached.Smeared, seed=0, only=(attached.AGREE,)).checks
    assert result.status == "pass"
    assert result.grade == "exact"
    assert result.reason is not None
    assert "meV/atom" in result.reason
    assert "smeared by 0.1 eV" in result.reason
    assert result.measured is not None
    assert 1e-3 < result.measured < 0.49


def test_the_reason_says_which_energy_the_forces_follow() -> None:
    for make, energy in (
        (attached.EnergyLacksATerm, "follow free_energy alone"),
        (attached.FreeEnergyLacksATerm, "follow energy alone"),
        (attached.EnergyIsPerFormula, "follow both"),
    ):
        (result,) = certified(make, seed=0, only=(attached.AGREE,)).checks
        assert result.reason is not None
        assert "?smearing=" in result.reason
        assert energy in result.reason


def test_a_history_is_cut_to_what_matters_and_replays() -> None:
    loaded = load_from(attached.BlindToTheCell, "planted", ("Cu", "Au"))
    settings = Settings(spec="planted", species=("Cu", "Au"), budget="quick", only=(attached.DRIVEN,))
    *_, last = run(loaded.potential, all_checks(), settings, reload=loaded.reload)
    certificate = last.certificate
    (result,) = certificate.checks
    assert result.counterexample is not None
    steps = result.counterexample.case["parameters"]["steps"]
    assert len(steps) <= 2
    loaded = load_from(attached.BlindToTheCell, "planted", ("Cu", "Au"))
    again = replay(loaded.potential, all_checks(), certificate, attached.DRIVEN, reload=loaded.reload)
    assert again.status == "fail"
    assert again.measured == pytest.approx(result.counterexample.case["measured"], rel=1e-6)


def test_other_potentials_are_not_asked() -> None:
    loaded = load_from(lambda: attached.Sound().potential, "analytic", ("Cu", "Au"))
    settings = Settings(spec="analytic", budget="quick", only=(attached.DRIVEN, attached.AGREE))
    *_, last = run(loaded.potential, all_checks(), settings, reload=loaded.reload)
    assert {r.status for r in last.certificate.checks if r.id in LAWS[1:]} == {"not_applicable"}
    assert not any(r.evaluations for r in last.certificate.checks)


def test_driving_leaves_the_structure_without_calculator_and_the_cache_alone() -> None:
    loaded = load_from(attached.BlindToTheCell, "planted", ("Cu",))
    structure = bulk("Cu", cubic=True)
    first = loaded.potential.driven([structure], ALL_PROPERTIES)[0]  # type: ignore[attr-defined]  # a calculator has it
    structure.set_cell(1.1 * structure.cell.array)
    second = loaded.potential.driven([structure], ALL_PROPERTIES)[0]  # type: ignore[attr-defined]  # a calculator has it
    assert second.energy == first.energy
    assert structure.calc is None
    assert np.sum(first.energies) == pytest.approx(first.energy)
    assert loaded.potential.evaluate([structure], ALL_PROPERTIES)[0].energy != first.energy
