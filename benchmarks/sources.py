"""Results that were computed by other sources than today's are not today's results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JUDGES = (
    "gnnp_bench/check.py",
    "gnnp_bench/checks",
    "gnnp_bench/engine",
    "gnnp_bench/numerics",
    "gnnp_bench/structures",
)


def digest(parts: Iterable[str] = (*JUDGES, "tests/analytic")) -> str:
    """Return a hash over the Python sources below the given paths, twelve hexadecimal digits."""
    total = hashlib.sha256()
    for part in parts:
        path = ROOT / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if not file.name.startswith("test_"):
                total.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:12]
