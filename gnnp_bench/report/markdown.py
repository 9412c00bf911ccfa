"""A certificate as Markdown: for a pull request, and for the card of a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.report.scores import HEADINGS, value
from gnnp_bench.report.text import number, plain, plural, quantity
from gnnp_bench.report.words import outcome, sentence, subject

TAGS = ("interatomic-potential", "materials-science", "gnnp-bench")


def cell(text: str) -> str:
    """Return foreign text that can neither end a cell of a table nor become markup."""
    return "".join(f"\\{c}" if c in "\\|`*_<>[]&~" else c for c in plain(text))


def summary(certificate: Certificate, expected: Iterable[str] = ()) -> str:
    """Return the verdict, the laws that do not hold and the numbers beside them, for a pull request.

    Parameters
    ----------
    certificate : Certificate
    expected : iterable of str
        Ids of all registered checks, for those that were not run.
    """
    words = certificate.verdict if certificate.grade is None else f"{certificate.verdict}, {certificate.grade}"
    lines = [f"**{cell(subject(certificate))}: {words}**", "", cell(sentence(certificate, expected=expected))]
    binding = [result for result in certificate.checks if result.category != "informational"]
    lines += _laws([r for r in binding if r.status in ("fail", "waived", "inconclusive", "error")])
    lines += _uses(certificate)
    lines += _scores(certificate)
    drawn = plural(certificate.structures, "structure")
    asked = f"budget {certificate.budget}, profile {certificate.profile}, seed {certificate.seed}, {drawn}"
    date = str(certificate.environment.get("date", ""))[:10]
    lines += ["", f"{asked}, {certificate.evaluations:,} evaluations{f', {cell(date)}' if date else ''}"]
    return "\n".join(lines) + "\n"


def _laws(results: Sequence[CheckResult]) -> Iterator[str]:
    if results:
        yield from (
            "",
            "| law | | missed by | rounding explains | starts to matter |",
            "| --- | --- | --- | --- | --- |",
        )
    for result in results:
        numbers = ("", "", "")
        if result.quantity is not None:
            missed = f"{quantity(result.measured, result.unit)} in {result.quantity}"
            numbers = (cell(missed), number(result.bound), number(result.significance))
        yield f"| {cell(result.id)} | {outcome(result)} | {' | '.join(numbers)} |"


def _uses(certificate: Certificate) -> Iterator[str]:
    if certificate.uses:
        yield from ("", "| to be used for | answer | why |", "| --- | --- | --- |")
    yield from (f"| {cell(one.use)} | {one.answer} | {cell(one.reason)} |" for one in certificate.uses)


def _scores(certificate: Certificate) -> Iterator[str]:
    for kind, heading in HEADINGS.items():
        chosen = [score for score in certificate.scores if score.kind == kind]
        if chosen:
            yield from ("", f"| {heading} | | |", "| --- | --- | --- |")
        yield from (f"| {cell(s.subject)} | {cell(s.name)} | {cell(value(s))} |" for s in chosen)


def card(certificate: Certificate, expected: Iterable[str] = ()) -> str:
    """Return the summary under the YAML block that model hubs read: its results are verdict and numbers.

    Parameters
    ----------
    certificate, expected
        See `summary`.
    """
    # JSON is YAML, and quotes whatever stands in a text.
    front = {"tags": TAGS, "model-index": [{"name": subject(certificate), "results": list(_results(certificate))}]}
    told = "\n".join(f"{key}: {json.dumps(of, ensure_ascii=False)}" for key, of in front.items())
    return f"---\n{told}\n---\n\n# {cell(subject(certificate))}\n\n{summary(certificate, expected)}"


def _results(certificate: Certificate) -> Iterator[dict[str, Any]]:
    task = {"type": "other", "name": "interatomic potential"}
    binding = [r for r in certificate.checks if r.category != "informational" and r.status != "not_applicable"]
    holding = sum(result.status == "pass" for result in binding)
    drawn = {"type": "gnnp-bench", "name": f"laws of physics, budget {certificate.budget}, seed {certificate.seed}"}
    verdict = certificate.verdict if certificate.grade is None else f"{certificate.verdict} ({certificate.grade})"
    metrics = [
        {"type": "verdict", "name": "verdict", "value": verdict},
        {"type": "laws", "name": f"laws that hold, of {len(binding)}", "value": holding},
    ]
    yield {"task": task, "dataset": drawn, "metrics": metrics}
    for kind in HEADINGS:
        subjects = dict.fromkeys(score.subject for score in certificate.scores if score.kind == kind)
        for of in subjects:
            found = [s for s in certificate.scores if (s.kind, s.subject) == (kind, of) and s.value is not None]
            numbers = [
                {"type": plain(s.name), "name": f"{plain(s.name)}, {plain(s.unit)}".rstrip(", "), "value": s.value}
                for s in found
            ]
            if numbers:
                yield {"task": task, "dataset": {"type": kind, "name": plain(of)}, "metrics": numbers}
