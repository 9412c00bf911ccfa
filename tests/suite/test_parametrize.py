"""`parametrize_with_checks` in a user's own tests."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from gnnp_bench.checks.registry import all_checks
from gnnp_bench.suite import parametrize_with_checks
from tests.analytic import smooth_pair
from tests.suite.foreign import Foreign

TESTS = """
from ase.calculators.emt import EMT
from gnnp_bench.suite import parametrize_with_checks
from potentials import leaves_a_mark, pulled, sound

only = ["symmetry/rotation", "symmetry/net-force"]


@parametrize_with_checks([sound(), pulled, "potentials:namesake"], budget="quick", only=only)
def test_physics(potential, check):
    check(potential)


@parametrize_with_checks([EMT], species=["Cu", "Au"], budget="quick", only=["robustness/precision"])
def test_calculator(potential, check):
    check(potential)


@parametrize_with_checks([leaves_a_mark])
def test_everything(potential, check):
    check(potential)
"""


@pytest.fixture
def theirs(foreign: Foreign) -> Foreign:
    foreign.write("test_theirs.py", TESTS)
    return foreign


def test_potentials_specs_and_functions_are_judged(theirs: Foreign) -> None:
    theirs.write("test_theirs.py", TESTS.replace(', "potentials:namesake"', ""))
    done = theirs.pytest("-v", "-rs", "-W", "error", "-k", "test_physics or test_calculator")
    assert done.returncode == 1
    for line in (
        "test_physics[smooth_pair-symmetry/rotation] PASSED",
        "test_physics[smooth_pair-symmetry/net-force] PASSED",
        "test_physics[pulled-symmetry/rotation] FAILED",
        "test_physics[pulled-symmetry/net-force] FAILED",
        "test_calculator[EMT-robustness/precision] SKIPPED",
    ):
        assert line in done.stdout
    assert "the potential declares no precision" in done.stdout
    assert "FAILED symmetry/net-force\n  law        Σᵢ Fᵢ = 0" in done.stdout
    assert "reproduce  pytest 'test_theirs.py::test_physics[pulled-symmetry/net-force]'" in done.stdout
    assert "gnnp-bench certify 'pulled'" not in done.stdout, "the command line cannot load it"
    assert "Traceback" not in done.stdout
    assert "is not certified" not in done.stdout, "a user's own tests ask for no certificate"


def test_potentials_of_one_name_are_told_when_they_are_loaded(theirs: Foreign) -> None:
    done = theirs.pytest("-q", "-k", "test_physics and rotation")
    assert done.returncode == 1
    told = "two potentials are called 'smooth_pair', smooth_pair and potentials:namesake"
    assert done.stdout.count(told) == 2


def test_what_cannot_be_loaded_says_how_it_is_mended_here(foreign: Foreign) -> None:
    """And costs no other potential its tests."""
    theirs = TESTS.partition("@parametrize_with_checks([EMT]")[0].replace("[sound(), pulled,", "[EMT, sound,")
    foreign.write("test_theirs.py", theirs.replace(', "potentials:namesake"', ', "potentials:sound?periodicity=flat"'))
    done = foreign.pytest("-q", "-k", "rotation")
    assert done.returncode == 1
    assert 'EMT does not tell which species it supports: name them, species=["Cu", "Au"]' in done.stdout
    assert "periodicity is one of periodic, partial, isolated" in done.stdout
    assert "--" not in done.stdout.replace("--- ", "").replace("---", "")
    assert "2 failed, 1 passed" in done.stdout


def test_every_check_is_collected_and_nothing_loaded(theirs: Foreign) -> None:
    done = theirs.pytest("-q", "--collect-only", "-k", "test_everything")
    assert done.stdout.count("test_everything[leaves_a_mark-") == len(all_checks())
    assert not (theirs.path / "loaded").exists()


class _Locked:
    name = "locked"
    capabilities = smooth_pair().capabilities

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def evaluate(self, structures: Any, properties: Any) -> list[Any]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("potentials", "options", "message"),
    [
        ([], {}, "potentials must be a list of at least one, got []"),
        ("chgnet", {}, "potentials must be a list of at least one, got 'chgnet'"),
        ([3], {}, "potentials must hold specs, potentials or functions that make one, not an object of type int"),
        (["chgnet", "chgnet"], {}, "two potentials are called 'chgnet'"),
        (
            [_Locked()],
            {},
            "locked cannot be copied (TypeError: cannot pickle '_thread.lock' object): give the function",
        ),
        (["chgnet"], {"budget": "huge"}, "budget must be one of quick, standard, thorough, got 'huge'"),
        (["chgnet"], {"profile": "kind"}, "profile must be one of strict, default, loose, got 'kind'"),
        (["chgnet"], {"seed": -1}, "seed must be a whole number from 0, got -1"),
        (["chgnet"], {"species": "Cu"}, "species must be a list of strings, got 'Cu'"),
        (["chgnet"], {"only": "symmetry/*"}, "only must be a list of strings"),
        (["chgnet"], {"waivers": "no.toml"}, "cannot read no.toml: No such file or directory"),
        (["chgnet"], {"only": ["chemistry/*"]}, "no check matches 'chemistry/*'"),
    ],
)
def test_wrong_arguments_are_named(potentials: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parametrize_with_checks(potentials, **options)


def test_waivers_are_those_of_the_file(foreign: Foreign) -> None:
    waived = """
from gnnp_bench.suite import parametrize_with_checks
from potentials import pulled

only = ["symmetry/net-force", "symmetry/translation"]


@parametrize_with_checks([pulled], budget="quick", only=only, waivers="waivers.toml")
def test_physics(potential, check):
    check(potential)
"""
    foreign.write("test_theirs.py", waived)
    entry = (
        '[[waiver]]\npotential = "smooth_pair+net-force"\ncheck = "symmetry/net-force"\nmax = {}\n'
        'unit = "eV/Å"\nexpires = 2999-12-31\nreason = "a field is meant"\n'
    )
    foreign.write("waivers.toml", entry.format("100.0"))
    done = foreign.pytest("-q", "-rx")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 xfailed" in done.stdout
    assert "waived until 2999-12-31, up to 100 eV/Å: a field is meant" in done.stdout
    foreign.write("waivers.toml", entry.format("1e-3"))
    done = foreign.pytest("-q")
    assert done.returncode == 1
    assert "not waived: net force is missed by" in " ".join(done.stdout.split())
