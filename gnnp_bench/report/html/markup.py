"""Pieces of HTML. What comes from a potential, a law or a file is data: it is escaped where it is put in.

`Markup("<b>{}</b>").format(text)` escapes the text; a piece that is `Markup` already is taken as it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup, escape

from gnnp_bench.report.text import plain


def safe(text: object) -> Markup:
    """Return foreign text in one line, escaped, without control characters."""
    return text if isinstance(text, Markup) else escape(plain(str(text)))


def put(pattern: str, *parts: object) -> Markup:
    """Return a piece of HTML with the parts in the place of its braces."""
    return Markup(pattern).format(*map(safe, parts))


def breakable(text: object) -> Markup:
    """Return foreign text that may be broken behind its punctuation: specs and names of files hold no spaces.

    Examples
    --------
    >>> breakable("ase:a.b")
    Markup('ase:<wbr>a.<wbr>b')
    """
    parts = re.split(r"(?<=[:./?&=,_-])(?=[^:./?&=,_-])", plain(str(text)))
    return joined(map(escape, parts), "<wbr>")


def joined(pieces: Iterable[Markup], between: str = "") -> Markup:
    """Return pieces one after the other."""
    return Markup(between).join(pieces)


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Return an element. Attributes that are None or False are left out; ``class_`` stands for ``class``.

    Examples
    --------
    >>> element("p", "a < b", class_="law")
    Markup('<p class="law">a &lt; b</p>')
    """
    told = joined(
        put(' {}="{}"', name.rstrip("_").replace("_", "-"), "" if value is True else value)
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), told, joined(map(safe, children)))


def facts(told: Mapping[str, object]) -> Markup:
    """Return a list of labels, each with what belongs to it."""
    pairs = joined(put("<div><dt>{}</dt><dd>{}</dd></div>", label, value) for label, value in told.items() if value)
    return element("dl", pairs, class_="facts")


def script_data(value: Any) -> Markup:
    """Return a value as JSON that may stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
