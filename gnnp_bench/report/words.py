"""The verdict in one sentence that a physicist understands."""

from __future__ import annotations

from collections.abc import Iterable

from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.report.text import listed, plain, plural


def sentence(certificate: Certificate, *, expected: Iterable[str] | None = None) -> str:
    """Return the verdict in words.

    Parameters
    ----------
    certificate : Certificate
    expected : iterable of str, optional
        Ids of all registered checks, for those that were not run.
    """
    name = subject(certificate)
    judged = [r for r in certificate.checks if r.category != "informational" and r.status != "not_applicable"]
    if certificate.verdict == "certified":
        return f"{name} is certified ({certificate.grade}): {_holding(judged)}"
    violated = [r.id for r in judged if r.status == "fail"]
    if certificate.verdict == "failed":
        count = f"{len(violated)} of {plural(len(judged), 'law')} {'is' if len(violated) == 1 else 'are'} violated"
        return f"{name} FAILED: {count}: {listed(violated)}."
    so_far = f"violated so far: {listed(violated)}" if violated else "nothing was violated"
    return f"{name} is not certified (partial): {so_far}, but {_why_partial(certificate, judged, expected)}."


def subject(certificate: Certificate) -> str:
    """Return the potential's name with its version."""
    name, version = plain(certificate.potential.name), certificate.potential.version
    return name if version is None or version in name else f"{name} {plain(version)}"


def _holding(judged: list[CheckResult]) -> str:
    waived = [r.id for r in judged if r.status == "waived"]
    approximate = [r.id for r in judged if r.status == "pass" and r.grade != "exact"]
    holding = len(judged) - len(waived)
    words = [f"{holding} of {plural(len(judged), 'law')} {'holds' if len(judged) == 1 else 'hold'}"]
    if not approximate and not waived:
        words[0] += ", each to the potential's own rounding"
    if approximate:
        are = "is" if len(approximate) == 1 else "are"
        words.append(
            f"{len(approximate)} of them {are} missed by more than rounding, "
            f"but by less than matters: {listed(approximate)}"
        )
    if waived:
        words.append(f"violated with permission (waived): {listed(waived)}")
    return "; ".join(words) + "."


def _why_partial(certificate: Certificate, judged: list[CheckResult], expected: Iterable[str] | None) -> str:
    because = []
    present = {r.id for r in certificate.checks}
    if not certificate.complete:
        because.append(f"the run was interrupted after {plural(len(present), 'check')}")
    for status, words in (("error", "could not be measured"), ("inconclusive", "led to no conclusion")):
        ids = [r.id for r in judged if r.status == status]
        if ids:
            because.append(f"{listed(ids)} {words}")
    missing = [] if expected is None else [check_id for check_id in expected if check_id not in present]
    if missing and certificate.complete:
        was = "was" if len(missing) == 1 else "were"
        because.append(f"{plural(len(missing), 'check')} {was} not run")
    if certificate.complete and not any(r.status in ("pass", "waived") for r in judged):
        because.append("no law could be judged")
    return listed(because) or "only a part of the checks was asked for"
