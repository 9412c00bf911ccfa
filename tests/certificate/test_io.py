"""Certificates survive the way through JSON, and what is no certificate is refused."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnp_bench.certificate import schema
from gnnp_bench.certificate.io import comparable, decode, encode, read
from gnnp_bench.certificate.result import Certificate, CheckResult, ComponentResult, Counterexample, NoiseRecord
from gnnp_bench.certificate.verdict import judge
from tests.certificate.examples import COUNTEREXAMPLE, FAILED, PASSED, certificate

ROOT = Path(__file__).parents[2]

finite = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | finite
words = st.text(max_size=20)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | finite | words
json_values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(words, json_values, max_size=3)
statuses = st.sampled_from(["pass", "fail", "waived", "not_applicable", "inconclusive", "error"])
grades = st.none() | st.sampled_from(["exact", "limited", "approximate", "violated"])
component_results = st.builds(
    ComponentResult,
    quantity=words,
    status=statuses,
    grade=grades,
    measured=maybe,
    bound=maybe,
    significance=maybe,
    unit=words,
)
check_results = st.builds(
    CheckResult,
    id=words,
    law=words,
    category=st.sampled_from(["mandatory", "claimed", "informational"]),
    status=statuses,
    grade=grades,
    quantity=st.none() | words,
    measured=maybe,
    bound=maybe,
    significance=maybe,
    unit=st.none() | words,
    components=st.lists(component_results, max_size=2).map(tuple),
    cases=st.integers(0, 10**6),
    evaluations=st.integers(0, 10**6),
    elapsed_s=finite,
    reason=st.none() | words,
    counterexample=st.none() | st.builds(Counterexample, structure=objects, case=objects, reproduce=words),
)
certificates = st.builds(
    lambda checks, environment, noise, seed: certificate(*checks, environment=environment, noise=noise, seed=seed),
    st.lists(check_results, max_size=3),
    objects,
    st.builds(NoiseRecord, energy=maybe, forces=maybe, stress=maybe),
    st.integers(0, 2**63 - 1),
)
VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema.shipped()))


@given(certificates)
@settings(deadline=None)
def test_a_certificate_survives_encoding_bit_by_bit_and_obeys_its_schema(original):
    data = encode(original)
    assert decode(data) == original
    VALIDATOR.validate(json.loads(data))


def test_numbers_that_are_not_finite_become_null_wherever_they_are():
    broken = replace(
        FAILED,
        measured=math.nan,
        bound=math.inf,
        counterexample=replace(COUNTEREXAMPLE, case={"parameters": {"angle": -math.inf, "path": [1.0, math.nan]}}),
    )
    check = json.loads(encode(certificate(broken)), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    (found,) = check["checks"]
    assert found["measured"] is None
    assert found["bound"] is None
    assert found["counterexample"]["case"] == {"parameters": {"angle": None, "path": [1.0, None]}}
    VALIDATOR.validate(check)


def test_numpy_values_in_a_case_are_kept_as_numbers():
    case = {"angle": np.float64(0.1), "axis": np.array([1.0, 0.0]), "n": np.int64(3), "flag": np.bool_(True)}
    kept = decode(encode(certificate(replace(FAILED, counterexample=replace(COUNTEREXAMPLE, case=case)))))
    assert kept.checks[0].counterexample is not None
    assert kept.checks[0].counterexample.case == {"angle": 0.1, "axis": [1.0, 0.0], "n": 3, "flag": True}


def test_what_json_cannot_keep_is_refused():
    with pytest.raises(TypeError, match="cannot hold a complex"):
        encode(certificate(environment={"phase": 1j}))


def test_keys_stand_in_the_order_of_the_contract():
    text = encode(certificate(FAILED)).decode()
    assert list(json.loads(text)) == [
        "schema_version",
        "verdict",
        "grade",
        "complete",
        "potential",
        "environment",
        "budget",
        "profile",
        "seed",
        "elapsed_s",
        "potential_s",
        "evaluations",
        "structures",
        "noise",
        "checks",
        "causes",
        "scores",
        "uses",
        "series",
        "seal",
    ]
    assert list(json.loads(text)["checks"][0]) == [field.name for field in fields(CheckResult)]
    assert text.endswith("}\n")
    assert '\n  "schema_version": 3,\n' in text


def test_unknown_fields_are_ignored_and_absent_optional_ones_get_their_default():
    data = json.loads(encode(certificate(FAILED)))
    data["added_later"] = {"anything": 1}
    data["checks"][0]["added_later"] = True
    del data["checks"][0]["cases"]
    VALIDATOR.validate(data)
    assert decode(json.dumps(data)) == certificate(replace(FAILED, cases=0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"schema_version": 4, "verdict": "anything"},
            "certificate has schema version 4; this gnnp-bench reads 1, 2 and 3",
        ),
        ({"schema_version": None}, r"not a certificate.*schema_version"),
        ({"verdict": "splendid"}, r"not a certificate.*verdict"),
        ({"seed": "zero"}, r"not a certificate.*seed"),
    ],
)
def test_a_wrong_certificate_is_refused_with_the_reason(change, message):
    data = json.loads(encode(certificate()))
    with pytest.raises(ValueError, match=message) as refusal:
        decode(json.dumps(data | change))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b'{"verdict": "certified"}', b"\xff\xfe", b'{"a": "\xff"}'])
def test_what_is_no_certificate_is_said_to_be_none(data):
    with pytest.raises(ValueError, match="not a certificate"):
        decode(data)


def test_every_truncation_of_a_certificate_is_refused():
    data = encode(certificate()).rstrip()
    for length in range(0, len(data), 7):
        with pytest.raises(ValueError, match="not a certificate"):
            decode(data[:length])


def test_the_shipped_schema_is_what_the_code_generates():
    assert schema.shipped() == schema.text(), "run: python -m gnnp_bench.certificate.schema"


def test_every_field_is_described_in_the_schema_and_in_the_documentation():
    page = (ROOT / "docs" / "certificate.md").read_text(encoding="utf-8")
    for name, definition in schema.schema()["$defs"].items():
        assert definition["properties"], name
        for field, description in definition["properties"].items():
            assert description["description"].strip().endswith("."), (name, field)
            assert f"`{field}`" in page, f"docs/certificate.md does not explain {field} of {name}"


@pytest.mark.parametrize(
    "change",
    [{"schema_version": 4}, {"verdict": "splendid"}, {"checks": [{}]}, {"noise": None}, {"elapsed_s": "1"}],
)
def test_the_schema_refuses_what_is_no_certificate(change):
    data = json.loads(encode(certificate())) | change
    assert not VALIDATOR.is_valid(data)
    del data[next(iter(change))]
    assert VALIDATOR.is_valid(data) == (next(iter(change)) == "checks")


def test_comparable_removes_times_and_environment_and_nothing_else():
    original = certificate(PASSED, FAILED)
    later = replace(
        original,
        environment={"date": "another"},
        elapsed_s=99.0,
        potential_s=98.0,
        checks=tuple(replace(check, elapsed_s=7.0) for check in original.checks),
    )
    assert original != later
    assert comparable(original) == comparable(later)
    assert comparable(original) != comparable(replace(original, seed=1))
    assert comparable(original) != comparable(replace(original, checks=(PASSED, replace(FAILED, measured=0.032))))


def test_reading_says_which_file_is_wrong(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read .*absent.json: No such file"):
        read(tmp_path / "absent.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other.json: not a certificate"):
        read(tmp_path / "other.json")


def test_a_certificate_holds_only_what_its_class_says():
    assert [field.name for field in fields(Certificate)] == list(schema.schema()["$defs"]["Certificate"]["properties"])


def test_a_certificate_of_version_1_is_read_with_the_grades_of_today():
    def component(quantity, grade, measured, bound):
        return ComponentResult(
            quantity=quantity,
            status="pass",
            grade=grade,
            measured=measured,
            bound=bound,
            significance=1e-3,
            unit="eV/Å",
        )

    hidden, missed = component("energy", "approximate", 9e-4, 2e-3), component("forces", "approximate", 5e-4, 1e-6)
    numbers = {name: getattr(hidden, name) for name in ("quantity", "measured", "bound", "significance", "unit")}
    both = replace(PASSED, grade="approximate", components=(hidden, missed), **numbers)
    old = certificate(
        PASSED, both, replace(both, id="a/one", components=(hidden,)), FAILED, verdict="failed", grade=None
    )
    data = json.loads(encode(old)) | {"schema_version": 1}
    found = decode(json.dumps(data))
    assert found.schema_version == 3
    headline, alone = found.checks[1:3]
    assert [c.grade for c in headline.components] == ["limited", "approximate"]
    assert (headline.grade, headline.quantity, headline.measured, headline.bound) == (
        "approximate",
        "forces",
        5e-4,
        1e-6,
    )
    assert (alone.grade, alone.quantity, alone.bound) == ("limited", "energy", 2e-3)
    assert (found.checks[0], found.checks[3]) == (PASSED, FAILED)
    assert decode(encode(found)) == found


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "findings").glob("*.json")), ids=lambda path: path.stem)
def test_committed_certificates_are_read_with_grades_that_follow_from_their_numbers(path):
    for check in read(path).checks:
        for component in (c for c in check.components if c.status == "pass" and c.grade is not None):
            grade = _grade_of(component)
            assert component.grade == grade or check.category == "informational"
        if check.status == "pass" and check.quantity is not None and check.grade is not None:
            assert check.grade == _grade_of(check)


def _grade_of(judged: CheckResult | ComponentResult) -> str | None:
    assert judged.measured is not None
    assert judged.bound is not None
    assert judged.significance is not None
    return judge(judged.measured, judged.bound, judged.significance)[1]
