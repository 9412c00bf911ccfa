"""Verdicts, numbers, structures and checks in words."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnp_bench.certificate.compare import state
from gnnp_bench.certificate.verdict import decide, judge
from gnnp_bench.report import catalogue, junit, table, terminal
from gnnp_bench.report.text import (
    compact,
    duration,
    listed,
    number,
    plain,
    quantity,
    structure_lines,
    times,
)
from gnnp_bench.report.words import outcome, sentence
from tests.certificate.examples import COUNTEREXAMPLE, FAILED, PASSED, POTENTIAL, certificate, result
from tests.report.printing import check, printed

APPROXIMATE = result("symmetry/permutation", grade="approximate")
LIMITED = result("symmetry/net-torque", grade="limited", measured=0.0, bound=1.1e-3, unit="eV")
WAIVED = result("smoothness/dimers", "waived", "violated")
ERROR, UNCLEAR = result("a/broken", "error"), result("a/rough", "inconclusive", None)


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        (
            certificate(PASSED, result("a/b")),
            "CHGNet 0.3.0 is certified (exact): 2 of 2 laws hold, each to the potential's own rounding.",
        ),
        (
            certificate(
                PASSED,
                potential=replace(POTENTIAL, spec="chgnet?periodicity=periodic", periodicity=("periodic",)),
            ),
            "CHGNet 0.3.0 is certified (exact) for periodic structures only: 1 of 1 law holds, each to the potential's "
            "own rounding.",
        ),
        (
            certificate(PASSED, *(result(f"a/{i}", "error") for i in range(9)), verdict="partial", grade=None),
            "CHGNet 0.3.0 is not certified (partial): nothing was violated, but 9 checks could not be measured.",
        ),
        (
            certificate(PASSED, APPROXIMATE, grade="physical"),
            "CHGNet 0.3.0 is certified (physical): 2 of 2 laws hold; 1 of them is missed by more than rounding, "
            "but by less than matters: symmetry/permutation.",
        ),
        (
            certificate(PASSED, LIMITED, grade="physical"),
            "CHGNet 0.3.0 is certified (physical): 2 of 2 laws hold; 1 of them is held as far as rounding lets one "
            "see: symmetry/net-torque (0.0011 eV).",
        ),
        (
            certificate(PASSED, LIMITED, APPROXIMATE, grade="physical"),
            "CHGNet 0.3.0 is certified (physical): 3 of 3 laws hold; 1 of them is held as far as rounding lets one "
            "see: symmetry/net-torque (0.0011 eV); 1 of them is missed by more than rounding, but by less than "
            "matters: symmetry/permutation.",
        ),
        (
            certificate(PASSED, WAIVED, result("a/na", "not_applicable"), grade="physical"),
            "CHGNet 0.3.0 is certified (physical): 1 of 2 laws hold; violated with permission (waived): "
            "smoothness/dimers.",
        ),
        (
            certificate(PASSED, FAILED, ERROR, verdict="failed", grade=None),
            "CHGNet 0.3.0 FAILED: 1 of 3 laws is violated: periodicity/left-handed-cell.",
        ),
        (
            certificate(PASSED, ERROR, UNCLEAR, verdict="partial", grade=None),
            "CHGNet 0.3.0 is not certified (partial): nothing was violated, but a/broken could not be measured and "
            "a/rough led to no conclusion.",
        ),
        (
            certificate(PASSED, WAIVED, UNCLEAR, verdict="partial", grade=None),
            "CHGNet 0.3.0 is not certified (partial): nothing was violated beside what is waived, but a/rough led to "
            "no conclusion.",
        ),
        (
            certificate(PASSED, verdict="partial", grade=None),
            "CHGNet 0.3.0 is not certified (partial): nothing was violated, but only a part of the checks was asked "
            "for.",
        ),
        (
            certificate(PASSED, FAILED, verdict="failed", grade=None, complete=False),
            "CHGNet 0.3.0 FAILED, and is not complete: the run ended after 2 checks; so far 1 of 2 laws is violated: "
            "periodicity/left-handed-cell.",
        ),
        (
            certificate(PASSED, FAILED, verdict="partial", grade=None, complete=False),
            "CHGNet 0.3.0 is not certified (partial): violated so far: periodicity/left-handed-cell, but the run was "
            "interrupted after 2 checks.",
        ),
        (
            certificate(result("a/na", "not_applicable"), verdict="partial", grade=None),
            "CHGNet 0.3.0 is not certified (partial): nothing was violated, but no law could be judged.",
        ),
    ],
)
def test_the_verdict_is_one_sentence(judged, expected):
    assert sentence(judged) == expected
    shown = printed(lambda out: terminal.summary(out, judged))
    assert shown.rstrip().replace("\n", " ").endswith(expected)


numbers = st.one_of(st.just(0.0), st.sampled_from([1e-6, 1e-3, 1.0]), st.floats(0.0, 1e6))


@given(numbers, numbers, numbers, st.booleans(), st.booleans(), st.sampled_from(["mandatory", "informational"]))
def test_words_agree_with_the_numbers(r, b, s, claimed, converged, category):
    """Sentence, table, JUnit and comparison, for whatever is measured."""
    status, grade = judge(r, b, s, claimed=claimed, converged=converged)
    informational = category == "informational"
    judged = result("a/law", "pass" if informational else status, grade, measured=r, bound=b, significance=s)
    judged = replace(judged, category=category)
    verdict, overall = decide([PASSED, judged], expected=[], restricted=False)
    whole = certificate(PASSED, judged, verdict=verdict, grade=overall)
    text = sentence(whole)
    said = outcome(judged)
    line = printed(lambda out: table.row(out, judged))
    assert line.startswith(f"{table.word(judged)} ")
    assert table.word(judged) in said
    report = junit.encode(whole, asked=[]).decode()
    assert f'<property name="outcome" value="{said}"/>' in report
    for shown in (line, said, text, report):
        assert not re.search("pass violated|waived violated", shown)
    if not informational:
        assert (f"a/law ({quantity(b, judged.unit)})" in text) == (status == "pass" and b > s)
        assert ("missed by more than rounding" in text) == (status == "pass" and b < r <= s)
        assert ("each to the potential's own rounding" in text) == (status == "pass" and r <= b <= s)
        assert (overall == "exact") == (status == "pass" and r <= b <= s)
        assert (overall == "physical") == (status == "pass" and not r <= b <= s)
    elif status != "pass":
        assert said == {"fail": "seen, not judged", "inconclusive": "undecided, not judged"}[status]
        assert "FAILED" not in text
    assert state(judged) in {grade, status, "seen", "undecided"}


def test_a_waived_violation_is_waived_and_nothing_else():
    assert outcome(WAIVED) == "waived"


def test_the_sentence_counts_what_was_not_run():
    partial = certificate(PASSED, verdict="partial", grade=None)
    assert sentence(partial, expected=[PASSED.id, "a/b", "a/c"]).endswith("but 2 checks were not run.")


@given(st.floats(-1e300, 1e300) | st.sampled_from([math.nan, math.inf, -math.inf]))
def test_numbers_are_short(value):
    assert len(number(value)) <= 10
    if math.isfinite(value):
        assert float(number(value)) == pytest.approx(value, rel=0.06)
    else:
        assert number(value) == "not finite"


@given(st.text())
def test_foreign_text_is_one_harmless_line(text):
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", plain(text))
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "5 s"),
        (42.0, "40 s"),
        (54.9, "55 s"),
        (55.0, "1 min"),
        (90.0, "2 min"),
        (3299.0, "55 min"),
        (5400.0, "1.5 h"),
    ],
)
def test_durations_are_rough(seconds, said):
    assert duration(seconds) == said


def test_small_words():
    assert listed([]) == ""
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert quantity(None, "eV") == "not finite"
    assert times(312.4) == "310"
    assert compact({"n": 2, "m": [[1.0, 0.0], [0.0, 1.0]], "long": list(range(10)), "none": None, "yes": True}) == (
        "{n: 2, m: [[1, 0], [0, 1]], long: [10 values], none: null, yes: true}"
    )


def test_structures_of_every_kind_can_be_read():
    isolated = {"numbers": [8, 1, 1], "positions": [[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, None]]}
    lines = structure_lines(isolated | {"cell": [[0.0] * 3] * 3, "pbc": [False] * 3})
    assert lines[0] == "H2O, 3 atoms, not periodic"
    assert len(lines) == 4
    assert lines[-1].endswith("not finite")
    slab = structure_lines(COUNTEREXAMPLE.structure | {"pbc": [True, True, False]})
    assert slab[0] == "Si2, 2 atoms, periodic along cell vectors 1 and 2"
    many = {"numbers": [29] * 9, "positions": [[0.0] * 3] * 9, "cell": [[9.0, 0, 0], [0, 9.0, 0], [0, 0, 9.0]]}
    assert structure_lines(many | {"pbc": [True] * 3})[-1] == "positions of its 9 atoms: in the certificate"


def test_the_catalogue_lists_and_explains_every_check():
    checks = [check("b/second", law="x|y"), check("a/first", category="claimed", claim="smooth"), check("b/third")]
    page = catalogue.markdown(checks)
    assert page.index("## a") < page.index("## b")
    assert page.index("### b/second") < page.index("### b/third")
    assert "| [b/second](#bsecond) | x\\|y | mandatory |" in page
    assert "binding for a potential that claims to be smooth" in page
    listing = printed(lambda out: catalogue.listing(out, checks))
    assert [line.split()[0] for line in listing.splitlines() if line[0] != " "] == ["b/second", "a/first", "b/third"]
    explained = printed(lambda out: catalogue.explanation(out, checks[0]))
    assert checks[0].physics in " ".join(explained.split())
    assert "energy and stress" in explained
