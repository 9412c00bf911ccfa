"""The field: its page is that of its results, and what the committed results say of five potentials is found again."""

from __future__ import annotations

import pytest

from benchmarks.field.found import CAMPAIGN, STANDARD, Field, field
from benchmarks.field.page import page
from benchmarks.sources import ROOT
from gnnp_bench import certify
from gnnp_bench.campaign.asked import read

LAWS = ("symmetry/*", "periodicity/*", "conservation/force-gradient")
AGAIN = (
    "ase:ase.calculators.emt:EMT",
    "ase:ase.calculators.lj:LennardJones?sigma=3.4&epsilon=0.0104&rc=8.5&ro=7.5&smooth=true",
    "reference:lmax1",
    "reference:ordered",
    "reference:twobody",
)

SPECIES = {subject.spec: subject.species for subject in read(CAMPAIGN).subjects if subject.species}


@pytest.fixture(scope="module")
def whole() -> Field:
    return field()


def test_the_page_is_that_of_the_results(whole: Field) -> None:
    assert page(whole, field(STANDARD)) + "\n" == (ROOT / "docs" / "field.md").read_text()


def test_results_are_of_all_kinds(whole: Field) -> None:
    kinds = {"EAM", "MEAM", "Tersoff", "SW", "SNAP", "CHGNet", "SevenNet", "reference"}
    assert {one.kind for one in whole.found} >= kinds
    assert any(one.word == "failed" for one in whole.found)
    assert any(one.word == "certified" for one in whole.found)


@pytest.mark.parametrize("spec", AGAIN)
def test_five_are_judged_as_before(whole: Field, spec: str) -> None:
    (before,) = [one.certificate for one in whole.found if one.spec == spec]
    assert before is not None
    again = certify(spec, species=SPECIES.get(spec), budget="quick", seed=0, only=LAWS)
    found = {result.id: result.status for result in again.checks}
    assert len(found) > 12
    assert found == {result.id: result.status for result in before.checks if result.id in found}
