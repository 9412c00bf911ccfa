"""Many certificates in one table: a row each, from which every cell leads to the page of the certificate.

Rows stand in the order of names. What a column sorts by is said: nothing is ranked without a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gnnp_bench.certificate.result import Certificate, CheckResult, Verdict
from gnnp_bench.report.html import figures, filters, trade
from gnnp_bench.report.html.frame import Section, document
from gnnp_bench.report.html.laws import anchor, badness, group, outcome
from gnnp_bench.report.html.markup import breakable, element, joined, put
from gnnp_bench.report.html.sections import VERDICTS, counted
from gnnp_bench.report.text import plural, quantity
from gnnp_bench.report.words import restriction, subject

VERDICT_ORDER: tuple[Verdict, ...] = ("certified", "partial", "failed")
ORDER = "Rows stand in the alphabetical order of their names. That is no ranking."
NOT_HOLDING = {"violated": "violated", "open": "left open", "waived": "waived"}
FEW = 6
"""Elements that are written out."""
ALPHABET = ("from A to Z", "from Z to A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A certificate of the site.

    Attributes
    ----------
    certificate : Certificate
    file : str
        From which it was read.
    page : str
        Its page, relative to the table's.
    """

    certificate: Certificate
    file: str
    page: str


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: its title, in which order it sorts, and of which family of laws it is, as one number or law by law."""

    title: str
    orders: tuple[str, str]
    family: str | None = None
    law: str | None = None


@dataclass(frozen=True, slots=True)
class _Cell:
    """What stands in a cell, by what it is sorted, and where on the certificate's page it leads."""

    content: object
    value: object
    place: str = ""
    beside: object = ""


def leaderboard(
    entries: Sequence[Entry], skipped: Mapping[str, str], ids: Sequence[str], *, plotly: str | None = None
) -> bytes:
    """Return the table of certificates as a page (HTML, UTF-8).

    Parameters
    ----------
    entries : sequence of Entry
        At least one.
    skipped : mapping of str to str
        Files that are no certificates, and why.
    ids : sequence of str
        Of the laws, in the order of their columns; those that only certificates know come after them.
    plotly : str, optional
        Where plotly's script lies.
    """
    rows = sorted(entries, key=lambda one: (subject(one.certificate).casefold(), one.file))
    certificates = [one.certificate for one in rows]
    drawn = figures.drawn(trade.figures(_names(rows), certificates))
    told: tuple[Section, ...] = (
        ("certificates", "Every certificate", _table(rows, ids)),
        ("trade", "Accuracy against cost", put('<div class="plots">{}</div>', drawn) if drawn else drawn),
        ("reading", "How to read it", _reading(certificates)),
        ("skipped", "Files that were left out", _skipped(skipped)),
    )
    count = plural(len(rows), "certificate")
    header = put(
        '<header class="verdict v-none"><p class="kind">Physics of interatomic potentials</p><h1>{}</h1><p>{}</p>'
        "</header>",
        count,
        "Each is measured evidence from a bounded search. Every cell leads to the page where that evidence is.",
    )
    return document(f"{count} of physics", header, told, plotly=plotly)


def _names(entries: Sequence[Entry]) -> list[str]:
    """Return what entries are called in figures: by their files too where potentials have one name."""
    names = [subject(one.certificate) for one in entries]
    return [
        name if names.count(name) == 1 else f"{name} ({entry.file})" for name, entry in zip(names, entries, strict=True)
    ]


