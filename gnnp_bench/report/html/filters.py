"""What stands above a table: the form that chooses rows, shown where scripts run, and the key to its scale."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from gnnp_bench.report.html.markup import joined, put

KEY = Markup(
    '<p class="key"><span class="key-r"></span> measured at worst <span class="key-b"></span> rounding explains'
    ' <span class="key-s"></span> starts to matter. A law fails where the dot lies beyond both.</p>'
)


NOTHING = Markup("")


def form(groups: Mapping[str, str], *, find: str = "rotation, stress, eV/Å …", more: Markup = NOTHING) -> Markup:
    """Return a form: words to be found, groups of rows to be shown, and what else a table can be asked.

    Parameters
    ----------
    groups : mapping of str to str
        `data-group` of rows, and what it is in words.
    find : str
        An example of what can be looked for.
    more : Markup
        Further inputs.
    """
    boxes = joined(
        put('<label><input type="checkbox" value="{}" checked> {}</label>', name, words)
        for name, words in groups.items()
    )
    shown = put("<fieldset><legend>Show</legend>{}</fieldset>", boxes) if groups else boxes
    return put(
        '<form class="filter" hidden><label>Find <input type="search" placeholder="{}"></label>{}{}'
        '<output aria-live="polite"></output></form>',
        find,
        more,
        shown,
    )
