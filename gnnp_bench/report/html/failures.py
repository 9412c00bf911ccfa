"""Laws that are violated or left open: what it means, by how much, and the smallest input, drawn and as a file."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence

from markupsafe import Markup

from gnnp_bench.certificate.result import Cause, Certificate, CheckResult, Counterexample
from gnnp_bench.check import Check
from gnnp_bench.report.extxyz import as_extxyz
from gnnp_bench.report.failures import missed_by, reproduced
from gnnp_bench.report.html.laws import anchor, component_line, link, outcome
from gnnp_bench.report.html.markup import element, facts, joined, put
from gnnp_bench.report.html.structure import drawing
from gnnp_bench.report.parameters import history_line, in_words
from gnnp_bench.report.text import quantity, structure_lines

MOST_LISTED = 20
"""Atoms whose positions stand on the page."""


def article(certificate: Certificate, result: CheckResult, check: Check | None, file: str, figures: Markup) -> Markup:
    """Return all that is known of a law that does not hold.

    Parameters
    ----------
    certificate : Certificate
    result : CheckResult
    check : Check or None
        For the meaning of the law; None where it is not installed here.
    file : str
        The certificate's file, for the line that measures it again.
    figures : Markup
        Of this law.
    """
    violated = result.status in ("fail", "waived")
    told: dict[str, object] = {"law": element("span", result.law, class_="equation")}
    if result.quantity is not None:
        told["missed at worst by" if _elsewhere(result) else "missed by"] = missed_by(result)
    if result.reason:
        told["remark"] = result.reason
    for cause in certificate.causes:
        if result.id in cause.explains:
            told["cause"] = put(
                "{}: {} Looks like {}.", element("code", cause.name), f"{cause.measured}.", cause.looks_like
            )
            told["to mend it"] = cause.mend
    if violated and len(result.components) > 1:
        lines = joined(element("li", component_line(part)) for part in result.components)
        told["quantities"] = element("ul", lines)
    if check is not None:
        told["what it does"] = check.physics
        told["tolerance"] = check.tolerance
        told["source"] = check.source
    found = result.counterexample
    shown = Markup("") if found is None else _counterexample(certificate, result, found, file)
    return put(
        '<article id="{}" class="law-{}"><h3><code>{}</code> <span class="outcome">{}</span></h3>'
        '<div class="columns"><div>{}</div>{}</div>{}</article>',
        anchor(result.id),
        "violated" if violated else "open",
        result.id,
        outcome(result),
        facts(told),
        shown,
        figures,
    )


def _elsewhere(result: CheckResult) -> bool:
    """Return whether the law was missed by more than on the input that is kept, which is the simplest that fails."""
    found = result.counterexample
    if found is None or found.case.get("measured") is None:
        return False
    here = quantity(found.case["measured"], found.case.get("unit"))
    return here != quantity(result.measured, result.unit)  # what differs in later digits reads the same


def _counterexample(certificate: Certificate, result: CheckResult, found: Counterexample, file: str) -> Markup:
    told: dict[str, object] = {}
    parameters = found.case.get("parameters", {})
    told["done to it"] = in_words(result.id, parameters) or "nothing"
    if found.history:
        told["before it"] = history_line(found.history)
    if _elsewhere(result):
        told["missed here by"] = quantity(found.case["measured"], found.case.get("unit"))
    told["again"] = element("code", reproduced(file, result), class_="copy")
    name = anchor(result.id)
    lines = structure_lines(found.structure, most_atoms=MOST_LISTED)[1:]
    numbers = joined((put("{}", Markup.escape(line)) for line in lines), "\n")
    try:
        data = base64.b64encode(as_extxyz(certificate, result, found)).decode()
    except ValueError as error:
        told["file"] = str(error)
    else:
        told["file"] = put(
            '<a download="{}.extxyz" href="data:chemical/x-xyz;base64,{}">extended XYZ</a>',
            name.removeprefix("law-"),
            data,
        )
    return put(
        '<section class="input" aria-label="The input of {}"><h4>{}</h4>{}{}<details><summary>cell and positions, Å'
        "</summary><pre>{}</pre></details></section>",
        result.id,
        "Smallest input that fails" if result.status in ("fail", "waived") else "Where it is left open",
        drawing(found.structure, name),
        facts(told),
        numbers,
    )


def causes(found: Sequence[Cause], shown: Collection[str]) -> Markup:
    """Return the mistakes without which laws that fail would hold."""
    return joined(
        put(
            '<article class="cause"><h3>Likely cause: {}</h3>{}</article>',
            element("code", cause.name),
            facts(
                {
                    "measured": cause.measured,
                    "looks like": cause.looks_like,
                    "to mend it": cause.mend,
                    "explains": joined((link(one) for one in cause.explains if one in shown), ", "),
                }
            ),
        )
        for cause in found
    )
