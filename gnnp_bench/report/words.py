"""The verdict in one sentence that a physicist understands, and what one check found in a word or two."""

from __future__ import annotations

from collections.abc import Iterable

from gnnp_bench.certificate.result import Certificate, CheckResult, ComponentResult
from gnnp_bench.certificate.verdict import told_only
from gnnp_bench.report.text import STATUS_STYLE, STATUS_WORD, listed, plain, plural, quantity

MOST_IDS = 8
"""Checks that the sentence names; of more, their number."""


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
        return f"{name} is certified ({certificate.grade}){restriction(certificate)}: {_holding(judged)}"
    violated = [r.id for r in judged if r.status == "fail"]
    if certificate.verdict == "failed":
        count = f"{len(violated)} of {plural(len(judged), 'law')} {'is' if len(violated) == 1 else 'are'} violated"
        if certificate.complete:
            return f"{name} FAILED: {count}: {listed(violated)}."
        after = plural(len(certificate.checks), "check")
        return f"{name} FAILED, and is not complete: the run ended after {after}; so far {count}: {listed(violated)}."
    # Earlier versions called an interrupted run partial even where it had found a violation.
    waived = any(r.status == "waived" for r in judged)
    nothing = "nothing was violated beside what is waived" if waived else "nothing was violated"
    so_far = f"violated so far: {listed(violated)}" if violated else nothing
    return f"{name} is not certified (partial): {so_far}, but {_why_partial(certificate, judged, expected)}."


def subject(certificate: Certificate) -> str:
    """Return the potential's name with its version."""
    name, version = plain(certificate.potential.name), certificate.potential.version
    return name if version is None or version in name else f"{name} {plain(version)}"


def status_word(result: CheckResult | ComponentResult) -> str:
    """Return the status in a word: of an informational check that is no pass, what it is."""
    told = told_only(result) if isinstance(result, CheckResult) else None
    return told or STATUS_WORD[result.status]


def status_style(result: CheckResult | ComponentResult) -> str:
    """Return the colour of the status."""
    told = told_only(result) if isinstance(result, CheckResult) else None
    return STATUS_STYLE["inconclusive" if told else result.status]


def outcome(result: CheckResult | ComponentResult) -> str:
    """Return status and grade in words that do not contradict each other: no violation is called a pass."""
    word = status_word(result)
    if isinstance(result, CheckResult) and told_only(result):
        return f"{word}, not judged"
    return f"{word} {result.grade}" if result.grade and result.status in ("pass", "fail") else word


def by_reason(results: Iterable[CheckResult]) -> dict[str, list[str]]:
    """Return the ids of results by their reason: each reason once. Those that passed need not have one."""
    told: dict[str, list[str]] = {}
    for result in results:
        if result.reason or result.status != "pass":
            told.setdefault(plain(result.reason or "no reason was recorded"), []).append(result.id)
    return told


def restriction(certificate: Certificate) -> str:
    """Return to which kinds of structures the spec restricted a verdict; nothing where it did not."""
    record = certificate.potential
    return f" for {listed(record.periodicity)} structures only" if record.restricted and record.periodicity else ""


def _holding(judged: list[CheckResult]) -> str:
    waived = [r.id for r in judged if r.status == "waived"]
    limited = [r for r in judged if r.status == "pass" and r.grade == "limited"]
    approximate = [r.id for r in judged if r.status == "pass" and r.grade == "approximate"]
    holding = len(judged) - len(waived)
    words = [f"{holding} of {plural(len(judged), 'law')} {'holds' if len(judged) == 1 else 'hold'}"]
    if not approximate and not waived and not limited:
        words[0] += ", each to the potential's own rounding"
    if limited:
        held = "is" if len(limited) == 1 else "are"
        seen = listed(f"{r.id} ({quantity(r.bound, r.unit)})" for r in limited)
        words.append(f"{len(limited)} of them {held} held as far as rounding lets one see: {seen}")
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
            because.append(f"{listed(ids) if len(ids) <= MOST_IDS else plural(len(ids), 'check')} {words}")
    missing = [] if expected is None else [check_id for check_id in expected if check_id not in present]
    if missing and certificate.complete:
        was = "was" if len(missing) == 1 else "were"
        because.append(f"{plural(len(missing), 'check')} {was} not run")
    if certificate.complete and not any(r.status in ("pass", "waived") for r in judged):
        because.append("no law could be judged")
    return listed(because) or "only a part of the checks was asked for"
