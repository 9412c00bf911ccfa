"""What got better and what got worse, in words: the part of the page of certificates side by side that is read."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from gnnp_bench.certificate.compare import KINDS, Change, Comparison, Kind, state
from gnnp_bench.certificate.compare_scores import ScoreChange
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.report.comparison import numbers
from gnnp_bench.report.html.laws import link
from gnnp_bench.report.html.markup import element, joined, put
from gnnp_bench.report.scores import value
from gnnp_bench.report.text import quantity
from gnnp_bench.report.words import subject

WORDS: dict[Kind, str] = {
    "worse": "Worse",
    "gone": "Judged before, not now",
    "changed": "Different, neither better nor worse",
    "new": "Judged now, not before",
    "better": "Better",
}
COLOURS: dict[Kind, str] = {
    "worse": "violated",
    "gone": "open",
    "changed": "open",
    "new": "told",
    "better": "held",
}


def changes(names: Sequence[str], certificates: Sequence[Certificate], found: Sequence[Comparison]) -> Markup:
    """Return what differs between each certificate but the first and the first, worst first."""
    return joined(
        put(
            "{}{}{}{}",
            put("<h3>{} {}, against A {}</h3>", name, subject(one), subject(certificates[0])),
            element("ul", joined(element("li", f"Remark: {remark}.") for remark in compared.remarks), class_="remarks")
            if compared.remarks
            else "",
            joined(_of_kind(kind, compared) for kind in KINDS),
            "" if compared.changes or compared.scores else element("p", "Nothing changed."),
        )
        for name, one, compared in zip(names[1:], certificates[1:], found, strict=True)
    )


def _of_kind(kind: Kind, compared: Comparison) -> Markup:
    items = [
        *(_law_changed(one) for one in compared.changes if one.kind == kind),
        *(_score_changed(one) for one in compared.scores if one.kind == kind),
    ]
    if not items:
        return Markup("")
    pattern = '<h4><b class="s-{}">{}</b></h4><ul class="changed">{}</ul>'
    return put(pattern, COLOURS[kind], f"{WORDS[kind]}: {len(items)}", joined(items))


def _counts_not(change: Change | ScoreChange) -> Markup:
    counts = change.step_back or change.kind not in ("worse", "gone")
    return Markup("" if counts else " This does not count.")


def _law_changed(change: Change) -> Markup:
    old, new = map(_briefly, (change.old, change.new))
    return put("<li>{}: was {}; is {}.{}</li>", link(change.id), old, new, _counts_not(change))


def _briefly(result: CheckResult | None) -> str:
    if result is None or result.quantity is None:
        return f"{state(result)} {numbers(result)}".strip()
    return f"{state(result)}, missed by {quantity(result.measured, result.unit)} in {result.quantity}"


def _score_changed(change: ScoreChange) -> Markup:
    old, new = ("not measured" if one is None else value(one) for one in (change.old, change.new))
    return put("<li>{}: was {}; is {}.{}</li>", change.subject, old, new, _counts_not(change))
