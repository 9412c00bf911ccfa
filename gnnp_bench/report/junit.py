"""A certificate as JUnit XML, which continuous-integration systems show: one test case for each check.

What is no pass for the verdict is no pass there: a violated law is a failure; what was inconclusive, could not be
measured or was not reached is an error. What is waived or does not apply is skipped.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from gnnp_bench.certificate.io import replace_file
from gnnp_bench.certificate.result import Cause, Certificate, CheckResult
from gnnp_bench.certificate.verdict import told_only
from gnnp_bench.check import Check
from gnnp_bench.report.failures import failure, missed_by
from gnnp_bench.report.stream import console
from gnnp_bench.report.text import judged_on, plain
from gnnp_bench.report.words import outcome, sentence, subject

if TYPE_CHECKING:
    import junitparser as junit

WIDTH = 100
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML file can hold, not even escaped."""


def write(
    certificate: Certificate,
    path: str | os.PathLike[str],
    *,
    asked: Sequence[str],
    checks: Mapping[str, Check] | None = None,
    replayed_from: str | None = None,
) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    certificate : Certificate
    path : path
    asked : sequence of str
        Ids of the checks that were to be judged; those that the certificate lacks are errors.
    checks : mapping of str to Check, optional
        All registered checks, for the meaning of the laws.
    replayed_from : str, optional
        Where the certificate was written, for the command that replays a failure from it.

    Raises
    ------
    ValueError
        If the file cannot be written.
    """
    replace_file(path, encode(certificate, asked=asked, checks=checks, replayed_from=replayed_from))


def encode(
    certificate: Certificate,
    *,
    asked: Sequence[str],
    checks: Mapping[str, Check] | None = None,
    replayed_from: str | None = None,
) -> bytes:
    """Return the report as XML in UTF-8; see `write`."""
    import junitparser as junit

    suite = junit.TestSuite(_legal(subject(certificate)))
    if "date" in certificate.environment:
        suite.timestamp = _legal(str(certificate.environment["date"]))
    for name, value in _about(certificate, checks):
        suite.add_property(name, _legal(value))
    for result in certificate.checks:
        case = junit.TestCase(result.id, _class(certificate, result.id), result.elapsed_s)
        case.append(_properties(result, certificate.seed))
        outcome = _outcome(result, (checks or {}).get(result.id), replayed_from, certificate.causes)
        if outcome is not None:
            case.append(outcome)
        suite.add_testcase(case)
    present = {result.id for result in certificate.checks}
    for check_id in asked:
        if check_id not in present:
            case = junit.TestCase(check_id, _class(certificate, check_id), 0.0)
            case.append(junit.Error("the run ended before this check was judged", "not run"))
            suite.add_testcase(case)
    suite.update_statistics()
    document = junit.JUnitXml()
    document.add_testsuite(suite)
    document.update_statistics()
    out = io.BytesIO()
    document.write(out)
    return out.getvalue()


def _about(certificate: Certificate, expected: Iterable[str] | None) -> Iterator[tuple[str, str]]:
    yield "verdict", certificate.verdict
    yield "grade", certificate.grade or ""
    yield "complete", str(certificate.complete).lower()
    yield "conclusion", sentence(certificate, expected=expected)
    for name in ("budget", "profile", "seed", "evaluations", "structures"):
        yield name, str(getattr(certificate, name))
    for name in ("spec", "name", "version", "weights_sha256", "dtype", "device"):
        value = getattr(certificate.potential, name)
        if value is not None:
            yield f"potential.{name}", value
    kinds = judged_on(certificate.potential)
    if kinds is not None:
        yield "structures.kinds", kinds
    for quantity in ("energy", "forces", "stress"):
        value = getattr(certificate.noise, quantity)
        if value is not None:
            yield f"noise.{quantity}", repr(value)


def _class(certificate: Certificate, check_id: str) -> str:
    """Return the name under which systems group cases: the potential and the family of laws."""
    name = re.sub(r"[.\s]", "_", plain(certificate.potential.name))
    return _legal(f"gnnp_bench.{name}.{check_id.partition('/')[0]}")


def _properties(result: CheckResult, seed: int) -> junit.Properties:
    import junitparser as junit

    values = {
        "law": result.law,
        "category": result.category,
        "status": result.status,
        "grade": result.grade,
        "outcome": outcome(result),
        "quantity": result.quantity,
        "measured": _number(result.measured, result),
        "bound": _number(result.bound, result),
        "significance": _number(result.significance, result),
        "unit": result.unit,
        "seed": str(seed),
        "cases": str(result.cases),
        "evaluations": str(result.evaluations),
    }
    properties = junit.Properties()
    for name, value in values.items():
        if value is not None:
            properties.add_property(junit.Property(name, _legal(value)))
    return properties


def _number(value: float | None, result: CheckResult) -> str | None:
    """Return every bit of a number; a certificate keeps one that was not finite as null."""
    if value is None:
        return None if result.quantity is None else str(math.nan)
    return repr(value)


def _outcome(
    result: CheckResult, check: Check | None, replayed_from: str | None, causes: Sequence[Cause]
) -> junit.Failure | junit.Skipped | junit.Error | None:
    import junitparser as junit

    why = _legal(plain(result.reason or "no reason was recorded"))
    if result.category == "informational" and result.status not in ("pass", "not_applicable"):
        # It bars no certificate, and so it breaks no build.
        return junit.Skipped(why, result.status)
    if told_only(result):
        return junit.Skipped(_legal(f"{outcome(result)}: {result.law}: {missed_by(result)}"), told_only(result))
    match result.status:
        case "pass":
            return None
        case "fail":
            failed = junit.Failure(_legal(f"{result.law}: missed by {missed_by(result)}"), "violated")
            failed.text = _legal(_told(result, check, replayed_from, causes))
            return failed
        case "waived" | "not_applicable":
            return junit.Skipped(why, result.status)
        case "inconclusive" | "error":
            return junit.Error(why, result.status)


def _told(result: CheckResult, check: Check | None, replayed_from: str | None, causes: Sequence[Cause]) -> str:
    """Return what the terminal says of a failure."""
    stream = io.StringIO()
    failure(console(stream, width=WIDTH), result, check=check, path=replayed_from, causes=causes)
    return stream.getvalue()


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
