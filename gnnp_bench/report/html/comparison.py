"""Certificates side by side as one page: what got better and worse, then every law, then the numbers beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from gnnp_bench.certificate.compare import Comparison
from gnnp_bench.certificate.result import Certificate, CheckResult, Score
from gnnp_bench.report.comparison import conclusion, labels, verdict_words
from gnnp_bench.report.html import figures, filters, trade
from gnnp_bench.report.html.changes import changes
from gnnp_bench.report.html.frame import document
from gnnp_bench.report.html.laws import anchor, badness, group, outcome, picture
from gnnp_bench.report.html.markup import element, joined, put
from gnnp_bench.report.html.sections import ANSWERS, count_of
from gnnp_bench.report.scores import HEADINGS, value
from gnnp_bench.report.text import plural, quantity
from gnnp_bench.report.words import subject

GROUPS = {"worse": "worse", "better": "better", "other": "otherwise different", "same": "the same"}
SORTED = "by how much it was missed, relative to what is allowed; what was not measured comes last"
WAYS = ("smallest", "largest")
ROW = 17.0
"""Pixels of a certificate on the scale of a law."""


def comparison_page(certificates: Sequence[Certificate], files: Sequence[str], found: Sequence[Comparison]) -> bytes:
    """Return certificates side by side as a page (HTML, UTF-8).

    Parameters
    ----------
    certificates : sequence of Certificate
        Two or more.
    files : sequence of str
        Their names.
    found : sequence of Comparison
        Of each but the first with the first.
    """
    names = labels(len(certificates))
    drawn = figures.drawn(
        trade.figures([f"{n} {subject(c)}" for n, c in zip(names, certificates, strict=True)], certificates)
    )
    told = (
        ("who", "What is compared", _who(names, certificates, files)),
        ("changes", "Better and worse", changes(names, certificates, found)),
        ("laws", "Law by law", _laws(names, certificates, found)),
        ("trade", "Accuracy against cost", _trade(drawn, certificates)),
        ("numbers", "Numbers beside the laws", _numbers(names, certificates)),
        ("uses", "Fit for what", _uses(names, certificates)),
    )
    title = " and ".join(subject(one) for one in certificates) if len(certificates) == 2 else "certificates"
    return document(f"Compared: {title}", _header(names, found), told)


def _header(names: Sequence[str], found: Sequence[Comparison]) -> Markup:
    worse = [name for name, one in zip(names[1:], found, strict=True) if one.worse]
    lines = joined(
        put("<p>{}{}</p>", put("{} against A: ", name) if len(found) > 1 else "", conclusion(one))
        for name, one in zip(names[1:], found, strict=True)
    )
    title = "No worse" if not worse else "Worse"
    if len(found) > 1:
        title = f"Worse than A: {', '.join(worse)}" if worse else "None is worse than A"
    return put(
        '<header class="verdict v-{}"><p class="kind">Certificates of physics, side by side · {} of them</p>'
        "<h1>{}</h1>{}</header>",
        "failed" if worse else "certified",
        len(names),
        title,
        lines,
    )


def _who(names: Sequence[str], certificates: Sequence[Certificate], files: Sequence[str]) -> Markup:
    rows = joined(
        put(
            '<tr role="row"><th role="rowheader" scope="row">{}</th>{}</tr>',
            name,
            joined(
                element("td", content, role="cell", data_label=title)
                for title, content in (
                    ("potential", put("<div>{}<small>{}</small></div>", subject(one), one.potential.spec)),
                    ("file", element("code", file)),
                    ("verdict", put('<b class="v-{}">{}</b>', one.verdict, verdict_words(one))),
                    ("laws", element("div", count_of(one.checks))),
                    ("arithmetic", f"{one.potential.dtype or 'not stated'}, {one.potential.device}"),
                    ("search", f"{one.budget}, {one.profile}, seed {one.seed}"),
                )
            ),
        )
        for name, one, file in zip(names, certificates, files, strict=True)
    )
    return _table(("", "potential", "file", "verdict", "laws", "arithmetic", "search"), rows, "who-table")


def _table(titles: Sequence[str], rows: Markup, name: str, caption: str = "", described: str | None = None) -> Markup:
    heads = joined(_head(title, described is not None) for title in titles)
    table = put(
        '{}<thead role="rowgroup"><tr role="row">{}</tr></thead><tbody role="rowgroup">{}</tbody>',
        element("caption", caption) if caption else "",
        heads,
        rows,
    )
    return put(
        '<div class="wide">{}</div>',
        element(
            "table",
            table,
            role="table",
            id=name,
            class_=f"{'sortable ' if described else ''}stacked",
            aria_describedby=described,
        ),
    )


def _head(title: str, sorts: bool) -> Markup:
    up, down = ("from A to Z", "from Z to A") if title == "law" else (f"{way} first, {SORTED}" for way in WAYS)
    return element(
        "th",
        element("span", title) if title else "",
        role="columnheader",
        scope="col",
        data_up=up if sorts else None,
        data_down=down if sorts else None,
    )


def _laws(names: Sequence[str], certificates: Sequence[Certificate], found: Sequence[Comparison]) -> Markup:
    results = [{result.id: result for result in one.checks} for one in certificates]
    ids = list(dict.fromkeys(check_id for one in results for check_id in one))
    kinds = {check_id: _group(check_id, found) for check_id in ids}
    ids.sort(key=lambda check_id: list(GROUPS).index(kinds[check_id]))
    rows = joined(_row(check_id, kinds[check_id], names, [one.get(check_id) for one in results]) for check_id in ids)
    there = {name: words for name, words in GROUPS.items() if name in kinds.values()}
    order = "Rows stand in this order: what got worse, what got better, what differs otherwise, the rest."
    caption = "What matters is 1 on the scale; each mark is a hundredfold. What is better or worse is so against A."
    return put(
        '{}<p id="laws-order" class="order" aria-live="polite">{}</p>{}{}',
        filters.form(there),
        order,
        filters.KEY,
        _table(("law", *names, "on one scale"), rows, "laws-table", caption, "laws-order"),
    )


def _group(check_id: str, found: Sequence[Comparison]) -> str:
    kinds = {change.kind for one in found for change in one.changes if change.id == check_id}
    if "worse" in kinds:
        return "worse"
    return "same" if not kinds else "better" if kinds == {"better"} else "other"


def _row(check_id: str, kind: str, names: Sequence[str], results: Sequence[CheckResult | None]) -> Markup:
    law = next(one.law for one in results if one is not None)
    mark = Markup("") if kind == "same" else put('<small class="k-{}">{}</small>', kind, GROUPS[kind])
    head = put('<code>{}</code> <span class="equation">{}</span>{}', check_id, law, mark)
    cells = [element("td", head, role="cell", data_label="law", data_value=check_id)]
    cells += [_judged(name, one) for name, one in zip(names, results, strict=True)]
    measured = [(n, one) for n, one in zip(names, results, strict=True) if one is not None and one.quantity is not None]
    lines = [(f"{name}: {one.quantity} missed by", *_relative(one)) for name, one in measured]
    scale = picture(lines, row=ROW, labels=[name for name, _ in measured]) if lines else Markup("")
    if lines and not any(one.significance or one.bound for _, one in measured):
        scale = element("span", "counted; none is allowed", class_="equation")
    worst = max((badness(one) for _, one in measured), default=None)
    cells.append(element("td", scale, role="cell", data_label="on one scale", data_value=_order(worst)))
    return element("tr", joined(cells), role="row", data_group=kind, id=anchor(check_id))


def _judged(name: str, result: CheckResult | None) -> Markup:
    if result is None:
        return element("td", element("span", "not run", class_="s-na"), role="cell", data_label=name, data_value="")
    shown = quantity(result.measured, result.unit) if result.quantity is not None else ""
    worst = None if result.quantity is None else badness(result)
    content = put(
        '<div><b class="s-{}">{}</b> <span class="number">{}</span></div>',
        group(result).replace("/", ""),
        outcome(result),
        shown,
    )
    return element("td", content, role="cell", data_label=name, data_value=_order(worst))


def _order(worst: float | None) -> str:
    return "" if worst is None else f"{worst if math.isfinite(worst) else 1e308:.6g}"


def _relative(result: CheckResult) -> tuple[float, float]:
    """Return measured and bound relative to what matters; a law without either allows none."""
    matters = result.significance or result.bound or 1.0
    measured, bound = (math.inf if x is None else x / matters for x in (result.measured, result.bound))
    if not result.significance and not result.bound and measured:
        return math.inf, 0.0
    return measured, bound


def _trade(drawn: Markup, certificates: Sequence[Certificate]) -> Markup:
    scored = [one for one in certificates if one.scores]
    if not drawn:
        said = "Errors on one file and times at one size stand in fewer than two certificates."
        return element("p", f"{said} certify --with accuracy:FILE,bench measures them.") if scored else Markup("")
    told = joined(element("p", remark) for remark in trade.remarks(certificates))
    return put(
        '<p>Further left is faster, further down is more accurate.</p>{}<div class="plots">{}</div>', told, drawn
    )


def _numbers(names: Sequence[str], certificates: Sequence[Certificate]) -> Markup:
    return joined(_numbers_of(kind, names, certificates) for kind in HEADINGS)


def _numbers_of(kind: str, names: Sequence[str], certificates: Sequence[Certificate]) -> Markup:
    found = [{(s.subject, s.name): s for s in one.scores if s.kind == kind} for one in certificates]
    keys = list(dict.fromkeys(key for one in found for key in one))
    if not keys:
        return Markup("")
    rows = joined(_number_row(key, names, [one.get(key) for one in found]) for key in keys)
    pattern = '<details class="numbers"{}><summary>{}: {}</summary>{}</details>'
    table = _table(("of", "what", *names), rows, f"numbers-{kind}")
    return put(pattern, Markup(" open") if len(keys) <= 12 else "", HEADINGS[kind], plural(len(keys), "number"), table)


def _number_row(key: tuple[str, str], names: Sequence[str], scores: Sequence[Score | None]) -> Markup:
    def cells() -> Iterator[Markup]:
        for title, content in zip(("of", "what"), key, strict=True):
            yield element("td", content, role="cell", data_label=title)
        for name, score in zip(names, scores, strict=True):
            shown = "not measured" if score is None else value(score)
            yield element("td", shown, role="cell", data_label=name, class_="s-na" if score is None else None)

    return element("tr", joined(cells()), role="row")


def _uses(names: Sequence[str], certificates: Sequence[Certificate]) -> Markup:
    found = [{one.use: one for one in certificate.uses} for certificate in certificates]
    uses = list(dict.fromkeys(use for one in found for use in one))
    if not uses:
        return Markup("")

    def answer(name: str, told: str | None) -> Markup:
        shown = "not said" if told is None else told
        colour = "na" if told is None else ANSWERS[told]
        return element("td", put('<b class="s-{}">{}</b>', colour, shown), role="cell", data_label=name)

    rows = joined(
        put(
            '<tr role="row"><td role="cell" data-label="law">{}</td>{}</tr>',
            use,
            joined(answer(n, of[use].answer if use in of else None) for n, of in zip(names, found, strict=True)),
        )
        for use in uses
    )
    return _table(("to be used for", *names), rows, "uses-table")
