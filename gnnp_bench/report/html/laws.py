"""The table of laws: what was measured, what rounding explains, what matters, and the three on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from gnnp_bench.certificate.result import CheckResult, ComponentResult, Status
from gnnp_bench.certificate.verdict import excess, told_only
from gnnp_bench.report.html.markup import element, joined, put
from gnnp_bench.report.text import number

DECADES = (-10.0, 4.0)
"""Of the scale, relative to what matters."""
WIDTH, HEIGHT, MARGIN, LABELS = 200.0, 24.0, 5.0, 16.0
TITLES = ("law", "status", "measured", "rounding explains", "starts to matter", "unit", "on one scale")
OUTCOMES: dict[Status, str] = {
    "pass": "holds",
    "fail": "violated",
    "waived": "waived",
    "inconclusive": "left open",
    "error": "not measured",
    "not_applicable": "not applicable",
}
ORDER = ("fail", "error", "inconclusive", "waived", "pass", "not_applicable")


def table(results: Sequence[CheckResult]) -> Markup:
    """Return the table of laws, those first that need attention."""
    rows = sorted(results, key=lambda r: (r.category == "informational", ORDER.index(r.status), -badness(r)))
    titles = joined(put('<th role="columnheader" scope="col">{}</th>', element("span", title)) for title in TITLES)
    body = joined(_row(result) for result in rows)
    return put(
        '<table role="table" id="laws-table" class="sortable stacked"><caption>{}</caption><thead role="rowgroup">'
        '<tr role="row">{}</tr></thead><tbody role="rowgroup">{}</tbody></table>',
        "Each law by how much it was missed at worst. What matters is 1 on the scale; each mark is a hundredfold.",
        titles,
        body,
    )


def badness(result: CheckResult | ComponentResult) -> float:
    """Return measured/max(bound, significance), for sorting."""
    if result.quantity is None:
        return -1.0
    if result.measured is None:
        return math.inf
    return excess(result.measured, result.bound or 0.0, result.significance or 0.0)


def outcome(result: CheckResult | ComponentResult) -> str:
    """Return what was found in words for a page: what a law does, and how well."""
    if isinstance(result, CheckResult) and (told := told_only(result)):
        return told
    word = OUTCOMES[result.status]
    return f"{word}, {result.grade}" if result.status == "pass" and result.grade else word


def group(result: CheckResult) -> str:
    """Return by which word a row is found in the filter."""
    if result.category == "informational":
        return "told"
    return {"pass": "held", "fail": "violated", "not_applicable": "n/a", "waived": "waived"}.get(result.status, "open")


def _row(result: CheckResult) -> Markup:
    measured = result.quantity is not None
    matters = result.significance if measured else ""
    parts = Markup("")
    if len(result.components) > 1:
        lines = joined(put("<li>{}</li>", component_line(part)) for part in result.components)
        parts = put("<details><summary>{} quantities</summary><ul>{}</ul></details>", len(result.components), lines)
    told = element("small", "told, never fails") if result.category == "informational" else Markup("")
    if result.category == "claimed":
        told = element("small", "claimed by the potential")
    told_above = has_article(result)
    name = link(result.id) if told_above else element("code", result.id)
    law = put('{} <span class="equation">{}</span>{}{}', name, result.law, told, parts)
    cells = [
        _cell("law", law, result.id),
        _cell("status", put('<b class="s-{}">{}</b>', group(result).replace("/", ""), outcome(result)), result.status),
        _cell("measured", number(result.measured) if measured else "–", result.measured if measured else ""),
        _cell("rounding explains", number(result.bound) if measured else "–", result.bound if measured else ""),
        _cell("starts to matter", number(result.significance) if measured else "–", matters),
        _cell("unit", (result.unit or "a number") if measured else "", result.unit or ""),
        _cell("on one scale", strip(result), badness(result) if measured else ""),
    ]
    return element(
        "tr",
        joined(cells),
        role="row",
        data_group=group(result),
        id=None if told_above else anchor(result.id),
    )


def has_article(result: CheckResult) -> bool:
    """Return whether the page tells more of a law than its row: of one that binds and does not hold."""
    return result.category != "informational" and result.status in ("fail", "waived", "inconclusive", "error")


def _cell(label: str, content: object, value: object) -> Markup:
    order = "1e308" if value is None else value  # what is not finite is larger than anything
    number_like = "number" if label in ("measured", "rounding explains", "starts to matter") else None
    return element("td", content, role="cell", data_label=label, data_value=order, class_=number_like)


def component_line(part: ComponentResult) -> str:
    """Return one quantity in words."""
    limits = f"rounding explains {number(part.bound)}, {number(part.significance)} matters"
    return f"{part.quantity}: {number(part.measured)} {part.unit} ({limits}): {outcome(part)}"


def anchor(check_id: str) -> str:
    """Return the name of a law's place on the page."""
    return "law-" + "".join(c if c.isalnum() else "-" for c in check_id)