def _table(entries: Sequence[Entry], known: Sequence[str]) -> Markup:
    certificates = [one.certificate for one in entries]
    there = dict.fromkeys(result.id for one in certificates for result in one.checks)
    ids = [*(one for one in known if one in there), *(one for one in there if one not in known)]
    families = list(dict.fromkeys(check_id.partition("/")[0] for check_id in ids))
    wanted = trade.common_cost(certificates)
    columns = list(_columns(families, ids, wanted))
    heads = joined(
        element(
            "th",
            element("span", column.title),
            role="columnheader",
            scope="col",
            data_up=column.orders[0],
            data_down=column.orders[1],
            data_family=column.family,
            data_level=None if column.family is None else "family" if column.law is None else "law",
        )
        for column in columns
    )
    body = joined(_row(one, columns, list(_cells(one, families, ids, wanted)), wanted) for one in entries)
    return put(
        '{}<p id="board-order" class="order" aria-live="polite">{}</p><div class="wide board">'
        '<table role="table" id="board" class="sortable stacked" aria-describedby="board-order">'
        '<thead role="rowgroup"><tr role="row">{}</tr></thead><tbody role="rowgroup">{}</tbody></table></div>',
        _form(certificates, families, wanted),
        ORDER,
        heads,
        body,
    )


def _form(certificates: Sequence[Certificate], families: Sequence[str], wanted: trade.Cost | None) -> Markup:
    options = joined(element("option", f"{name}, law by law", value=name) for name in families)
    more = put(
        '<label>Laws <select name="family"><option value="">all families</option>{}</select></label>'
        '<label>Elements <input name="elements" size="9" placeholder="Cu, Au"></label>',
        options,
    )
    if wanted is not None:
        more += put('<label>Cost at most <input name="cost" type="number" min="0" step="any" size="7"> µs/atom</label>')
    there = {one.verdict for one in certificates}
    groups: dict[str, str] = {name: VERDICTS[name].lower() for name in VERDICT_ORDER if name in there}
    return filters.form(groups, find="name, file, quick …", more=more)


def _columns(families: Sequence[str], ids: Sequence[str], wanted: trade.Cost | None) -> Iterator[_Column]:
    yield _Column("potential", ALPHABET)
    yield _Column(
        "verdict", ("certified first, then what is not certified, then failed", "failed first, certified last")
    )
    yield _Column("elements", ("fewest first", "most first"))
    yield _Column("search", ("fewest cases first", "most cases first"))
    cost = "cost" if wanted is None else f"µs/atom at {wanted[0]}"
    last = "those without it come last"
    yield _Column(cost, (f"fastest first, {last}", f"slowest first, {last}"))
    for family in families:
        last = "where none was judged last"
        fewest, most = (f"{which} laws violated first, then {which} left open; {last}" for which in ("fewest", "most"))
        yield _Column(family, (fewest, most), family)
        for check_id in ids:
            if check_id.partition("/")[0] == family:
                by = "by how much it was missed, relative to what is allowed; where it was not judged last"
                orders = (f"smallest first, {by}", f"largest first, {by}")
                yield _Column(check_id.partition("/")[2] or check_id, orders, family, check_id)


def _cells(entry: Entry, families: Sequence[str], ids: Sequence[str], wanted: trade.Cost | None) -> Iterator[_Cell]:
    """Yield a cell for each column."""
    one = entry.certificate
    name = subject(one)
    yield _Cell(
        name,
        name.casefold(),
        "",
        put("<small>{}</small><small>{}</small>", breakable(one.potential.spec), breakable(entry.file)),
    )
    verdict = put('<b class="v-{}">{}{}</b>', one.verdict, VERDICTS[one.verdict], restriction(one))
    grade = one.grade or ("" if one.complete else "incomplete")
    yield _Cell(verdict, VERDICT_ORDER.index(one.verdict), "", put("<small>{}</small>", grade) if grade else "")
    species = one.potential.species
    yield _Cell(" ".join(species) if len(species) <= FEW else f"{len(species)} elements", len(species), "scope")
    cases = sum(result.cases for result in one.checks)
    strictness = "" if one.profile == "default" else f", {one.profile}"
    yield _Cell(one.budget, cases, "scope", put("<small>{} cases{}</small>", f"{cases:,}", strictness))
    time = trade.cost(one, wanted)
    if time is None:
        yield _Cell(element("span", "not measured", class_="s-na"), "", "scope")
    else:
        yield _Cell(f"{time.value:.3g}", time.value, "bench", put("<small>{}</small>", one.environment.get("cpu", "")))
    found = {result.id: result for result in one.checks}
    for family in families:
        mine = [check_id for check_id in ids if check_id.partition("/")[0] == family]
        yield _family([found[one] for one in mine if one in found], sum(one not in found for one in mine))
        yield from (_law(found.get(check_id)) for check_id in mine)


