"""A certificate as one page that needs nothing from elsewhere: the verdict first, then the evidence.

Everything is made from the certificate; checks add what a law means. Without scripts it is a page of text, tables
and pictures. Scripts sort and filter the table, turn structures and draw figures.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from gnnp_bench.certificate.io import encode
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.check import Check
from gnnp_bench.report.failures import shown
from gnnp_bench.report.html import failures, figures, filters, laws, sections
from gnnp_bench.report.html.frame import document
from gnnp_bench.report.html.markup import element, joined, put
from gnnp_bench.report.scores import HEADINGS
from gnnp_bench.report.words import subject

FILE = "certificate.json"
"""What the certificate's file is called where it was written into none: the page hands it out under this name."""
FILTERS = {
    "violated": "violated",
    "open": "left open",
    "waived": "waived",
    "held": "hold",
    "told": "told",
    "n/a": "not applicable",
}


def page(
    certificate: Certificate,
    checks: Mapping[str, Check],
    *,
    file: str = FILE,
    back: str | None = None,
    plotly: str | None = None,
) -> bytes:
    """Return a certificate as a page (HTML, UTF-8).

    Parameters
    ----------
    certificate : Certificate
    checks : mapping of str to Check
        All registered checks, for the meaning of the laws and for those that were not run.
    file : str, optional
        The certificate's file, for the commands that read it. Its last part is the name of the file that the page
        hands out.
    back, plotly : str, optional
        Of a page of a site: where the table of all certificates and plotly's script lie, relative to the page.
    """
    up = Markup("") if back is None else put('<p class="back"><a href="{}">← all certificates</a></p>', back)
    told = (
        ("uses", "Fit for what", sections.uses(certificate.uses)),
        ("failures", "What fails", _not_holding(certificate, ("fail", "waived"), checks, file)),
        ("open", "What is left open", _not_holding(certificate, ("inconclusive", "error"), checks, file)),
        ("scope", "What was looked at, and what was not", _scope(certificate, checks)),
        ("laws", "Every law", _laws(certificate)),
        ("noise", "Noise floor", _noise(certificate)),
        ("series", "What was measured, drawn", _drawn(certificate.checks)),
        *_numbers(certificate),
        ("told", "Told, not judged", sections.seen(certificate.checks)),
        ("remarks", "Remarks", sections.remarks(certificate.checks)),
        ("again", "Measure it again", _again(certificate, file)),
    )
    title = f"{subject(certificate)}: {sections.VERDICTS[certificate.verdict].lower()}"
    return document(title, up + sections.verdict(certificate, checks), told, plotly=plotly)


def _not_holding(certificate: Certificate, statuses: tuple[str, ...], checks: Mapping[str, Check], file: str) -> Markup:
    """Return an article for each binding law of these statuses; before violations, their likely causes."""
    chosen = [r for r in certificate.checks if r.status in statuses and r.category != "informational"]
    articles = joined(
        failures.article(certificate, r, checks.get(r.id), file, figures.drawn(figures.of_series(r.series)))
        for r in chosen
    )
    known = {result.id for result in chosen}
    explained = [cause for cause in certificate.causes if known.intersection(cause.explains)]
    return failures.causes(explained, known) + articles


def _scope(certificate: Certificate, checks: Mapping[str, Check]) -> Markup:
    return put(
        '<div class="columns"><div><h3>Looked at</h3>{}</div><div><h3>Not looked at</h3>{}</div></div>',
        sections.looked_at(certificate),
        sections.not_looked_at(certificate, checks),
    )


def _laws(certificate: Certificate) -> Markup:
    if not certificate.checks:
        return element("p", "None was judged.")
    there = {laws.group(result) for result in certificate.checks}
    boxes = {name: words for name, words in FILTERS.items() if name in there}
    return put("{}{}{}", filters.form(boxes), filters.KEY, laws.table(certificate.checks))


def _noise(certificate: Certificate) -> Markup:
    said = (
        "What the potential's own rounding does to its outputs, measured on every structure; the largest stands here."
        " No law can be seen to hold to less."
    )
    return element("p", said) + sections.noise(certificate.noise)


def _drawn(results: Sequence[CheckResult]) -> Markup:
    """Return the figures of laws that have no article of their own."""
    held = [
        r for r in results if r.series and (r.status in ("pass", "not_applicable") or r.category == "informational")
    ]
    return joined(
        put(
            '<div class="of-law"><h3><code>{}</code></h3><p class="equation">{}</p><div class="plots">{}</div></div>',
            result.id,
            result.law,
            figures.drawn(figures.of_series(result.series)),
        )
        for result in held
    )


def _numbers(certificate: Certificate) -> list[tuple[str, str, Markup]]:
    """Return the numbers beside the laws, kind by kind: figures and a table."""
    found = figures.of_scores(certificate.scores)
    told = []
    for kind, heading in HEADINGS.items():
        if any(score.kind == kind for score in certificate.scores):
            series = [one for one in certificate.series if one.kind == kind]
            plots = figures.drawn([*found[kind], *figures.of_series(series)])
            table = sections.scores(kind, certificate.scores)
            told.append((kind, heading[0].upper() + heading[1:], put('<div class="plots">{}</div>{}', plots, table)))
    return told


def _again(certificate: Certificate, file: str) -> Markup:
    name = os.path.basename(file) or FILE
    data = base64.b64encode(encode(certificate)).decode()
    return put(
        '<p><a download="{}" href="data:application/json;base64,{}">{}</a> holds all that this page shows. '
        "<code>gnnp-bench reproduce {} CHECK</code> measures a counterexample again, "
        "<code>gnnp-bench compare {} NEW.json</code> tells what changed since.</p>"
        "<p>Same seed and budget, same machine: the same certificate. Units are ASE's; stress is tension-positive.</p>",
        name,
        data,
        element("code", name),
        shown(file),
        shown(file),
    )
