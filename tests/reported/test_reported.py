"""Reported defects are told by a law that a reader would look at; reports of no defect end in a certificate."""

import pytest

from benchmarks.reported import BINDING, certify, laws_of, lines, newest, page, told
from benchmarks.sources import ROOT
from gnnp_bench.checks.registry import all_checks
from tests.reported import NO_DEFECTS, REPORTED

BY_LAW = [name for name, one in REPORTED.items() if laws_of(one)]
KEPT = newest(lines())
WEIGHTS = {check.id: check.weight for check in all_checks()}
BY_NONE = [name for name, one in REPORTED.items() if not laws_of(one)]


@pytest.mark.parametrize("name", BY_LAW)
def test_a_law_that_a_reader_would_look_at_tells_the_defect(name: str) -> None:
    one = REPORTED[name]
    # One law after another until one tells it, those first that told it before, of these those that ask for little.
    before = KEPT.get((name, one.budget), {}).get(0, {"told": {}})["told"]
    laws = sorted(laws_of(one), key=lambda law: (law not in before, WEIGHTS[law]))
    assert any(told(certify(one.make, name, one.budget, 0, [law]), [law]) for law in laws)


@pytest.mark.parametrize("name", BY_NONE)
def test_what_obeys_every_law_is_said_to(name: str) -> None:
    one = REPORTED[name]
    assert one.why
    assert certify(one.make, name, "quick", 0).verdict != "failed"


@pytest.mark.parametrize("name", NO_DEFECTS)
def test_reports_of_no_defect_end_in_a_certificate(name: str) -> None:
    certificate = certify(NO_DEFECTS[name].make, name, "quick", 0)
    assert {
        r.id: r.status for r in certificate.checks if r.id in BINDING and r.status not in ("pass", "not_applicable")
    } == {}


def test_every_defect_has_a_thread_of_its_own_or_says_why_not() -> None:
    links = [one.link for one in REPORTED.values()] + [one.link for one in NO_DEFECTS.values()]
    twice = {link for link in links if links.count(link) > 1}
    # The first thread tells of two defects of one interface.
    assert twice == {"https://github.com/TorchSim/torch-sim/issues/535"}
    assert all(link.startswith("https://github.com/") for link in links)


def test_who_names_no_law_says_why() -> None:
    assert not [one.name for one in REPORTED.values() if not laws_of(one) and not one.why]


def test_the_page_is_current() -> None:
    text = (ROOT / "docs" / "reported.md").read_text()
    assert page(lines()) + "\n" == text, "run: python -m benchmarks.reported page > docs/reported.md"