def _family(results: Sequence[CheckResult], not_run: int) -> _Cell:
    """Return how many binding laws of a family hold; it leads to the first that does not."""
    binding = [result for result in results if result.category != "informational"]
    counts = counted(results)
    shown = [(name, words) for name, words in NOT_HOLDING.items() if counts[name]]
    worst = next(iter(shown), ("held", "hold"))
    if not counts[worst[0]]:
        return _Cell(element("span", "none judged" if results else "not run", class_="s-na"), "", "laws")
    beside = [*shown[1:], *([("held", "hold")] if shown and counts["held"] else [])]
    others = [f"{counts[name]} {words}" for name, words in beside]
    if not_run:
        others.append(f"{not_run} not run")
    first = next(result for result in binding if group(result) == worst[0])
    return _Cell(
        put('<b class="s-{}">{} {}</b>', worst[0], counts[worst[0]], worst[1]),
        1000 * counts["violated"] + counts["open"],
        anchor(first.id) if shown else "laws",
        put("<small>{}</small>", ", ".join(others)) if others else "",
    )


def _law(result: CheckResult | None) -> _Cell:
    if result is None:
        return _Cell(element("span", "not run", class_="s-na"), "", "scope")
    shown = put('<b class="s-{}">{}</b>', group(result).replace("/", ""), outcome(result))
    judged = result.quantity is not None and (result.status in ("pass", "fail", "waived"))
    beside = put("<small>{}</small>", quantity(result.measured, result.unit)) if result.quantity is not None else ""
    worst = badness(result) if judged else None
    value = "" if worst is None else f"{worst if math.isfinite(worst) else 1e308:.6g}"
    return _Cell(shown, value, anchor(result.id), beside)


def _row(entry: Entry, columns: Sequence[_Column], cells: Sequence[_Cell], wanted: trade.Cost | None) -> Markup:
    time = trade.cost(entry.certificate, wanted)
    told = joined(_td(entry, column, cell) for column, cell in zip(columns, cells, strict=True))
    return element(
        "tr",
        told,
        role="row",
        data_group=entry.certificate.verdict,
        data_elements=" ".join(entry.certificate.potential.species),
        data_cost="" if time is None else time.value,
    )


def _td(entry: Entry, column: _Column, cell: _Cell) -> Markup:
    to = f"{entry.page}#{cell.place}" if cell.place else entry.page
    content = element("div", element("a", cell.content, href=to), cell.beside)
    head = column.title == "potential" and column.family is None
    label = column.law or column.title
    if head:
        return element("th", content, role="rowheader", scope="row", data_value=cell.value, class_="head")
    return element("td", content, role="cell", data_label=label, data_value=cell.value)


def _reading(certificates: Sequence[Certificate]) -> Markup:
    items = [
        "Of a family stands how many laws hold, are violated or are left open. Laws that are only told, and never"
        " judged, are not counted; they stand in the columns of single laws.",
        "Fewer laws apply to some potentials than to others: fewer violations may mean that less was looked at.",
        "A longer search finds more. Compare rows of the same budget and profile.",
        *trade.remarks(certificates),
    ]
    return element("ul", joined(element("li", item) for item in items))


def _skipped(skipped: Mapping[str, str]) -> Markup:
    items = joined(put("<li><code>{}</code>: {}</li>", name, why) for name, why in skipped.items())
    return element("ul", items, class_="remarks") if skipped else items
