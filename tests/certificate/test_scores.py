"""The numbers beside the laws: what differs between two certificates, and what of it is a step back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gnnp_bench.certificate.compare import compare
from gnnp_bench.certificate.io import comparable, decode, encode
from gnnp_bench.certificate.result import Score
from tests.certificate.examples import certificate

ERROR = Score(kind="accuracy", subject="Si.extxyz", name="forces, MAE", value=50.0, unit="meV/Å", better="lower")
TIME = Score(kind="bench", subject="64 atoms", name="time", value=80.0, uncertainty=2.0, unit="µs/atom", better="lower")
MODULUS = Score(kind="properties", subject="Si:diamond", name="B0", value=95.0, uncertainty=0.5, unit="GPa")


def changes(old: Score | None, new: Score | None):
    before, after = (certificate(scores=(ERROR, *([s] if s else []))) for s in (old, new))
    found = compare(before, after)
    return [(change.kind, change.step_back) for change in found.scores], found.worse


@pytest.mark.parametrize(
    ("score", "value", "expected"),
    [
        (replace(ERROR, name="energy, MAE"), 50.3, []),  # less than 1 %
        (replace(ERROR, name="energy, MAE"), 51.0, [("worse", True)]),
        (replace(ERROR, name="energy, MAE"), 40.0, [("better", False)]),
        (TIME, 86.0, []),  # stored times differ so from day to day
        (TIME, 160.0, [("worse", False)]),
        (TIME, 60.0, [("better", False)]),
        (replace(TIME, better="higher"), 160.0, [("better", False)]),
        (MODULUS, 95.9, []),
        (MODULUS, 97.0, [("changed", False)]),
        (replace(MODULUS, uncertainty=None), 95.5, []),
        (replace(MODULUS, uncertainty=None), 97.0, [("changed", False)]),
    ],
)
def test_what_differs_by_more_than_it_is_known_to(score, value, expected):
    found, worse = changes(score, replace(score, value=value))
    assert found == expected
    assert worse is any(back for _, back in expected)


@pytest.mark.parametrize(("score", "back"), [(replace(ERROR, name="x"), True), (MODULUS, True), (TIME, False)])
def test_a_number_that_is_no_longer_there(score, back):
    none = replace(score, value=None, remark="no minimum")
    assert changes(score, none) == ([("gone", back)], back)
    assert changes(none, score) == ([("new", False)], False)


def test_certificates_that_were_not_asked_for_numbers_are_not_compared_by_them():
    plain, scored = certificate(), certificate(scores=(ERROR,))
    assert not compare(scored, plain).scores
    assert not compare(plain, scored).scores
    only_speed = certificate(scores=(TIME,))
    assert not compare(scored, only_speed).worse  # errors were not asked for the second time


def test_scores_are_kept_and_speed_does_not_make_certificates_unequal():
    full = certificate(scores=(ERROR, TIME, MODULUS))
    assert decode(encode(full)) == full
    assert comparable(full).scores == (ERROR, MODULUS)


def test_a_certificate_of_version_2_has_none():
    data = json.loads(encode(certificate())) | {"schema_version": 2}
    del data["scores"]
    assert decode(json.dumps(data)) == certificate()
