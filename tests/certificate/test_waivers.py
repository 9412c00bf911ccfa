"""A failure is waived as far as a waiver goes and no further, and a file that says something else is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gnnp_bench.certificate.io import decode, encode
from gnnp_bench.certificate.result import CheckResult, ComponentResult, Waiver
from gnnp_bench.certificate.verdict import decide
from gnnp_bench.certificate.waivers import check_ids, parse, read, unused, waived
from tests.certificate.examples import FAILED, PASSED, POTENTIAL, certificate, result

TODAY = date(2026, 11, 23)
WAIVER = Waiver(
    potential="CHGNet",
    check=FAILED.id,
    max=0.05,
    unit="eV/Å³",
    expires=date(2026, 12, 31),
    reason="left-handed cells are not used here",
)
TEXT = """
[[waiver]]
potential = "CHGNet"
check = "periodicity/left-handed-cell"
max = 0.05
unit = "eV/Å³"
expires = 2026-12-31
reason = "left-handed cells are not used here"
"""


def judged(*waivers: Waiver, found: CheckResult = FAILED, today: date = TODAY) -> CheckResult:
    return waived(found, waivers, POTENTIAL, today=today)


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "waivers.toml").write_text(TEXT, encoding="utf-8")
    assert read(tmp_path / "waivers.toml") == (WAIVER,)
    assert parse("") == ()
    assert parse(TEXT.replace("0.05", "1"))[0].max == 1.0


def test_a_failure_within_its_bound_and_date_is_waived() -> None:
    found = judged(WAIVER)
    assert (found.status, found.grade, found.waivers) == ("waived", "violated", (WAIVER,))
    assert found.reason == "waived until 2026-12-31, up to 0.05 eV/Å³: left-handed cells are not used here"
    assert [component.status for component in found.components] == ["pass", "waived"]
    assert found.counterexample == FAILED.counterexample
    assert decide([PASSED, found], expected=[PASSED.id, found.id], restricted=False) == ("certified", "physical")
    assert judged(WAIVER, found=found) == found


def test_a_waiver_goes_by_name_or_by_spec_and_by_nothing_else() -> None:
    assert judged(replace(WAIVER, potential="chgnet:0.3.0")).status == "waived"
    for other in ("chgnet", "CHG*", "MACE"):
        assert judged(replace(WAIVER, potential=other)) == FAILED
    assert judged(replace(WAIVER, check="periodicity/supercell")) == FAILED


def test_it_is_good_through_its_last_day() -> None:
    assert judged(WAIVER, today=WAIVER.expires).status == "waived"
    late = judged(WAIVER, today=date(2027, 1, 1))
    assert (late.status, late.reason) == ("fail", "not waived: the waiver expired on 2026-12-31")
    assert late.waivers == ()


@pytest.mark.parametrize(
    ("waiver", "reason"),
    [
        (
            replace(WAIVER, max=0.0155),
            "not waived: stress is missed by 0.031 eV/Å³, 2 times the 0.0155 that the waiver allows",
        ),
        (replace(WAIVER, unit="eV/Å"), "not waived: stress is missed in 'eV/Å³', but the waiver is in 'eV/Å'"),
    ],
)
def test_what_it_does_not_cover_stays_a_failure_and_is_told_why(waiver: Waiver, reason: str) -> None:
    assert judged(waiver) == replace(FAILED, reason=reason)


def failing(quantity: str, measured: float | None, unit: str) -> ComponentResult:
    return ComponentResult(
        quantity=quantity, status="fail", grade="violated", measured=measured, bound=0.0, significance=0.0, unit=unit
    )


def test_every_quantity_that_fails_must_be_covered() -> None:
    forces = failing("forces", 0.02, "eV/Å")
    both = replace(FAILED, components=(*FAILED.components, forces), reason="seen on one structure")
    partly = judged(WAIVER, found=both)
    assert partly.status == "fail"
    assert partly.reason == (
        "seen on one structure; not waived: forces is missed in 'eV/Å', but the waiver is in 'eV/Å³'"
    )
    for_forces = replace(WAIVER, unit="eV/Å", max=0.02)
    wholly = judged(WAIVER, for_forces, found=both)
    assert (wholly.status, wholly.waivers) == ("waived", (WAIVER, for_forces))


def test_what_is_not_finite_is_covered_by_nothing() -> None:
    found = judged(WAIVER, found=replace(FAILED, measured=None, components=(failing("stress", None, "eV/Å³"),)))
    assert (found.status, found.reason) == ("fail", "not waived: stress is not finite, which no waiver covers")


@pytest.mark.parametrize("status", ["pass", "inconclusive", "error", "not_applicable"])
def test_only_failures_are_waived(status: str) -> None:
    other = result(FAILED.id, status)
    assert judged(WAIVER, found=other) == other


def test_what_never_fails_is_not_waived() -> None:
    told = replace(FAILED, category="informational")
    assert judged(WAIVER, found=told) == told


def test_waivers_that_were_good_for_nothing_are_named() -> None:
    def lines(*checks: CheckResult, waiver: Waiver = WAIVER) -> list[str]:
        return unused([waiver], certificate(*checks))

    assert lines(judged(WAIVER)) == []
    assert lines(judged(replace(WAIVER, max=1e-3))) == []  # fails, and its reason says why
    assert lines(replace(PASSED, id=FAILED.id)) == [
        "unused waiver: periodicity/left-handed-cell of CHGNet: the check is pass; remove the waiver"
    ]
    assert lines(PASSED) == ["unused waiver: periodicity/left-handed-cell of CHGNet: the check was not run"]
    assert lines(judged(WAIVER), waiver=replace(WAIVER, potential="MACE")) == [
        "unused waiver: periodicity/left-handed-cell of MACE: what was judged is CHGNet"
    ]


def test_a_waived_result_survives_the_file() -> None:
    original = certificate(judged(WAIVER))
    assert decode(encode(original)) == original
    assert b'"expires": "2026-12-31"' in encode(original)


def without(key: str) -> str:
    return "\n".join(line for line in TEXT.splitlines() if not line.startswith(f"{key} "))


def with_value(key: str, value: str) -> str:
    return "\n".join(f"{key} = {value}" if line.startswith(f"{key} ") else line for line in TEXT.splitlines())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TEXT + "colour = 3",
            "waiver 1 has the unknown key 'colour': its keys are potential, check, max, unit, expires",
        ),
        (TEXT.replace("expires", "expire"), "waiver 1 has the unknown key 'expire': did you mean 'expires'?"),
        *[(without(k), f"waiver 1 lacks '{k}': write for example {k} = ") for k in ("potential", "check", "unit")],
        (without("max"), "waiver 1 lacks 'max': write for example max = 0.9"),
        (without("expires"), "waiver 1 lacks 'expires': write for example expires = 2027-03-31"),
        (without("reason"), "waiver 1 lacks 'reason'"),
        (with_value("potential", "3"), 'waiver 1: potential must be text, such as "chgnet", not 3'),
        (with_value("reason", '" "'), "waiver 1: reason must be text"),
        (with_value("check", '"periodicity/*"'), "check is the id of one check, not a pattern like 'periodicity/*'"),
        (with_value("max", '"0.05"'), "waiver 1: max must be a number above 0, such as 0.9, not '0.05'"),
        (with_value("max", "true"), "max must be a number above 0"),
        (with_value("max", "0"), "max must be a number above 0"),
        (with_value("max", "inf"), "max must be a number above 0"),
        (with_value("max", "nan"), "max must be a number above 0"),
        (with_value("expires", '"2026-12-31"'), "expires must be a date without quotes and without time, such as 2027"),
        (with_value("expires", "2026-12-31T00:00:00"), "expires must be a date without quotes and without time"),
        (TEXT + TEXT, "waiver 2 repeats waiver 1: periodicity/left-handed-cell of CHGNet in 'eV/Å³'"),
        (TEXT.replace("[[waiver]]", "[waiver]"), "write [[waiver]] with two brackets"),
        ("waiver = [3]", "waiver 1 is no table"),
        (TEXT.replace("waiver]", "waivers]"), "unknown key 'waivers': the file holds nothing but tables [[waiver]]"),
        ("[[waiver", "not TOML"),
    ],
)
def test_anything_else_in_a_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # its message is compared below
        read(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("lay", "message"),
    [
        (lambda path: None, "cannot read {path}: No such file or directory"),
        (lambda path: path.mkdir(), "cannot read {path}: Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "{path}: waivers are written in UTF-8"),
    ],
)
def test_what_is_no_text_file_is_refused(lay: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    lay(path)
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # its message is compared below
        read(path)
    assert message.format(path=path) in str(refused.value)


def test_a_check_that_is_not_there_is_refused() -> None:
    check_ids([WAIVER], [PASSED.id, FAILED.id])
    with pytest.raises(ValueError, match=r"which there is not; did you mean periodicity/left-handed-cells\?"):
        check_ids([WAIVER], [PASSED.id, "periodicity/left-handed-cells"])
    with pytest.raises(ValueError, match="gnnp-bench list shows what there is"):
        check_ids([WAIVER], ["x/y"])


def test_what_is_not_known_is_not_waived() -> None:
    broke = judged(WAIVER, found=replace(FAILED, broken=3))
    assert (broke.status, broke.reason) == ("fail", "not waived: 3 cases broke, which no waiver covers")
    first, *others = FAILED.components
    unclear = replace(FAILED, components=(replace(first, status="inconclusive"), *others))
    found = judged(WAIVER, found=unclear)
    assert (found.status, found.waivers) == ("fail", ())
    assert found.reason == f"not waived: {first.quantity}: inconclusive, which no waiver covers"
