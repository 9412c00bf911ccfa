"""Exit statuses, and the one way to refuse a request."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gnnp_bench.certificate.result import Verdict

BAD_REQUEST = 2
PARTIAL = 3
STATUS: dict[Verdict, int] = {"certified": 0, "failed": 1, "partial": PARTIAL}


class BadRequest(Exception):
    """The request cannot be carried out. The message says in one line why, and how to mend it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean a, b?`` with the ids most like a word, or where to find them all."""
    ids = list(known)
    bare = word.strip("*?").lower()
    within = [check_id for check_id in ids if bare and bare in check_id.lower()]
    parts = {part: check_id for check_id in ids for part in (check_id, check_id.rpartition("/")[2])}
    alike = [parts[part] for part in difflib.get_close_matches(bare, parts, n=3, cutoff=0.6)]
    suggested = list(dict.fromkeys(within or alike))[:3]
    return f"; did you mean {', '.join(suggested)}?" if suggested else "; gnnp-bench list shows what there is"
