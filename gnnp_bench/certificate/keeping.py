"""A certificate with something to follow up, kept where nobody asked for a file: a counterexample must not be lost.

It goes into the user's cache and not into the working directory, where it might overwrite something, end up in a
commit, or not be permitted. Its name holds a digest of what it says, so that no two different ones share a name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

from gnnp_bench.certificate.io import comparable, encode, write
from gnnp_bench.certificate.result import Certificate

MOST = 100
"""Certificates kept; the oldest make room."""


def kept_for_replay(certificate: Certificate) -> str | None:
    """Write the certificate if it holds a counterexample, and return where; None if there is nothing to keep it for.

    The folder is ``gnnp-bench`` in ``$XDG_CACHE_HOME``, by default in ``~/.cache``; a new temporary one where that
    cannot be written.
    """
    if not any(result.counterexample is not None for result in certificate.checks):
        return None
    digest = hashlib.sha256(encode(comparable(certificate))).hexdigest()[:8]
    name = re.sub(r"[^\w.+-]+", "-", certificate.potential.name).strip("-.")[:40] or "potential"
    try:
        folder = _cache()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}-{digest}.json"
        write(certificate, path)
        _make_room(folder)
    except (OSError, RuntimeError, ValueError):
        try:
            path = Path(tempfile.mkdtemp(prefix="gnnp-bench-")) / f"{name}-{digest}.json"
            write(certificate, path)
        except (OSError, ValueError):
            return None  # then the command that searches again is told
    return str(path)


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(named) if os.path.isabs(named) else Path.home() / ".cache"
    return root / "gnnp-bench"


def _make_room(folder: Path) -> None:
    def age(path: Path) -> float:
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
        return 0.0

    kept = sorted((path for path in folder.glob("*-????????.json") if path.is_file()), key=age, reverse=True)
    for path in kept[MOST:]:
        path.unlink(missing_ok=True)
