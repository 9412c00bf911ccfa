"""A folder of certificates as a site of static pages: the table of all, and a page of each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from gnnp_bench.certificate.result import Certificate
from gnnp_bench.check import Check
from gnnp_bench.report.html.frame import plotly_script
from gnnp_bench.report.html.leaderboard import Entry, leaderboard
from gnnp_bench.report.html.page import page

LONGEST = 120
"""Characters of a page's name: no system holds more than 255, its number and ending included."""
INDEX, PAGES, PLOTLY = "index.html", "certificates", "plotly.min.js"


def site(
    certificates: Sequence[tuple[str, Certificate]], skipped: Mapping[str, str], checks: Mapping[str, Check]
) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a site: path and content of each, one at a time.

    Parameters
    ----------
    certificates : sequence of (file, Certificate)
    skipped : mapping of str to str
        Files that are no certificates, and why.
    checks : mapping of str to Check
        All registered checks.
    """
    entries: list[Entry] = []
    drawn = False
    for file, certificate in certificates:
        name = f"{PAGES}/{_name(file, [entry.page for entry in entries])}.html"
        entries.append(Entry(certificate=certificate, file=file, page=name))
        content = page(certificate, checks, file=file, back=f"../{INDEX}", plotly=f"../{PLOTLY}")
        drawn = drawn or b'id="plotly"' in content
        yield name, content
    index = leaderboard(entries, skipped, list(checks), plotly=PLOTLY)
    if drawn or b'id="plotly"' in index:
        yield PLOTLY, plotly_script()
    yield INDEX, index


def _name(file: str, taken: Collection[str]) -> str:
    """Return a name that means one thing in an address and on any disk, however the file is called."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", file.removesuffix(".json"))[:LONGEST].strip("-.") or "certificate"
    names = {one.lower() for one in taken}
    name, count = stem, 1
    while f"{PAGES}/{name}.html".lower() in names:
        count += 1
        name = f"{stem}-{count}"
    return name
