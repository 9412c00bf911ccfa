"""Each planted defect is noticed at its required strength, by the checks that have to and by no unrelated one."""

import zlib

import numpy as np
import pytest

from benchmarks.kill_figure import figure
from benchmarks.kill_matrix import load, page
from benchmarks.planted import Claims, judge, killed_by
from benchmarks.sources import ROOT
from gnnp_bench.checks.registry import all_checks
from tests.analytic.graph import DType
from tests.mutants import CHECKS, MUTANTS, Mutant

SUMMARY = load()
IN_FLOAT32_TOO = ("direction-dependent", "order-of-appearance", "net-force", "minimum-image", "scaled-forces", "curl")
UNRELATED = 3
DRAWN_ANEW = {"set-order"}
"""Every process draws the size of the defect: what was seen with one draw need not be with the next."""
RACES = {"thread-race"}
ATTEMPTS = 10
"""To see two threads meet: on a machine with much else to do they may take turns for a whole certificate."""
CASES: list[tuple[str, DType]] = [(name, "float64") for name in MUTANTS] + [(n, "float32") for n in IN_FLOAT32_TOO]
BINDING = {check.id for check in all_checks() if check.category != "informational"} & CHECKS


def _unrelated(mutant: Mutant) -> list[str]:
    """Return checks that must not fail; others for each mutant, always the same."""
    bystanders = sorted(BINDING - mutant.must_fail - mutant.may_fail)
    rng = np.random.default_rng(zlib.crc32(mutant.name.encode()))
    return list(rng.permutation(bystanders)[:UNRELATED])


def _claims(mutant: Mutant) -> Claims:
    """Return whether the law is claimed: one half of the mutants each."""
    return "claimed" if list(MUTANTS).index(mutant.name) % 2 else "unclaimed"


@pytest.mark.parametrize(("name", "dtype"), CASES, ids=["-".join(case) for case in CASES])
def test_defects_are_noticed_at_their_required_strength_and_by_no_other_check(name: str, dtype: DType) -> None:
    mutant = MUTANTS[name]
    claims = _claims(mutant)
    strengths = {check: found[claims]["seen"] for check, found in SUMMARY["mutants"][name][dtype]["checks"].items()}
    assert strengths.keys() == mutant.must_fail
    if name in DRAWN_ANEW:
        strengths = dict.fromkeys(strengths, mutant.strength)
    attempts = ATTEMPTS if name in RACES else 1
    missed = [
        c
        for c, at in strengths.items()
        if not any(c in killed_by(judge(mutant, dtype, claims, at, 0, [c])) for _ in range(attempts))
    ]
    assert not missed
    bystanders = _unrelated(mutant)
    if bystanders:  # a potential that answers at random has none: every law may fail
        results = judge(mutant, dtype, claims, max(strengths.values()), 0, bystanders)
        assert not [result for result in results if result.status == "fail"]


def test_every_seed_notices_every_defect() -> None:
    for name, found in SUMMARY["mutants"].items():
        for dtype in found.keys() - {"base"}:
            for check, at in found[dtype]["checks"].items():
                assert at["claimed"]["seen"] is not None, (name, dtype, check)
                assert at["unclaimed"]["seen"] is not None, (name, dtype, check)


def test_no_certificate_blames_a_law_that_the_mutant_does_not_name() -> None:
    for name, found in SUMMARY["mutants"].items():
        named = MUTANTS[name].must_fail | MUTANTS[name].may_fail
        for dtype in found.keys() - {"base"}:
            for certificate in found[dtype]["certificates"].values():
                assert not set(certificate["killed"]) & BINDING - named, (name, dtype)


def test_the_page_is_current() -> None:
    text = (ROOT / "docs" / "kill_matrix.md").read_text()
    assert page(SUMMARY) + "\n" == text, "run: python -m benchmarks.kill_matrix --markdown > docs/kill_matrix.md"
    drawn = (ROOT / "docs" / "images" / "kill_matrix.svg").read_text()
    assert figure(SUMMARY) == drawn, "run: python -m benchmarks.kill_figure > docs/images/kill_matrix.svg"


def test_the_figure_marks_what_has_to_be_noticed() -> None:
    drawn = figure(SUMMARY)
    marks = sum(len(mutant.must_fail & CHECKS) for mutant in MUTANTS.values())
    assert drawn.count('class="must" x=') - 4 == marks  # four in the key
    assert 'class="missed"' not in drawn
    missed = {**SUMMARY, "mutants": {**SUMMARY["mutants"], "curl": {"float64": {"certificates": {"": {"killed": []}}}}}}
    assert figure(missed).count('class="missed"') == len(MUTANTS["curl"].must_fail)
