"""What every page is put into: head, style, script, and plotly's script where something is drawn."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable
from functools import cache
from importlib import resources

from markupsafe import Markup

from gnnp_bench.report.html.markup import joined, put

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src {}'unsafe-inline'; img-src data: blob:"
"""What a browser lets a page do: nothing from elsewhere, whatever a certificate may hold. Pages of a site may load a
script that lies beside them."""

LEVEL = 4
"""Of compression: the highest takes two and a half times as long, and saves a twentieth."""
Section = tuple[str, str, Markup]
"""Anchor, title, content. Those without content are left out."""


def document(title: str, header: Markup, sections: Iterable[Section], *, plotly: str | None = None) -> bytes:
    """Return a page (HTML, UTF-8).

    Parameters
    ----------
    title : str
        Of the browser's window.
    header : Markup
        What stands above everything else.
    sections : iterable of (anchor, title, content)
    plotly : str, optional
        Where plotly's script lies, relative to the page. Without it the page holds the script, if it draws anything.
    """
    told = [one for one in sections if one[2]]
    links = joined(put('<a href="#{}">{}</a>', anchor, name) for anchor, name, _ in told)
    content = joined(put('<section id="{}"><h2>{}</h2>{}</section>', anchor, name, body) for anchor, name, body in told)
    script = Markup("")
    if 'class="plot"' in content:
        script = put('<script type="text/plain" id="plotly">{}</script>', _packed()) if plotly is None else script
        script = script or put('<script type="text/plain" id="plotly" data-from="{}"></script>', plotly)
    whole = put(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="{}"><meta name="color-scheme" content="light dark">'
        '<meta name="generator" content="gnnp-bench"><title>{}</title><style>{}</style></head>'
        '<body><main>{}<nav aria-label="On this page">{}</nav>{}</main>{}<script>{}</script></body></html>\n',
        POLICY.format("" if plotly is None else "'self' "),
        title,
        Markup(_own("page.css")),
        header,
        links,
        content,
        script,
        Markup(_own("page.js")),
    )
    return whole.encode(errors="backslashreplace")


def plotly_script() -> bytes:
    """Return plotly's script, for pages that share it."""
    return (resources.files("plotly") / "package_data" / "plotly.min.js").read_bytes()


@cache
def _own(name: str) -> str:
    return (resources.files("gnnp_bench.report.html") / name).read_text(encoding="utf-8")


@cache
def _packed() -> Markup:
    """Return plotly's script, compressed: a third of its size, and read only where figures are drawn."""
    return Markup(base64.b64encode(gzip.compress(plotly_script(), LEVEL, mtime=0)).decode())
