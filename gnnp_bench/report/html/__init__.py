"""Certificates as HTML: a page of one (`page`), of several (`comparison`), and a piece for notebooks (`notebook`)."""

from importlib.util import find_spec

NEEDED = ("markupsafe", "plotly")
"""By a page; the extra `report`."""


def check_drawable() -> None:
    """Make sure that figures can be drawn, before an hour is spent on what they show.

    Raises
    ------
    ValueError
        If what it takes is not installed. The message is one line.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(f"the HTML report needs {missing[0]}, which is not here: pip install 'gnnp-bench[report]'")
