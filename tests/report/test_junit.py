"""The JUnit report, parsed back: what a continuous-integration system shows of a certificate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import pytest

from gnnp_bench.certificate.result import Certificate
from gnnp_bench.report.junit import encode, write
from tests.certificate.examples import FAILED, PASSED, POTENTIAL, certificate, result
from tests.report.printing import check

RESULTS = (
    PASSED,
    FAILED,
    result("conservation/closed-loop", "inconclusive", None, reason="the integrand is rough near the cutoff"),
    result("periodicity/partial", "not_applicable", reason="periodic structures only"),
    result("robustness/finite-output", "error", reason="RuntimeError: \x1b[31mboom\x1b[0m \x00\nsecond line"),
    result("symmetry/net-force", "waived", "violated", reason="waived until 2027-01-01"),
    result("robustness/refusals", "pass", "violated", category="informational"),
    result("robustness/told", "error", category="informational", reason="it broke"),
)
CERTIFICATE = certificate(*RESULTS, verdict="failed", grade=None)
IDS = [r.id for r in RESULTS]


def suite_of(found: Certificate = CERTIFICATE, asked: list[str] = IDS, **options: object) -> junitparser.TestSuite:
    (suite,) = junitparser.JUnitXml.fromstring(encode(found, asked=asked, **options))  # type: ignore[arg-type]
    return suite


def cases(suite: junitparser.TestSuite) -> dict[str, junitparser.TestCase]:
    return {case.name: case for case in suite}


def properties(element: junitparser.Element) -> dict[str, str]:
    return {item.name: item.value for item in element.child(junitparser.Properties)}


def test_every_check_is_a_case_and_what_is_no_pass_is_none():
    suite = suite_of()
    assert list(cases(suite)) == IDS
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (8, 1, 2, 4)
    assert suite.time == pytest.approx(sum(r.elapsed_s for r in RESULTS), abs=1e-3)
    kinds = {name: [(type(r).__name__, r.type) for r in case.result] for name, case in cases(suite).items()}
    assert kinds == {
        "symmetry/rotation": [],
        "periodicity/left-handed-cell": [("Failure", "violated")],
        "conservation/closed-loop": [("Error", "inconclusive")],
        "periodicity/partial": [("Skipped", "not_applicable")],
        "robustness/finite-output": [("Error", "error")],
        "symmetry/net-force": [("Skipped", "waived")],
        "robustness/refusals": [("Skipped", "seen")],
        "robustness/told": [("Skipped", "error")],
    }
    assert cases(suite)["periodicity/partial"].result[0].message == "periodic structures only"
    assert cases(suite)["robustness/finite-output"].result[0].message == "RuntimeError: boom second line"
    assert cases(suite)["symmetry/rotation"].classname == "gnnp_bench.CHGNet.symmetry"


def test_the_numbers_are_properties_with_every_bit():
    found = properties(cases(suite_of())["symmetry/rotation"])
    assert float(found["measured"]) == PASSED.measured
    assert {name: found[name] for name in ("bound", "significance", "unit", "quantity", "seed", "status", "grade")} == {
        "bound": "1e-05",
        "significance": "0.001",
        "unit": "eV/Å",
        "quantity": "forces",
        "seed": "0",
        "status": "pass",
        "grade": "exact",
    }
    assert "measured" not in properties(cases(suite_of())["periodicity/partial"])
    infinite = certificate(replace(FAILED, measured=None))
    assert properties(cases(suite_of(infinite))[FAILED.id])["measured"] == "nan"


def test_a_failure_is_told_as_in_the_terminal():
    suite = suite_of(checks={FAILED.id: check(FAILED.id)}, replayed_from="c.json")
    (failure,) = cases(suite)[FAILED.id].result
    assert failure.message.startswith(f"{FAILED.law}: missed by 0.031 eV/Å³ in stress: 310 times what is allowed")
    for words in ("law ", "missed by", "Atoms do not know", "Si2, 2 atoms", "gnnp-bench reproduce c.json periodicity"):
        assert words in failure.text
    assert "\x1b" not in failure.text


def test_the_suite_says_what_was_judged_and_the_verdict():
    suite = suite_of()
    assert suite.name == "CHGNet 0.3.0"
    found = {item.name: item.value for item in suite.properties()}
    assert (found["verdict"], found["complete"], found["seed"]) == ("failed", "true", "0")
    assert found["potential.spec"] == "chgnet:0.3.0"
    assert float(found["noise.forces"]) == CERTIFICATE.noise.forces
    assert "FAILED" in found["conclusion"]


def test_the_suite_says_of_which_structures_it_speaks_and_that_a_failure_is_not_complete():
    record = replace(POTENTIAL, spec="chgnet?periodicity=isolated", periodicity=("isolated",))
    judged = certificate(FAILED, potential=record, verdict="failed", grade=None, complete=False)
    found = {item.name: item.value for item in suite_of(judged).properties()}
    told = "isolated ones only, as its spec asks: nothing is said of crystals, liquids, slabs and wires"
    assert found["structures.kinds"] == told
    assert (found["verdict"], found["complete"]) == ("failed", "false")
    assert "FAILED, and is not complete" in found["conclusion"]


def test_a_check_that_was_not_reached_is_an_error_and_one_not_asked_for_is_left_out():
    interrupted = certificate(PASSED, complete=False, verdict="partial", grade=None)
    suite = suite_of(interrupted, [PASSED.id, "symmetry/inversion"])
    assert [(type(r).__name__, r.type) for r in cases(suite)["symmetry/inversion"].result] == [("Error", "not run")]
    assert list(cases(suite)) == [PASSED.id, "symmetry/inversion"]
    assert suite.errors == 1


def test_what_no_xml_file_can_hold_is_replaced():
    strange = "a\x00b\x1b[31mc\ud800\ufffe"
    named = certificate(
        replace(FAILED, law=strange, reason=strange),
        potential=replace(CERTIFICATE.potential, name=strange, version="1"),
    )
    ElementTree.fromstring(encode(named, asked=[FAILED.id]))
    assert "�" in suite_of(named).name or "b" in suite_of(named).name


def test_it_is_written_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "junit.xml"
    write(CERTIFICATE, path, asked=IDS)
    assert junitparser.JUnitXml.fromfile(str(path)).tests == len(IDS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["junit.xml"]
    with pytest.raises(ValueError, match="cannot write"):
        write(CERTIFICATE, tmp_path / "absent" / "junit.xml", asked=IDS)