def link(check_id: str) -> Markup:
    """Return a law's id that leads to its place on the page."""
    return put('<a href="#{}"><code>{}</code></a>', anchor(check_id), check_id)


def strip(result: CheckResult | ComponentResult) -> Markup:
    """Return the three numbers on a logarithmic scale on which what matters is 1: a small picture with its words."""
    if result.quantity is None:
        return Markup("")
    r, b, s = result.measured, result.bound, result.significance
    if not s and not b:
        words = "none was seen, none is allowed" if r == 0.0 else f"{number(r)} seen, none is allowed"
        return element("span", words, class_="equation")
    return strip_of(r, b, s or b or 1.0, "measured")


def strip_of(measured: float | None, bound: float | None, matters: float, what: str) -> Markup:
    """Return a number and what rounding explains of it, each relative to what matters. None is not finite."""
    relative, explained = (math.inf if x is None else x / matters for x in (measured, bound))
    return _picture(relative, explained, what)


def _picture(measured: float, bound: float, what: str) -> Markup:
    return picture([(what, measured, bound)], row=HEIGHT)


def picture(lines: Sequence[tuple[str, float, float]], *, row: float, labels: Sequence[str] = ()) -> Markup:
    """Return numbers on the scale, one below the other.

    Parameters
    ----------
    lines : sequence of (what, measured, bound)
        The numbers relative to what matters.
    row : float
        The height of each.
    labels : sequence of str
        What is written before each of them; none where there is but one.
    """
    left, height = (-LABELS if labels else 0.0), row * len(lines)
    words = "; ".join(
        f"{what} {number(measured)} of what matters" + (f", rounding explains {number(bound)}" if bound else "")
        for what, measured, bound in lines
    )
    marks = joined(_marks(measured, bound, row * (k + 0.5)) for k, (_, measured, bound) in enumerate(lines))
    named = joined(
        put('<text class="who" x="{}" y="{}">{}</text>', f"{left:g}", f"{row * (k + 0.5) + 4:g}", label)
        for k, label in enumerate(labels)
    )
    return put(
        '<svg class="strip" role="img" aria-label="{}" viewBox="{} 0 {} {}" style="height:{}px"><title>{}</title>{}'
        '<line class="one" x1="{}" x2="{}" y1="2" y2="{}"/>{}</svg>',
        words,
        f"{left:g}",
        f"{WIDTH - left:g}",
        f"{height:g}",
        f"{height:g}",
        words,
        marks,
        f"{_place(1.0):.1f}",
        f"{_place(1.0):.1f}",
        f"{height - 2:g}",
        named,
    )


def _marks(measured: float, bound: float, y: float) -> Markup:
    ticks = joined(
        put('<line class="tick" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>', f"{_place(10.0**k):.1f}", y - 2, y + 2)
        for k in range(int(DECADES[0]), int(DECADES[1]) + 1, 2)
    )
    return put(
        '<rect class="bound" x="{0}" y="{1}" width="{2}" height="12"/>'
        '<line class="axis" x1="{0}" x2="{3}" y1="{4}" y2="{4}"/>{5}<circle class="{6}" cx="{7}" cy="{4}" r="4.5"/>',
        f"{MARGIN:g}",
        f"{y - 6:g}",
        f"{_place(bound) - MARGIN:.1f}",
        f"{WIDTH - MARGIN:g}",
        f"{y:g}",
        ticks,
        "beyond" if measured > max(1.0, bound) else "within",
        f"{_place(measured):.1f}",
    )


def _place(ratio: float) -> float:
    low, high = DECADES
    exponent = low if ratio <= 0.0 else min(high, max(low, math.log10(ratio) if math.isfinite(ratio) else high))
    return MARGIN + (WIDTH - 2 * MARGIN) * (exponent - low) / (high - low)
